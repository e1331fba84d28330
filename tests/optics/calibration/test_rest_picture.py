"""The resting picture behind the presses, and its smooth part."""

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.rest_picture import far_masks, fit_cosines, rest_picture
from simtouch.sensors.background import Background
from simtouch.sensors.numbers import Numbers

H, W, COUNT = 90, 120, 12


def presses(noise=2.0, offset=4.0):
    """Flat dark discs on a gradient; the no-contact frame is an outlier with streaks."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:H, :W]
    truth = np.stack([90 + 0.4 * x, 120 - 0.3 * y, 80 + 0.2 * x + 0.2 * y], -1)
    circles = np.column_stack([rng.uniform(10, W - 10, COUNT), rng.uniform(10, H - 10, COUNT), np.full(COUNT, 8.0)])
    offsets = rng.normal(0, offset, (COUNT, 3))
    offsets -= offsets.mean(0)
    images = truth + offsets[:, None, None] + rng.normal(0, noise, (COUNT, H, W, 3))
    for image, (cx, cy, r) in zip(images, circles, strict=True):
        image[np.hypot(x - cx, y - cy) < 2 * r] -= 40
    rest = truth + 5 + 6 * (x % 10 == 0)[..., None]
    as_bytes = [np.rint(np.clip(v, 0, 255)).astype(np.uint8) for v in (images, rest)]
    found = PressSet(images=as_bytes[0], rest=as_bytes[1], ball_radius_m=1e-3, pixel_pitch_m=1e-4, circles_px=circles)
    return found, truth, offsets


def test_background_is_what_lies_behind_the_presses():
    found, truth, offsets = presses()
    background, levels = rest_picture(found)
    seen = far_masks(found).sum(0) >= 5
    assert seen.mean() > 0.9
    assert np.abs(background - truth)[seen].mean() < 1.0
    assert np.abs((background - truth)[seen].mean(0)).max() < 0.2
    np.testing.assert_allclose(levels - levels.mean(0), offsets, atol=0.2)


def test_where_few_presses_leave_the_gel_at_rest_the_frame_stands_in():
    found, _, _ = presses()
    few = found.pick([0, 1, 2])
    background, _ = rest_picture(few)
    shift = background - few.rest
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0, 0], shift.shape), atol=1e-4)


def test_presses_without_circles_are_refused():
    found, _, _ = presses()
    with pytest.raises(ArgumentError, match="`presses` must have circles"):
        rest_picture(PressSet(images=found.images, rest=found.rest, ball_radius_m=1e-3, pixel_pitch_m=1e-4))


def test_cosines_are_found_again_under_dust():
    rng = np.random.default_rng(1)
    falloff = 1 / (1 + np.arange(5)[:, None] + np.arange(6))
    told = rng.normal(0, 10, (3, 5, 6)) * falloff
    told[:, 0, 0] = 120
    picture = Background(cosines=Numbers(told)).levels((H, W)).copy()
    dust = rng.random((H, W)) < 0.03
    picture[dust] -= 80
    found = fit_cosines(picture + rng.normal(0, 1, picture.shape), (5, 6))
    assert found.shape == (3, 5, 6)
    assert np.abs(found.array - told).max() < 0.3


def test_more_cosines_than_pixels_are_refused():
    with pytest.raises(ArgumentError, match="`terms`"):
        fit_cosines(np.zeros((4, 5, 3)), (5, 5))
