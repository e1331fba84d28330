import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.tacbench.classifier import ClassifierConfig, ClipFeatures, classify, principal_axes
from simtouch.tacbench.octopi import PROPERTIES, read_clips
from simtouch.tacbench.octopi_tasks import OctopiConfig, octopi_arrays
from tests.tacbench.octopi_folder import write_tables

QUICK = ClassifierConfig(inverse_strengths=(0.01, 1.0), components=10)


def told(y: np.ndarray, spread: float, frames: int = 4, seed: int = 0) -> ClipFeatures:
    """Features that tell the classes `y` of clips apart if `spread` is small."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(y.max() + 1, 16))
    clip = np.repeat(np.arange(len(y)), frames)
    return ClipFeatures(x=centres[y[clip]] + spread * rng.normal(size=(len(clip), 16)), clip=clip)


def test_classes_that_features_tell_apart_are_found():
    y = np.arange(40) % 5
    found = classify(told(y, 0.3), y, np.arange(20), np.arange(20, 40), np.arange(20) // 5 % 2, QUICK)
    assert (found.chance.argmax(1) == y[20:]).all()
    assert np.allclose(found.chance.sum(1), 1)
    assert len(found.frame_clip) == 80


def test_features_of_nothing_are_at_chance():
    y = np.arange(200) % 5
    features = told(y, 0.3)
    nothing = ClipFeatures(x=np.random.default_rng(1).normal(size=features.x.shape), clip=features.clip)
    found = classify(nothing, y, np.arange(100), np.arange(100, 200), np.arange(100) // 5 % 2, QUICK)
    assert 0.08 < (found.chance.argmax(1) == y[100:]).mean() < 0.34


def test_a_clip_in_training_and_test_is_refused():
    y = np.arange(20) % 5
    with pytest.raises(ArgumentError, match=r"clips \[9\] are in `train` and in `test`"):
        classify(told(y, 0.3), y, np.arange(10), np.arange(9, 20), None, QUICK)


def test_nothing_of_the_test_clips_reaches_the_fit():
    """Features and labels of the clips to test on may be anything: what is predicted of the others' rows stays the same."""
    y = np.arange(30) % 3
    features, train, test = told(y, 1.0), np.arange(20), np.arange(20, 30)
    x = features.x.copy()
    x[features.rows(test)[4:]] = 1e3  # all but the first clip
    changed = np.where(np.arange(30) < 20, y, 0)
    a = classify(features, y, train, test, np.arange(20) % 2, QUICK)
    b = classify(ClipFeatures(x=x, clip=features.clip), changed, train, test, np.arange(20) % 2, QUICK)
    assert np.array_equal(a.chance[0], b.chance[0])
    assert a.inverse_strength == b.inverse_strength


def test_one_clip_a_class_chooses_its_strength_by_frames():
    y = np.tile(np.arange(5), 2)
    found = classify(told(y, 0.3), y, np.arange(5), np.arange(5, 10), None, QUICK)
    assert (found.chance.argmax(1) == y[5:]).all()


@pytest.mark.parametrize("shape", [(50, 12), (12, 50)])
def test_principal_axes_are_those_of_the_singular_vectors(shape):
    z = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 5, shape[1])
    z -= z.mean(0)
    axes = principal_axes(z, 4)
    assert np.allclose(axes.T @ axes, np.eye(4), atol=1e-10)
    right = np.linalg.svd(z, full_matrices=False)[2][:4]
    assert np.allclose(np.abs(np.sum(axes.T * right, 1)), 1, atol=1e-8)


def test_features_that_are_all_the_same_say_nothing():
    y = np.arange(20) % 5
    same = ClipFeatures(x=np.full((20, 3), 126.0), clip=np.arange(20))
    found = classify(same, y, np.arange(10), np.arange(10, 20), np.arange(10) // 5, QUICK)
    assert np.allclose(found.chance, 0.2, atol=1e-6)


def test_one_frame_a_class_takes_the_strength_in_the_middle():
    y = np.tile(np.arange(5), 2)
    config = ClassifierConfig(inverse_strengths=(0.01, 0.1, 1.0))
    assert classify(told(y, 0.3, frames=1), y, np.arange(5), np.arange(5, 10), None, config).inverse_strength == 0.1


def test_a_class_alone_is_all_that_can_be_said():
    y = np.array([1, 1, 1, 1, 0, 2])
    found = classify(told(y, 0.3), y, np.arange(4), np.arange(4, 6), np.arange(4) % 2, QUICK)
    assert np.array_equal(found.chance, [[0, 1], [0, 1]])


def test_arrays_hold_a_prediction_of_every_clip(tmp_path):
    clips = read_clips(write_tables(tmp_path))
    names = sorted({clip.object for clip in clips})
    y = np.array([names.index(clip.object) for clip in clips])
    config = OctopiConfig(budgets=(1, None), repeats=2, identity=QUICK, properties=QUICK)
    found = octopi_arrays(told(y, 0.2), clips, config)
    assert (found["id_all"] == y).mean() > 0.95
    assert (found["id_1"] == y).mean() > 0.8
    labelled = sum(clip.properties is not None for clip in clips)
    assert all(found[name].shape == (2, labelled) and (found[name] >= 0).all() for name in PROPERTIES)


def test_features_that_only_know_the_object_do_not_tell_its_properties(tmp_path):
    """Objects are new in the test folds: identity, however clear, must not leak a property."""
    clips = read_clips(write_tables(tmp_path, objects=32, unlabelled=2))
    y = np.unique([clip.object for clip in clips], return_inverse=True)[1]
    config = OctopiConfig(budgets=(), repeats=2, properties=QUICK)
    found = octopi_arrays(told(y, 0.05), clips, config, properties=("hardness",))["hardness"]
    truth = np.array([clip.properties["hardness"] for clip in clips if clip.properties is not None])
    assert (found == truth).mean() < 0.6
