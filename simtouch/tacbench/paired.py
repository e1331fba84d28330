"""Is one pretraining better than another? Predictions of both, seed by seed, in; the mean gain and its interval out.

Seeds and groups (objects, clips) are drawn with replacement, each group with the predictions of both of all seeds drawn, so that what
both find easy or hard falls out. Three seeds say little of how far seeds differ: such an interval is rather too narrow.
Ref: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 8.
"""

from collections.abc import Callable

import numpy as np

from simtouch._checks import ArgumentError, ShapeError


def paired_gain(
    score: Callable[..., float], truth, ours, theirs, *, groups, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float, float]:
    """Mean over seeds of `score(truth, ours) - score(truth, theirs)`, and its interval: (gain, low, high).

    Args:
        score: Of (truth, prediction).
        truth: What was to be predicted, (N, ...).
        ours, theirs: Two predictions of it for each of S seeds, (S, N, ...); seed s of both belong together.
        groups: To which object or clip each row belongs, (N,).
        resamples, seed: Draws, and their seed.
        level: Share of the draws inside the interval.

    Raises:
        ShapeError: Seeds or rows that do not fit together.
        ArgumentError: Fewer than two groups.
    """
    truth, ours, theirs, groups = np.asarray(truth), np.asarray(ours), np.asarray(theirs), np.asarray(groups)
    if ours.shape != theirs.shape or ours.shape[1:] != truth.shape or len(groups) != len(truth):
        raise ShapeError(
            "`ours` and `theirs` must have shape (S, N, ...), `truth` (N, ...), `groups` (N,); "
            f"got {ours.shape}, {theirs.shape}, {truth.shape} and {groups.shape}."
        )
    names, which = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ArgumentError(f"an interval needs rows of at least 2 `groups`; got {len(names)}.")
    members = [np.flatnonzero(which == k) for k in range(len(names))]
    rng, draws = np.random.default_rng(seed), np.empty(resamples)
    for i in range(resamples):
        rows = np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
        draws[i] = _gain(score, truth, ours, theirs, rows, rng.integers(len(ours), size=len(ours)))
    low, high = np.nanquantile(draws, ((1 - level) / 2, (1 + level) / 2))
    return _gain(score, truth, ours, theirs, np.arange(len(truth)), np.arange(len(ours))), float(low), float(high)


def _gain(score, truth, ours, theirs, rows: np.ndarray, seeds: np.ndarray) -> float:
    chosen = truth[rows]
    return float(np.mean([score(chosen, ours[s][rows]) - score(chosen, theirs[s][rows]) for s in seeds]))
