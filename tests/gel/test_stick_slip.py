"""Friction that falls when it lets go: saw teeth when slow, smooth sliding when fast."""

import numpy as np
import pytest

from simtouch.gel import LayerConfig
from simtouch.gel.slip import slip_state
from simtouch.gel.stick_slip import RateFriction
from tests.gel.test_layer import DEPTH, FRICTION, Stream, gel_spec

RATIO = 0.7


def pull(step_m, *, frames=70, stribeck_speed_m_s=5e-3, ratio=RATIO):
    """A steady pull: shear over the static limit, slip states, and slip of the middle cell, per frame."""
    spec = gel_spec(kinetic_friction_ratio=ratio)
    stream = Stream(spec, LayerConfig(coupling_sweeps=0, stribeck_speed_m_s=stribeck_speed_m_s)).press()
    pulls, states, slips = [], [], []
    for k in range(frames):
        surface = stream.frame(DEPTH, step_m * (k + 1))
        size = np.hypot(*np.moveaxis(surface.shear_traction_pa, -1, 0))
        assert (size <= FRICTION * surface.normal_traction_pa * (1 + 1e-6)).all()
        pulls.append(stream.pull)
        states.append(slip_state(surface.contact_mask, surface.slides))
        slips.append(surface.slip_m[30, 40 + round(step_m * (k + 1) / 0.25e-3), 0])
    return np.array(pulls), states, np.array(slips)


def test_a_slow_pull_sticks_and_slips():
    pulls, states, slips = pull(0.02e-3)  # 1.2 mm/s, well below the Stribeck speed
    falls = np.flatnonzero((np.diff(pulls) < -0.04) & (np.array(states[1:]) == "slip"))
    assert len(falls) >= 10
    np.testing.assert_allclose(pulls[falls + 1], RATIO, atol=5e-3)
    assert all(states[k] == "incipient" for k in falls)
    assert not slips[falls[1:]].any()  # the middle holds until
    assert (slips[falls[1:] + 1] > 2 * 0.02e-3).all()  # it lets go of what several frames have loaded
    assert pulls.max() < 0.9  # a front of slip runs in from the rim long before all of it is at the static limit


def test_a_fast_pull_slides_at_the_kinetic_coefficient():
    pulls, states, slips = pull(0.1e-3, frames=20, stribeck_speed_m_s=0.2e-3)  # 6 mm/s
    np.testing.assert_allclose(pulls[-8:], RATIO, atol=2e-3)
    assert set(states[-8:]) == {"slip"}
    np.testing.assert_allclose(slips[-8:], 0.1e-3, rtol=0.05)


def test_equal_coefficients_are_coulomb_friction():
    plain = Stream(gel_spec(), LayerConfig()).press()
    equal = Stream(gel_spec(kinetic_friction_ratio=1.0), LayerConfig(stribeck_speed_m_s=1e-3)).press()
    for k in range(12):
        a, b = (one.frame(DEPTH, 0.03e-3 * (k + 1)) for one in (plain, equal))
        np.testing.assert_array_equal(a.shear_traction_pa, b.shear_traction_pa)


def test_the_coefficient_falls_from_static_to_kinetic():
    law = RateFriction(static=0.9, kinetic=0.6, stribeck_speed=2.0)
    mu = law.coefficient(np.array([0.0, 2.0, 1e6]))
    assert mu == pytest.approx([0.9, 0.6 + 0.3 / np.e, 0.6])


def test_slip_adds_up_to_the_way_that_the_gel_did_not_follow():
    stream = Stream(gel_spec(), LayerConfig()).press()
    slipped = np.zeros(2)
    for k in range(40):
        surface = stream.frame(DEPTH, 0.02e-3 * (k + 1))
        slipped += surface.slip_m[30, 38]
    carried = surface.displacement_m[30, 38, 0]
    assert surface.contact_mask[30, 38]
    assert slipped[0] + carried == pytest.approx(40 * 0.02e-3, abs=0.02e-3)
    assert abs(slipped[1]) < 0.02e-3


def test_nothing_slips_where_it_sticks():
    stream = Stream(gel_spec(), LayerConfig()).press()
    surface = stream.frame(DEPTH, 0.1e-3)
    assert not surface.slip_m[~surface.slides].any()
    assert np.hypot(*np.moveaxis(surface.slip_m[surface.slides], -1, 0)).max() > 0.01e-3
