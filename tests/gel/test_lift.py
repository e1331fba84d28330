import numpy as np
import pytest

from simtouch.gel.lift import Lift
from tests.reference import lift as twin


@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_kernel_equals_its_twin(ratio):
    field = np.random.default_rng(0).normal(size=(12, 9)).astype(np.float32)
    np.testing.assert_allclose(Lift((12, 9), ratio).lift(field), twin.lift(field, ratio), atol=2e-6)


def test_height_kernel_equals_its_twin():
    rng = np.random.default_rng(1)
    field, overlap = rng.normal(size=(12, 9)).astype(np.float32), rng.normal(size=(48, 36)).astype(np.float32)
    overlap[:10] = -np.inf
    contact = rng.random((12, 9)) < 0.4
    contact[4:9, 2:8] = True
    overlap[20:36, 8:32] = -twin.lift(field, 4)[20:36, 8:32] - rng.uniform(-5e-6, 30e-6, (16, 24))
    height, touched = Lift((12, 9), 4).lift_height(field, overlap, contact)
    wanted, wanted_touched = twin.lift_height(field, overlap, contact, 4)
    np.testing.assert_allclose(height, wanted, atol=2e-6)
    assert touched.dtype == bool
    assert (touched != wanted_touched).mean() < 0.02  # rounding at the edge of a micrometre of a field of metres
    assert 0.1 < touched.mean() < 0.9


def test_the_surface_stays_out_of_the_indenter():
    rng = np.random.default_rng(2)
    overlap = rng.normal(size=(48, 36)).astype(np.float32)
    height, touched = Lift((12, 9), 4).lift_height(np.zeros((12, 9)), overlap, np.ones((12, 9), bool))
    assert (-height >= overlap).all()
    assert touched[overlap > 0].all()


def test_touch_needs_a_cell_in_contact_near_by():
    contact = np.zeros((12, 9), bool)
    contact[5, 4] = True
    _, touched = Lift((12, 9), 4).lift_height(np.zeros((12, 9)), np.full((48, 36), 1e-3, np.float32), contact)
    assert np.array_equal(touched, np.pad(np.ones((12, 12), bool), ((16, 20), (12, 12))))


def test_a_plane_inside_stays_a_plane():
    y, x = np.mgrid[:16, :16].astype(np.float32)
    lifted = Lift((16, 16), 4).lift(2 * x + 3 * y)
    rows, cols = np.mgrid[24:40, 24:40]
    np.testing.assert_allclose(lifted[24:40, 24:40], 2 * ((cols + 0.5) / 4 - 0.5) + 3 * ((rows + 0.5) / 4 - 0.5), rtol=1e-3)
