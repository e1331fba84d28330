"""Sparsh's layouts, read back by the restricted reader and by the rules that the parity fixtures record."""

import json

import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch._unpickle import restricted_load
from simtouch.stream.export import export_sparsh
from simtouch.stream.export.plain_pickle import pickle_bytes
from simtouch.stream.images import decode_image, encode_image
from simtouch.stream.real import open_recordings
from tests.stream.small_clips import Recording, SmallClip

SCALE_N, DELTA_N, STRIDE = (4.0, 4.0, 5.0), (0.25, 0.25, 0.15), 5


def load(path):
    return restricted_load(path.read_bytes(), where=path.name)


def official_samples(labels):
    """What the official loader makes of `dataset_slip_forces.pkl`, as its fixture records it."""
    for traj, t in labels["trajectories"].items():
        for sample in range(len(t["indexes"]) - STRIDE):  # it drops the last five
            before, frames = max(sample - STRIDE, 0), t["indexes"]
            force, old = t["forces"][sample], t["forces"][before]
            yield {
                "traj": traj,
                "sample": sample,
                "frames_concat": [int(frames[sample]), int(frames[before])],
                "force": (force / SCALE_N).tolist(),
                "delta_force": np.clip((force - old) / DELTA_N, -1, 1).tolist(),
                "slip": int(t["slip_label"][sample]),
            }


def rows_agree(found, wanted):
    exact = ("traj", "sample", "frames_concat", "slip")
    assert [[f[k] for k in exact] for f in found] == [[w[k] for k in exact] for w in wanted]
    for name in ("force", "delta_force"):
        np.testing.assert_allclose([f[name] for f in found], [w[name] for w in wanted], atol=1e-5)


def test_the_layout_of_forces_is_that_of_the_fixture(sparsh_fixtures):
    """The fixture's own arrays, through our writer and the restricted reader, give the official loader's rows."""
    arrays = np.load(sparsh_fixtures / "dataset_force_slip.npz")
    told = json.loads((sparsh_fixtures / "dataset_force_slip.json").read_text())
    trajectories = {
        k: {"indexes": arrays[f"indexes{k}"], "forces": arrays[f"forces{k}"], "slip_label": arrays[f"slip{k}"]} for k in (0, 1)
    }
    data = pickle_bytes({"in_contact": arrays["in_contact"], "trajectories": trajectories})
    rows = list(official_samples(restricted_load(data)))
    assert len(rows) == told["n_samples"]
    rows_agree(rows, told["rows"])


def test_t1_files_hold_the_forces_and_slip_of_the_clips(tmp_path):
    clips = [SmallClip(0, count=30), SmallClip(1, count=24)]
    out = export_sparsh(clips, tmp_path / "T1", task="force", images="png")
    folder = out / "ball" / "batch_1"
    images, labels = load(folder / "dataset_digit_00.pkl"), load(folder / "dataset_slip_forces.pkl")
    assert len(images) == len(labels["in_contact"]) == 1 + 30 + 24
    assert labels["in_contact"][0] == 0
    assert (decode_image(images[0]) == clips[0].background).all()
    begin = 1
    for trajectory, clip in zip(labels["trajectories"].values(), clips, strict=True):
        t = trajectory["indexes"] - begin
        touched = clip.values("contact_area_m2") > 0
        assert t.tolist() == np.flatnonzero(touched).tolist()
        assert labels["in_contact"][begin : begin + len(clip)].tolist() == touched.tolist()
        force = clip.values("force_n")[t]
        np.testing.assert_array_equal(trajectory["forces"], force * (1, 1, -1))
        assert (trajectory["forces"][:, 2] > 0).all()
        assert trajectory["slip_label"].tolist() == (clip.values("slip_state")[t] == "slip").tolist()
        assert 0 < trajectory["slip_label"].sum() < len(t)
        assert trajectory["coef_friction"] == pytest.approx(0.9)
        np.testing.assert_allclose(trajectory["poses"][:, :3], clip.values("gel_T_indenter")[t, :3, 3])
        assert (decode_image(images[begin + int(t[0])]) == clip.image(int(t[0]))).all()
        begin += len(clip)
    assert len(list(official_samples(labels))) == sum(len(t["indexes"]) - STRIDE for t in labels["trajectories"].values())


def test_a_contact_that_is_lost_begins_another_trajectory(tmp_path):
    area = np.array([0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0], float)
    clip = SmallClip(0, values={"contact_area_m2": area})
    out = export_sparsh([clip], tmp_path / "T1", task="force")
    labels = load(out / "ball" / "batch_1" / "dataset_slip_forces.pkl")
    assert [t["indexes"].tolist() for t in labels["trajectories"].values()] == [[2, 3], [5, 6, 7], [10]]


def test_another_background_is_another_batch(tmp_path):
    other = SmallClip(1)
    other._background = other._background + np.uint8(1)
    out = export_sparsh([SmallClip(0), other, SmallClip(2)], tmp_path / "T1", task="force")
    sizes = [len(load(out / "ball" / f"batch_{k}" / "dataset_slip_forces.pkl")["in_contact"]) for k in (1, 2)]
    assert sizes == [25, 13]


class FixtureClip(Recording):
    """The fixture's frames, as a clip of twelve."""

    def __init__(self, arrays):
        super().__init__(0, count=12, indenter="mug")
        self._frames = dict(zip(arrays["frame_ids"].tolist(), arrays["frames_png"], strict=True))
        self._background = arrays["bg_rgb_decoded"]

    def encoded_image(self, t):
        return encode_image(self._frames.get(t, self._background), "png")


def test_a_pretraining_set_gives_the_official_loaders_input(sparsh_fixtures, tmp_path):
    """Official rule: frames idx + 5 and idx, no further than the last, minus the background, turned clockwise."""
    arrays = np.load(sparsh_fixtures / "dataset_backbone.npz")
    used = json.loads((sparsh_fixtures / "dataset_backbone.json").read_text())["used_frames"]
    out = export_sparsh([FixtureClip(arrays)], tmp_path / "set", images="png")
    frames = load(out / "digitv1" / "Object-Slide" / "mug" / "dataset_0.pkl")
    background = arrays["bg_rgb_decoded"].astype(int)
    for idx in (0, 6, 11):
        pair = [min(idx + STRIDE, len(frames) - 1), min(idx, len(frames) - 1)]
        assert pair == used[str(idx)]
        images = [(np.clip((decode_image(frames[t]) - background) / 255 + 0.5, 0, 1) * 255).astype(np.uint8) for t in pair]
        found = np.concatenate([np.rot90(image, -1) for image in images], axis=2).transpose(2, 0, 1)
        np.testing.assert_array_equal(found, arrays[f"concat_idx{idx}_u8"])


def test_objects_and_backgrounds_have_their_places(tmp_path):
    clips = [SmallClip(0), SmallClip(1, indenter="cube"), SmallClip(2), SmallClip(3, sensor_type="gelsight_mini_markers")]
    clips += [SmallClip(4, sensor_type="gelsight_2017").without_background()]
    out = export_sparsh(clips, tmp_path / "set")
    names = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert names == [
        "digitv1/Object-Slide/ball/dataset_0.pkl",
        "digitv1/Object-Slide/ball/dataset_1.pkl",
        "digitv1/Object-Slide/bgs/backgrounds.json",
        "digitv1/Object-Slide/bgs/bg_0.jpg",
        "digitv1/Object-Slide/cube/dataset_0.pkl",
        "gelsight/Object-Slide/ball/dataset_0.pkl",
        "gelsight/Object-Slide/bgs/backgrounds.json",
        "gelsight/Object-Slide/bgs/bg_gs.jpg",
        "gelsight/touch_go/ball_000000.pkl",
    ]
    table = json.loads((out / names[2]).read_text())
    assert table == {"ball/dataset_0.pkl": "bg_0.jpg", "ball/dataset_1.pkl": "bg_0.jpg", "cube/dataset_0.pkl": "bg_0.jpg"}
    frames = load(out / names[0])
    assert all(frame[:2] == b"\xff\xd8" for frame in frames)
    assert np.abs(decode_image(frames[5]).astype(int) - clips[0].image(5)).mean() < 2


def test_frames_of_a_bgr_source_come_out_as_rgb(tmp_path):
    clip = SmallClip(0, channel_order="bgr")
    out = export_sparsh([clip], tmp_path / "set", images="stored")
    frames = load(out / "digitv1" / "Object-Slide" / "ball" / "dataset_0.pkl")
    assert (decode_image(frames[3]) == clip.frames[3].image).all()


def test_pose_bags_hold_the_motion_over_five_frames(tmp_path):
    clips = [SmallClip(k, count=12) for k in range(5)]
    out = export_sparsh(clips, tmp_path / "T3", task="pose")
    bags = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.pkl"))
    assert bags == ["test/ball/bag_00.pkl", *(f"train/ball/bag_0{k}.pkl" for k in range(4))]
    bag = load(out / "train/ball/bag_00.pkl")
    motion, poses = bag["object_ring_rel_pose_n5"], clips[0].values("gel_T_indenter")
    assert len(bag["digit_ring"]) == 12
    np.testing.assert_allclose(motion[8, :3, 3], (poses[8] - poses[3])[:3, 3] * 1e3)
    assert (out / "bgs" / "digit_ring.png").is_file()


def test_each_unit_has_a_pose_set_of_its_own(tmp_path):
    other = SmallClip(1)
    other._background = other._background + np.uint8(1)
    out = export_sparsh([SmallClip(0), other, SmallClip(2)], tmp_path / "T3", task="pose")
    names = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*"))
    bags = ["unit_00/train/ball/bag_00.pkl", "unit_00/train/ball/bag_01.pkl", "unit_01/train/ball/bag_00.pkl"]
    assert names == [*sorted([*bags[:2], "unit_00/bgs/digit_ring.png"]), *sorted([bags[2], "unit_01/bgs/digit_ring.png"])]
    assert (open_recordings(out / "unit_01")[0].background == other.background).all()


def test_grasp_trials_are_lists_of_two_sensors(tmp_path):
    clips = []
    for k in range(3):
        for side in ("left", "right"):
            phases = np.array(["before"] * 4 + ["during"] * 4 + ["after"] * 4)
            clips.append(SmallClip(k, sensor_id=f"digit-{side}").with_labels(grasp_success=[k != 1] * 12, phase=phases))
    out = export_sparsh(clips, tmp_path / "T4", task="grasp", images="png")
    trials = load(out / "000.pkl")
    assert trials["is_gripping"] == [True, False, True]
    assert trials["object_name"] == ["ball"] * 3
    assert (decode_image(trials["gelsightB_before"][2]) == clips[5].image(0)).all()
    assert (decode_image(trials["gelsightA_after"][1]) == clips[2].image(11)).all()
    assert (decode_image(trials["gelsightA_during"][0]) == clips[0].image(7)).all()


def test_textiles_are_sorted_into_classes_and_splits(tmp_path):
    clips = [SmallClip(k).with_labels(textile=np.array([("twill", "denim")[k % 2]] * 12)) for k in range(10)]
    out = export_sparsh(clips, tmp_path / "T5", task="textile")
    assert len(list(out.glob("train/*/*/dataset_gelsight.pkl"))) == 8
    assert [p.parts[-2:] for p in sorted(out.glob("test/*/*"))] == [("denim", "000004"), ("twill", "000004")]
    assert (out / "test/twill/000004/metadata.txt").read_text() == "label: 1\nclass_name: twill\n"
    numbered = SmallClip(0).with_labels(textile=np.array(["denim"] * 12), **{"class": np.full(12, 17)})
    out = export_sparsh([numbered], tmp_path / "one", task="textile")
    assert (out / "train/denim/000000/metadata.txt").read_text() == "label: 17\nclass_name: denim\n"


@pytest.mark.parametrize(
    ("clips", "task", "said"),
    [
        ([Recording(0)], "force", "needs `force_n` of each frame; clip 0 of `small` does not have it"),
        ([SmallClip(0).without_background()], "pretrain", "clip 0 of `small` has no background"),
        ([SmallClip(0, sensor_type="tactip")], "pretrain", "`tactip` is not a known sensor of the Sparsh sets"),
        ([SmallClip(0)], "grasp", "needs two sensors in a scene; clip 0 of `small` has 1"),
        ([SmallClip(0)], "textile", "needs `textile`"),
        ([SmallClip(0)], "squeeze", "`squeeze` is not a known task"),
        ([], "pretrain", "at least one clip"),
    ],
)
def test_what_a_layout_lacks_is_said_and_nothing_is_left(tmp_path, clips, task, said):
    with pytest.raises(SimtouchError, match=said):
        export_sparsh(clips, tmp_path / "new" / "set", task=task)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", ["pretrain", "force", "pose", "grasp", "textile"])
def test_an_export_opens_as_recordings(tmp_path, task):
    """By the readers of the public sets, which tell the layout by what lies in it."""
    phase = np.array(["before"] * 4 + ["during"] * 4 + ["after"] * 4)
    more = {"textile": np.array(["denim"] * 12), "class": np.full(12, 3), "grasp_success": [True] * 12, "phase": phase}
    sensors = ("digit-left", "digit-right") if task == "grasp" else ("digit",)
    clips = [SmallClip(k, sensor_id=s).with_labels(**more) for k in range(2) for s in sensors]
    found = open_recordings(export_sparsh(clips, tmp_path / "set", task=task, images="png"))
    assert len(found) == len(clips)
    clip, back = clips[1], found[1]
    if task == "force":
        t = np.flatnonzero(clip.values("contact_area_m2") > 0)
        assert (back.images == clip.images[t]).all()
        np.testing.assert_array_equal(back.values("force_n"), clip.values("force_n")[t])
        assert back.values("slip").tolist() == (clip.values("slip_state")[t] == "slip").tolist()
    elif task == "grasp":
        assert (back.images == clip.images[[0, 7, 11]]).all()
        assert back.values("grasp_success").all()
    else:
        assert (back.images == clip.images).all()
    if task in ("force", "pose"):
        assert (back.background == clip.background).all()
    if task == "pretrain":
        assert np.abs(back.background.astype(int) - clip.background).mean() < 1.5  # it is a JPEG
    if task == "textile":
        assert set(back.values("textile_class")) == {3}


def test_recordings_with_forces_are_exported_again(tmp_path):
    first = export_sparsh([SmallClip(0, count=30)], tmp_path / "a", task="force", images="png")
    again = export_sparsh(open_recordings(first), tmp_path / "b", task="force", images="png")
    a, b = (load(out / "ball/batch_1/dataset_slip_forces.pkl")["trajectories"][0] for out in (first, again))
    assert a["forces"].tolist() == b["forces"].tolist()
    assert a["slip_label"].tolist() == b["slip_label"].tolist()


def test_equal_clips_give_equal_bytes(tmp_path):
    files = []
    for name in ("a", "b"):
        out = export_sparsh([SmallClip(0), SmallClip(1)], tmp_path / name, task="force")
        files.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert files[0] == files[1]


def test_a_touch_and_go_set_comes_back_in_its_colours(tmp_path):
    """Its files decode to BGR, and the reader knows it."""
    clip = SmallClip(4, sensor_type="gelsight_2017").without_background()
    back = open_recordings(export_sparsh([clip], tmp_path / "set", images="png"), layout="touch_and_go")[0]
    np.testing.assert_array_equal(back.images, clip.images)
