import numpy as np
import pytest

from simtouch.gel.markers import marker_flow
from simtouch.sensors import SENSORS


@pytest.mark.parametrize("name", ["gelsight_mini_markers", "gelsight_2017"])
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
