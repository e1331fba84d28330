"""Indexes, forces and classes as the published loaders pair them, read from files in the official layouts."""

import pickle

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.stream import official_windows as official
from simtouch.stream.images import encode_image
from simtouch.stream.preprocess import FORCE_FIELD_SIZE, encoder_image
from simtouch.stream.real import open_recordings
from tests.fixtures import sparsh_fixture


def backbone(tmp_path):
    """The fixture's 12 frames as a trajectory of a DIGIT. Four are given; the others come from what the loader made of them."""
    notes, arrays = sparsh_fixture("dataset_backbone")
    background = arrays["bg_rgb_decoded"]

    def undo(difference):  # at 320x240 the loader only subtracts and turns
        return np.clip(np.rot90(np.moveaxis(difference, 0, -1)).astype(int) - 127 + background, 0, 255).astype(np.uint8)

    frames = np.repeat(background[None], notes["len_concat"], axis=0)
    frames[arrays["frame_ids"]] = arrays["frames_png"]
    frames[1] = undo(arrays["concat_idx1_u8"][3:])
    for place, frame in ((1, 4), (2, 2)):  # a sixteenth of their pixels is given
        frames[frame] = undo(arrays["video_idx0_u8_small"][place].repeat(4, axis=1).repeat(4, axis=2))
    folder = tmp_path / "digitv1" / "Object-Slide" / "toy"
    folder.mkdir(parents=True)
    (folder / "dataset_0.pkl").write_bytes(pickle.dumps([encode_image(frame, "png") for frame in frames]))
    (folder.parent / "bgs").mkdir()
    (folder.parent / "bgs" / "bg_0.png").write_bytes(encode_image(background, "png"))
    return notes, arrays, open_recordings(tmp_path)[0]


def inputs(clip, frames, size=(320, 240)):
    return np.concatenate([np.moveaxis(encoder_image(clip.image(t), clip.background, size=size), -1, 0) for t in frames])


def test_pretraining_inputs_are_the_published_ones(tmp_path):
    notes, arrays, clip = backbone(tmp_path)
    assert len(clip) == notes["len_concat"]
    for index, used in notes["used_frames"].items():
        frames = official.pretraining_frames(int(index), len(clip))
        assert frames == used
        assert np.array_equal(inputs(clip, frames), arrays[f"concat_idx{index}_u8"])


def test_four_frame_inputs_are_the_published_ones(tmp_path):
    notes, arrays, clip = backbone(tmp_path)
    frames = official.pretraining_frames(0, len(clip), frames=4, stride=2)
    assert frames == [6, 4, 2, 0]
    video = inputs(clip, frames).reshape(notes["video_shape"])
    assert np.array_equal(video[..., ::4, ::4], arrays["video_idx0_u8_small"])


def test_inputs_of_the_force_field_decoder_are_the_published_ones(tmp_path):
    _, arrays, clip = backbone(tmp_path)
    newest, oldest = official.pretraining_frames(1, len(clip))
    made = inputs(clip, (newest, oldest), FORCE_FIELD_SIZE)[:, ::4, ::4]
    assert np.array_equal(made, arrays["forcefield_image_u8_s4"])
    rest = np.moveaxis(encoder_image(clip.background, clip.background, size=FORCE_FIELD_SIZE), -1, 0)[:, ::4, ::4]
    assert np.array_equal(np.concatenate([made[:3], rest]), arrays["forcefield_image_bg_u8_s4"])


def force_clips(tmp_path, arrays):
    """The fixture's batch of 60 frames, two files long, each frame showing its number."""
    batch = tmp_path / "sphere" / "batch_1"
    batch.mkdir(parents=True)
    frames = [encode_image(np.full((8, 6, 3), k, np.uint8), "png") for k in range(60)]
    for k, part in enumerate((frames[:33], frames[33:])):
        (batch / f"dataset_digit_{k:02d}.pkl").write_bytes(pickle.dumps(part))
    trajectories = {
        k: {
            "indexes": arrays[f"indexes{k}"],
            "forces": arrays[f"forces{k}"],
            "slip_label": arrays[f"slip{k}"],
            "coef_friction": 0.5,
        }
        for k in range(2)
    }
    labels = {"in_contact": arrays["in_contact"], "trajectories": trajectories}
    (batch / "dataset_slip_forces.pkl").write_bytes(pickle.dumps(labels))
    return open_recordings(tmp_path)


def test_force_and_slip_samples_are_the_published_ones(tmp_path):
    notes, arrays = sparsh_fixture("dataset_force_slip")
    clips = force_clips(tmp_path, arrays)
    rows = iter(notes["rows"])
    for number, clip in enumerate(clips):
        stored_n = clip.values("force_n") * (1, 1, -1)
        force = official.force_targets(stored_n, notes["config"]["max_abs_forceXYZ"])
        delta = official.delta_force_targets(stored_n, notes["config"]["max_delta_forceXYZ"])
        shown = [int(clip.image(t)[0, 0, 0]) for t in range(len(clip))]
        for sample in range(official.trajectory_samples(len(clip))):
            row = next(rows)
            assert (row["traj"], row["sample"]) == (number, sample)
            assert [shown[t] for t in official.trajectory_frames(sample)] == row["frames_concat"]
            assert [shown[t] for t in official.trajectory_frames(sample, frames=4, stride=2)] == row["frames_video"]
            assert np.allclose(force[sample], row["force"], rtol=0, atol=1e-7)
            assert np.allclose(delta[sample], row["delta_force"], rtol=0, atol=1e-7)
            assert clip.values("slip")[sample] == row["slip"]
        assert clip.background.max() == np.argmin(arrays["in_contact"])
    assert next(rows, None) is None


def test_lags_that_do_not_add_up_are_even():
    assert official.trajectory_frames(20, frames=4, stride=2, adding_up=False) == [20, 18, 16, 14]
    assert official.trajectory_frames(3, frames=2, stride=5) == [3, 0]


def test_the_scales_are_the_published_ones():
    notes, _ = sparsh_fixture("dataset_force_slip")
    assert list(official.FORCE_SCALE_N["digit"]) == notes["config"]["max_abs_forceXYZ"]
    assert list(official.DELTA_FORCE_SCALE_N) == notes["config"]["max_delta_forceXYZ"]


def test_pose_classes_are_the_published_ones(tmp_path):
    notes, arrays = sparsh_fixture("dataset_pose_labels")
    assert (list(official.TRANSLATION_EDGES), list(official.YAW_EDGES_DEG)) == (notes["bins_translation"], notes["bins_rotation"])
    bag = {"digit_ring": [encode_image(np.zeros((4, 3, 3), np.uint8), "png")] * 200, "object_ring_rel_pose_n5": arrays["T"]}
    (tmp_path / "train" / "sugar").mkdir(parents=True)
    (tmp_path / "train" / "sugar" / "bag_00.pkl").write_bytes(pickle.dumps(bag))
    clip = open_recordings(tmp_path)[0]
    assert np.array_equal(clip.values("relative_pose"), arrays["T"])
    for name in ("tx", "ty", "yaw"):
        assert np.array_equal(clip.values(name), arrays[name])


def test_tx_is_the_pose_s_y():
    pose = np.eye(4)[None].copy()
    pose[0, 1, 3] = 7
    classes = official.pose_classes(pose)
    assert (classes["tx"][0], classes["ty"][0], classes["yaw"][0]) == (10, 5, 5)


@pytest.mark.parametrize("call", [lambda: official.pretraining_frames(12, 12), lambda: official.trajectory_frames(-1)])
def test_samples_that_are_not_there_are_refused(call):
    with pytest.raises(ArgumentError, match="must"):
        call()
