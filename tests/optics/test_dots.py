from dataclasses import replace

import numpy as np
import pytest

from simtouch.optics.dots import Dots
from simtouch.optics.planes import Planes
from simtouch.sensors import SENSORS
from tests.reference.dots import covered_share, material_point

MARKED = replace(
    SENSORS["gelsight_mini_markers"],
    markers=replace(SENSORS["gelsight_mini_markers"].markers, rotation_rad=0.07, offset_m=(0.3e-3, -0.2e-3), ink=(0.2, 0.3, 0.4)),
)
PLANES = Planes(*MARKED.image_shape)
PITCH_M = MARKED.camera.pixel_pitch_m


def printed(spec, shear_px=None) -> np.ndarray:
    light = PLANES.padded(np.ones((3, *spec.image_shape)))
    shear = None if shear_px is None else (shear_px * PITCH_M).astype(np.float32)
    Dots(spec, PLANES).print_on(light, shear)
    return PLANES.inner(light)


def wavy_shear(scale: float) -> np.ndarray:
    y, x = np.mgrid[0:240, 0:320]
    return scale * np.stack([np.sin(x / 40) + y / 100, np.cos(y / 50) - x / 200], axis=-1)


@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0])
def test_dots_are_their_numpy_twin(scale):
    shear = wavy_shear(scale)
    centre = (np.array(PLANES.cols), np.array(PLANES.rows))
    dots = MARKED.markers.rest_m / PITCH_M + (np.array(centre) - 1) / 2
    cover = covered_share(*material_point(shear), dots, MARKED.markers.diameter_m / PITCH_M / 2)
    wanted = 1 - cover * (1 - np.array(MARKED.markers.ink)[:, None, None])
    np.testing.assert_allclose(printed(MARKED, shear), wanted, atol=3e-3)


@pytest.mark.parametrize("shift", [(3, 0), (0, -4), (7, 5)])
def test_a_uniform_shear_moves_the_dots_by_exactly_that(shift):
    rest, moved = printed(MARKED), printed(MARKED, np.broadcast_to(np.array(shift, float), (240, 320, 2)))
    inner = (slice(None), slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(moved[inner], np.roll(rest, shift[::-1], axis=(1, 2))[inner], atol=1e-4)


def test_a_dot_is_found_where_the_displacement_took_it():
    shear = wavy_shear(4.0)
    dark = 1 - printed(MARKED, shear)[0].astype(float)
    rest = MARKED.markers.rest_m[31] / PITCH_M + [159.5, 119.5]
    j, i = np.round(rest).astype(int)
    there = rest + shear[i, j]
    y, x = np.mgrid[0:240, 0:320]
    weight = dark * (np.hypot(x - there[0], y - there[1]) < 13)
    found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    np.testing.assert_allclose(found, there, atol=0.2)


def test_dots_cover_their_area():
    marks = MARKED.markers
    area = (1 - printed(MARKED)[0]).sum() / (1 - marks.ink[0]) * PITCH_M**2
    assert area == pytest.approx(marks.rows * marks.cols * np.pi * marks.diameter_m**2 / 4, rel=0.01)
