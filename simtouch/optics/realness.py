"""Can a simple classifier tell real from rendered? Features of pairs of contact frames in, its accuracy and AUC beside chance out.

A press gives one pair: its real frame and its render. Features are plain statistics of the image minus the resting picture, in four
groups, so that it can be told what gives a render away:

    colour   change of colour inside the contact: moments, quantiles, histogram
    edges    gradients of the smoothed change inside the contact, at its rim and around it
    drift    smoothed change far from the contact, where a gel at rest shows none
    noise    what a finer smoothing removes, far from the contact and inside: size, correlation of neighbours and of channels, tails

The classifier is a logistic regression on standardised features with a ridge,

    min_w,b   sum_i log(1 + exp(-y_i (w . x_i + b))) + penalty / 2 |w|^2,     y = +1 real, -1 rendered              (1)

cross-validated over presses: both frames of a press are in one fold. 0.5 is chance for both figures; intervals are bootstraps over
presses of the held-out answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from simtouch._checks import ArgumentError, ShapeError

GROUPS = ("colour", "edges", "drift", "noise")
CHANGE_BINS = np.array([-60.0, -20.0, -5.0, 5.0, 20.0, 60.0])
"""Bounds of the histogram of colour change [grey levels]."""
SMOOTH_PX = 4.0
"""For `edges` and `drift`; of independent noise a fourteenth is left."""
GRAIN_PX = 2.0
"""`noise` is what is finer than this."""
FAR = 3.0
"""Far from the contact: beyond so many of its radii, or beyond the farthest half of the pixels if that is nearer."""
DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Realness:
    """How well real and rendered frames can be told apart by some groups of features; 0.5 is chance."""

    groups: tuple[str, ...]
    accuracy: float
    accuracy_95: tuple[float, float]
    """95 % interval, bootstrap over presses."""
    auc: float
    """Chance that a real frame is taken for more real than a rendered one."""
    auc_95: tuple[float, float]
    pairs: int
    heaviest: tuple[tuple[str, float], ...]
    """The features that weigh most: name and weight per standard deviation, positive where real frames have more of it."""


def features(image: np.ndarray, background: np.ndarray, circle_px) -> dict[str, float]:
    """Features of a frame by name, `group/what`.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        background: The resting picture [grey levels], shape (H, W, 3).
        circle_px: Contact circle, column, row and radius [px].
    """
    if np.shape(image) != np.shape(background) or np.ndim(image) != 3:
        raise ShapeError(
            f"`image` and `background` must have one shape (H, W, 3); got {np.shape(image)}, {np.shape(background)}."
        )
    change = np.asarray(image, np.float32) - np.asarray(background, np.float32)
    smooth, finer = (gaussian_filter(change, (sigma, sigma, 0)) for sigma in (SMOOTH_PX, GRAIN_PX))
    rows, cols = np.ogrid[: change.shape[0], : change.shape[1]]
    x, y, radius = (float(value) for value in circle_px)
    reach = np.hypot(cols - x, rows - y) / radius
    inside, far = reach < 1, reach > min(FAR, float(np.median(reach)))
    if inside.sum() < 16 or far.sum() < 16:
        raise ArgumentError(f"a contact circle at ({x:g}, {y:g}) of radius {radius:g} px holds or leaves too few pixels.")
    found = _colour(change[inside]) | _edges(smooth, reach) | _drift(smooth[far]) | _noise(change - finer, inside, far)
    return {name: float(value) for name, value in found.items()}


def probe_realness(
    real: Sequence[dict[str, float]],
    rendered: Sequence[dict[str, float]],
    *,
    groups: tuple[str, ...] = GROUPS,
    folds: int = 6,
    penalty: float = 1.0,
    seed: int = 0,
) -> Realness:
    """Cross-validate (1).

    Args:
        real, rendered: `features` of N presses, in one order.
        groups: The features that the classifier may use.
        folds: Number of folds; at most N.
        penalty: Ridge of (1).
        seed: Of the folds and of the bootstrap.
    """
    N = len(real)
    if len(rendered) != N or N < 4:
        raise ArgumentError(f"a probe needs 4 pairs of frames or more; got {N} real and {len(rendered)} rendered.")
    names = [name for name in real[0] if name.split("/")[0] in groups]
    if not names:
        raise ArgumentError(f"`groups` must be some of {', '.join(GROUPS)}; got {groups}.")
    x = np.array([[[frame[name] for name in names] for frame in frames] for frames in (real, rendered)])  # (2, N, D)
    rng = np.random.default_rng(seed)
    fold = rng.permutation(N) % min(folds, N)
    score, weights = np.empty((2, N)), []
    for k in range(min(folds, N)):
        fit, test = fold != k, fold == k
        known = x[:, fit].reshape(-1, len(names))
        mean, std = known.mean(0), known.std(0)
        std = np.where(std > 1e-9 * (np.abs(mean) + 1e-9), std, np.inf)  # a feature that is constant says nothing
        w, b = _logistic((known - mean) / std, np.repeat([1.0, -1.0], fit.sum()), penalty)
        score[:, test] = (x[:, test] - mean) / std @ w + b
        weights.append(w)
    often = rng.multinomial(N, np.full(N, 1 / N), DRAWS)  # bootstrap: how often each press is drawn
    draws = np.stack(_accuracy_and_auc(score, often), -1)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    accuracy, auc = (float(found[0]) for found in _accuracy_and_auc(score, np.ones((1, N))))
    mean_weight = np.mean(weights, axis=0)
    order = np.argsort(-np.abs(mean_weight), kind="stable")[:6]
    return Realness(
        groups=tuple(groups),
        accuracy=accuracy,
        accuracy_95=(float(low[0]), float(high[0])),
        auc=auc,
        auc_95=(float(low[1]), float(high[1])),
        pairs=N,
        heaviest=tuple((names[i], float(mean_weight[i])) for i in order),
    )


def _logistic(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """w and b of (1)."""

    def loss(wb):
        w, margin = wb[:-1], y * (x @ wb[:-1] + wb[-1])
        pull = -y / (1 + np.exp(np.clip(margin, -500, 500)))
        return np.logaddexp(0, -margin).sum() + penalty / 2 * w @ w, np.append(x.T @ pull + penalty * w, pull.sum())

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return found.x[:-1], float(found.x[-1])


def _accuracy_and_auc(score: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of scores (2, N), real first, where each press counts so often, (draws, N). Ties count half."""
    right = (np.sign(score) * [[1], [-1]]).mean(0) / 2 + 0.5
    before = np.sign(score[0][:, None] - score[1][None]) / 2 + 0.5
    N = score.shape[1]
    return count @ right / N, np.einsum("di,ij,dj->d", count, before, count, optimize=True) / N**2


def _colour(change: np.ndarray) -> dict[str, float]:
    """Of the pixels inside the contact, (n, 3)."""
    found = {}
    for c, channel in enumerate("RGB"):
        values = change[:, c]
        found |= {f"colour/mean {channel}": values.mean(), f"colour/std {channel}": values.std()}
        for q in (5, 25, 50, 75, 95):
            found[f"colour/quantile {q} {channel}"] = np.quantile(values, q / 100)
        shares = np.bincount(np.digitize(values, CHANGE_BINS), minlength=len(CHANGE_BINS) + 1) / len(values)
        found |= {f"colour/share of bin {k} {channel}": share for k, share in enumerate(shares)}
    return found


def _edges(smooth: np.ndarray, reach: np.ndarray) -> dict[str, float]:
    """Gradients of the smoothed change (H, W, 3), by distance from the centre in radii."""
    steep = np.hypot(*np.gradient(smooth, axis=(0, 1)))
    found = {}
    for place, low, high in (("inside", 0, 0.9), ("rim", 0.9, 1.15), ("around", 1.15, 2.0)):
        there = steep[(reach >= low) & (reach < high)]
        for c, channel in enumerate("RGB"):
            found |= {
                f"edges/mean {place} {channel}": there[:, c].mean(),
                f"edges/quantile 95 {place} {channel}": np.quantile(there[:, c], 0.95),
            }
    return found


def _drift(smooth: np.ndarray) -> dict[str, float]:
    """Of the smoothed change far away, (n, 3)."""
    each = [(channel, smooth[:, c]) for c, channel in enumerate("RGB")]
    return {f"drift/mean {n}": v.mean() for n, v in each} | {f"drift/std {n}": v.std() for n, v in each}


def _noise(rest: np.ndarray, inside: np.ndarray, far: np.ndarray) -> dict[str, float]:
    """Of what smoothing removed, (H, W, 3)."""
    found = {}
    for c, channel in enumerate("RGB"):
        e = rest[..., c]
        found |= {f"noise/std far {channel}": e[far].std(), f"noise/std inside {channel}": e[inside].std()}
        variance = np.square(e[far]).mean() + 1e-6
        for way, a, b, there in (("x", e[:, 1:], e[:, :-1], far[:, 1:]), ("y", e[1:], e[:-1], far[1:])):
            found[f"noise/neighbours along {way} {channel}"] = (a * b)[there].mean() / variance
        found[f"noise/tails {channel}"] = (np.square(e[far]) ** 2).mean() / variance**2
    values = rest[far]
    spread = np.sqrt(np.square(values).mean(0) + 1e-6)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        found[f"noise/channels {'RGB'[a]}{'RGB'[b]}"] = (values[:, a] * values[:, b]).mean() / (spread[a] * spread[b])
    return found
