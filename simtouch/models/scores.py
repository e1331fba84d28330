"""Scores of predictions: truth and prediction in, one number out, each under the name of what it is.

The published TacBench number called "RMSE" takes the root of each squared error and then the mean, which is the mean absolute error:
`official_rmse` reproduces it, `root_mean_squared_error` is the real one.
"""

import numpy as np

from simtouch._checks import ShapeError


def mean_absolute_error(truth, predicted) -> float:
    """Mean of |predicted - truth| over rows and components, in their unit."""
    return float(np.abs(_error(truth, predicted)).mean())


def root_mean_squared_error(truth, predicted) -> float:
    """Root of the mean squared error over rows and components, in their unit."""
    return float(np.sqrt((_error(truth, predicted) ** 2).mean()))


def official_rmse(truth, predicted) -> float:
    """What the published benchmark calls RMSE, to compare with its tables: it is `mean_absolute_error`."""
    return float(np.sqrt(_error(truth, predicted) ** 2).mean())


def accuracy(truth, predicted) -> float:
    """Share of rows whose class is right."""
    truth, predicted = _pair(truth, predicted)
    return float((truth == predicted).mean())


def balanced_accuracy(truth, predicted) -> float:
    """Mean over the classes that occur of the share of their rows that is right."""
    truth, predicted = _pair(truth, predicted)
    return float(np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]))


def f1_score(truth, predicted, positive=1) -> float:
    """2 TP / (2 TP + FP + FN) of one class; NaN where it neither occurs nor is predicted."""
    truth, predicted = (a == positive for a in _pair(truth, predicted))
    both = truth.sum() + predicted.sum()
    return float(2 * (truth & predicted).sum() / both) if both else float("nan")


def _pair(truth, predicted) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.size == 0:
        raise ShapeError(f"`truth` and `predicted` must have one shape and some rows; got {truth.shape} and {predicted.shape}.")
    return truth, predicted


def _error(truth, predicted) -> np.ndarray:
    truth, predicted = _pair(truth, predicted)
    return predicted.astype(np.float64) - truth.astype(np.float64)
