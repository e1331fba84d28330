"""Folders of pictures and video files as clips."""

import csv
import pickle
import sys

import numpy as np
import pytest

from simtouch._checks import MissingExtraError, SimtouchError
from simtouch.stream.images import encode_image
from simtouch.stream.interchange import clip_list, open_images, open_video
from tests.real import real_folder, real_videos


def picture(seed, shape=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def write(path, image, codec="png"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_image(image, codec))
    return path


def test_each_folder_of_pictures_is_a_clip_in_natural_order(tmp_path):
    for k in (10, 9, 1):
        write(tmp_path / "b" / f"frame{k}.png", picture(k))
        write(tmp_path / "a2" / "deep" / f"{k}.JPG", picture(k), "jpeg95")
    write(tmp_path / "a10" / "x.png", picture(3))
    write(tmp_path / "background.png", picture(100))
    write(tmp_path / "b" / "bg_0.png", picture(101))
    (tmp_path / "notes.txt").write_text("not a picture")
    write(tmp_path / ".hidden" / "x.png", picture(3))
    clips = open_images(tmp_path, fps=25, sensor_type="digit")
    assert [(clip.name, len(clip)) for clip in clips] == [("a2/deep", 3), ("a10", 1), ("b", 3)]
    assert clips.path == tmp_path
    assert [f.name for f in clips[2].files] == ["frame1.png", "frame9.png", "frame10.png"]
    assert (clips[2].image(1) == picture(9)).all()
    assert clips[2].encoded_image(1) == (tmp_path / "b" / "frame9.png").read_bytes()
    assert (clips[0].background == picture(100)).all()
    assert (clips[-1].background == picture(101)).all()
    np.testing.assert_allclose(clips[2].time_s, [0, 0.04, 0.08])
    assert (clips[2].source, clips[2].clip_id, clips[2].sensor_type, clips[2].synthetic) == (tmp_path.name, 2, "digit", False)
    assert not clips[2].has("force_n")
    with pytest.raises(IndexError):
        clips[3]


def test_a_folder_of_pictures_survives_pickling(tmp_path):
    write(tmp_path / "1.png", picture(1))
    clips = pickle.loads(pickle.dumps(open_images(tmp_path)))
    assert (clips[0].image(0) == picture(1)).all()
    assert clips[0].background is None


def test_swapped_channels_come_out_as_rgb(tmp_path):
    write(tmp_path / "1.png", picture(1)[..., ::-1])
    assert (open_images(tmp_path, channel_order="bgr")[0].image(0) == picture(1)).all()


@pytest.mark.parametrize("name", ["bgs_1.png", "bigger.png", "backgrounds.png", "bgr.png"])
def test_a_name_that_only_begins_like_a_background_is_a_frame(tmp_path, name):
    write(tmp_path / name, picture(1))
    assert len(open_images(tmp_path)[0]) == 1


def test_pictures_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    with pytest.raises(SimtouchError, match="holds no PNG or JPEG picture"):
        open_images(tmp_path)
    with pytest.raises(SimtouchError, match="must be a folder"):
        open_images(tmp_path / "nowhere")
    (tmp_path / "broken.png").write_bytes(encode_image(picture(0), "png")[:200])
    with pytest.raises(SimtouchError, match=r"broken\.png`: an image does not decode"):
        open_images(tmp_path)[0].image(0)
    monkeypatch.setattr(clip_list, "MOST_BYTES", 100)
    with pytest.raises(SimtouchError, match=r"broken\.png` has .* MB; pictures of at most"):
        open_images(tmp_path)[0].encoded_image(0)


def write_video(path, images, *, fps=25, codec="libx264rgb", pixels="rgb24", **options):
    """A lossless video, unless the options say otherwise."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options={"crf": "0", "g": "12", "bf": "2"} | options)
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], pixels
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """A folder with one lossless video of 40 frames with B frames, and its images."""
    images = [picture(k, (48, 64)) for k in range(40)]
    folder = tmp_path_factory.mktemp("movie")
    write_video(folder / "one.mp4", images)
    return folder, np.stack(images)


def test_a_video_is_read_in_any_order(movie):
    folder, images = movie
    clip = open_video(folder)[0]
    assert len(clip) == 40
    np.testing.assert_allclose(clip.time_s, np.arange(40) / 25)
    assert (clip.images == images).all()
    for t in np.random.default_rng(0).permutation(40):
        assert (clip.image(int(t)) == images[t]).all()
    assert (clip.window(9, n=2, stride=5) == images[[4, 9]]).all()
    assert (clip.image(-1) == images[-1]).all()
    with pytest.raises(IndexError):
        clip.image(40)


def test_a_video_keeps_few_frames_in_memory(movie, monkeypatch):
    from simtouch.stream.interchange import video_file

    folder, images = movie
    monkeypatch.setattr(video_file, "_KEPT_BYTES", 3 * images[0].nbytes)
    clip = open_video(folder)[0]
    for t in (30, 31, 5, 39, 0):
        assert (clip.image(t) == images[t]).all()
        assert len(clip.video._kept) <= 3


def test_videos_of_a_folder_have_the_background_beside_them(movie, tmp_path):
    _, images = movie
    write_video(tmp_path / "a" / "clip10.avi", list(images[:5]), codec="ffv1", pixels="bgr0")
    write_video(tmp_path / "a" / "clip9.mov", list(images[:7]))
    write_video(tmp_path / "b" / "clip.mkv", list(images[:6]))
    write(tmp_path / "a" / "bg.png", picture(7))
    clips = open_video(tmp_path)
    assert [(clip.name, len(clip)) for clip in clips] == [("a/clip9", 7), ("a/clip10", 5), ("b/clip", 6)]
    assert (clips[1].image(3) == images[3]).all()
    assert (clips[0].background == picture(7)).all()
    assert clips[2].background is None
    assert (open_video(tmp_path, background="first")[2].background == images[0]).all()
    np.testing.assert_allclose(clips[1].time_s, np.arange(5) / 25)
    assert len(open_video(tmp_path / "b" / "clip.mkv")) == 1


def test_a_video_survives_pickling_in_use(movie):
    folder, images = movie
    clips = open_video(folder)
    clip = clips[0]
    clip.image(20)
    assert (pickle.loads(pickle.dumps(clip)).image(21) == images[21]).all()
    assert (pickle.loads(pickle.dumps(clips))[0].image(3) == images[3]).all()


def test_a_frame_of_a_video_is_encoded_without_loss(movie):
    folder, images = movie
    from simtouch.stream.images import decode_image

    assert (decode_image(open_video(folder)[0].encoded_image(4)) == images[4]).all()


def test_videos_that_cannot_be_read_are_named(movie, tmp_path, monkeypatch):
    folder, _ = movie
    with pytest.raises(SimtouchError, match=r"holds no video \(\.avi"):
        open_video(tmp_path)
    with pytest.raises(SimtouchError, match="there is no"):
        open_video(tmp_path / "nowhere.mp4")
    with pytest.raises(SimtouchError, match="`last` is not a known background"):
        open_video(folder, background="last")
    (tmp_path / "text.mp4").write_text("not a video, " * 1000)
    data = (folder / "one.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    for clip in open_video(tmp_path):
        with pytest.raises(SimtouchError, match=rf"{clip.name}\.mp4` is not a readable video"):
            len(clip)
    from simtouch.stream.interchange import video_file

    monkeypatch.setattr(video_file, "_MOST_PIXELS", 100)
    with pytest.raises(SimtouchError, match="declares frames of 64 x 48 pixels"):
        len(open_video(folder)[0])


def test_a_damaged_frame_is_an_error_and_no_crash(movie, tmp_path):
    folder, images = movie
    data = bytearray((folder / "one.mp4").read_bytes())
    begin = data.index(b"mdat") + 2000
    data[begin : begin + 20_000] = bytes(20_000)
    (tmp_path / "holes.mp4").write_bytes(data)
    clip, whole, told = open_video(tmp_path)[0], 0, []
    for t in range(len(clip)):
        try:
            whole += bool((clip.image(t) == images[t]).all())
        except SimtouchError as error:
            told.append(str(error))
    assert len(clip) == 40
    assert whole < 40
    assert all("holes.mp4" in said for said in told)


def test_sound_without_pictures_is_no_video(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(SimtouchError, match="has no video stream"):
        len(open_video(tmp_path)[0])


def test_without_pyav_the_line_to_install_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[video\]'"):
        open_video(tmp_path)


def test_real_clips_have_the_frames_that_their_table_counts():
    """67 objects on a GelSight Mini: every clip's number of frames, and pixels as OpenCV decodes them."""
    cv2 = pytest.importorskip("cv2")
    folder = real_videos("octopi_gsmini")
    with (folder / "clips.csv").open() as file:
        counts = {row["file"].split("/")[1].removesuffix(".mov"): int(row["decoded_frames"]) for row in csv.DictReader(file)}
    clips = open_video(folder / "clips", background="first", sensor_type="gelsight_mini")
    assert len(clips) == 303
    assert {clip.name: len(clip) for clip in clips} == counts
    clip = clips[10]
    np.testing.assert_allclose(np.diff(clip.time_s), 1 / 25)
    capture, seen = cv2.VideoCapture(str(clip.file)), []
    while (got := capture.read())[0]:
        seen.append(got[1][..., ::-1])
    assert len(seen) == len(clip)
    for t in (0, 60, 61, 20, len(clip) - 1):
        assert np.abs(clip.image(t).astype(int) - seen[t]).max() <= 2


def test_real_pictures_find_their_background():
    clips = open_images(real_folder("gelslam_gsmini"), sensor_type="gelsight_mini")
    assert [len(clip) for clip in clips] == [44]
    assert clips[0].background.shape == clips[0].image(0).shape == (240, 320, 3)
