"""The light of the lamps, and the share of it that shadows leave."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch.optics.lamps import LEAST_LIGHT, Lamps
from simtouch.optics.planes import Planes
from tests.optics.hand_set import hand_set

DIGIT = hand_set("digit")
SHADED = replace(DIGIT, coating=replace(DIGIT.coating, shadow_depth=0.9, penumbra_m=0.4e-3))
"""Wide penumbra: the sweep at half the resolution, on a dome."""
STEPPED = replace(hand_set("gelsight_mini"), coating=replace(hand_set("gelsight_mini").coating, penumbra_m=0.2e-3))


def bump_m(spec, at: float) -> np.ndarray:
    """A steep hill of 1.5 mm, which throws shadows, `at` of the way through the image."""
    (H, W), pitch = spec.image_shape, spec.camera.pixel_pitch_m
    y, x = np.mgrid[:H, :W]
    away = np.hypot(x - at * W, y - at * H) * pitch
    return (1.5e-3 * np.exp(-((away / 1.2e-3) ** 4))).astype(np.float32)


@pytest.mark.parametrize("spec", [SHADED, STEPPED], ids=["half resolution", "full resolution"])
def test_shadows_leave_the_share_of_the_light_that_they_leave_of_the_lamps(spec):
    """Equation (1) by whole pictures, for one press after another: what the first one shaded is free again."""
    planes = Planes(*spec.image_shape)
    lamps, shaded, free = (Lamps(spec, planes, shadows=shadows) for shadows in (True, True, False))
    rest = np.zeros(spec.image_shape, np.float32)

    def share(height):
        both = [np.maximum(planes.inner(one.light(height)), np.float32(LEAST_LIGHT)) for one in (shaded, free)]
        return both[0] / both[1]

    for at in (0.3, 0.7):
        height, levels = bump_m(spec, at), np.full_like(planes.new(3), 100)
        known = 100 * share(height) / share(rest)
        lamps.darken(height, levels)
        assert known.min() < 90
        np.testing.assert_allclose(planes.inner(levels), known, rtol=2e-5)


def test_a_resting_gel_loses_nothing_to_shadows():
    planes = Planes(*SHADED.image_shape)
    lamps, levels = Lamps(SHADED, planes, shadows=True), np.full_like(planes.new(3), 100)
    lamps.darken(bump_m(SHADED, 0.5), levels)
    levels[:] = 100
    lamps.darken(np.zeros(SHADED.image_shape, np.float32), levels)
    assert (planes.inner(levels) == 100).all()
