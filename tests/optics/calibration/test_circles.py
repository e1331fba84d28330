"""Automatic contact circles: on drawn presses with known circles, and on labelled real ones."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.checks import check_found
from simtouch.optics.calibration.circles import find_circles
from simtouch.optics.importers.data_pack import read_data_pack
from tests.optics.calibration.balls import drawn_presses, random_circles
from tests.real import taxim_file


def hidden(presses):
    """The same presses, nobody having clicked a circle."""
    return replace(presses, circles_px=None)


@pytest.mark.parametrize("seed", [0, 1])
def test_circles_of_drawn_presses_are_found_within_a_pixel(seed):
    truth = random_circles(10, seed=seed)
    found = find_circles(hidden(drawn_presses(truth, seed=seed)))
    assert found.rejected == {}
    assert np.hypot(*(found.circles_px - truth)[:, :2].T).max() < 1.0
    assert np.abs(found.circles_px[:, 2] / truth[:, 2] - 1).max() < 0.1
    assert found.residual_px.max() < 2.0


def test_one_press_alone_is_found_too():
    truth = random_circles(1, seed=3)
    assert np.abs(find_circles(hidden(drawn_presses(truth))).circles_px - truth).max() < 1.5


def test_given_circles_are_not_looked_at():
    presses = drawn_presses(random_circles(4))
    wrong = replace(presses, circles_px=presses.circles_px[::-1].copy())
    assert np.array_equal(find_circles(wrong).circles_px, find_circles(presses).circles_px)


def test_circles_do_not_depend_on_resolution():
    small = drawn_presses(random_circles(5, seed=2), noise=0.5)
    big = replace(
        small,
        images=small.images.repeat(4, 1).repeat(4, 2),
        rest=small.rest.repeat(4, 0).repeat(4, 1),
        pixel_pitch_m=small.pixel_pitch_m / 4,
        circles_px=None,
    )
    found = find_circles(big).circles_px
    centres = (found[:, :2] + 0.5) / 4 - 0.5
    assert np.hypot(*(centres - small.circles_px[:, :2]).T).max() < 1.0


def test_a_picture_without_a_ball_is_named():
    presses = drawn_presses(random_circles(5))
    images = presses.images.copy()
    images[2] = presses.rest
    empty = replace(presses, images=images, circles_px=None)
    found = find_circles(empty)
    assert list(found.rejected) == [2]
    assert list(found.kept) == [0, 1, 3, 4]
    with pytest.raises(ArgumentError, match=r"`press_02.png` shows no ball"):
        check_found(empty, found)


def test_a_contact_cut_by_the_rim_is_left_out():
    circles = random_circles(5)
    circles[1] = (3.0, 60.0, 14.0)
    found = find_circles(hidden(drawn_presses(circles)))
    assert list(found.rejected) == [1]
    assert "rim of the image" in found.rejected[1]


def test_a_set_without_any_ball_is_refused():
    presses = drawn_presses(random_circles(3))
    empty = replace(presses, images=np.stack([presses.rest] * 3), circles_px=None)
    with pytest.raises(ArgumentError, match="no press shows"):
        find_circles(empty).apply(empty)


@pytest.mark.slow
def test_circles_of_the_wheel_agree_with_its_labels():
    """Measured: centres 2.0 px off the hand-clicked ones in the median (they have steps of about 2 px), radii 1.1 %."""
    presses = read_data_pack(taxim_file("gelsight/dataPack.npz"), ball_radius_m=2e-3, pixel_pitch_m=0.0295e-3)
    found, label = find_circles(hidden(presses)), presses.circles_px
    assert found.rejected == {}
    assert np.median(np.hypot(*(found.circles_px - label)[:, :2].T)) < 2.5
    assert np.median(np.abs(found.circles_px[:, 2] / label[:, 2] - 1)) < 0.03
