"""Public sets in their official layouts, as clips."""

import json
import multiprocessing
import pickle

import numpy as np
import pytest

from simtouch._checks import ArgumentError, SimtouchError, UnknownNameError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.real import LAYOUTS, layout_in, open_recordings
from simtouch.stream.recordings import files as recorded_files
from tests.stream import official_layouts as official


def near(image, wanted, levels=12) -> bool:
    return image.shape == wanted.shape and np.abs(image.astype(int) - wanted).max() <= levels


def textile_set(root):
    for split, name, number in (("train", "denim", 3), ("test", "lace", 7)):
        folder = root / split / name / "000001"
        official.write(folder / "dataset_gelsight.pkl", official.frames(4))
        (folder / "metadata.txt").write_text(f"label: {number}\nclass_name: {name}\n")
    return root


def touch_and_go(root):
    for name in ("20220410_031604", "20220410_032212"):
        swapped = [official.encoded(official.frame(t)[..., ::-1]) for t in range(5)]
        official.write(root / "gelsight" / "touch_go" / f"{name}.pkl", swapped)
    return root


def object_folder(root):
    for number in (1, 2, 10):
        official.write(root / "object_folder" / f"{number:03d}.pkl", official.frames(3))
    return root


def gelsight_slides(root):
    base = root / "gelsight" / "Object-Slide"
    official.write(base / "cube" / "dataset_0.pkl", official.frames(4))
    official.write(base / "bgs" / "bg_gs.jpg", official.encoded(official.background()))
    return root


SETS = {
    "slide": official.slides,
    "touch_and_go": touch_and_go,
    "object_folder": object_folder,
    "force": lambda root: official.force_batch(root / "sphere" / "batch_1").parents[1],
    "pose": official.pose_set,
    "grasp": official.grasp_set,
    "textile": textile_set,
}


@pytest.mark.parametrize("name", SETS)
def test_every_layout_is_told_by_its_files_and_keeps_the_contract_of_clips(name, tmp_path):
    clips = open_recordings(SETS[name](tmp_path))
    assert clips.layout == layout_in(tmp_path) == name
    assert repr(clips) == f"Recordings({str(tmp_path)!r}: {len(clips)} clips, {name})"
    assert len({(c.clip_id, c.sensor_id) for c in clips}) == len(clips)
    for clip in pickle.loads(pickle.dumps(clips)):
        assert isinstance(clip, AnyClip)
        assert not clip.synthetic
        assert clip.images.shape == (len(clip), *official.SHAPE, 3)
        assert clip.time_s.shape == (len(clip),)
        assert all(len(values) == len(clip) for values in clip.labels.values())
        assert near(clip.image(0), official.frame(0)) or near(clip.image(0), official.frame(0, 1)) or name in ("force", "grasp")
        assert clip.source
        assert clip.sensor_type in ("digit", "gelsight_mini", "gelsight_2017")
        assert clip.sensor_id
        assert "RecordedClip" in repr(clip)
        with pytest.raises(IndexError):
            clip.image(len(clip))
    with pytest.raises(IndexError):
        clips[len(clips)]


def test_slides_know_object_rate_and_source(tmp_path):
    clips = open_recordings(official.slides(tmp_path))
    assert [(c.indenter, c.motion, c.source) for c in clips][::2] == [
        ("004_sugar_box", "slide", "ycb_slide"),
        ("025_mug", "slide", "ycb_slide"),
    ]
    assert np.allclose(clips[0].time_s, np.arange(7) / 60)
    assert np.allclose(open_recordings(tmp_path, fps=30)[0].time_s, np.arange(7) / 30)


def test_without_a_table_each_object_gets_the_nearest_background_and_the_guess_is_said(tmp_path):
    clips = open_recordings(official.slides(tmp_path, objects=("apple", "pear", "plum"), order=(2, 0, 1)))
    assert "has the one nearest to its frames" in clips.assumptions[0]
    for clip, unit in zip(clips, (2, 2, 0, 0, 1, 1), strict=True):
        assert near(clip.background, official.background(unit))
        assert clip.source == tmp_path.name


@pytest.mark.parametrize("where", ["given", "given file", "beside"])
def test_a_table_says_which_background_belongs_to_which_object(where, tmp_path):
    official.slides(tmp_path)
    table = {"004_sugar_box": 0, "004_sugar_box/dataset_1.pkl": "bg_1.jpg", "025_mug": "bg_0"}
    text = '{"004_sugar_box": 0, "004_sugar_box/dataset_1.pkl": "bg_1.jpg", "025_mug": "bg_0"}'
    if where == "beside":
        (tmp_path / "digitv1" / "Object-Slide" / "bgs" / "backgrounds.json").write_text(text)
    (tmp_path / "table.json").write_text(text)
    clips = open_recordings(
        tmp_path, **({"given": {"backgrounds": table}, "given file": {"backgrounds": tmp_path / "table.json"}}.get(where, {}))
    )
    assert not any("nearest" in sentence for sentence in clips.assumptions)
    for clip, unit in zip(clips, (0, 1, 0, 0), strict=True):
        assert near(clip.background, official.background(unit))


@pytest.mark.parametrize(
    ("table", "message"),
    [({"025_mug": "bg_7.jpg"}, "must be one of the pictures"), ({"025_mug": 1}, "does not name it"), ([1], "must map objects")],
)
def test_a_table_that_does_not_fit_is_one_sentence(table, message, tmp_path):
    (tmp_path / "table.json").write_text(json.dumps(table))
    official.slides(tmp_path)
    with pytest.raises(SimtouchError, match=message):
        len(open_recordings(tmp_path, backgrounds=tmp_path / "table.json")[0].background)


def test_a_mini_is_told_by_its_background(tmp_path):
    clip = open_recordings(gelsight_slides(tmp_path))[0]
    assert clip.sensor_type == "gelsight_mini"
    assert np.allclose(clip.time_s, np.arange(4) / 25)
    assert near(clip.background, official.background())


def test_touch_and_go_decodes_to_bgr_and_comes_out_rgb(tmp_path):
    clips = open_recordings(touch_and_go(tmp_path))
    assert clips[0].channel_order == "bgr"
    assert near(clips[0].image(2), official.frame(2))
    assert near(open_recordings(tmp_path, channel_order="rgb")[0].image(2), official.frame(2)[..., ::-1])
    assert "30 frames a second are assumed" in clips.assumptions[0]


def test_object_folder_is_rgb_and_in_no_order_of_time(tmp_path):
    clips = open_recordings(object_folder(tmp_path))
    assert [clip.indenter for clip in clips] == ["001", "002", "010"]
    assert near(clips[0].image(2), official.frame(2))
    assert np.all(np.isnan(clips[0].time_s))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_trajectories_have_forces_slip_and_their_background(protocol, tmp_path):
    official.force_batch(tmp_path / "sphere" / "batch_1", protocol=protocol)
    first, second = open_recordings(tmp_path)
    assert (first.indenter, first.sensor_type, second.clip_id) == ("sphere", "digit", 1)
    steps = np.arange(8)
    assert np.allclose(first.values("force_n"), np.stack([0.1 * steps, -0.2 * steps, -1 - steps], axis=1))
    assert np.array_equal(first.values("slip"), steps > 4)
    assert np.array_equal(np.isnan(second.values("slip")), steps > 2)  # the list ends five frames early
    assert np.all(second.values("friction") == 1.4)
    assert first.values("poses").shape == (8, 7)
    assert np.array_equal(second.values("frame_index"), np.arange(11, 19))
    assert np.allclose(first.time_s, steps / 60)
    for clip, begin in ((first, 0), (second, 9)):
        assert all(near(clip.image(t), official.frame(begin + t)) for t in range(8))
        assert near(clip.background, official.background())


def test_forces_of_a_mini_run_at_25_frames_a_second(tmp_path):
    clip = open_recordings(official.force_batch(tmp_path / "flat" / "batch_2", sensor="gelsight"))[0]
    assert (clip.sensor_type, clip.indenter) == ("gelsight_mini", "flat")
    assert np.allclose(clip.time_s, np.arange(8) / 25)


def test_poses_come_with_their_classes_finger_and_split(tmp_path):
    clips = open_recordings(official.pose_set(tmp_path))
    assert [(c.clip_id, c.sensor_id, c.split, c.indenter) for c in clips] == [
        (0, "digit_index", "train", "sugar"),
        (0, "digit_ring", "train", "sugar"),
        (1, "digit_ring", "test", "pringles"),
    ]
    index, ring, _ = clips
    assert np.all(ring.values("tx") == 4)
    assert np.all(ring.values("ty") == 9)
    assert index.values("yaw").tolist() == [5, 5, 5, 5, -1, -1]
    assert np.array_equal(index.image(3), official.frame(3, 1))
    assert index.encoded_image(3).startswith(b"\x89PNG")
    assert index.background is None
    assert np.array_equal(ring.background, official.background())


def test_fingers_of_one_grasp_share_its_number_and_outcome(tmp_path):
    clips = open_recordings(official.grasp_set(tmp_path))
    assert [(c.clip_id, c.sensor_id, c.indenter) for c in clips][:3] == [(0, "A", "cup"), (0, "B", "cup"), (1, "A", "cup")]
    assert clips[3].values("grasp_success").tolist() == [False] * 3
    assert clips[3].values("phase").tolist() == ["before", "during", "after"]
    assert np.array_equal(clips[3].image(1), official.frame(4, 1))
    assert np.all(np.isnan(clips[3].time_s))


def test_textiles_have_class_and_split(tmp_path):
    clips = open_recordings(textile_set(tmp_path))
    assert [(c.split, c.values("textile")[0], c.values("textile_class")[0]) for c in clips] == [
        ("train", "denim", 3),
        ("test", "lace", 7),
    ]


def test_open_files_are_bounded_and_answers_stay_right(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded_files, "OPEN_FILES", 2)
    clips = open_recordings(official.slides(tmp_path))
    for _ in range(2):
        assert all(near(clip.image(1), official.frame(1, unit)) for clip, unit in zip(clips, (1, 1, 0, 0), strict=True))
    assert len(clips._files._loaded) == 2


def _first_image(clips):
    return clips[0].image(0)


def test_recordings_work_in_another_process_after_use_in_this_one(tmp_path):
    clips = open_recordings(official.slides(tmp_path))
    here = clips[0].image(0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(_first_image, (clips,)), here)


def test_folders_of_pictures_go_through_the_same_door(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0001.png").write_bytes(official.encoded(official.frame(1), ".png"))
    clips = open_recordings(tmp_path, sensor_type="digit")
    assert len(clips) == 2
    assert np.array_equal(clips[1].image(0), official.frame(1))


def test_zero_readable_files_list_the_known_layouts(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(SimtouchError) as error:
        open_recordings(tmp_path)
    assert all(name in str(error.value) for name in LAYOUTS)
    assert "\n" not in str(error.value)


def test_several_layouts_in_one_folder_ask_for_a_name(tmp_path):
    official.slides(touch_and_go(tmp_path))
    with pytest.raises(SimtouchError, match="several layouts, slide, touch_and_go"):
        open_recordings(tmp_path)
    assert open_recordings(tmp_path, "touch_and_go").layout == "touch_and_go"


@pytest.mark.parametrize(
    ("layout", "options", "error", "message"),
    [
        ("ycb", {}, UnknownNameError, "Known: force, grasp"),
        ("pose", {}, SimtouchError, "holds no files of the layout `pose`"),
        ("slide", {"colour": 1}, ArgumentError, "takes fps, sensor_type, channel_order, backgrounds; it got colour"),
        ("slide", {"fps": -1}, ArgumentError, "`fps` must be"),
    ],
)
def test_a_wrong_request_is_one_sentence(layout, options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        assert len(open_recordings(official.slides(tmp_path), layout, **options)[0].time_s)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="must be a folder"):
        open_recordings(tmp_path / "nowhere")
