"""Linear probes: features and labels in, the best linear reading of one from the other out.

    regression      min_w,b  mean |y - x w - b|^2 / 2 + s/2 |w|^2                      (1)
    classification  min_w,b  -mean c_y log softmax(x w + b)_y + s/2 |w|^2              (2)

on features standardised with the mean and spread of the training rows alone; c_y weighs classes. The strength s is the one of a
grid whose predictions of the validation rows are the best; test rows are never seen here. (1) is solved in closed form for the
whole grid, (2) by scikit-learn's L-BFGS.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError, as_array, pick
from simtouch.models.scores import balanced_accuracy, f1_score, mean_absolute_error

STRENGTHS = tuple(10.0**k for k in range(-6, 4))
"""Strengths that are tried by default."""
_FOLDS = 5
_SMALLEST_SPREAD = 1e-8  # of a feature, as a share of its largest: a constant one stays 0 instead of being blown up
Selection = Literal["mean_absolute_error", "log_loss", "balanced_accuracy", "f1"]


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """A fitted probe."""

    task: Literal["regression", "classification"]
    mean: np.ndarray
    """Of the training features, (D,)."""
    spread: np.ndarray
    """Their standard deviation, (D,); 1 where they are constant."""
    weight: np.ndarray
    """(D, K) on standardised features: K numbers, or one score a class."""
    bias: np.ndarray
    """(K,)."""
    classes: np.ndarray | None
    """The K classes, sorted; None in regression."""
    threshold: float | None
    """With two classes the probability of the second from which it is predicted."""
    strength: float
    """The one chosen."""
    validation: dict[float, float]
    """What was found on the validation rows for each strength tried, by `select`."""
    flat: bool
    """Whether y was (N,) rather than (N, K)."""

    def scores(self, x) -> np.ndarray:
        """x w + b, float64, (N, K)."""
        x = as_array("x", x, "N D", np.float64, D=len(self.mean))
        return (x - self.mean) / self.spread @ self.weight + self.bias

    def predict(self, x) -> np.ndarray:
        """The numbers, of the shape of y, or the classes, (N,)."""
        if self.classes is None:
            found = self.scores(x)
            return found[:, 0] if self.flat else found
        chance = self.predict_proba(x)
        if self.threshold is not None:
            return self.classes[(chance[:, 1] >= self.threshold).astype(int)]
        return self.classes[chance.argmax(1)]

    def predict_proba(self, x) -> np.ndarray:
        """Probability of each class, (N, K)."""
        if self.classes is None:
            raise ArgumentError("a regression has no probabilities; use `predict`.")
        return _softmax(self.scores(x))


def linear_probe(
    x,
    y,
    x_val=None,
    y_val=None,
    *,
    task: Literal["regression", "classification"] = "regression",
    groups=None,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
    select: Selection | None = None,
    balanced: bool = True,
) -> LinearProbe:
    """Fit a probe, its strength chosen on validation rows.

    Args:
        x, y: Training features, (N, D), and labels, (N,) or (N, K) numbers, or (N,) classes of any kind.
        x_val, y_val: Validation rows. Without them the strength is that of 5-fold cross-validation, whole groups a fold, and the
            probe is fitted to all rows.
        task: (1) or (2).
        groups: Clip of each training row, (N,), for the folds; by default each row is its own.
        seed: Of the folds.
        strengths: Grid of s.
        select: What is best on validation rows: `mean_absolute_error` (regression), `log_loss`, `balanced_accuracy` (the default
            of classification) or `f1` of the second of two classes, which chooses the threshold as well.
        balanced: Classes weigh the same however many rows they have.

    Raises:
        SimtouchError: Rows that do not fit together, fewer than two classes, or scikit-learn is missing.
    """
    wanted = _selection(task, select)
    x = as_array("x", x, "N D", np.float64)
    y = _labels("y", y, len(x), task)
    strengths = sorted({float(s) for s in strengths}, reverse=True)
    if not strengths or strengths[-1] <= 0:
        raise ArgumentError(f"`strengths` must be at least one number > 0; got {strengths}.")
    fit = _Ridge if task == "regression" else (lambda x, y: _Logistic(x, y, balanced))
    if x_val is None:
        held_out = [(x[a], y[a], x[b], y[b]) for a, b in _folds(len(x), groups, seed)]
    else:
        x_val = as_array("x_val", x_val, "M D", np.float64, D=x.shape[1])
        held_out = [(x, y, x_val, _labels("y_val", y_val, len(x_val), task))]
    found = {s: [] for s in strengths}
    probe = None
    for x_fit, y_fit, x_out, y_out in held_out:
        probe = fit(x_fit, y_fit)
        for s in strengths:
            found[s].append(_judge(probe.at(s), x_out, y_out, wanted))
    means = {s: float(np.mean([value for value, _ in found[s]])) for s in strengths}
    best = (min if wanted in ("mean_absolute_error", "log_loss") else max)(strengths, key=means.__getitem__)
    threshold = float(np.median([t for _, t in found[best]])) if wanted == "f1" else None
    probe = probe if len(held_out) == 1 and probe is not None else fit(x, y)
    return _with(probe.at(best), validation=means, threshold=threshold)


def _selection(task: str, select: str | None) -> str:
    known = {"regression": ("mean_absolute_error",), "classification": ("balanced_accuracy", "log_loss", "f1")}
    names = pick("task", task, known)
    return names[0] if select is None else (pick("selection", select, dict.fromkeys(names)) or select)


def _with(probe: LinearProbe, **changed) -> LinearProbe:
    return LinearProbe(**{**probe.__dict__, **changed})


def _labels(name: str, y, rows: int, task: str) -> np.ndarray:
    y = np.asarray(y)
    if len(y) != rows or rows == 0 or y.ndim not in (1, 2) or (task == "classification" and y.ndim != 1):
        raise ShapeError(f"`{name}` must have one label for each of {rows} rows; got {y.shape}.")
    return as_array(name, y, "N" if y.ndim == 1 else "N K", np.float64) if task == "regression" else y


def _folds(rows: int, groups, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to fit on, rows to judge by), whole groups in one fold."""
    groups = np.arange(rows) if groups is None else np.asarray(groups)
    names, which = np.unique(groups, return_inverse=True)
    if len(which) != rows or len(names) < 2:
        raise ArgumentError(f"without validation rows `groups` must name at least 2 for {rows} rows; got {len(names)}.")
    fold = np.random.default_rng(seed).permutation(len(names))[which] % min(_FOLDS, len(names))
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(fold.max() + 1)]


def _judge(probe: LinearProbe, x: np.ndarray, y: np.ndarray, select: str) -> tuple[float, float]:
    """(score, threshold) on validation rows."""
    if select == "mean_absolute_error":
        return mean_absolute_error(y, probe.predict(x)), 0.5
    if select == "balanced_accuracy":
        return balanced_accuracy(y, probe.predict(x)), 0.5
    classes = probe.classes
    if classes is None:
        raise ArgumentError(f"`{select}` is for classes.")
    chance = probe.predict_proba(x)
    if select == "log_loss":
        places = np.searchsorted(classes, y).clip(0, len(classes) - 1)
        right = np.where(classes[places] == y, chance[np.arange(len(y)), places], 0.0)
        return float(-np.log(right.clip(1e-15)).mean()), 0.5
    if len(classes) != 2:
        raise ArgumentError(f"`f1` is for two classes; got {len(classes)}.")
    levels = np.linspace(0.05, 0.95, 19)
    found = [np.nan_to_num(f1_score(y == classes[1], chance[:, 1] >= level, positive=True)) for level in levels]
    return float(max(found)), float(levels[int(np.argmax(found))])


class _Ridge:
    """(1) for any strength, from one eigendecomposition."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        self.mean, self.spread = _standard(x)
        z = (x - self.mean) / self.spread
        self.bias = y.mean(0)
        values, self.axes = np.linalg.eigh(z.T @ z / len(z))
        self.values, self.toward = values.clip(0), self.axes.T @ (z.T @ (y - self.bias) / len(z))

    def at(self, strength: float) -> LinearProbe:
        weight = self.axes @ (self.toward / (self.values + strength)[:, None])
        return LinearProbe(
            task="regression", mean=self.mean, spread=self.spread, weight=weight, bias=self.bias, classes=None, threshold=None,
            strength=strength, validation={}, flat=self.flat,
        )  # fmt: skip


class _Logistic:
    """(2), each strength starting where the one before it ended."""

    def __init__(self, x: np.ndarray, y: np.ndarray, balanced: bool):
        self.model_of, self.not_converged = _logistic_regression()
        self.classes, self.rows = np.unique(y), len(x)
        if len(self.classes) < 2:
            raise ArgumentError(f"a classification needs at least 2 classes among the training rows; got {list(self.classes)}.")
        self.mean, self.spread = _standard(x)
        self.z, self.y = (x - self.mean) / self.spread, y
        self.model = self.model_of(max_iter=300, warm_start=True, class_weight="balanced" if balanced else None)
        self.done: dict[float, LinearProbe] = {}

    def at(self, strength: float) -> LinearProbe:
        if strength not in self.done:
            self.model.C = 1 / (strength * self.rows)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self.not_converged)  # the weakest strengths; validation judges them as they are
                self.model.fit(self.z, self.y)
            weight, bias = self.model.coef_.T.copy(), self.model.intercept_.copy()
            if weight.shape[1] == 1:  # of two classes scikit-learn keeps the second
                weight, bias = np.concatenate([0 * weight, weight], 1), np.concatenate([0 * bias, bias])
            self.done[strength] = LinearProbe(
                task="classification", mean=self.mean, spread=self.spread, weight=weight, bias=bias, classes=self.classes,
                threshold=None, strength=strength, validation={}, flat=True,
            )  # fmt: skip
        return self.done[strength]


def _logistic_regression() -> tuple[Callable, type[Warning]]:
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError(f"probes of classes need scikit-learn ({error}): pip install 'simtouch[train]'") from error
    return LogisticRegression, ConvergenceWarning


def _standard(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, spread = x.mean(0), x.std(0)
    return mean, np.where(spread > _SMALLEST_SPREAD * max(1.0, float(spread.max(initial=0))), spread, 1.0)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
