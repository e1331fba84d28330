import numpy as np
import pytest

from simtouch.gel.lift import Lift, touched_pixels
from tests.reference import lift as twin


@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_kernel_equals_its_twin(ratio):
    field = np.random.default_rng(0).normal(size=(12, 9)).astype(np.float32)
    np.testing.assert_allclose(Lift((12, 9), ratio).lift(field), twin.lift(field, ratio), atol=2e-6)


def test_height_kernel_equals_its_twin():
    rng = np.random.default_rng(1)
    field, overlap = rng.normal(size=(12, 9)).astype(np.float32), rng.normal(size=(48, 36)).astype(np.float32)
    overlap[:10] = -np.inf
    ours = Lift((12, 9), 4).lift_height(field, overlap)
    np.testing.assert_allclose(ours, twin.lift_height(field, overlap, 4), atol=2e-6)


def test_the_surface_stays_out_of_the_indenter():
    rng = np.random.default_rng(2)
    overlap = rng.normal(size=(48, 36)).astype(np.float32)
    assert (-Lift((12, 9), 4).lift_height(np.zeros((12, 9)), overlap) >= overlap).all()


def test_a_plane_inside_stays_a_plane():
    y, x = np.mgrid[:16, :16].astype(np.float32)
    lifted = Lift((16, 16), 4).lift(2 * x + 3 * y)
    rows, cols = np.mgrid[24:40, 24:40]
    np.testing.assert_allclose(lifted[24:40, 24:40], 2 * ((cols + 0.5) / 4 - 0.5) + 3 * ((rows + 0.5) / 4 - 0.5), rtol=1e-3)


def test_touched_pixels_equal_their_twin():
    rng = np.random.default_rng(3)
    pressure = np.where(rng.random((12, 9)) < 0.5, rng.uniform(0.1, 1, (12, 9)), 0).astype(np.float32)
    height = rng.normal(size=(48, 36)).astype(np.float32)
    overlap = rng.uniform(-30e-6, 0, (48, 36)).astype(np.float32) - height
    overlap[:10] = -np.inf
    touched = touched_pixels(pressure, overlap, height)
    assert (
        touched != twin.touched_pixels(pressure, overlap, height)
    ).mean() < 0.02  # rounding, where v or the gap is at its edge
    assert 0.1 < touched.mean() < 0.9


def test_the_rim_of_a_hertzian_contact_is_found_between_the_cells():
    y, x = np.mgrid[:30, :30]
    rows, cols = (np.mgrid[:240, :240] + 0.5) / 8 - 0.5
    for radius in (4.3, 7.7, 10.1):
        pressure = np.sqrt(np.maximum(1 - ((x - 14.2) ** 2 + (y - 15.1) ** 2) / radius**2, 0)).astype(np.float32)
        touched = touched_pixels(pressure, *np.zeros((2, 240, 240), np.float32))
        way = np.hypot(cols - 14.2, rows - 15.1) - radius
        assert touched[way < -0.35].all()
        assert not touched[way > 0.35].any()  # cells
        assert np.sqrt(touched.sum() / np.pi) / 8 == pytest.approx(radius, abs=0.15)


def test_a_single_cell_in_contact_is_touched_around_its_centre():
    pressure = np.zeros((12, 9), np.float32)
    pressure[5, 4] = 1.0
    touched = touched_pixels(pressure, *np.zeros((2, 48, 36), np.float32))
    assert touched[21:23, 17:19].all()
    assert 4 <= touched.sum() <= 64
