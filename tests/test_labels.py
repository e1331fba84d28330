"""Labels that a frame derives from the state of the gel: centre of pressure, torsion, slip, and what leaves the view."""

import numpy as np
import pytest

from simtouch import indenters
from tests.test_simulator import at, simulator


def test_the_centre_of_pressure_follows_the_contact_and_torsion_is_a_turn_about_it():
    sim = simulator("gelsight_mini")
    sim.reset(indenters.sphere(radius_m=4e-3))
    for k in range(6):
        turned = at(0.5e-3, x_m=2e-3)
        turned[:2, :2] = [[np.cos(0.05 * k), -np.sin(0.05 * k)], [np.sin(0.05 * k), np.cos(0.05 * k)]]
        frame = sim.step(turned)
    assert frame.centre_of_pressure_m == pytest.approx([2e-3, 0], abs=0.1e-3)
    arm = frame.centre_of_pressure_m[0] * frame.force_n[1] - frame.centre_of_pressure_m[1] * frame.force_n[0]
    assert frame.torsion_nm == pytest.approx(frame.torque_nm[2] - arm)
    assert frame.torsion_nm > 1e-5  # the indenter turns the gel its own way
    assert not frame.leaves_view


def test_slip_is_told_per_cell_and_forgotten_when_contact_ends():
    sim = simulator("gelsight_mini")
    sim.reset(indenters.sphere(radius_m=4e-3))
    frames = [sim.step(at(0.3e-3, x_m=0.05e-3 * k)) for k in range(30)]
    rates = np.stack([frame.slip_rate_m_s for frame in frames])
    assert not rates[0].any()
    last = frames[-1]
    assert last.slip_state == "slip"
    touched = last.contact_mask
    assert np.median(last.slip_rate_m_s[touched][:, 0]) == pytest.approx(0.05e-3 * sim.spec.camera.fps, rel=0.1)
    assert (last.slip_m[touched][:, 0] > 0).all()
    assert not last.slip_m[~touched].any()
    assert not sim.step(at(-1e-3, x_m=1.5e-3)).slip_m.any()


def test_a_contact_at_the_edge_of_the_view_says_so():
    sim = simulator("gelsight_mini")
    sim.reset(indenters.sphere(radius_m=4e-3))
    half = sim.spec.gel_grid.cols * sim.spec.gel_grid.spacing_m / 2
    assert sim.step(at(0.4e-3, x_m=half)).leaves_view
    assert not sim.step(at(0.4e-3)).leaves_view
