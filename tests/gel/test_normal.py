"""Normal contact against Hertz (half-space) and an independent axisymmetric FEM (layer); mm, N, MPa."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.normal import solve_normal
from tests.reference.contact import matrix_of, solve_normal_dense
from tests.reference.half_space import half_space_on_grid

E, NU, R, DEPTH = 0.2, 0.48, 4.0, 0.5


def hertz(poisson=NU):
    """Contact radius, force and largest pressure."""
    plane = E / (1 - poisson**2)
    a = np.sqrt(R * DEPTH)
    return a, 4 / 3 * plane * np.sqrt(R) * DEPTH**1.5, 2 * plane * a / (np.pi * R)


def centred(shape, spacing):
    y, x = (((np.arange(n) - (n - 1) / 2) * spacing) for n in shape)
    return np.hypot(x[None, :], y[:, None])


@pytest.mark.parametrize(("cells", "force_error", "pressure_error"), [(40, 6e-4, 1e-2), (80, 3e-4, 5e-3), (160, 2e-4, 3e-3)])
def test_force_and_pressure_follow_hertz(cells, force_error, pressure_error):
    a, force, p_0 = hertz()
    spacing = 2.5 * a / cells
    r = centred((cells, cells), spacing)
    p = solve_normal(half_space_on_grid((cells, cells), spacing, E, NU), DEPTH - r**2 / (2 * R), tolerance=1e-6).pressure
    exact = p_0 * np.sqrt(np.maximum(1 - (r / a) ** 2, 0))
    error = p.sum() * spacing**2 / force - 1
    rms = np.sqrt(((p - exact) ** 2).mean() / (exact**2).mean())
    print(f"Hertz, dx/a {spacing / a:.3f}: force {100 * error:+.3f} %, pressure rms {100 * rms:.2f} %")
    assert abs(error) < force_error
    assert rms < pressure_error


def test_the_free_surface_follows_hertz():
    a, _, _ = hertz()
    cells, spacing = 160, 5.0 * a / 160
    r = centred((cells, cells), spacing)
    w = solve_normal(half_space_on_grid((cells, cells), spacing, E, NU), DEPTH - r**2 / (2 * R), tolerance=1e-6).sink
    far = r > 1.1 * a
    exact = (a * np.sqrt(r[far] ** 2 - a**2) + (2 * a**2 - r[far] ** 2) * np.arcsin(a / r[far])) / (np.pi * R)
    assert np.abs(w[far] - exact).max() < 7e-4 * DEPTH


# Ratio of the layer's force to Hertz's, by an independent axisymmetric finite-element model with quadratic elements.
FEM = [(0.3, 2, 2.1771), (0.3, 3, 1.6600), (0.3, 4, 1.4446), (0.48, 2, 2.9218), (0.48, 3, 1.9709)]


@pytest.mark.parametrize(("poisson", "thickness", "ratio"), FEM)
def test_layer_force_follows_finite_elements(poisson, thickness, ratio):
    shape, spacing = (120, 160), 0.125
    p = solve_normal(
        layer_on_grid(shape, spacing, thickness, E, poisson), DEPTH - centred(shape, spacing) ** 2 / (2 * R), tolerance=1e-5
    ).pressure
    ours = p.sum() * spacing**2 / hertz(poisson)[1]
    print(f"layer, nu {poisson}, t {thickness}: F/F_Hertz {ours:.4f}, FEM {ratio:.4f}, {100 * (ours / ratio - 1):+.3f} %")
    assert abs(ours / ratio - 1) < 5e-3


def test_force_is_the_slope_of_the_energy():
    """dE/d(depth) = F: the load by another way than the sum of the pressure."""
    shape, spacing = (60, 80), 0.25
    C, r = layer_on_grid(shape, spacing, 3.0, E, NU), centred(shape, spacing)

    def solve(depth):
        solved = solve_normal(C, depth - r**2 / (2 * R), tolerance=1e-8)
        return 0.5 * (solved.pressure * solved.sink).sum() * spacing**2, solved.pressure.sum() * spacing**2

    step = 1e-3
    slope = (solve(DEPTH + step)[0] - solve(DEPTH - step)[0]) / (2 * step)
    assert slope == pytest.approx(solve(DEPTH)[1], rel=1e-4)


@given(seed=st.integers(0, 2**16), depth=st.floats(0.01, 0.3))
@settings(max_examples=10, deadline=None)
def test_any_surface_gives_the_solution_of_the_dense_problem(seed, depth):
    shape = (7, 8)
    C = layer_on_grid(shape, 0.4, 3.0, E, NU)
    d = depth - 0.2 * np.random.default_rng(seed).random(shape)
    dense = solve_normal_dense(matrix_of(C.sink, shape), d.ravel()).reshape(shape)
    solved = solve_normal(C, d, tolerance=1e-9)
    np.testing.assert_allclose(solved.pressure, dense, atol=1e-6 * max(dense.max(), 1e-9))


def test_no_overlap_means_no_pressure():
    solved = solve_normal(layer_on_grid((8, 8), 0.3, 3.0, E, NU), np.full((8, 8), -0.1))
    assert not solved.pressure.any()


def test_a_warm_start_reaches_the_same_pressure():
    shape, spacing = (60, 80), 0.25
    C, r = layer_on_grid(shape, spacing, 3.0, E, NU), centred(shape, spacing)
    cold = solve_normal(C, DEPTH - r**2 / (2 * R), tolerance=1e-7)
    other = solve_normal(C, 0.4 - r**2 / (2 * R), tolerance=1e-7)
    warm = solve_normal(C, DEPTH - r**2 / (2 * R), other.pressure, tolerance=1e-7)
    np.testing.assert_allclose(warm.pressure, cold.pressure, atol=1e-5 * cold.pressure.max())
