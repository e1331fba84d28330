"""Friction against Cattaneo and Mindlin, and its memory; mm, N, MPa."""

import numpy as np
import pytest

from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.friction import solve_friction
from simtouch.gel.normal import solve_normal
from tests.gel.test_normal import DEPTH, NU, E, R, centred, hertz
from tests.reference.contact import matrix_of, solve_friction_dense
from tests.reference.half_space import half_space_on_grid

MU = 0.5


def press_a_ball(cells):
    a, _, _ = hertz()
    spacing = 2.5 * a / cells
    C, r = half_space_on_grid((cells, cells), spacing, E, NU), centred((cells, cells), spacing)
    return C, r, spacing, solve_normal(C, DEPTH - r**2 / (2 * R), tolerance=1e-6).pressure


@pytest.fixture(scope="module")
def pressed():
    return press_a_ball(80)


def cattaneo_mindlin(pressed, load):
    """Relative error of the shear force, agreement of the stick mask over the contact, rms error of the traction."""
    C, r, spacing, p = pressed
    a, force, p_0 = hertz()
    shear = E / (2 * (1 + NU))
    stick_radius = a * (1 - load) ** (1 / 3)
    w = np.zeros((2, *p.shape))
    w[0] = 3 * MU * force * (2 - NU) / (16 * shear * a) * (1 - (1 - load) ** (2 / 3))
    solved = solve_friction(C, w, MU * p)
    q_error = solved.shear[0].sum() * spacing**2 / (load * MU * force) - 1
    touched = p > 0
    agreement = ((r < stick_radius)[touched] == ~solved.slides[touched]).mean()
    annulus = np.sqrt(np.maximum(1 - (r / a) ** 2, 0))
    exact = MU * p_0 * (annulus - stick_radius / a * np.sqrt(np.maximum(1 - (r / stick_radius) ** 2, 0)))
    rms = np.sqrt(((solved.shear[0] - exact) ** 2).mean() / (exact**2).mean())
    print(
        f"Cattaneo-Mindlin n {len(r)}, Q/muF {load}: Q {100 * q_error:+.3f} %, stick mask {100 * agreement:.2f} %, "
        f"shear rms {100 * rms:.1f} %"
    )
    return q_error, agreement, rms


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_partial_slip_follows_cattaneo_and_mindlin(pressed, load):
    q_error, agreement, rms = cattaneo_mindlin(pressed, load)
    assert abs(q_error) < 2e-3
    assert agreement >= 0.988
    assert rms < 0.025


@pytest.mark.slow
def test_partial_slip_follows_cattaneo_and_mindlin_on_a_fine_grid():
    pressed = press_a_ball(160)
    for load in (0.3, 0.6, 0.9):
        q_error, agreement, rms = cattaneo_mindlin(pressed, load)
        assert abs(q_error) < 1.75e-3
        assert agreement >= 0.997
        assert rms < 0.015


def test_shear_never_leaves_the_cone(pressed):
    C, _, _, p = pressed
    w = np.random.default_rng(0).normal(scale=0.1, size=(2, *p.shape))
    solved = solve_friction(C, w, MU * p)
    assert (np.hypot(*solved.shear) <= MU * p).all()
    assert not np.hypot(*solved.shear)[p == 0].any()


def test_the_solution_is_that_of_the_dense_problem():
    shape = (6, 7)
    C = layer_on_grid(shape, 0.4, 3.0, E, NU)
    rng = np.random.default_rng(0)
    limit, w = 0.05 * rng.random(shape), 0.1 * rng.normal(size=(2, *shape))
    dense = solve_friction_dense(matrix_of(C.drag, (2, *shape)), w.reshape(2, -1), limit.ravel()).reshape(2, *shape)
    solved = solve_friction(C, w, limit, tolerance=1e-8, max_iterations=5000)
    np.testing.assert_allclose(solved.shear, dense, atol=1e-4 * limit.max())


def test_turning_the_problem_turns_the_solution(pressed):
    C, _, _, p = pressed
    w = np.zeros((2, *p.shape))
    w[0] = 0.05
    along_x = solve_friction(C, w, MU * p, tolerance=1e-6, max_iterations=2000).shear
    along_y = solve_friction(C, w[::-1], MU * p, tolerance=1e-6, max_iterations=2000).shear
    np.testing.assert_allclose(along_y, np.stack([along_x[1].T, along_x[0].T]), atol=1e-3 * MU * p.max())


def test_no_pressure_means_no_shear():
    C = layer_on_grid((8, 8), 0.3, 3.0, E, NU)
    solved = solve_friction(C, np.ones((2, 8, 8)), np.zeros((8, 8)))
    assert not solved.shear.any()
    assert not solved.slides.any()


@pytest.mark.parametrize("seed", range(3))
def test_steps_that_lower_the_energy_lead_where_long_steps_lead(seed, monkeypatch):
    rng, shape = np.random.default_rng(seed), (12, 14)
    C = layer_on_grid(shape, 0.3, 3.0, E, NU)
    w, limit = rng.normal(scale=0.02, size=(2, *shape)), rng.uniform(0, 0.05, shape) * (rng.random(shape) < 0.7)
    long = solve_friction(C, w, limit, tolerance=1e-8, max_iterations=3000)
    monkeypatch.setattr("simtouch.gel.friction.LONG_STEPS", 0)
    careful = solve_friction(C, w, limit, tolerance=1e-8, max_iterations=3000)
    assert max(long.error, careful.error) < 1e-8
    assert np.abs(long.shear - careful.shear).max() < 1e-6 * limit.max()
    assert long.iterations < 3 * careful.iterations
