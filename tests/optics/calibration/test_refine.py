"""Circles that the fit itself moves: nearer to the true ones, without a drift that nobody could see."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.refine import moved_circles, place_circles, refine_circles
from simtouch.optics.calibration.table_fit import FitConfig, fit_table
from tests.optics.calibration.balls import drawn_presses, random_circles

FIT = FitConfig(nodes=21, rounds=3, pixels_per_press=3000)


@pytest.fixture(scope="module")
def presses():
    return drawn_presses(random_circles(16, seed=5), seed=5)


@pytest.fixture(scope="module")
def fit(presses):
    return fit_table(presses, FIT)


def shaken(presses, seed=0):
    """Centres 1.5 px off, radii 0.5 px."""
    off = np.random.default_rng(seed).normal(0, (1.5, 1.5, 0.5), (len(presses), 3))
    return replace(presses, circles_px=presses.circles_px + off)


def off_px(circles, presses):
    return np.hypot(*(circles - presses.circles_px)[:, :2].T)


def test_presses_are_placed_within_a_fraction_of_a_pixel(fit):
    unseen = drawn_presses(random_circles(5, seed=9), seed=9)
    placed = place_circles(shaken(unseen), fit, FIT)
    assert off_px(placed, unseen).max() < 0.6
    assert np.abs(placed - unseen.circles_px)[:, 2].max() < 0.4


def test_wrong_circles_come_nearer_to_the_true_ones(presses):
    start = shaken(presses)
    moved = refine_circles(start, replace(FIT, pixels_per_press=1500))
    assert np.median(off_px(moved.circles_px, presses)) < 0.8 * np.median(off_px(start.circles_px, presses))


def test_what_all_circles_share_is_left_alone(presses, fit):
    """A shift of all, one that grows along an axis, and the mean radius: a table cannot tell them from place and slope."""
    x, y = presses.circles_px[:, :2].T
    start = replace(presses, circles_px=presses.circles_px + np.column_stack([0.02 * (x - 80) + 1, 0 * y - 1, 0 * x + 0.5]))
    move = moved_circles(start, fit, FIT).circles_px - start.circles_px
    basis = np.column_stack([np.ones(16), start.circles_px[:, :2]])
    assert np.abs(np.linalg.lstsq(basis, move[:, :2])[0]).max() < 1e-6
    assert abs(move[:, 2].mean()) < 1e-9


def test_a_bad_start_is_refused(presses, fit):
    with pytest.raises(ArgumentError, match="`presses` must have circles"):
        place_circles(replace(presses, circles_px=None), fit, FIT)
    with pytest.raises(ArgumentError, match="`rounds`"):
        refine_circles(presses, FIT, rounds=0)
