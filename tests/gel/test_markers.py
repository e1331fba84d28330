from dataclasses import replace

import numpy as np
import pytest

from simtouch.gel.markers import dot_camera, marker_flow
from simtouch.geometry.dome import dome_height_m
from simtouch.sensors import SENSORS
from tests.reference.dots import apparent_motion

DOTTED = ("gelsight_mini_markers", "gelsight_2017")


@pytest.mark.parametrize("name", DOTTED)
def test_a_uniform_shear_moves_every_dot_alike(name):
    spec = SENSORS[name]
    displacement = np.zeros((*spec.gel.grid_shape, 3))
    displacement[..., 0], displacement[..., 1] = 3 * spec.camera.pixel_pitch_m, -2 * spec.camera.pixel_pitch_m
    position, flow = marker_flow(spec, displacement)
    assert position.shape == flow.shape == (spec.markers.rows * spec.markers.cols, 2)
    np.testing.assert_allclose(flow, np.broadcast_to((3, -2), flow.shape), atol=1e-5)


def test_resting_dots_lie_on_their_grid_in_the_middle_of_the_image():
    spec = SENSORS["gelsight_mini_markers"]
    position, flow = marker_flow(spec, np.zeros((*spec.gel.grid_shape, 3)))
    H, W = spec.image_shape
    np.testing.assert_allclose(position.mean(0), ((W - 1) / 2, (H - 1) / 2), atol=1e-4)
    assert not flow.any()


def test_a_sensor_without_dots_has_none():
    position, flow = marker_flow(SENSORS["digit"], np.zeros((80, 60, 3)))
    assert position.shape == flow.shape == (0, 2)


def test_a_gel_pushed_towards_the_camera_as_a_whole_grows_about_the_middle():
    """Closed form: a flat gel sunk by s shows all of it D / (D - s) times as large."""
    spec = SENSORS["gelsight_mini_markers"]
    spec = replace(spec, gel=replace(spec.gel, dome_radius_m=(np.inf, np.inf)))
    sunk = 1.2e-3
    position, flow = marker_flow(spec, np.broadcast_to([0.0, 0.0, -sunk], (*spec.gel.grid_shape, 3)))
    rest = spec.markers.rest_m / spec.camera.pixel_pitch_m
    distance = spec.camera.distance_m - spec.markers.depth_m
    np.testing.assert_allclose(flow, rest * sunk / (distance - sunk), atol=1e-4)
    H, W = spec.image_shape
    np.testing.assert_allclose(position - ((W - 1) / 2, (H - 1) / 2), rest * distance / (distance - sunk), atol=1e-4)
    assert 5 < np.hypot(*flow.T).max() < 12


@pytest.mark.parametrize("name", DOTTED)
def test_apparent_motion_is_its_numpy_twin(name):
    spec, rng = SENSORS[name], np.random.default_rng(3)
    grid = spec.gel_grid
    displacement = rng.normal(0, 0.4e-3, (*grid.shape, 3)).astype(np.float32)
    place = np.stack(np.meshgrid(grid.x_m, grid.y_m), -1)
    distance = spec.camera.distance_m + dome_height_m(grid, spec.gel.dome_radius_m) - spec.markers.depth_m
    wanted = apparent_motion(displacement.astype(float), place, distance)
    np.testing.assert_allclose(dot_camera(spec).apparent_motion_m(displacement), wanted, atol=1e-9)


@pytest.mark.parametrize("name", DOTTED)
def test_a_press_moves_dots_outwards_and_a_bulge_inwards(name):
    spec = SENSORS[name]
    for depth, sign in ((-0.8e-3, 1), (0.2e-3, -1)):
        _, flow = marker_flow(spec, np.broadcast_to([0.0, 0.0, depth], (*spec.gel.grid_shape, 3)))
        outwards = np.sum(flow * spec.markers.rest_m, -1)
        assert (sign * outwards[np.hypot(*spec.markers.rest_m.T) > 1e-3] > 0).all()


def test_in_plane_motion_alone_is_the_motion():
    spec = SENSORS["gelsight_2017"]
    displacement = np.zeros((*spec.gel.grid_shape, 3))
    displacement[..., :2] = np.random.default_rng(0).normal(0, 1e-4, (*spec.gel.grid_shape, 2))
    for a, b in zip(marker_flow(spec, displacement), marker_flow(spec, displacement[..., :2]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
