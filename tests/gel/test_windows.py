"""Contacts solved in windows: against matrices, against the layer's other back ends, and the laws that need neither; mm, N, MPa."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from simtouch._taichi import Flat, FlatInt, Rows, ensure_runtime, launched, ti
from simtouch.gel import LayerConfig, LayerGel
from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.dense import DenseSolver
from simtouch.gel.lanes import LANES, rows_of_lanes, smooth_size, transform, turns_of
from simtouch.gel.window_slide import STATE
from simtouch.gel.windows import WindowSolver
from tests.gel.test_dense import batch, layer, near_roof, overlap_of, sphere, texture
from tests.gel.test_dense_load import warm
from tests.gel.test_layer import gel_spec
from tests.reference import dense as twin

MU = 0.6
TIGHT = {"tolerance": 1e-5, "friction_tolerance": 1e-5}


def solver(compliance, **accuracy):
    return WindowSolver(
        compliance, **({"tolerance": 1e-3, "friction_tolerance": 2e-4} | accuracy), friction=MU, wide=144.0, units=(1.0, 1.0)
    )


def at_rest(d):
    return np.zeros((len(d), STATE, *d.shape[1:]), np.float32)


def maps_of(surface, shape):
    """Pressure, shear, slip and displacement of each contact."""
    n = shape[0] * shape[1]
    parts = np.split(surface, [n, 3 * n, 5 * n], axis=1)
    return [part.reshape(len(surface), *shape, -1) for part in parts]


def run(solver, d, load=1.1, pull=(0.1, 0.03)):
    """Press with a load near that of an overlap, and pull: pressure, lowering, then what `slide` returns."""
    start = DenseSolver(solver.compliance).press(d, np.zeros_like(d))
    p, lowering = solver.carry(d, at_rest(d), start, load * np.maximum(start.sum((1, 2), dtype=float), 1e-3))
    motion = np.broadcast_to(np.float32(pull), (*d.shape, 2)).copy()
    return p, lowering, *solver.slide(p, motion, at_rest(d))


@launched
@ti.kernel
def _transform(n: int, turns: Flat, where_out: FlatInt, work_out: Rows):
    ti.loop_config(serialize=True)
    for _ in range(1):
        where_out[0] = transform(0, 2 * n, n, turns, 0, work_out)


@pytest.mark.parametrize("least", [1, 9, 11, 25, 53, 97])
def test_eight_columns_are_transformed_at_once(least):
    n, rng = smooth_size(least), np.random.default_rng(0)
    work, where = rows_of_lanes(4 * n), np.zeros(1, np.int32)
    work[: 2 * n] = given = rng.normal(size=(2 * n, LANES))
    ensure_runtime()
    _transform(n, turns_of(n), where, work)
    found = work[where[0] : where[0] + 2 * n]
    np.testing.assert_allclose(found[:n] + 1j * found[n:], np.fft.fft(given[:n] + 1j * given[n:], axis=0), atol=2e-6 * n**0.5)


@pytest.mark.parametrize("shape", [(5, 6), (9, 20)])
def test_pressing_sliding_and_the_fields_are_those_of_matrices(shape):
    C = layer_on_grid(shape, 0.4, 3.0, 0.2, 0.48, dtype=np.float32)
    matrices, rng, ours = twin.matrices(C), np.random.default_rng(0), solver(C, **TIGHT)
    d = (0.2 - 0.25 * rng.random((2, *shape))).astype(np.float32)
    d[:, 0], d[:, :, -1] = -1.0, -1.0
    start, loads = np.maximum(d, 0), np.array([0.3, 1.0])
    state, motion = at_rest(d), 0.03 * rng.normal(size=(2, *shape, 2)).astype(np.float32)
    state[:, 2:] = 0.01 * rng.normal(size=state[:, 2:].shape)
    p, lowering = ours.carry(d, state, start, loads)
    after, surface, slides = ours.slide(p, motion, state)
    pressure, shear, slip, moved = maps_of(surface, shape)
    for b in range(2):
        wanted, a = twin.carry(matrices, d[b] - state[b, 4], loads[b])
        np.testing.assert_allclose(p[b], wanted, atol=3e-4 * wanted.max())
        assert lowering[b] == pytest.approx(a, abs=2e-5)
        target = state[b, 2:4] + np.moveaxis(motion[b], -1, 0)
        held = twin.slide(matrices, target, p[b], MU * p[b])
        np.testing.assert_allclose(np.moveaxis(shear[b], -1, 0), held, atol=1e-3 * MU * p[b].max())
        fields = twin.fields(matrices, p[b], np.moveaxis(shear[b], -1, 0).astype(float))
        seen = np.stack([fields[0], fields[1], -fields[2] - fields[3]], -1)
        np.testing.assert_allclose(moved[b], seen, atol=1e-5 * np.abs(seen).max())
        np.testing.assert_allclose(after[b, 4], fields[3], atol=1e-5 * np.abs(seen).max())
        np.testing.assert_array_equal(after[b, :2], np.moveaxis(shear[b], -1, 0))
        np.testing.assert_array_equal(pressure[b, ..., 0], p[b])
        sticks = (p[b] > 0) & ~slides[b]
        np.testing.assert_allclose(after[b, 2:4], np.where(sticks, target, fields[:2]), atol=1e-6)
        np.testing.assert_allclose(np.moveaxis(slip[b], -1, 0), np.where(slides[b], target - fields[:2], 0), atol=1e-6)
    assert slides.any()
    assert sticks.any()


@pytest.mark.parametrize("shape", [sphere, texture])
def test_a_stream_is_that_of_the_other_back_ends(shape):
    """Three frames pressed to a depth and dragged, by windows and by transforms of the layer."""
    streams = [LayerGel(gel_spec(), LayerConfig(**TIGHT, back_end=name)) for name in ("auto", "fft")]
    d = overlap_of("80 x 60", shape) * np.float32(1e-3)
    for k in range(3):
        there = np.roll(d, k, 2)
        motion = np.zeros((*d.shape, 2), np.float32) + np.float32([0.05e-3, 0.02e-3])
        ours, theirs = (stream.step(there, motion, 0.05) for stream in streams)
        for name in ("normal_traction_pa", "shear_traction_pa", "displacement_m", "slip_m"):
            a, b = getattr(ours, name), getattr(theirs, name)
            np.testing.assert_allclose(a, b, atol=2e-3 * np.abs(b).max(), err_msg=name)
        assert (ours.slides != theirs.slides).sum() <= 2


@pytest.mark.parametrize("poisson", [0.48, 0.2])
@pytest.mark.parametrize("shape", [sphere, near_roof])
def test_a_lowering_that_is_told_is_right(shape, poisson):
    """A gel that hardly bulges has small windows, in which a load many times the last one finds no room."""
    C, d = layer_on_grid((60, 80), 0.25, 3.0, 0.2, poisson, dtype=np.float32), overlap_of("80 x 60", shape)
    ours, theirs = solver(C, **TIGHT), DenseSolver(C, **TIGHT)
    start, told = warm(theirs, d, 0.3), []
    for factor in (0.8, 1.2, 30.0):
        load = factor * start.sum((1, 2), dtype=float)
        (p, lowering), (wanted, a) = ours.carry(d, at_rest(d), start, load), theirs.carry(d, start, load)
        told.append(bool(np.isfinite(lowering[0])))
        if told[-1]:
            assert lowering[0] == pytest.approx(a[0], abs=2e-5)
            np.testing.assert_allclose(p, wanted, atol=1e-3 * wanted.max())
    assert told[:2] == [True, True]
    assert not (told[2] and poisson == 0.2)


def test_no_pressure_means_nothing():
    d = np.concatenate([overlap_of("37 x 23", sphere), np.full((1, 23, 37), -0.1, np.float32)])
    p, lowering, after, surface, slides = run(solver(layer("37 x 23")), d)
    assert np.isfinite(lowering[0])
    assert np.isnan(lowering[1])
    for both in (p, after, surface, slides):
        assert np.isfinite(both).all()
        assert both[0].any()
        assert not both[1].any()


def test_a_contact_has_the_same_bytes_in_any_batch():
    ours, d = solver(layer("37 x 23")), batch("37 x 23", 70)
    whole = run(ours, d)
    for size, first in ((1, 0), (1, 3), (1, 66), (8, 60)):
        part = run(ours, d[first : first + size])
        assert all(a.tobytes() == b[first : first + size].tobytes() for a, b in zip(part, whole, strict=True))


def test_what_the_scratch_held_before_does_not_matter():
    ours, d = solver(layer("37 x 23")), batch("37 x 23", 6)
    first = run(ours, d)
    for rubbish in (np.nan, 1e30):
        for kernel in (ours._carry, ours._slide):
            kernel._work[:] = rubbish
        assert all(a.tobytes() == b.tobytes() for a, b in zip(run(ours, d), first, strict=True))


def digest():
    return hashlib.sha256(b"".join(a.tobytes() for a in run(solver(layer("37 x 23")), batch("37 x 23", 12)))).hexdigest()


@pytest.mark.slow
def test_the_number_of_threads_changes_no_byte():
    command = [sys.executable, "-c", "from tests.gel.test_windows import digest; print(digest())"]
    both = [
        subprocess.Popen(command, env={**os.environ, "SIMTOUCH_TI_THREADS": threads}, stdout=subprocess.PIPE, text=True)
        for threads in ("1", "2")
    ]
    found = [process.communicate()[0].split()[-1] for process in both]
    assert found[0] == found[1]
