"""How a contact looks at its indenter, and how deep a press must be."""

import numpy as np
import pytest

import simtouch
from simtouch import indenters


@pytest.fixture(scope="module")
def simulator():
    return simtouch.TactileSimulator("digit", optics=simtouch.OpticsConfig(noise=False))


def at(depth_m: float, radius_m: float = 4e-3, x_m: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3], pose[2, 3] = x_m, radius_m - depth_m
    return pose


def test_a_press_looks_at_its_indenter_once(simulator, monkeypatch):
    sim, ball = simulator, indenters.sphere(radius_m=4e-3)
    looked = []
    look = indenters.Solid.underside_m
    monkeypatch.setattr(indenters.Solid, "underside_m", lambda self, *given: looked.append(1) or look(self, *given))
    sim.reset(ball)
    kept = [sim.step_depth(np.eye(4), depth) for depth in (0.1e-3, 0.3e-3, 0.2e-3)]
    assert len(looked) == 1
    assert [frame.indent_depth_m for frame in kept] == pytest.approx([0.1e-3, 0.3e-3, 0.2e-3], abs=1e-9)
    sim.step_depth(at(0, x_m=1e-3), 0.2e-3)
    sim.reset(indenters.sphere(radius_m=2e-3))
    small = sim.step_depth(np.eye(4), 0.3e-3)
    assert len(looked) == 3
    assert small.contact_area_m2 < 0.8 * kept[1].contact_area_m2


def test_a_pose_that_is_written_over_moves_the_indenter(simulator):
    sim, pose = simulator, at(0.4e-3)
    sim.reset(indenters.sphere(radius_m=4e-3))
    sim.step(pose)
    pose[0, 3] += 50e-6
    frame = sim.step(pose)
    assert abs(frame.shear_force_n[0]) > 1e-3
    frame.gel_T_indenter[:] = 0
    assert sim.step(pose).normal_force_n > 0


@pytest.mark.parametrize("name", ["sphere", "cone", "flat_punch", "box_corner", "knit"])
def test_a_depth_for_a_force_gives_that_force_within_two_per_cent(simulator, name):
    sim, body = simulator, indenters.INDENTERS[name]()
    for force in (0.05, 0.7, 3.5):
        depth = sim.depth_for_force(body, np.eye(4), force, 1.2e-3)
        sim.reset(body)
        pressed = sim._gel.fresh_force_n(
            sim._contacts[0].approach(np.eye(4)).lowered(depth - sim._contacts[0].approach(np.eye(4)).deepest_m).cells
        )
        assert depth == 1.2e-3 or pressed == pytest.approx(force, rel=0.02)
        assert pressed < 1.02 * force
