import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from simtouch import indenters
from simtouch.scenes.pose_trials import CLASSES, EDGES_DEG, EDGES_MM, POSE_TRIALS, pose_classes
from tests.scenes.stages import stage

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("SIMTOUCH_FIXTURES", ROOT.parent / "shared" / "fixtures")) / "sparsh"


@pytest.fixture(scope="module")
def trials():
    bodies = [indenters.box(), indenters.sphere(6e-3)]
    return [POSE_TRIALS.play(stage("digit", body, frames=40, seed=seed))[0] for seed, body in enumerate(bodies)]


def test_classes_are_the_published_ones():
    if not (FIXTURES / "dataset_pose_labels.npz").is_file():
        pytest.skip("no parity fixtures here")
    wanted = np.load(FIXTURES / "dataset_pose_labels.npz")
    classes = pose_classes(wanted["T"])
    for k, name in enumerate(("tx", "ty", "yaw")):
        np.testing.assert_array_equal(classes[:, k], wanted[name])
    said = json.loads((FIXTURES / "dataset_pose_labels.json").read_text())
    assert said["n_classes"] == CLASSES == len(EDGES_MM) + 1
    assert EDGES_MM[5:].tolist() == said["bins_translation"]
    assert EDGES_DEG[5:].tolist() == said["bins_rotation"]


def test_a_shift_along_x_is_a_class_of_ty():
    poses = np.stack([np.eye(4)] * 3)
    poses[1, 0, 3], poses[2, 1, 3] = 0.7, -3.0
    assert pose_classes(poses).tolist() == [[5, 5, 5], [5, 7, 5], [1, 5, 5]]


def test_labels_are_the_change_of_the_pose_in_the_gel(trials):
    for touch in trials:
        poses = np.stack([frame.gel_T_indenter for frame in touch.frames])
        for t in range(5, len(poses)):
            before, now = poses[t - 5], poses[t]
            assert touch.labels["dx_mm"][t] == pytest.approx(1e3 * (now[0, 3] - before[0, 3]), abs=1e-9)
            assert touch.labels["dy_mm"][t] == pytest.approx(1e3 * (now[1, 3] - before[1, 3]), abs=1e-9)
            turn = Rotation.from_matrix(now[:3, :3] @ before[:3, :3].T).as_euler("xyz", degrees=True)
            assert touch.labels["dyaw_deg"][t] == pytest.approx(turn[2], abs=1e-6)


def test_classes_are_those_of_the_labels(trials):
    for touch in trials:
        labels = touch.labels
        np.testing.assert_array_equal(labels["class_tx"], np.digitize(labels["dy_mm"], EDGES_MM))
        np.testing.assert_array_equal(labels["class_ty"], np.digitize(labels["dx_mm"], EDGES_MM))
        np.testing.assert_array_equal(labels["class_yaw"], np.digitize(labels["dyaw_deg"], EDGES_DEG))


def test_the_object_stays_in_the_hand(trials):
    for touch in trials:
        assert all(frame.contact_mask.any() for frame in touch.frames[3:])
        assert np.abs(touch.world_T_indenter[:, :2, 3]).max() < 7e-3


def test_many_classes_occur():
    labels = [POSE_TRIALS.play(stage("gelsight_mini", frames=24, seed=seed))[0].labels for seed in range(4)]
    for axis, most in (("tx", 7), ("ty", 7), ("yaw", 8)):
        assert len(set(np.concatenate([clip[f"class_{axis}"] for clip in labels]))) >= most
