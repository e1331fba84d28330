"""A touch that was saved goes on as it would have."""

from dataclasses import replace

import numpy as np
import pytest

import simtouch
from simtouch import indenters
from simtouch.gel import FemConfig, LayerConfig
from simtouch.sensors import DIGIT
from simtouch.sensors.sizes import shrink

QUIET = simtouch.OpticsConfig(noise=False)
BALL = indenters.sphere(radius_m=4e-3)
SMALL = shrink(DIGIT, 2, cells=40)
CREEPS = replace(SMALL, gel=replace(SMALL.gel, relaxation=((0.2, 0.1), (0.1, 1.0))))


def poses(x_m: float) -> np.ndarray:
    """Of two contacts, the second further down the image."""
    out = np.stack([np.eye(4)] * 2)
    out[:, 0, 3], out[1, 1, 3] = x_m, 1e-3
    return out


def slide(sim, steps: int) -> list[np.ndarray]:
    """All that is told of it, pictures included."""
    told = []
    for k in range(steps):
        frame = sim.step_force(poses(0.1e-3 * k), [1.0, 0.6], 0.05)
        told += [frame.image, frame.force_n, frame.displacement_m, frame.slip_m, frame.gel_T_indenter]
    return told


@pytest.mark.parametrize(
    ("spec", "gel", "steps"),
    [
        (SMALL, "layer", 4),
        (CREEPS, LayerConfig(stribeck_speed_m_s=1e-3), 4),
        (SMALL, "membrane", 2),
        pytest.param(SMALL, FemConfig(layers=2, tolerance=1e-2), 1, marks=pytest.mark.slow),
    ],
    ids=["layer", "creeping", "membrane", "fem"],
)
def test_a_restored_touch_goes_on_to_the_bit_and_as_often_as_one_likes(spec, gel, steps):
    sim = simtouch.TactileSimulator(spec, gel=gel, optics=QUIET, batch=2)
    sim.reset(BALL)
    slide(sim, steps)
    saved = sim.save()
    wanted = slide(sim, steps)
    for _ in range(2):
        sim.reset(BALL)
        sim.restore(saved)
        assert all(np.array_equal(a, b) for a, b in zip(wanted, slide(sim, steps), strict=True))


def test_a_touch_restored_elsewhere_has_moved_from_there():
    sim = simtouch.TactileSimulator(SMALL, optics=QUIET, batch=2)
    sim.reset(BALL)
    sim.step_force(poses(0.0), 1.0, 0.05)
    saved = sim.save()
    moved = sim.step_force(poses(0.1e-3), 1.0, 0.05)
    assert moved.force_n[:, 0].min() > 0.05
    sim.reset(BALL)
    sim.restore(saved, poses(0.1e-3))
    still = sim.step_force(poses(0.1e-3), 1.0, 0.05)
    assert np.abs(still.force_n[:, 0]).max() < 0.1 * moved.force_n[:, 0].min()
    assert still.force_n[:, 2] == pytest.approx([-1.0, -1.0], rel=2e-3)
