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


def touched_pixels(pressure, overlap, field=0.0):
    """Where the gel is touched, with this height on the cells."""
    lift = Lift(pressure.shape, len(overlap) // len(pressure))
    motion = np.zeros((1, *pressure.shape, 3), np.float32)
    motion[..., 2] = field
    seen = lift.see(motion, pressure[None], overlap[None], 0.0, follows_indenter=False)
    return lift.touched[0, :, : overlap.shape[1]] > 0, lift.image(seen)[0]


def test_touched_pixels_equal_their_twin():
    rng = np.random.default_rng(3)
    pressure = np.where(rng.random((12, 9)) < 0.5, rng.uniform(0.1, 1, (12, 9)), 0).astype(np.float32)
    field = rng.normal(size=(12, 9)).astype(np.float32)
    overlap = rng.uniform(-30e-6, 0, (48, 36)).astype(np.float32) - Lift((12, 9), 4).lift(field)
    overlap[:10] = -np.inf
    touched, height = touched_pixels(pressure, overlap, field)
    assert (
        touched != twin.touched_pixels(pressure, overlap, height)
    ).mean() < 0.02  # rounding, where v or the gap is at its edge
    assert 0.1 < touched.mean() < 0.9


def test_the_rim_of_a_hertzian_contact_is_found_between_the_cells():
    y, x = np.mgrid[:30, :30]
    rows, cols = (np.mgrid[:240, :240] + 0.5) / 8 - 0.5
    for radius in (4.3, 7.7, 10.1):
        pressure = np.sqrt(np.maximum(1 - ((x - 14.2) ** 2 + (y - 15.1) ** 2) / radius**2, 0)).astype(np.float32)
        touched, _ = touched_pixels(pressure, np.zeros((240, 240), np.float32))
        way = np.hypot(cols - 14.2, rows - 15.1) - radius
        assert touched[way < -0.35].all()
        assert not touched[way > 0.35].any()  # cells
        assert np.sqrt(touched.sum() / np.pi) / 8 == pytest.approx(radius, abs=0.15)


def test_a_single_cell_in_contact_is_touched_around_its_centre():
    pressure = np.zeros((12, 9), np.float32)
    pressure[5, 4] = 1.0
    touched, _ = touched_pixels(pressure, np.zeros((48, 36), np.float32))
    assert touched[21:23, 17:19].all()
    assert 4 <= touched.sum() <= 64


def test_contacts_of_a_batch_are_lifted_each_for_itself_and_rows_go_on_with_the_slope_at_their_ends():
    rng = np.random.default_rng(4)
    motion = rng.normal(size=(3, 12, 9, 3)).astype(np.float32)
    pressure = np.where(rng.random((3, 12, 9)) < 0.3, 1, 0).astype(np.float32)
    overlap, by = rng.normal(size=(3, 48, 36)).astype(np.float32), np.array([0.1, -0.2, 0.3], np.float32)
    several = Lift((12, 9), 4, batch=3, stride=80)
    for _ in range(2):  # nothing is left of the call before
        seen = several.see(motion, pressure, overlap, by)
        np.testing.assert_array_equal(seen[..., 7], seen[..., 8] + (seen[..., 8] - seen[..., 9]))
        np.testing.assert_array_equal(seen[..., 44], seen[..., 43] + (seen[..., 43] - seen[..., 42]))
        for b in range(3):
            alone = Lift((12, 9), 4, stride=80)
            one = alone.see(motion[b : b + 1], pressure[b : b + 1], overlap[b : b + 1], by[b])[0]
            np.testing.assert_array_equal(one[:, 7:45], seen[b, :, 7:45])
            np.testing.assert_array_equal(alone.touched[0], several.touched[b])
        motion, pressure = motion[::-1].copy(), pressure[::-1].copy()
