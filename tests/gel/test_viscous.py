"""Creep and relaxation against the closed forms of one Maxwell branch beside a spring."""

import numpy as np
import pytest

from simtouch.force_control import find_roots
from simtouch.gel import LayerConfig, LayerGel
from tests.gel.test_layer import DEPTH, UNCOUPLED, Stream, gel_spec

SHARE, TIME = 0.4, 0.5
DT = 0.05


def stream(friction=0.0, branches=((SHARE, TIME),), config=UNCOUPLED):
    return Stream(gel_spec(friction=friction, relaxation=branches), config)


def punch(depth_m):
    """A flat one, so that the contact keeps its size: overlap, (1, h, w)."""
    grid = gel_spec().gel_grid
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    return np.where(np.hypot(x, y) < 2e-3, depth_m, -1.0)[None]


def test_a_held_press_relaxes_as_the_material_does():
    elastic = stream(branches=()).press(1).normal_force_n
    held = stream()
    forces = [held.press(1, dt_s=DT).normal_force_n]
    for _ in range(20):
        held.frame(DEPTH, dt_s=DT)
        forces.append(held.normal_force_n)
    ramp = SHARE * (1 - np.exp(-DT / TIME)) * TIME / DT  # straight to its depth within the first frame
    exact = 1 + ramp * np.exp(-DT / TIME * np.arange(21))
    np.testing.assert_allclose(np.array(forces) / elastic, exact, rtol=2e-3)


def test_shear_relaxes_as_pressure_does():
    exact = LayerConfig(coupling_sweeps=0, friction_tolerance=1e-6)  # a share of a limit that is far away
    pulled, elastic = (stream(10.0, branches, exact) for branches in (((SHARE, TIME),), ()))
    ratios = []
    for one in (pulled, elastic):
        one.press(1, dt_s=1e3)
        one.frame(DEPTH, 0.02e-3, dt_s=DT)
    for _ in range(6):
        ratios.append(pulled.pull * pulled.normal_force_n / (elastic.pull * elastic.normal_force_n))
        pulled.frame(DEPTH, 0.02e-3, dt_s=DT)
    ramp = SHARE * (1 - np.exp(-DT / TIME)) * TIME / DT
    np.testing.assert_allclose(ratios, 1 + ramp * np.exp(-DT / TIME * np.arange(6)), rtol=5e-3)


def test_a_constant_force_creeps():
    """J(t) = [1 - g/(1 + g) exp(-t / ((1 + g) tau))] / E, on a punch, whose contact does not grow."""
    force, dt = 0.3, 0.02
    gel, still = LayerGel(gel_spec(friction=0.0, relaxation=((SHARE, TIME),))), np.zeros((1, 60, 80, 2))
    depths = []
    for _ in range(40):

        def excess(depth):
            return gel.normal_force_n(punch(depth[0]), dt) - force

        low, high = np.zeros(1), np.array([1e-3])
        roots = find_roots(excess, (low, np.array([-force])), (high, excess(high)), np.array([1e-5]), np.array([True]))
        gel.step(punch(roots[0]), still, dt)
        depths.append(roots[0])
    unit = 1e-4 / LayerGel(gel_spec(friction=0.0)).fresh_force_n(punch(1e-4)[0])
    # The load came within the first frame; the closed form takes it as a step in its middle.
    t = dt * (np.arange(40) + 0.5)
    exact = force * unit * (1 - SHARE / (1 + SHARE) * np.exp(-t / ((1 + SHARE) * TIME)))
    np.testing.assert_allclose(depths[3:], exact[3:], rtol=5e-3)


def test_a_dent_fills_with_time_when_the_indenter_has_gone():
    held, dt = stream(), 0.02
    held.press(1, dt_s=1e3)  # long ago: all relaxed
    deep = [held.frame(-1e-3, dt_s=dt).displacement_m.copy() for _ in range(30)]
    assert not held.surface.contact_mask.any()
    assert deep[0][30, 40, 2] < -0.1 * DEPTH
    left = np.array([d[30, 40, 2] for d in deep])
    np.testing.assert_allclose(left[1:] / left[:-1], np.exp(-dt / ((1 + SHARE) * TIME)), rtol=2e-3)


def test_no_branches_and_a_branch_without_share_are_the_same():
    plain, empty = stream(0.6, ()), stream(0.6, ((0.0, 1.0),))
    for one in (plain, empty):
        one.press()
        one.frame(DEPTH, 0.1e-3)
    np.testing.assert_allclose(plain.surface.shear_traction_pa, empty.surface.shear_traction_pa, atol=20)
    np.testing.assert_allclose(plain.surface.normal_traction_pa, empty.surface.normal_traction_pa, atol=20)


def test_slow_loading_is_elastic_and_fast_loading_stiffer():
    branch = ((SHARE, TIME),)
    slow, fast, elastic = (stream(branches=b).press(1, dt_s=t) for b, t in ((branch, 1e4), (branch, 1e-4), ((), 1.0)))
    assert slow.normal_force_n == pytest.approx(elastic.normal_force_n, rel=1e-3)
    assert fast.normal_force_n == pytest.approx((1 + SHARE) * elastic.normal_force_n, rel=2e-3)
