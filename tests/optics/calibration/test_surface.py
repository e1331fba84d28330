"""The surface under a ball: closed form for a thick gel, the project's own layer for a thin one."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.gel import LayerConfig, LayerGel
from simtouch.optics.calibration.surface import press_field
from simtouch.sensors import SENSORS
from tests.optics.presses import hertz_px

SHAPE, CENTRE = (90, 120), (70.0, 40.0)


def test_thick_gel_is_hertz():
    """A shallow press: Hertz takes a paraboloid for the ball."""
    ball, a = 400.0, 20.0
    field = press_field((*CENTRE, a), SHAPE, ball_radius_px=ball, thickness_px=1e5, poisson_ratio=0.48)
    hertz = hertz_px(SHAPE, ball, a * a / ball, CENTRE)
    assert np.abs(field.height_px - hertz).max() < 4e-3 * -hertz.min()


def test_inside_is_the_ball_and_the_slope_is_the_surface_s():
    ball, a = 34.0, 31.0
    field = press_field((*CENTRE, a), SHAPE, ball_radius_px=ball, thickness_px=85.0, poisson_ratio=0.48)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    r = np.hypot(x - CENTRE[0], y - CENTRE[1])
    np.testing.assert_array_equal(field.touched, r < a)
    from_centre = field.height_px - field.height_px[40, 70]
    cap = ball - np.sqrt(np.maximum(ball**2 - r**2, 0))
    np.testing.assert_allclose(from_centre[field.touched], cap[field.touched], atol=1e-3)
    # Away from the rim, where the free surface falls off like a root, differences see the slope.
    smooth = (np.abs(r - a) > 6)[1:-1, 1:-1] & (r < 28)[1:-1, 1:-1] | (r > a + 8)[1:-1, 1:-1]
    for axis, g in ((1, field.slope[..., 0]), (0, field.slope[..., 1])):
        seen = np.gradient(field.height_px.astype(float), axis=axis)[1:-1, 1:-1]
        assert np.abs(seen - g[1:-1, 1:-1])[smooth].max() < 0.06
    assert field.slope[40, 90, 0] > 0 > field.slope[40, 50, 0]  # the surface rises away from the ball


@pytest.mark.parametrize("a_over_t", [0.1, 0.4, 1.5])
def test_surface_is_continuous_at_the_rim(a_over_t):
    a = 200.0
    field = press_field((0.0, 0.0, a), (1, 900), ball_radius_px=1.1 * a, thickness_px=a / a_over_t)
    jump = field.height_px[0, 201] - field.height_px[0, 199]
    rim_slope = 1 / np.sqrt(1.1**2 - 1)
    assert 0 < jump < 2.2 * rim_slope


def test_agrees_with_the_layer_of_the_simulator():
    """Where the layer's own contact solver has the same circle, outside the contact too."""
    base, spacing = SENSORS["gelsight_mini"], 0.1e-3
    gel = replace(base.gel, grid_shape=(120, 120), thickness_m=3e-3, poisson_ratio=0.48, dome_radius_m=(np.inf, np.inf))
    spec = replace(base, gel=gel, camera=replace(base.camera, image_shape=(240, 240), pixel_pitch_m=spacing / 2))
    x, y = np.meshgrid(spec.gel_grid.x_m, spec.gel_grid.y_m)
    ball, depth = 4e-3, 0.4e-3
    overlap = depth - (ball - np.sqrt(ball**2 - np.minimum(x**2 + y**2, (0.9 * ball) ** 2)))
    solver = LayerGel(spec, LayerConfig(tolerance=1e-5, double_precision=True))
    surface = solver.step(overlap[None], np.zeros((1, *overlap.shape, 2)), 1.0).at(0)
    pressed = surface.normal_traction_pa > 0
    a = np.sqrt(pressed.sum() / np.pi)
    field = press_field((59.5, 59.5, a), (120, 120), ball_radius_px=ball / spacing, thickness_px=30.0, poisson_ratio=0.48)
    sink = surface.displacement_m[..., 2] / spacing
    assert abs(field.height_px.min() - sink.min()) < 0.02 * -sink.min()
    assert np.abs(field.height_px - sink).max() < 0.03 * -sink.min()


def test_impossible_circles_are_refused():
    with pytest.raises(ArgumentError, match="radius between 0 and the ball's, 50"):
        press_field((10, 10, 60), (20, 20), ball_radius_px=50, thickness_px=100)
    with pytest.raises(ArgumentError, match="poisson_ratio"):
        press_field((10, 10, 6), (20, 20), ball_radius_px=50, thickness_px=100, poisson_ratio=0.5)
