"""Coverage of slope and place: what is counted, warned of and refused."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.coverage import check_coverage, coverage
from simtouch.optics.calibration.presses import PressSet


def presses_at(circles) -> PressSet:
    """Blank pictures with circles: coverage looks at nothing else."""
    images = np.zeros((len(circles), 120, 160, 3), np.uint8)
    return PressSet(
        images=images, rest=images[0], ball_radius_m=2e-3, pixel_pitch_m=0.1e-3, circles_px=np.asarray(circles, float)
    )


def grid(radius=14.0):
    return [(x, y, radius) for y in (20, 60, 100) for x in (27, 80, 133)]


def test_a_press_in_every_place_leaves_none_untouched():
    found = check_coverage(presses_at(grid()))
    assert found.untouched == ()
    assert found.warning() is None
    assert found.share() > 0.9
    assert found.share(2) == 0.0


def test_rings_steeper_than_any_rim_are_not_asked_for():
    shallow = coverage(presses_at(grid(9.0)))  # sine 0.45 of 1
    assert list(shallow.reachable) == [True, True, False, False]
    assert shallow.steepest == pytest.approx(0.45)


def test_a_half_that_was_never_touched_is_named():
    found = check_coverage(presses_at([c for c in grid() if c[0] < 100]))
    assert found.untouched == ("upper right", "middle right", "lower right")
    assert "middle right" in found.warning()


def test_presses_at_one_place_are_warned_of_and_still_counted():
    found = check_coverage(presses_at([(80 + k, 60, 14) for k in range(5)]))
    assert "all presses lie at one place" in found.warning()
    assert "upper left" in found.warning()
    assert found.presses.max() == 5


def test_counts_are_those_of_the_circles():
    one, two = coverage(presses_at(grid()[:1])), coverage(presses_at([grid()[0]] * 2))
    assert np.array_equal(two.presses, 2 * one.presses)


def test_too_few_presses_are_refused_with_what_is_missing():
    with pytest.raises(ArgumentError, match=r"at least 4 presses with a circle, got 3; never touched: middle left"):
        check_coverage(presses_at(grid()[:3]))


def test_presses_that_barely_touch_are_refused():
    with pytest.raises(ArgumentError, match=r"sine 0.07, 0.1 is needed"):
        check_coverage(presses_at(grid(1.4)))


def test_circles_are_needed():
    with pytest.raises(ArgumentError, match="must have circles"):
        coverage(replace(presses_at(grid()), circles_px=None))
