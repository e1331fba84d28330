"""Smooth bodies against their twin, and against closed forms that hold without it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simtouch import indenters
from simtouch._checks import ArgumentError
from simtouch.geometry import pose as p
from simtouch.geometry.gap_map import Grid
from tests.reference.indenters import underside

GRID = Grid(60, 80, 0.2e-3)
X, Y = np.meshgrid(GRID.x_m, GRID.y_m)
ROUND = ("sphere", "ellipsoid", "cylinder_side", "cylinder_end", "flat_punch", "capsule", "cone", "torus", "ring", "grid")
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", ROUND)
@settings(max_examples=12, deadline=None)
@given(seed=seeds)
def test_smooth_bodies_equal_their_twin_under_any_tilt(name, seed):
    rng = np.random.default_rng(seed)
    body = indenters.random_indenter(name, rng)
    gel_T_body = p.pose(rng.uniform(-4e-3, 4e-3, 3), p.from_rotvec(rng.normal(size=3)))
    got, wanted = body.underside_m(gel_T_body, GRID), underside(body, gel_T_body, GRID)
    with np.errstate(invalid="ignore"):
        off = (np.isfinite(got) != np.isfinite(wanted)) | (np.abs(got - wanted) > 0.2e-6)
    assert off.sum() <= 8  # cells whose line grazes the body


@pytest.mark.parametrize("name", ROUND)
def test_smooth_bodies_presented_straight_equal_their_twin(name):
    body = indenters.INDENTERS[name]()
    gel_T_body = p.pose((0.01e-3, 0.02e-3, 3e-3))
    got, wanted = body.underside_m(gel_T_body, GRID), underside(body, gel_T_body, GRID)
    assert (np.isfinite(got) == np.isfinite(wanted)).mean() > 0.998
    both = np.isfinite(got) & np.isfinite(wanted)
    assert np.quantile(np.abs(got[both] - wanted[both]), 0.995) < 2e-8


def test_ball_at_its_radius_minus_a_depth_indents_by_that_depth():
    grid = Grid(61, 81, 0.2e-3)  # odd: one cell lies at the origin
    z = indenters.sphere(radius_m=4e-3).underside_m(p.pose((0, 0, 4e-3 - 0.5e-3)), grid)
    assert z.dtype == np.float32
    assert z.shape == grid.shape
    assert z.min() == z[30, 40] == pytest.approx(-0.5e-3, abs=1e-9)


def test_ball_is_the_closed_form():
    z = indenters.sphere(radius_m=4e-3).underside_m(p.pose((1e-3, -2e-3, 4e-3)), GRID)
    round2 = (X - 1e-3) ** 2 + (Y + 2e-3) ** 2
    inside = round2 < (3.99e-3) ** 2
    np.testing.assert_allclose(z[inside], 4e-3 - np.sqrt(16e-6 - round2[inside]), atol=1e-8)
    assert np.isinf(z[round2 > 16.01e-6]).all()


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
@example(seed=371087031)
def test_turning_a_ball_changes_nothing(seed):
    """To 1 nm along the normal: at the rim heights are steep, and the same rounding is 12 nm of height in this example."""
    turn = p.from_rotvec(np.random.default_rng(seed).normal(size=3))
    ball = indenters.sphere(radius_m=3e-3)
    turned, straight = (ball.underside_m(p.pose((0, 0, 3e-3), r), GRID) for r in (turn, np.eye(3)))
    np.testing.assert_array_equal(np.isinf(turned), np.isinf(straight))
    inside = np.isfinite(straight)
    cosine = 1 - straight[inside] / 3e-3  # of the angle between the normal and the z axis
    np.testing.assert_allclose(turned[inside] * cosine, straight[inside] * cosine, rtol=0, atol=1e-9)


def test_flat_end_of_a_tilted_cylinder_is_a_tilted_plane():
    tilt = p.rotation_x(0.2)
    z = indenters.cylinder(radius_m=5e-3, length_m=8e-3, axis="end").underside_m(p.pose((0, 0, 0), tilt), GRID)
    normal, centre = tilt[:, 2], tilt @ (0, 0, -4e-3)
    plane = centre[2] - ((X - centre[0]) * normal[0] + (Y - centre[1]) * normal[1]) / normal[2]
    inside = np.hypot(X - centre[0], Y - centre[1]) < 4.5e-3
    np.testing.assert_allclose(z[inside], plane[inside], atol=5e-9)


def test_cylinder_on_its_side_lies_along_y():
    z = indenters.cylinder(radius_m=2e-3, length_m=10e-3).underside_m(p.pose((0, 0, 2e-3)), GRID)
    rows = np.isfinite(z).any(1)
    np.testing.assert_array_equal(rows, np.abs(GRID.y_m) <= 5e-3)
    inside = np.abs(GRID.x_m) < 1.99e-3
    np.testing.assert_allclose(z[30][inside], 2e-3 - np.sqrt(4e-6 - GRID.x_m[inside] ** 2), atol=2e-9)


def test_capsule_is_a_cylinder_with_half_balls():
    body = indenters.capsule(radius_m=2e-3, length_m=9e-3)
    over = np.maximum(np.abs(Y) - 2.5e-3, 0)
    inside = X**2 + over**2 < (1.99e-3) ** 2
    z = body.underside_m(np.eye(4), GRID)
    np.testing.assert_allclose(z[inside], -np.sqrt(4e-6 - X[inside] ** 2 - over[inside] ** 2), atol=2e-8)


def test_cone_has_its_slope_and_its_tip():
    body = indenters.cone(radius_m=4e-3, height_m=6e-3, tip_radius_m=0.0)
    z = body.underside_m(p.pose((0, 0, body.reach_m())), GRID)
    inside = np.hypot(X, Y) < 3.9e-3
    np.testing.assert_allclose(z[inside], 1.5 * np.hypot(X, Y)[inside], atol=5e-9)


def test_rounded_cone_is_smooth_where_ball_and_flank_meet():
    grid = Grid(1, 4001, 1e-6)
    body = indenters.cone(radius_m=4e-3, height_m=6e-3, tip_radius_m=0.4e-3)
    z = body.underside_m(p.pose((0, 0, body.reach_m())), grid).astype(np.float64)[0]
    assert z.min() == pytest.approx(0, abs=1e-8)
    slope = np.diff(z[::5]) / 5e-6
    assert np.abs(np.diff(slope)).max() < 0.08
    assert np.abs(slope).max() == pytest.approx(1.5, rel=2e-3)


def test_ring_has_a_hole_and_a_flat_face():
    body = indenters.ring(outer_radius_m=4e-3, inner_radius_m=2e-3, thickness_m=1e-3)
    z, away = body.underside_m(np.eye(4), GRID), np.hypot(X, Y)
    assert np.isinf(z[(away < 1.95e-3) | (away > 4.05e-3)]).all()
    np.testing.assert_allclose(z[(away > 2.2e-3) & (away < 3.8e-3)], -0.5e-3, atol=1e-9)


@pytest.mark.parametrize("axis", ["side", "end"])
def test_rounded_rims_leave_no_seam(axis):
    grid = Grid(200, 200, 0.05e-3)
    body = indenters.cylinder(radius_m=3e-3, length_m=6e-3, axis=axis, edge_radius_m=0.5e-3)
    for tilt in (0.0, 0.3, 1.0):
        z = body.underside_m(p.pose((0, 0, 0), p.rotation_x(tilt)), grid)
        inside = np.isfinite(z[1:-1, 1:-1])
        assert not (np.isinf(z[1:-1, 2:]) & inside & np.isinf(z[1:-1, :-2])).any()
        level = body.underside_m(p.pose((0, 0, 0), p.rotation_x(tilt + 1e-4)), grid)
        both = np.isfinite(z) & np.isfinite(level)
        assert np.quantile(np.abs(z[both] - level[both]), 0.99) < 5e-6


def test_impossible_sizes_are_refused():
    for make, bad in [
        (indenters.sphere, {"radius_m": 0}),
        (indenters.sphere, {"radius_m": float("nan")}),
        (indenters.ellipsoid, {"semi_axes_m": (1e-3, 1e-3)}),
        (indenters.cylinder, {"axis": "up"}),
        (indenters.torus, {"ring_radius_m": 1e-3, "tube_radius_m": 2e-3}),
        (indenters.capsule, {"radius_m": 3e-3, "length_m": 4e-3}),
        (indenters.ring, {"outer_radius_m": 1e-3, "inner_radius_m": 2e-3}),
        (indenters.box, {"presentation": "lid"}),
        (indenters.gear, {"teeth": 3}),
        (indenters.wave, {"carrier": "saddle"}),
        (indenters.braille, {"string": "3+4"}),
        (indenters.text, {"string": " "}),
    ]:
        with pytest.raises((ArgumentError, ValueError), match="`"):
            make(**bad)
