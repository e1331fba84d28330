"""The sums over cells against transforms, against matrices, and the laws of contact; mm, N, MPa."""

import hashlib
import os
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest

from simtouch.gel import auto
from simtouch.gel.auto import AutoSolver
from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.dense import DenseSolver
from simtouch.gel.fft import FftSolver
from tests.reference import dense as twin

MU = 0.6
TIGHT = {"tolerance": 1e-5, "friction_tolerance": 3e-6}


def sphere(x, y):
    return 0.5 - (x**2 + y**2) / 8


def flat_punch(x, y):
    return np.where(np.hypot(x, y) < 2, 0.3, -1.0)


def texture(x, y):
    return 0.4 - 0.15 * (1 - np.cos(2 * np.pi * x / 1.6) * np.cos(2 * np.pi * y / 1.6)) - (x**2 + y**2) / 24


def ring(x, y):
    return 0.3 - 0.5 * (np.hypot(x, y) - 2.5) ** 2


def two_blobs(x, y):
    return np.maximum(sphere(x - 2, y - 1) - 0.2, sphere(x + 2, y + 1))


def at_the_rim(x, y):
    return sphere(x - x.max(), y - y.min())


def everywhere(x, y):
    return 0.3 + 0.01 * x + 0.05 * np.cos(2 * x)


def near_roof(x, y):
    """A cup whose roof only the bulging gel meets."""
    r = np.hypot(x, y)
    return np.where((r > 2.2) & (r < 3.5), 0.5, np.where(r <= 2.2, -0.03, -1.0))


GRIDS = {"80 x 60": ((60, 80), 0.25), "37 x 23": ((23, 37), 0.45)}
SHAPES = (sphere, flat_punch, texture, ring, two_blobs, at_the_rim)
CASES = [(grid, shape) for grid in GRIDS for shape in SHAPES] + [("37 x 23", everywhere)]


@lru_cache
def layer(grid, dtype=np.float32):
    shape, spacing = GRIDS[grid]
    return layer_on_grid(shape, spacing, 3.0, 0.2, 0.48, dtype=dtype)


def overlap_of(grid, shape, shift=(0.0, 0.0)):
    (h, w), spacing = GRIDS[grid]
    x, y = np.meshgrid((np.arange(w) - (w - 1) / 2) * spacing, (np.arange(h) - (h - 1) / 2) * spacing)
    return shape(x - shift[0], y - shift[1]).astype(np.float32)[None]


def run(solver, d, pull=(0.1, 0.03)):
    """Press and slide from nothing, and the fields: p, shear, slides, u, sink by p, sink by shear."""
    p = solver.press(d, np.zeros_like(d))
    target = np.zeros((len(d), 2, *d.shape[1:]), d.dtype)
    target[:, 0], target[:, 1] = pull
    shear, slides = solver.slide(target, p, p * d.dtype.type(MU), np.zeros_like(target))
    fields = solver.fields(p, shear)
    return p, shear, slides, fields[:, :2], fields[:, 2], fields[:, 3]


@pytest.mark.parametrize(("grid", "shape"), CASES)
def test_sums_over_cells_agree_with_transforms(grid, shape):
    d = overlap_of(grid, shape)
    ours = run(DenseSolver(layer(grid), **TIGHT), d)
    theirs = run(FftSolver(layer(grid, np.float64), tolerance=1e-7, friction_tolerance=1e-6), d.astype(float))
    p, shear, slides, u, sink, lift = zip(ours, theirs, strict=True)
    errors = [np.abs(a - b).max() / np.abs(b).max() for a, b in (p, sink, shear, u, lift)]
    print(f"{shape.__name__}, {grid}: {np.count_nonzero(p[0])} cells, errors {[f'{e:.0e}' for e in errors]}")
    assert max(errors[:2]) < 2e-4
    assert max(errors[2:]) < 2e-3
    assert (slides[0] != slides[1]).sum() <= 0.02 * slides[1].sum()


@pytest.mark.parametrize("solver", [DenseSolver, FftSolver])
def test_both_agree_with_matrices(solver):
    C = layer_on_grid((5, 6), 0.4, 3.0, 0.2, 0.48, dtype=np.float32)
    matrices, rng = twin.matrices(C), np.random.default_rng(0)
    d = (0.2 - 0.25 * rng.random((1, 5, 6))).astype(np.float32)
    target, past = (0.05 * rng.normal(size=(1, n, 5, 6)).astype(np.float32) for n in (2, 1))
    solver = solver(C, **TIGHT)
    p = solver.press(d, np.zeros_like(d))
    wanted = twin.press(matrices, d[0])
    np.testing.assert_allclose(p[0], wanted, atol=1e-4 * wanted.max())
    limit = p * np.float32(MU)
    for pressure in (np.zeros_like(p), p, p + past[0]):
        shear, _ = solver.slide(target, pressure, limit, np.zeros_like(target))
        held = twin.slide(matrices, target[0], pressure[0], limit[0])
        np.testing.assert_allclose(shear[0], held, atol=1e-3 * limit.max())


def test_the_fields_are_those_of_matrices_wherever_the_load_is():
    """Loads near the middle are answered on a smaller torus."""
    C = layer_on_grid((9, 12), 0.4, 3.0, 0.2, 0.48, dtype=np.float32)
    matrices, rng = twin.matrices(C), np.random.default_rng(0)
    for rows, cols in (
        (slice(4, 5), slice(5, 7)),
        (slice(3, 6), slice(4, 9)),
        (slice(0, 2), slice(3, 9)),
        (slice(0, 9), slice(0, 12)),
    ):
        p, shear = np.zeros((1, 9, 12), np.float32), np.zeros((1, 2, 9, 12), np.float32)
        p[:, rows, cols], shear[:, :, rows, cols] = (
            rng.random(p[:, rows, cols].shape),
            rng.normal(size=shear[:, :, rows, cols].shape),
        )
        wanted = twin.fields(matrices, p[0], shear[0])
        found = FftSolver(C).fields(p, shear)[0]
        np.testing.assert_allclose(found[2:], wanted[2:], atol=1e-5 * np.abs(wanted).max())
        np.testing.assert_allclose(found[:2], wanted[:2], atol=1e-5 * np.abs(wanted).max())


def test_the_steps_of_the_cells_are_short_enough():
    """D - C >= 0: every step descends."""
    C = layer_on_grid((8, 9), 0.3, 3.0, 0.2, 0.48)
    matrices = twin.matrices(C)
    on = np.random.default_rng(1).random((8, 9)) < 0.6
    picked = {name: matrices[name][np.ix_(on.ravel(), on.ravel())] for name in ("xx", "yy", "xy")}
    whole = np.block([[picked["xx"], picked["xy"]], [picked["xy"], picked["yy"]]])
    diagonal = np.tile(twin.step_diagonal(matrices, on), 2)
    assert np.linalg.eigvalsh(np.diag(diagonal) - whole)[0] > 0


@pytest.mark.parametrize("solver", [DenseSolver, FftSolver, AutoSolver])
@pytest.mark.parametrize("shape", [sphere, texture, near_roof])
def test_touched_cells_meet_the_indenter_and_others_stay_below_it(solver, shape):
    d = overlap_of("80 x 60", shape)
    p, shear, slides, _, sink, _ = run(solver(layer("80 x 60")), d)
    gap, allowed = sink - d, 1.2e-3 * d.max()
    assert (p >= 0).all()
    assert np.abs(gap[p > 0]).max() < allowed
    assert gap.min() > -allowed
    limit = p * np.float32(MU)
    assert (np.hypot(shear[:, 0], shear[:, 1]) <= limit).all()
    assert not slides[p == 0].any()
    assert slides.any()


@pytest.mark.parametrize("solver", [DenseSolver, FftSolver])
@pytest.mark.parametrize("margin_mm", [0.02, -0.2])
def test_the_margin_is_checked_and_not_trusted(solver, margin_mm):
    """Cells left out at first, because of a roof beyond the margin or a margin that is far too small, are found."""
    d = overlap_of("80 x 60", near_roof)
    p = solver(layer("80 x 60"), margin_mm=margin_mm, **TIGHT).press(d, np.zeros_like(d))
    wide = FftSolver(layer("80 x 60"), margin_mm=10.0, **TIGHT).press(d, np.zeros_like(d))
    assert p[0, 30, 40] > 0
    np.testing.assert_allclose(p, wide, atol=2e-3 * wide.max())
    assert (layer("80 x 60").sink(p[0]) >= d[0] - 2e-5 * d.max()).all()


def test_a_warm_start_reaches_the_same_contact():
    d, solver = overlap_of("80 x 60", sphere), DenseSolver(layer("80 x 60"), **TIGHT)
    cold = solver.press(d, np.zeros_like(d))
    before = solver.press(overlap_of("80 x 60", sphere, (0.4, 0.1)), np.zeros_like(d))
    warm = solver.press(d, before)
    np.testing.assert_allclose(warm, cold, atol=2e-4 * cold.max())


@pytest.mark.parametrize("solver", [DenseSolver, FftSolver, AutoSolver])
def test_no_contact_means_nothing(solver):
    d = np.concatenate([overlap_of("37 x 23", sphere), np.full((1, 23, 37), -0.1, np.float32)])
    for both in run(solver(layer("37 x 23")), d):
        assert np.isfinite(both).all()
        assert both[0].any()
        assert not both[1].any()


def batch(grid, count):
    rng = np.random.default_rng(3)
    shapes = (sphere, texture, two_blobs, at_the_rim, ring, lambda x, y: sphere(x, y) - 9, flat_punch, everywhere)
    return np.concatenate([overlap_of(grid, shapes[k % len(shapes)], rng.normal(scale=1, size=2)) for k in range(count)])


@pytest.mark.parametrize("solver", [DenseSolver, AutoSolver])
def test_a_contact_has_the_same_bytes_in_any_batch(solver, monkeypatch):
    for name in ("PRESS", "SLIDE"):
        monkeypatch.setattr(auto, f"FEW_TO_{name}", 40)  # so that a batch holds contacts on both sides
    chosen, d = solver(layer("37 x 23")), batch("37 x 23", 64)
    whole = run(chosen, d)
    for size, first in ((1, 0), (1, 3), (1, 5), (8, 16)):
        part = run(chosen, d[first : first + size])
        assert all(a.tobytes() == b[first : first + size].tobytes() for a, b in zip(part, whole, strict=True))


def digest():
    return hashlib.sha256(b"".join(a.tobytes() for a in run(DenseSolver(layer("37 x 23")), batch("37 x 23", 12)))).hexdigest()


def test_the_number_of_threads_changes_no_byte():
    command = [sys.executable, "-c", "from tests.gel.test_dense import digest; print(digest())"]
    both = [
        subprocess.Popen(command, env={**os.environ, "SIMTOUCH_TI_THREADS": threads}, stdout=subprocess.PIPE, text=True)
        for threads in ("1", "2")
    ]
    found = [process.communicate()[0].split()[-1] for process in both]
    assert found[0] == found[1]
