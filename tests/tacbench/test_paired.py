import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.scores import accuracy, mean_absolute_error
from simtouch.tacbench.paired import paired_gain


def right_with(chance: float, truth: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([np.where(rng.random(len(truth)) < chance, truth, -1) for _ in range(3)])


def test_a_clear_gain_is_found_and_its_sign_is_that_of_ours():
    truth, groups = np.arange(200) % 5, np.arange(200) // 4
    good, bad = right_with(0.9, truth, 0), right_with(0.5, truth, 1)
    gain, low, high = paired_gain(accuracy, truth, good, bad, groups=groups, resamples=300)
    assert 0.3 < gain < 0.5
    assert 0.2 < low < gain < high
    back = paired_gain(accuracy, truth, bad, good, groups=groups, resamples=300)
    assert back[0] == pytest.approx(-gain)


def test_equal_chances_give_an_interval_around_zero():
    truth, groups = np.arange(200) % 5, np.arange(200) // 4
    _, low, high = paired_gain(
        accuracy, truth, right_with(0.6, truth, 2), right_with(0.6, truth, 3), groups=groups, resamples=300
    )
    assert low < 0 < high


def test_what_both_find_hard_falls_out():
    """Errors that objects share are much larger than the gain: in pairs it is seen nevertheless."""
    rng = np.random.default_rng(0)
    truth, groups = np.zeros(200), np.arange(200) // 4
    hard = rng.uniform(0, 10, 50)[groups]
    theirs = np.stack([hard + 0.2] * 3)
    _, low, high = paired_gain(mean_absolute_error, truth, np.stack([hard] * 3), theirs, groups=groups, resamples=200)
    assert low == pytest.approx(-0.2)
    assert high == pytest.approx(-0.2)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ShapeError, match="ours"):
        paired_gain(accuracy, np.zeros(4), np.zeros((2, 4)), np.zeros((3, 4)), groups=np.arange(4))
    with pytest.raises(ArgumentError, match="at least 2"):
        paired_gain(accuracy, np.zeros(4), np.zeros((2, 4)), np.zeros((2, 4)), groups=np.zeros(4))
