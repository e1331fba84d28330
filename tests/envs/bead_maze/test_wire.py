"""The wire: arc length, tangents and projection against closed forms."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
from simtouch_envs.bead_maze.wire import Wire

from simtouch._checks import ArgumentError

RADIUS_M = 0.05


def arc() -> Wire:
    """A quarter circle in x-z."""
    angles = np.linspace(0, np.pi / 2, 40)
    return Wire(RADIUS_M * np.stack([np.sin(angles), 0 * angles, 1 - np.cos(angles)], axis=1))


def test_a_quarter_circle_is_as_long_as_it_is():
    assert arc().length_m == pytest.approx(RADIUS_M * np.pi / 2, rel=1e-5)


def test_places_and_tangents_are_those_of_the_circle():
    wire = arc()
    for s in (0.01, 0.035, 0.07):
        angle = s / RADIUS_M
        assert wire.at(s) == pytest.approx(RADIUS_M * np.array([np.sin(angle), 0, 1 - np.cos(angle)]), abs=2e-7)
        assert wire.tangent(s) == pytest.approx([np.cos(angle), 0, np.sin(angle)], abs=1e-3)


def test_a_point_off_the_wire_is_found_by_its_foot():
    wire = arc()
    s, angle = 0.04, 0.04 / RADIUS_M
    inward = np.array([-np.sin(angle), 0, np.cos(angle)])
    found, away = wire.project(wire.at(s) + 2e-3 * inward, near_m=0.038)
    assert found == pytest.approx(s, abs=5e-6)
    assert away == pytest.approx(2e-3, rel=1e-3)


def test_progress_does_not_come_in_steps_of_the_table():
    wire = arc()
    places = np.linspace(0.03, 0.0302, 40)
    found = [wire.project(wire.at(s), near_m=0.03)[0] for s in places]
    assert np.diff(found) == pytest.approx(np.diff(places), rel=0.05)


def test_projection_does_not_jump_where_the_wire_comes_back():
    turn = np.linspace(-np.pi / 2, np.pi / 2, 20)
    back = 0.1 - np.linspace(0, 0.1, 20)[1:]
    there = np.linspace(0, 0.1, 20)[:-1]
    x = np.concatenate([there, 0.1 + 0.01 * np.cos(turn), back])
    z = np.concatenate([0 * there, 0.01 + 0.01 * np.sin(turn), 0 * back + 0.02])
    wire = Wire(np.stack([x, 0 * x, z], axis=1))
    nearer_to_the_other_part = np.array([0.05, 0, 0.018])
    assert wire.project(nearer_to_the_other_part, near_m=0.05)[0] == pytest.approx(0.05, abs=1e-3)


def test_the_ends_hold():
    wire = arc()
    assert wire.at(-1) == pytest.approx(wire.points_m[0])
    assert wire.at(9) == pytest.approx(wire.points_m[-1])
    assert wire.project(np.array([-1.0, 0, 0]), near_m=0.0)[0] == 0


def test_pieces_are_of_one_length_and_on_the_wire():
    wire = arc()
    ends = wire.pieces(30)
    chords = np.linalg.norm(np.diff(ends, axis=0), axis=1)
    assert chords == pytest.approx(chords[0], rel=1e-4)
    assert (ends[0], ends[-1]) == (pytest.approx(wire.points_m[0]), pytest.approx(wire.points_m[-1]))


@pytest.mark.parametrize("control", [np.zeros((5, 3)), np.eye(3), np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0], [2, 0, 0.0]])])
def test_what_is_no_wire_is_refused(control):
    with pytest.raises(ArgumentError):
        Wire(control)
