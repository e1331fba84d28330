"""Pressing with a given load: against matrices, against a press to the depth found, and through the simulator; mm, N, MPa."""

import numpy as np
import pytest

import simtouch
from simtouch import indenters
from simtouch.gel import LayerConfig, LayerGel
from simtouch.gel.auto import AutoSolver
from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.dense import DenseSolver
from tests.gel.test_dense import CASES, batch, flat_punch, layer, near_roof, overlap_of, sphere
from tests.reference import dense as twin

TOLERANCE = 1e-5


def warm(solver, d, lowering=0.05):
    """A pressure to start from: that of a press nearby."""
    return solver.press(np.where(d > -1, d - np.float32(lowering), d), np.zeros_like(d))


def test_the_load_is_carried_as_by_matrices():
    C = layer_on_grid((5, 6), 0.4, 3.0, 0.2, 0.48, dtype=np.float32)
    solver, rng = DenseSolver(C, tolerance=TOLERANCE), np.random.default_rng(0)
    d = (0.2 - 0.25 * rng.random((3, 5, 6))).astype(np.float32)
    loads = np.array([0.05, 0.3, 1.0])
    p, lowering = solver.carry(d, warm(solver, d), loads)
    for b in range(3):
        wanted, a = twin.carry(twin.matrices(C), d[b], loads[b])
        np.testing.assert_allclose(p[b], wanted, atol=3e-4 * wanted.max())
        assert lowering[b] == pytest.approx(a, abs=2e-5 * (d[b].max() + a))


@pytest.mark.parametrize(("grid", "shape"), CASES)
@pytest.mark.parametrize("factor", [0.8, 1.1])
def test_the_load_is_that_of_a_press_to_the_depth_found(grid, shape, factor):
    d, solver = overlap_of(grid, shape), DenseSolver(layer(grid), tolerance=TOLERANCE)
    start = warm(solver, d)
    load = factor * start.sum((1, 2), dtype=float)
    p, lowering = solver.carry(d, start, load)
    assert (p >= 0).all()
    assert p.sum(dtype=float) == pytest.approx(load[0], rel=1e-5)
    pressed = solver.press(d + lowering[:, None, None], np.zeros_like(d))
    np.testing.assert_allclose(p, pressed, atol=1e-3 * pressed.max())


def test_cells_beyond_the_first_list_are_found():
    """A roof that the gel meets only under the higher load."""
    d, solver = overlap_of("80 x 60", near_roof), DenseSolver(layer("80 x 60"), tolerance=TOLERANCE)
    start = warm(solver, d, 0.3)
    assert start[0, 30, 40] == 0
    p, lowering = solver.carry(d, start, 6 * start.sum((1, 2), dtype=float))
    assert p[0, 30, 40] > 0
    pressed = solver.press(d + lowering[:, None, None], np.zeros_like(d))
    np.testing.assert_allclose(p, pressed, atol=2e-3 * pressed.max())


@pytest.mark.parametrize("solver", [DenseSolver, AutoSolver])
def test_without_a_pressure_to_start_from_no_lowering_is_told(solver):
    d = np.concatenate([overlap_of("37 x 23", sphere), overlap_of("37 x 23", flat_punch)])
    chosen = solver(layer("37 x 23"))
    start = warm(chosen, d)
    start[0] = 0
    _, lowering = chosen.carry(d, start, np.array([1.0, 1.0]))
    assert np.isnan(lowering[0])
    assert np.isfinite(lowering[1])


def test_a_contact_has_the_same_bytes_in_any_batch():
    solver, d = DenseSolver(layer("37 x 23")), batch("37 x 23", 24)
    start = solver.press(d, np.zeros_like(d))
    loads = start.sum((1, 2), dtype=float) * np.linspace(0.9, 1.1, 24)
    whole = solver.carry(d, start, loads)
    for size, first in ((1, 0), (1, 5), (8, 16)):
        part = solver.carry(*(a[first : first + size] for a in (d, start, loads)))
        assert all(a.tobytes() == b[first : first + size].tobytes() for a, b in zip(part, whole, strict=True))


def stroke(gel):
    """Both pads pressed and pulled with changing forces; the frames, and the forces asked for."""
    sim = simtouch.TactileSimulator("digit", gel=gel, batch=2)
    sim.reset(indenters.sphere(radius_m=4e-3))
    frames, forces = [], [(0.5, 0.8), (0.52, 0.0), (0.6, 0.7), (0.55, 0.75), (1.5, 0.3)]
    for k, both in enumerate(forces):
        poses = np.stack([np.eye(4)] * 2)
        poses[:, 0, 3] = 1e-4 * k, -5e-5 * k
        frames.append(sim.step_force(poses, both, 0.05, look=False))
    return frames, np.array(forces)


def test_forces_are_met_and_pressures_are_those_of_a_search(monkeypatch):
    found, forces = stroke(LayerConfig())
    monkeypatch.setattr(LayerGel, "lowering_m", lambda gel, overlap_m, *_: np.full(len(overlap_m), np.nan))
    searched, _ = stroke(LayerConfig())
    for one, other, wanted in zip(found, searched, forces, strict=True):
        np.testing.assert_allclose(one.normal_force_n, wanted, rtol=2e-4, atol=1e-9)
        np.testing.assert_allclose(one.indent_depth_m, other.indent_depth_m, atol=1e-6)
        peak = max(float(other.normal_traction_pa.max()), 1.0)
        np.testing.assert_allclose(one.normal_traction_pa, other.normal_traction_pa, atol=5e-3 * peak)
        np.testing.assert_allclose(one.force_n, other.force_n, atol=2e-3)


def test_asking_for_a_depth_changes_nothing():
    sim = simtouch.TactileSimulator("digit", batch=1)
    pose = np.eye(4)[None]
    frames = []
    for ask in (False, True):
        sim.reset(indenters.sphere(radius_m=4e-3))
        sim.step_depth(pose, 0.3e-3, look=False)
        if ask:
            over = np.full((1, *sim.spec.gel.grid_shape), -1e-4, np.float32)
            assert np.isfinite(sim._gel.lowering_m(over, np.array([0.4]), 0.05)).all()
        frames.append(sim.step_depth(pose, 0.4e-3, look=False))
    assert frames[0].normal_traction_pa.tobytes() == frames[1].normal_traction_pa.tobytes()
