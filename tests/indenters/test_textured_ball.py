"""A textured ball: its pattern is cut as deep as said, turns with it, and lies where a finely meshed ball has it."""

import pickle

import numpy as np
import pytest
import trimesh

from simtouch import indenters
from simtouch._checks import ArgumentError, UnknownNameError
from simtouch.geometry import pose as p
from simtouch.geometry.gap_map import Grid
from simtouch.indenters.textured_ball import NODES, TEXTURES, ReliefBall, cube_directions
from tests.reference import textured_ball as reference

GRID = Grid(41, 41, 0.2e-3)  # all of it over a ball near the middle
R = 8e-3


def within(share: float, at=(0.0, 0.0)) -> np.ndarray:
    """Cells nearer to the axis than a share of the radius."""
    return np.hypot(GRID.x_m - at[0], GRID.y_m[:, None] - at[1]) < share * R


@pytest.fixture(scope="module")
def directions():
    """Fine triangles on the unit ball."""
    return trimesh.creation.icosphere(subdivisions=7)


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_pattern_without_depth_leaves_a_ball(texture):
    ball, smooth = indenters.textured_ball(R, texture, 0.0), indenters.sphere(R)
    place = p.pose((1.3e-3, -0.7e-3, 7.9e-3), p.from_rotvec((0.4, -1.0, 2.0)))
    near = within(0.95, (1.3e-3, -0.7e-3))
    np.testing.assert_allclose(ball.underside_m(place, GRID)[near], smooth.underside_m(place, GRID)[near], atol=1e-8)
    assert ball.reach_m() == pytest.approx(R, rel=1e-6)


@pytest.mark.parametrize(("texture", "most_m"), [("dimples", 5e-6), ("ribs", 5e-6), ("knurl", 20e-6)])
def test_the_pattern_lies_where_a_fine_mesh_has_it(texture, most_m, directions):
    ball = indenters.textured_ball(R, texture)
    height = ball.parts[0].relief(directions.vertices)
    assert height.max() <= 0
    assert height.min() == pytest.approx(-0.25e-3, rel=0.01)
    meshed = trimesh.Trimesh(directions.vertices * (R + height)[:, None], directions.faces, process=False)
    meshed = indenters.mesh(meshed, origin="file")
    rng = np.random.default_rng(0)
    near = within(0.5, (0.5e-3, -0.3e-3))
    for _ in range(3):
        place = p.pose((0.5e-3, -0.3e-3, 7.7e-3), p.from_rotvec(rng.uniform(-2, 2, 3)))
        z, exact = ball.underside_m(place, GRID)[near], meshed.underside_m(place, GRID)[near]
        assert np.ptp(z - indenters.sphere(R).underside_m(place, GRID)[near]) > 0.2e-3
        np.testing.assert_allclose(z, exact, atol=most_m)
        assert np.sqrt(np.mean((z - exact) ** 2)) < 2e-6
        assert ball.reach_m(place[:3, :3]) == pytest.approx(meshed.reach_m(place[:3, :3]), abs=2e-6)


@pytest.mark.parametrize("texture", TEXTURES)
def test_turning_the_ball_turns_the_pattern(texture):
    ball = indenters.textured_ball(R, texture)
    place = p.pose((0, 0, R), p.from_rotvec((0.7, 0.3, -0.2)))
    z = ball.underside_m(place, GRID)
    quarter = ball.underside_m(p.pose(rotation=p.rotation_z(np.pi / 2)) @ place, GRID)
    # From x to y is from columns to rows: clockwise in an array.
    np.testing.assert_allclose(quarter[within(0.7)], np.rot90(z, -1)[within(0.7)], atol=0.2e-6)
    assert np.abs(quarter - z)[within(0.5)].max() > 50e-6


def test_ribs_stay_as_they_are_when_the_ball_turns_about_its_own_axis():
    ball = indenters.textured_ball(R, "ribs")
    tilted = p.pose((0, 0, R), p.rotation_x(1.1))
    z = ball.underside_m(tilted, GRID)
    for angle in (0.5, 2.0):
        about_own = ball.underside_m(tilted @ p.pose(rotation=p.rotation_z(angle)), GRID)
        np.testing.assert_allclose(about_own[within(0.6)], z[within(0.6)], atol=2e-6)
    rolled = ball.underside_m(p.pose((0, 0, R), p.rotation_x(1.1 + 1e-3 / R)), GRID)  # by half a rib
    assert np.abs(rolled - z)[within(0.4)].max() > 0.2e-3


def test_the_cube_covers_all_directions_without_a_seam():
    nodes = cube_directions()
    assert nodes.shape == (6 * NODES**2, 3)
    np.testing.assert_allclose(np.linalg.norm(nodes, axis=1), 1, rtol=1e-12)
    assert len(np.unique(np.round(nodes, 9), axis=0)) == 6 * (NODES - 2) ** 2 + 12 * (NODES - 2) + 8  # shared edges and corners


def test_the_table_is_read_evenly_over_edges_and_corners_of_the_cube():
    """A slope over all of the ball, where the view is along an edge and into a corner."""
    ball = indenters.Solid("slope", {}, (ReliefBall(R, _slope),))
    for turn in ((np.pi / 4, 0, 0), (0, np.pi / 4, 0), (0.6155, -0.6155, 0.3), (2.5, 0.4, 1.0)):
        place = p.pose((0, 0, R), p.from_rotvec(turn))
        exact = reference.underside(_slope, R, place, GRID)
        np.testing.assert_allclose(ball.underside_m(place, GRID), exact, atol=10e-9)


@pytest.mark.parametrize(("texture", "most_m"), [("dimples", 2e-6), ("ribs", 2e-6), ("knurl", 10e-6)])
def test_three_steps_are_enough_where_a_ball_is_touched(texture, most_m):
    """But for the creases of the knurl, which the table rounds."""
    ball = indenters.textured_ball(R, texture)
    place = p.pose((0.3e-3, 0.2e-3, R), p.from_rotvec((1.4, 0.3, -0.5)))
    exact = reference.underside(ball.parts[0].relief, R, place, GRID)
    np.testing.assert_allclose(ball.underside_m(place, GRID)[within(0.3)], exact[within(0.3)], atol=most_m)


def _slope(directions: np.ndarray) -> np.ndarray:
    return -1e-4 * (1 + directions[:, 0])


def test_a_ball_beside_the_grid_is_not_there_and_one_at_its_rim_is():
    ball = indenters.textured_ball()
    assert np.isinf(ball.underside_m(p.pose((20e-3, 0, R)), GRID)).all()
    z = ball.underside_m(p.pose((10e-3, 0, R)), GRID)
    assert np.isfinite(z[20, -1])
    assert np.isinf(z[20, 0])


def test_it_pickles_small_and_gives_the_same_bytes_again():
    ball = indenters.textured_ball(R, "knurl", 0.1e-3, pitch_m=1.5e-3)
    place = p.pose((0, 0, R), p.from_rotvec((1, 2, 3)))
    z = ball.underside_m(place, GRID)
    packed = pickle.dumps(ball)
    assert len(packed) < 2000
    assert pickle.loads(packed).underside_m(place, GRID).tobytes() == z.tobytes()
    assert ball.parameters == {"radius_m": R, "texture": "knurl", "depth_m": 0.1e-3, "pitch_m": 1.5e-3}


def test_bad_sizes_and_unknown_textures_are_refused():
    with pytest.raises(UnknownNameError, match="dimples, knurl, ribs"):
        indenters.textured_ball(texture="fur")
    for sizes in ({"radius_m": 0}, {"depth_m": -1e-5}, {"depth_m": 2e-3}, {"pitch_m": 1e-5}, {"pitch_m": 1.0}):
        with pytest.raises(ArgumentError, match=next(iter(sizes))):
            indenters.textured_ball(**sizes)
