"""Bootstrap intervals: they cover what they promise where rows come in groups, and say so where they cannot."""

import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.intervals import bootstrap, bootstrap_draws, bootstrap_gain
from simtouch.models.scores import mean_absolute_error


def clustered(seed: int, clips: int = 30, frames: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of mean 0 whose spread is mostly between clips, and their clips."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(clips, 1)) + 0.3 * rng.normal(size=(clips, frames))).ravel(), np.repeat(np.arange(clips), frames)


def test_an_interval_over_clips_covers_the_truth_as_often_as_it_says():
    """30 clips: the percentile method is a little narrow; over frames it is several times too narrow."""
    by_clip = by_frame = 0
    for seed in range(150):
        x, clips = clustered(seed)
        low, high = bootstrap(np.mean, x, groups=clips, resamples=150, seed=seed)
        by_clip += low <= 0 <= high
        low, high = bootstrap(np.mean, x, groups=np.arange(len(x)), resamples=150, seed=seed)
        by_frame += low <= 0 <= high
    assert 133 <= by_clip <= 149  # of 142.5
    assert by_frame < 75


def test_the_spread_of_a_mean_is_that_of_the_clips():
    x, clips = clustered(3)
    draws = bootstrap_draws(np.mean, x, groups=clips, resamples=4000)
    of_clips = x.reshape(30, 20).mean(1)
    assert draws.std() == pytest.approx(of_clips.std() / np.sqrt(30), rel=0.05)
    assert draws.mean() == pytest.approx(x.mean(), abs=0.02)


def test_draws_take_whole_groups_of_any_size_and_name():
    groups = np.array(["b", "a", "b", "c", "c", "c"])
    seen = []
    bootstrap_draws(lambda rows: seen.append(sorted(rows)) or 0.0, np.arange(6), groups=groups, resamples=50)
    for rows in seen:
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[2]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[1] + counts[3] == 3


def test_an_interval_is_the_same_for_the_same_seed_and_wider_for_a_higher_level():
    x, clips = clustered(0)
    assert bootstrap(np.mean, x, groups=clips, seed=1) == bootstrap(np.mean, x, groups=clips, seed=1)
    assert bootstrap(np.mean, x, groups=clips, seed=1) != bootstrap(np.mean, x, groups=clips, seed=2)
    narrow, wide = (bootstrap(np.mean, x, groups=clips, level=level) for level in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_paired_gain_is_sure_where_two_scores_alone_are_not():
    rng = np.random.default_rng(0)
    hard, clips = np.repeat(rng.uniform(0.1, 3, 20), 10), np.repeat(np.arange(20), 10)
    truth = rng.normal(size=200)
    theirs = truth + hard
    ours = truth + 0.9 * hard
    of_ours = bootstrap(mean_absolute_error, truth, ours, groups=clips)
    assert of_ours[0] < mean_absolute_error(truth, theirs) < of_ours[1]
    gain, low, high = bootstrap_gain(mean_absolute_error, truth, ours, theirs, groups=clips, relative=True)
    assert gain == pytest.approx(-0.1)
    assert low == pytest.approx(-0.1)
    assert high == pytest.approx(-0.1)


def test_a_constant_score_has_an_interval_of_no_width():
    assert bootstrap(np.mean, np.ones(6), groups=np.arange(6)) == (1.0, 1.0)


def test_draws_without_a_score_are_left_out():
    def defined_sometimes(x):
        return x.mean() if (x == 3).any() else float("nan")

    assert len(bootstrap_draws(defined_sometimes, np.arange(4), groups=np.arange(4), resamples=100)) < 100
    with pytest.raises(ArgumentError, match="undefined for 100 of 100 draws"):
        bootstrap(lambda x: float("nan"), np.arange(4), groups=np.arange(4), resamples=100)


def test_a_single_group_has_no_interval():
    with pytest.raises(ArgumentError, match="at least 2 `groups`; got 1"):
        bootstrap(np.mean, np.arange(5), groups=np.zeros(5))


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ShapeError, match="as many rows"):
        bootstrap(np.mean, np.arange(5), groups=np.arange(4))
