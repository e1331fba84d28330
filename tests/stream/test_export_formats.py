"""Tar shards, videos, the folder that is whole or not there, and the verb."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from simtouch._checks import MissingExtraError, SimtouchError
from simtouch.export import Config, main
from simtouch.stream.export import export_video, export_webdataset
from simtouch.stream.export.frame_values import position_quaternion, side_names
from simtouch.stream.export.new_folder import new_folder
from simtouch.stream.images import decode_image, difference_image
from tests.stream.small_clips import Recording, SmallClip

ROOT = Path(__file__).resolve().parents[2]


def samples(folder):
    """What WebDataset makes of the shards: members with one key, the part of the name before the first dot, in the order they come."""
    found = []
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for info in tar:
                key, _, extension = info.name.partition(".")
                if not found or found[-1]["__key__"] != key:
                    found.append({"__key__": key})
                found[-1][extension] = tar.extractfile(info).read()
    return found


def test_tar_shards_hold_frames_labels_and_maps(tmp_path):
    clips = [SmallClip(0).with_labels(grade=np.full(12, np.nan)), SmallClip(7)]
    out = export_webdataset(clips, tmp_path / "set", maps=("height_m", "contact_mask"))
    found = samples(out)
    assert [s["__key__"] for s in found] == [f"{c:06d}-{t:06d}" for c in range(2) for t in range(12)]
    sample, frame = found[12 + 5], clips[1].frames[5]
    assert sample["png"] == clips[1].encoded_image(5)
    told = json.loads(sample["json"])
    assert (told["clip_id"], told["frame_index"], told["slip_state"]) == (7, 5, frame.slip_state)
    assert told["force_n"] == frame.force_n.tolist()
    assert json.loads(found[3]["json"])["label_grade"] is None
    assert (np.load(io.BytesIO(sample["height_m.npy"])) == frame.height_m).all()
    assert np.load(io.BytesIO(sample["contact_mask.npy"])).dtype == bool
    assert (decode_image(found[12]["background.png"]) == clips[1].background).all()
    assert "background.png" not in sample


def test_shards_are_closed_at_a_clip(tmp_path):
    out = export_webdataset([SmallClip(k) for k in range(5)], tmp_path / "set", shard_mb=0.15)
    index = json.loads((out / "index.json").read_text())
    counts = {shard["url"]: shard["nsamples"] for shard in index["shardlist"]}
    assert counts == {"shard-000000.tar": 24, "shard-000001.tar": 24, "shard-000002.tar": 12}
    for shard in index["shardlist"]:
        with tarfile.open(out / shard["url"]) as tar:
            infos = tar.getmembers()
        assert len({info.name.partition(".")[0] for info in infos}) == shard["nsamples"]
        assert {(info.mtime, info.uid, info.gid, info.mode) for info in infos} == {(0, 0, 0, 0o644)}
    assert [shard["filesize"] for shard in index["shardlist"]] == [(out / name).stat().st_size for name in counts]


def test_equal_clips_give_equal_shards(tmp_path):
    a, b = (export_webdataset([SmallClip(0), SmallClip(1)], tmp_path / name, images="jpeg95") for name in "ab")
    assert (a / "shard-000000.tar").read_bytes() == (b / "shard-000000.tar").read_bytes()


def test_a_recording_has_no_maps_to_export(tmp_path):
    clip = Recording(0)
    clip.map = None
    with pytest.raises(SimtouchError, match="has no maps; `height_m` was asked for"):
        export_webdataset([clip], tmp_path / "set", maps=("height_m",))
    with pytest.raises(SimtouchError, match=r"`depth` is not a known map\..*Known: .*height_m"):
        export_webdataset([clip], tmp_path / "set", maps=("depth",))
    assert list(tmp_path.iterdir()) == []


def test_a_video_shows_image_and_difference(tmp_path):
    av = pytest.importorskip("av")
    clip = SmallClip(0)
    for pixels, most in (("yuv420p", 3.0), ("yuv444p", 1.5)):
        out = export_video([clip], tmp_path / pixels, crf=0, pixels=pixels)
        with av.open(str(out / "000000-digit.mp4")) as video:
            stream = video.streams.video[0]
            assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", pixels)
            assert stream.average_rate == 60
            frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
        assert len(frames) == 12
        wanted = np.concatenate([clip.image(5), difference_image(clip.image(5), clip.background)], axis=1)
        assert np.abs(frames[5].astype(int) - wanted).mean() < most


def test_a_clip_without_background_is_shown_alone(tmp_path):
    av = pytest.importorskip("av")
    out = export_video([Recording(3, sensor_id="left").without_background()], tmp_path / "v", fps=10)
    with av.open(str(out / "000003-left.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.height, stream.width, stream.average_rate) == (64, 48, 10)


def test_equal_clips_give_equal_videos(tmp_path):
    pytest.importorskip("av")
    rng, held, found = np.random.default_rng(0), [], set()

    def use_memory(_):  # x264 has shown what lay in it before
        held.append(rng.integers(0, 255, int(rng.integers(1_000, 200_000)), np.uint8))
        held[:] = held[-7:]

    for name in "abcdefgh":
        out = export_video([SmallClip(0)], tmp_path / name, tick=use_memory)
        found.add((out / "000000-digit.mp4").read_bytes())
    assert len(found) == 1


def test_a_missing_pyav_is_said_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[video\]'"):
        export_video([SmallClip(0)], tmp_path / "v")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_folder_is_there_whole_or_not_at_all(tmp_path, error):
    def stop(folder):
        (folder / "half").write_text("half")
        raise error

    with pytest.raises(error), new_folder(tmp_path / "a" / "b") as folder:
        stop(folder)
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "a" / "b") as folder:
        (folder / "whole").write_text("whole")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b" / "whole").read_text() == "whole"
    with pytest.raises(SimtouchError, match="is there and holds something"), new_folder(tmp_path / "a" / "b"):
        pass
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "file").write_text("")
    assert (tmp_path / "empty" / "file").exists()


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SimtouchError, match="file"), new_folder(out):
            pass
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_quaternions_of_a_motion_do_not_jump():
    angles = np.linspace(0, 3 * np.pi, 50)
    poses = np.tile(np.eye(4), (50, 1, 1))
    poses[:, 0, 0] = poses[:, 1, 1] = np.cos(angles)
    poses[:, 1, 0] = np.sin(angles)
    poses[:, 0, 1] = -poses[:, 1, 0]
    steps = np.diff(position_quaternion(poses)[:, 3:], axis=0)
    assert np.linalg.norm(steps, axis=1).max() < 0.1


def test_sides_are_named_by_what_tells_them_apart():
    def named(*ids):
        return side_names([SmallClip(0, sensor_id=name) for name in ids])

    assert named("digit") == ["touch"]
    assert named("digit-003-left", "digit-008-right") == ["left", "right"]
    assert named("digit-003", "digit-008") == ["touch_0", "touch_1"]


def run(*arguments, cwd):
    command = [sys.executable, "-m", "simtouch.export", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(("to", "more"), [("sparsh", {}), ("sparsh", {"task": "force"}), ("lerobot", {}), ("webdataset", {})])
def test_a_stream_is_exported(stream_of_digits, tmp_path, capsys, to, more):
    out = main(Config(path=stream_of_digits, to=to, out=tmp_path / "out", **more))
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) > 10_000
    assert "made   42 frames in 7 clips" in capsys.readouterr().out


def test_chosen_clips_are_exported(stream_of_digits, tmp_path):
    out = main(Config(path=stream_of_digits, to="webdataset", out=tmp_path / "out", clip=(2, 5), maps=("height_m",)))
    assert sorted({json.loads(s["json"])["clip_id"] for s in samples(out)}) == [2, 5]
    with pytest.raises(SimtouchError, match="it has no 9"):
        main(Config(path=stream_of_digits, to="webdataset", out=tmp_path / "other", clip=(9,)))


def test_recordings_are_exported(tmp_path, capsys):
    from tests.stream.test_interchange import picture, write

    for k in range(4):
        write(tmp_path / "mug" / f"{k}.png", picture(k))
    out = main(Config(path=tmp_path / "mug", to="webdataset", out=tmp_path / "out"))
    assert [s["png"] for s in samples(out)] == [(tmp_path / "mug" / f"{k}.png").read_bytes() for k in range(4)]
    with pytest.raises(SimtouchError, match="`moving` is not a known layout"):
        main(Config(path=tmp_path / "mug", to="webdataset", layout="moving", out=tmp_path / "other"))


def test_raw_clothing_becomes_the_textile_layout(tmp_path, capsys):
    from tests.stream.test_interchange import picture, write

    for cloth in ("denim", "twill"):
        for clip in range(5):
            write(tmp_path / "raw" / cloth / str(clip) / "0.png", picture(clip))
    out = main(Config(path=tmp_path / "raw", to="clothing", out=tmp_path / "T5"))
    assert len(list(out.glob("train/*/*/dataset_gelsight.pkl"))) == 8
    assert "made   10 clips" in capsys.readouterr().out


def test_the_verb_says_what_is_wrong_in_one_sentence(stream_of_digits, tmp_path):
    done = run(stream_of_digits, "--to", "sparsh", "--task", "grasp", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: the layout `grasp` needs two sensors in a scene; clip 0")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SimtouchError, match="`--images video` is for `--to lerobot`"):
        main(Config(path=stream_of_digits, to="sparsh", images="video", out=tmp_path / "out"))


@pytest.fixture(scope="session")
def stream_of_digits(tmp_path_factory):
    """A stream whose manifest describes its sensor."""
    from simtouch.sensors import DIGIT
    from simtouch.sensors.sensor_file import sensor_to_dict
    from tests.stream.conftest import fill, make_writer

    folder = tmp_path_factory.mktemp("digits") / "stream"
    writer = make_writer(folder, sensor=sensor_to_dict(DIGIT))
    fill(writer)
    writer.finish(b"sheet")
    return folder
