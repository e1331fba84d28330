import numpy as np
import pytest
import trimesh

from simtouch import indenters
from simtouch.geometry.pose import inverse
from simtouch.scenes.exploration import EXPLORATION, is_closed
from simtouch.scenes.surface_walk import SurfaceWalk
from tests.scenes.stages import simulator, stage

PEBBLE = trimesh.creation.icosphere(subdivisions=4, radius=30e-3)
PEBBLE.vertices = PEBBLE.vertices * (1.0, 0.8, 0.6)
MESH = indenters.mesh(PEBBLE, name="pebble")
SEMI_AXES_M = np.array([30e-3, 24e-3, 18e-3])


def walk_on(body, seed=0, whole=True, sensor="digit"):
    spec = simulator(sensor).spec
    return SurfaceWalk(body, spec.gel_grid, spec.gel, np.random.default_rng(seed), whole=whole)


def contact_in_body(walk):
    """Where the pad touches and the pad's outward normal there, in the body's frame."""
    body_T_gel = inverse(walk.gel_T_body)
    x, y = walk.contact_m
    radius = np.array(simulator("digit").spec.gel.dome_radius_m)
    normal = np.array([x / radius[0], y / radius[1], 1.0])
    return (body_T_gel @ (x, y, 0, 1))[:3], body_T_gel[:3, :3] @ (normal / np.linalg.norm(normal))


def angles_to_ellipsoid(body, semi_axes_m, seed):
    walk, angles = walk_on(body, seed), []
    for stroke in range(6):
        walk.land(np.array([1.5e-3, -2e-3]) * (stroke % 3 - 1))
        for _ in range(12):
            walk.advance(0.3e-3, 0.1, 1 / 60, np.zeros(2))
            place, pad = contact_in_body(walk)
            outward = place / semi_axes_m**2
            angles.append(np.degrees(np.arccos(np.clip(-pad @ outward / np.linalg.norm(outward), -1, 1))))
    return np.array(angles)


def test_the_pad_lies_flat_against_a_ball():
    angles = angles_to_ellipsoid(indenters.sphere(6e-3), np.full(3, 6e-3), 1)
    assert np.median(angles) < 2
    assert angles.max() < 8


def test_the_pad_lies_flat_against_a_mesh():
    angles = angles_to_ellipsoid(MESH, SEMI_AXES_M, 2)
    assert np.median(angles) < 2
    assert angles.max() < 8


def test_a_tilt_is_kept_to_the_local_normal():
    walk = walk_on(indenters.sphere(6e-3))
    walk.land(np.zeros(2))
    for _ in range(8):
        walk.advance(0.1e-3, 0.0, 1 / 60, np.array([0.1, 0.0]))
    place, pad = contact_in_body(walk)
    assert np.arccos(-pad @ place / np.linalg.norm(place)) == pytest.approx(0.1, abs=0.02)


def test_a_walk_goes_at_its_speed():
    walk = walk_on(indenters.sphere(10e-3), 3)
    walk.land(np.zeros(2))
    places = []
    for _ in range(30):
        walk.advance(0.25e-3, 0.0, 1 / 60, np.zeros(2))
        places.append(contact_in_body(walk)[0])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.25e-3, rtol=0.12)


def test_walks_reach_all_sides_of_a_closed_body():
    walk, octants = walk_on(MESH, 5), set()
    for _ in range(90):
        walk.land(np.zeros(2))
        octants.add(tuple(contact_in_body(walk)[0] > 0))
    assert len(octants) == 8


def test_a_walk_turns_over_the_edge_of_a_box():
    walk = walk_on(indenters.box((40e-3, 40e-3, 40e-3), edge_radius_m=1e-3), 7)
    walk.land(np.zeros(2))
    faces = set()
    for _ in range(400):
        walk.advance(0.5e-3, 0.05, 1 / 60, np.zeros(2))
        pad = contact_in_body(walk)[1]
        if np.abs(pad).max() > 0.95:
            faces.add((int(np.argmax(np.abs(pad))), bool(pad[np.argmax(np.abs(pad))] > 0)))
    assert len(faces) >= 3


def test_a_sheet_is_walked_on_its_face_and_never_left():
    sheet = indenters.textile()
    assert not is_closed(sheet)
    walk = walk_on(sheet, 2, whole=False)
    for _ in range(4):
        walk.land(np.zeros(2))
        for _ in range(60):
            walk.advance(0.3e-3, 0.02, 1 / 60, np.zeros(2))
            assert walk.gel_T_body[2, 2] > 0.5
            assert np.isfinite(walk.underside_m).any()


@pytest.mark.parametrize(
    "body", [indenters.sphere(), indenters.ring(), indenters.box(), indenters.gear(), MESH], ids=lambda b: b.name
)
def test_closed_bodies_are_walked_on_all_over(body):
    assert is_closed(body)


@pytest.mark.parametrize(
    ("sensor", "body"),
    [("digit", MESH), ("digit", indenters.box()), ("gelsight_mini", indenters.cylinder(5e-3, edge_radius_m=0.3e-3))],
    ids=("pebble", "box", "cylinder"),
)
def test_the_force_follows_its_target_on_the_way(sensor, body):
    (touch,) = EXPLORATION.play(stage(sensor, body, frames=40, seed=1))
    target = np.array(touch.labels["target_force_n"])
    force = np.array([frame.normal_force_n for frame in touch.frames])
    error = np.abs(force[target > 0] / target[target > 0] - 1)
    assert np.median(error) < 0.05
    assert np.quantile(error, 0.9) < 0.2


def test_the_object_stands_still_and_the_pad_lifts_off_between_strokes():
    (touch,) = EXPLORATION.play(stage("digit", MESH, frames=120, seed=3))
    contact, stroke = np.array(touch.labels["in_contact"]), np.array(touch.labels["stroke"])
    np.testing.assert_array_equal(touch.world_T_indenter, np.eye(4))
    assert stroke[-1] >= 1
    for number in range(1, stroke[-1] + 1):
        assert not contact[np.argmax(stroke == number)]  # each begins off the body
    np.testing.assert_array_equal(contact, [frame.contact_mask.any() for frame in touch.frames])
    moved = np.linalg.norm(np.diff(touch.world_T_gel[:, :3, 3], axis=0), axis=1)[contact[1:] & contact[:-1]]
    assert moved.max() * 60 <= 2 * simulator("digit").spec.working_range.slide_speed_m_s[1]
