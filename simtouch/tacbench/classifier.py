"""The classifier that all features get: features of frames in, probabilities of clips out.

    standardise -> principal components -> multinomial logistic regression, all fitted to the training rows alone         (1)
    probability of a clip = mean of those of its frames                                                                  (2)

The inverse strength C of the regression is the one that gets the most clips of inner folds of the training rows right, every class
weighing the same, of equals the one with the least log-loss; (1) is fitted anew for each fold. Test rows are never seen.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from simtouch._checks import ArgumentError, MissingExtraError
from simtouch.models.scores import balanced_accuracy


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """How features become classes."""

    components: int = 150
    """Principal components at most."""
    inverse_strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    """C to choose from; one alone is taken as it is."""
    balanced: bool = False
    """Whether classes weigh the same however many rows they have."""


@dataclass(frozen=True, kw_only=True)
class ClipFeatures:
    """N frames of C clips."""

    x: np.ndarray
    """(N, D)."""
    clip: np.ndarray
    """Index of the clip of each frame, (N,)."""

    def rows(self, clips: np.ndarray) -> np.ndarray:
        """The frames of some clips."""
        return np.flatnonzero(np.isin(self.clip, clips))


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """Of M clips that were tested."""

    clips: np.ndarray
    """Their indices, (M,)."""
    chance: np.ndarray
    """Probability of each class, (M, K)."""
    frame_chance: np.ndarray
    """The same of each frame, (F, K)."""
    frame_clip: np.ndarray
    """The clip of each frame, (F,)."""
    inverse_strength: float
    """The C taken."""


def classify(
    features: ClipFeatures, y: np.ndarray, train: np.ndarray, test: np.ndarray, inner: np.ndarray | None, config: ClassifierConfig
) -> Predicted:
    """Fit (1) to the clips `train` and predict (2) of the clips `test`.

    Args:
        features: Of the frames of all clips.
        y: Class of each clip, 0 to K - 1; those of clips that are not trained on are not looked at.
        train, test: Indices of clips.
        inner: Inner fold of each training clip, by which C is chosen; None makes folds of the frames inside each clip, where a class
            has one clip only.
        config: See the class.

    Raises:
        ArgumentError: A clip is to be trained and tested on.
    """
    if both := sorted(set(train.tolist()) & set(test.tolist())):
        raise ArgumentError(f"clips {both[:5]} are in `train` and in `test`.")
    classes, rows, out = int(y[train].max()) + 1, features.rows(train), features.rows(test)
    C = _chosen(features, y, rows, _inner_fold(features, rows, train, inner), config)
    chance = _Path(features.x[rows], y[features.clip[rows]], classes, config).at(C, features.x[out])
    return Predicted(
        clips=test, chance=_of_clips(chance, features.clip[out], test), frame_chance=chance, frame_clip=features.clip[out],
        inverse_strength=C,
    )  # fmt: skip


def _inner_fold(features: ClipFeatures, rows: np.ndarray, train: np.ndarray, inner: np.ndarray | None) -> np.ndarray:
    """The inner fold of each training frame."""
    clip = features.clip[rows]
    if inner is not None:
        return _of_each(dict(zip(train.tolist(), np.asarray(inner).tolist(), strict=True)), clip)
    before = [int((clip[:i] == c).sum()) for i, c in enumerate(clip)]  # frames of its clip before it
    return np.array(before, int) % 2


def _of_each(table: dict[int, int], keys: np.ndarray) -> np.ndarray:
    """`table` of each key."""
    return np.array([table[k] for k in keys.tolist()], int)


def _chosen(features: ClipFeatures, y: np.ndarray, rows: np.ndarray, fold: np.ndarray, config: ClassifierConfig) -> float:
    tried = sorted(config.inverse_strengths)
    if len(tried) == 1 or len(np.unique(fold)) == 1:  # nothing to choose by: one clip a class, one frame a clip
        return tried[len(tried) // 2]
    classes, truth, found = int(y[features.clip[rows]].max()) + 1, [], {C: [] for C in tried}
    for k in np.unique(fold):
        fit, judge = rows[fold != k], rows[fold == k]
        path, clips = _Path(features.x[fit], y[features.clip[fit]], classes, config), np.unique(features.clip[judge])
        truth.append(y[clips])
        for C in tried:
            found[C].append(_of_clips(path.at(C, features.x[judge]), features.clip[judge], clips))
    y_all = np.concatenate(truth)
    return max(tried, key=lambda C: _merit(y_all, np.concatenate(found[C])))


def _merit(y: np.ndarray, chance: np.ndarray) -> tuple[float, float]:
    return round(balanced_accuracy(y, chance.argmax(1)), 9), float(np.log(chance[np.arange(len(y)), y].clip(1e-6)).mean())


def _of_clips(chance: np.ndarray, clip: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """(2)."""
    return np.stack([chance[clip == c].mean(0) for c in clips])


class _Path:
    """(1) for growing C, each fit beginning where the one before it ended."""

    def __init__(self, x: np.ndarray, y: np.ndarray, classes: int, config: ClassifierConfig):
        logistic = _logistic_regression()
        x = np.asarray(x, np.float32 if x.dtype == np.float32 else np.float64)
        spread = x.std(0)
        self._mean, self._spread = x.mean(0), np.where(spread > 1e-8 * max(1.0, float(spread.max())), spread, 1).astype(x.dtype)
        z = (x - self._mean) / self._spread
        self._axes = principal_axes(z, config.components)
        self._x, self._y, self._classes = (z @ self._axes).astype(np.float64), y, classes
        self._model = logistic(max_iter=300, warm_start=True, class_weight="balanced" if config.balanced else None)

    def at(self, C: float, x: np.ndarray) -> np.ndarray:
        """Probabilities (N, classes) of rows `x`; those of classes that were never seen are 0."""
        chance = np.zeros((len(x), self._classes))
        if len(seen := np.unique(self._y)) == 1:
            chance[:, seen] = 1
            return chance
        self._model.C = C
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few rows a class; not converged: the inner folds judge it as it is
            self._model.fit(self._x, self._y)
        chance[:, self._model.classes_] = self._model.predict_proba(
            ((x - self._mean) / self._spread @ self._axes).astype(np.float64)
        )
        return chance


def principal_axes(z: np.ndarray, most: int) -> np.ndarray:
    """The directions of largest spread of centred rows (N, D), orthonormal, (D, k), k <= `most`: from the smaller Gram matrix."""
    wide = z.shape[1] > z.shape[0]
    gram = (z @ z.T if wide else z.T @ z).astype(np.float64)
    if not gram.any():
        return np.eye(z.shape[1], 1, dtype=z.dtype)  # features that are all the same
    count = len(gram)
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=(count - most, count - 1) if most < count else None)
    kept = np.flatnonzero(values > 1e-6 * values[-1])[::-1][:most]
    values, vectors = values[kept], vectors[:, kept].astype(z.dtype)
    return z.T @ (vectors / np.sqrt(values).astype(z.dtype)) if wide else vectors


def _logistic_regression():
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError(f"classifiers need scikit-learn ({error}): pip install 'simtouch[train]'") from error
    return LogisticRegression
