"""`look=False`: the gel moves on between two pictures."""

import numpy as np
import pytest

import simtouch
from simtouch import indenters


@pytest.fixture(scope="module")
def digit():
    return simtouch.TactileSimulator("digit")


def pose(x_m: float) -> np.ndarray:
    at = np.eye(4)
    at[0, 3], at[2, 3] = x_m, 3.6e-3
    return at


def play(sim, looks, **force):
    sim.reset(indenters.sphere(radius_m=4e-3), seed=5)
    return [
        sim.step_force(pose(2e-5 * k), 0.5, 1 / 240, look=look) if force else sim.step(pose(2e-5 * k), 1 / 240, look=look)
        for k, look in enumerate(looks)
    ]


def test_the_gel_moves_the_same_whether_the_camera_looks_or_not(digit):
    for how in ({}, {"by": "force"}):
        seen, unseen = play(digit, [True] * 8, **how), play(digit, [False, True] * 4, **how)
        for one, other in zip(seen, unseen, strict=True):
            for name in ("force_n", "torque_nm", "slip_m", "slip_rate_m_s", "shear_traction_pa", "gel_T_indenter"):
                assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert seen[-1].slip_state != "none"


def test_a_frame_that_nobody_saw_has_no_picture(digit):
    first, second = play(digit, [False, True])
    assert (first.image.shape, first.height_m.shape) == ((0, 0, 3), (0, 0))
    assert (first.image.dtype, first.height_m.dtype) == (second.image.dtype, second.height_m.dtype)
    assert second.image.shape == (*digit.spec.image_shape, 3)


def test_time_begins_with_the_first_picture_and_goes_on_between_them(digit):
    frames = play(digit, [False, True, False, False, True])
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0, 1 / 240, 2 / 240, 3 / 240])


def test_the_noise_counts_pictures_only(digit):
    away = pose(0.0)
    away[2, 3] = 9e-3

    def still(looks):
        digit.reset(indenters.sphere(radius_m=4e-3), seed=5)
        return [frame.image for look in looks if (frame := digit.step(away, look=look)).image.size]

    for one, other in zip(still([True, True, True]), still([False, True, False, False, True, True]), strict=True):
        assert np.array_equal(one, other)
