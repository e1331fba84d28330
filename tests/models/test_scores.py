"""Scores under the name of what they are: the published "RMSE" is a mean absolute error."""

import numpy as np
import pytest

from simtouch._checks import ShapeError
from simtouch.models.scores import (
    accuracy,
    balanced_accuracy,
    f1_score,
    mean_absolute_error,
    official_rmse,
    root_mean_squared_error,
)
from tests.fixtures import sparsh_fixture


def test_the_published_rmse_is_the_mean_absolute_error_and_not_the_rmse():
    notes, arrays = sparsh_fixture("metrics_t1")
    truth, predicted = (arrays[name] * arrays["scale"] for name in ("gt", "pred"))
    assert official_rmse(truth, predicted) == pytest.approx(notes["official_rmse_N"], abs=1e-7)
    assert mean_absolute_error(truth, predicted) == pytest.approx(notes["mean_abs_error_N"], abs=1e-7)
    assert root_mean_squared_error(truth, predicted) == pytest.approx(notes["true_rmse_N"], abs=1e-7)


def test_scores_of_numbers_that_are_known_by_hand():
    truth, predicted = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 0.0], [1.0, 0.0]])
    assert mean_absolute_error(truth, predicted) == 1
    assert root_mean_squared_error(truth, predicted) == pytest.approx(np.sqrt(10 / 4))


def test_scores_of_classes_that_are_known_by_hand():
    truth, predicted = np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0, 0, 0])
    assert accuracy(truth, predicted) == 6 / 8
    assert balanced_accuracy(truth, predicted) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert f1_score(truth, predicted) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert f1_score(truth, predicted, positive=0) == pytest.approx(2 * 4 / (2 * 4 + 1 + 1))


def test_guessing_one_class_has_half_the_balanced_accuracy_whatever_the_shares():
    truth = np.arange(100) < 93
    assert balanced_accuracy(truth, np.ones(100, bool)) == 0.5


def test_the_f1_of_a_class_that_nobody_saw_is_not_a_number():
    assert np.isnan(f1_score(np.zeros(3), np.zeros(3)))
    assert f1_score(np.zeros(3), np.ones(3)) == 0


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"one shape and some rows; got \(3,\) and \(3, 1\)"):
        mean_absolute_error(np.zeros(3), np.zeros((3, 1)))
