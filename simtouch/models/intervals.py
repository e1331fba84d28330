"""Confidence intervals of a score: predictions and truths in, an interval out that knows which frames belong together.

Frames of one clip, trajectory or object resemble each other, so whole groups are drawn with replacement, as many as there are, and
the interval is that of the percentiles of the score over the draws. Ref: Efron and Tibshirani, "An Introduction to the Bootstrap",
1993, ch. 13; Field and Welsh, "Bootstrapping clustered data", JRSS B 2007.
"""

from collections.abc import Callable

import numpy as np

from simtouch._checks import ArgumentError, ShapeError, as_number

_MOST_UNDEFINED = 0.5


def bootstrap(
    score: Callable[..., float], *arrays, groups, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """(low, high) of `score(*arrays)`.

    Args:
        score: Of the rows of all arrays, a number; NaN where it is undefined, such draws are left out.
        *arrays: N rows each, drawn together: a score may compare two predictions, so that their difference is a paired one.
        groups: To which clip, trajectory or object each row belongs, anything that can be sorted, (N,).
        resamples: Draws.
        seed: Of the draws.
        level: Share of the draws inside.

    Raises:
        ArgumentError: Fewer than two groups, which say nothing of their spread; or a score undefined for most draws.
        ShapeError: Arrays of different lengths.
    """
    draws = bootstrap_draws(score, *arrays, groups=groups, resamples=resamples, seed=seed)
    tail = (1 - as_number("level", level, above=0, below=1)) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return float(low), float(high)


def bootstrap_draws(score: Callable[..., float], *arrays, groups, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """The scores behind `bootstrap`, (resamples,) or fewer where some are undefined; arguments of `bootstrap`."""
    rows = [np.asarray(a) for a in arrays]
    groups = np.asarray(groups)
    if not rows or any(len(a) != len(groups) for a in rows):
        raise ShapeError(f"arrays and `groups` must have as many rows each; got {[len(a) for a in rows]} and {len(groups)}.")
    if resamples < 1:
        raise ArgumentError(f"`resamples` must be >= 1; got {resamples}.")
    _, which, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise ArgumentError(f"an interval needs rows of at least 2 `groups`; got {len(counts)}.")
    in_groups, starts = np.argsort(which, kind="stable"), np.cumsum(counts) - counts
    rng, found = np.random.default_rng(seed), np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(len(counts), size=len(counts))
        count = counts[drawn]
        places = np.arange(count.sum()) + np.repeat(starts[drawn] - (np.cumsum(count) - count), count)
        chosen = in_groups[places]
        found[i] = score(*(a[chosen] for a in rows))
    defined = found[~np.isnan(found)]
    if len(defined) < resamples * (1 - _MOST_UNDEFINED):
        raise ArgumentError(f"the score is undefined for {resamples - len(defined)} of {resamples} draws of `groups`.")
    return defined


def bootstrap_gain(
    score: Callable[..., float], truth, ours, theirs, *, groups, relative: bool = False, **options
) -> tuple[float, float, float]:
    """How much larger `score(truth, ours)` is than `score(truth, theirs)`, and its interval: (gain, low, high), drawn in pairs.

    Args:
        score: Of (truth, prediction).
        truth, ours, theirs: What was to be predicted, and two predictions of it, N rows each.
        groups: See `bootstrap`.
        relative: As a share of `score(truth, theirs)`.
        **options: `resamples`, `seed`, `level` of `bootstrap`.
    """

    def gain(truth, ours, theirs) -> float:
        a, b = score(truth, ours), score(truth, theirs)
        if not relative:
            return a - b
        return (a - b) / abs(b) if b else float("nan")

    truth, ours, theirs = (np.asarray(a) for a in (truth, ours, theirs))
    return (float(gain(truth, ours, theirs)), *bootstrap(gain, truth, ours, theirs, groups=groups, **options))
