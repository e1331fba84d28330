import numpy as np
import pytest

from simtouch.gel.compliance import layer_compliance, layer_on_grid
from tests.reference.layer import layer_compliance_by_solve

E, T = 0.2, 3.0


@pytest.mark.parametrize("poisson", [0.3, 0.45, 0.48, 0.499])
def test_closed_forms_solve_the_layer_equations(poisson):
    k = np.geomspace(0.01, 6, 60)
    c_zz, c_ll, c_zl, _ = layer_compliance(k, T, E, poisson)
    for closed, solved in zip((c_zz, c_ll, c_zl), layer_compliance_by_solve(k, T, E, poisson), strict=True):
        np.testing.assert_allclose(closed, solved, rtol=1e-8, atol=1e-11)


def test_short_waves_see_a_half_space():
    nu, k = 0.48, np.array([10.0, 100.0, 1e4])
    shear = E / (2 * (1 + nu))
    c_zz, c_ll, c_zl, c_tt = layer_compliance(k, T, E, nu)
    np.testing.assert_allclose(c_zz, (1 - nu) / (shear * k), rtol=1e-9)
    np.testing.assert_allclose(c_ll, (1 - nu) / (shear * k), rtol=1e-9)
    np.testing.assert_allclose(c_tt, 1 / (shear * k), rtol=1e-9)
    np.testing.assert_allclose(c_zl, -(1 - 2 * nu) / (2 * shear * k), rtol=1e-9)


def test_long_waves_see_uniform_compression_and_shear():
    nu = 0.48
    shear, lame = E / (2 * (1 + nu)), E * nu / ((1 + nu) * (1 - 2 * nu))
    for k in (0.0, 1e-5):
        c_zz, c_ll, c_zl, c_tt = layer_compliance(np.array([k]), T, E, nu)
        np.testing.assert_allclose(c_zz, T / (lame + 2 * shear), rtol=1e-6)
        np.testing.assert_allclose([c_ll, c_tt], T / shear, rtol=1e-6)
        np.testing.assert_allclose(c_zl, k * T * T * (4 * nu - 1) / (4 * shear * (1 - nu)), atol=1e-9)


@pytest.fixture(scope="module")
def grid():
    return layer_on_grid((20, 24), 0.3, T, E, 0.48)


def test_compliance_is_symmetric(grid):
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(2, 20, 24))
    s, t = rng.normal(size=(2, 2, 20, 24))
    np.testing.assert_allclose((p * grid.sink(q)).sum(), (q * grid.sink(p)).sum(), rtol=1e-10)
    np.testing.assert_allclose((s * grid.drag(t)).sum(), (t * grid.drag(s)).sum(), rtol=1e-10)


def test_pressing_and_shear_are_reciprocal(grid):
    rng = np.random.default_rng(1)
    p, shear = rng.normal(size=(20, 24)), rng.normal(size=(2, 20, 24))
    np.testing.assert_allclose((p * grid.sink_by_shear(shear)).sum(), -(shear * -grid.spread(p)).sum(), rtol=1e-9)


def test_a_window_is_the_same_compliance(grid):
    p = np.zeros((20, 24))
    p[4:12, 8:16] = np.random.default_rng(2).normal(size=(8, 8))
    np.testing.assert_allclose(grid.window((8, 8)).sink(p[4:12, 8:16]), grid.sink(p)[4:12, 8:16], atol=1e-12)


@pytest.mark.parametrize("poisson", [0.3, 0.48])
def test_a_larger_box_gives_the_same_kernels(poisson):
    """Nearly incompressible gels reach far: pressure under a load spreads over 1.5 thicknesses, so the box must be wide."""
    near, far = (layer_on_grid((20, 24), 0.3, T, E, poisson, box=box) for box in (4, 20))
    y, x = np.mgrid[:20, :24]
    load = np.exp(-((x - 12) ** 2 + (y - 10) ** 2) / 8)  # smooth: the odd kernels drop the unpaired Nyquist line
    for name in ("sink", "spread"):
        a, b = getattr(near, name)(load), getattr(far, name)(load)
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())
    a, b = near.drag(np.stack([load, load])), far.drag(np.stack([load, load]))
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


def test_all_at_once_is_the_sum_of_its_parts(grid):
    rng = np.random.default_rng(4)
    p, t = rng.normal(size=(20, 24)), rng.normal(size=(2, 20, 24))
    u_x, u_y, by_pressure, by_shear = grid.fields(p, t)
    np.testing.assert_allclose(np.stack([u_x, u_y]), grid.spread(p) + grid.drag(t), atol=1e-12)
    np.testing.assert_allclose(by_pressure, grid.sink(p), atol=1e-12)
    np.testing.assert_allclose(by_shear, grid.sink_by_shear(t), atol=1e-12)
