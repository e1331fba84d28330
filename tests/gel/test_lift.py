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
