"""EdgeFollow is what its page says: contours keep their certificates, the plate is true to its contour, and only touch goes around it."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from simtouch_envs.edge_follow.contour import Contour
from simtouch_envs.edge_follow.env import FULL_STEP_M, FULL_TURN_RAD, REACH_M, EdgeFollowEnv
from simtouch_envs.edge_follow.expert import EdgeFollowExpert, ExpertConfig, edge_in
from simtouch_envs.edge_follow.plate import HOLLOW_M, Plate
from simtouch_envs.edge_follow.shapes import FAMILIES, shape
from simtouch_envs.numbered import SPLITS

from simtouch._checks import ArgumentError, ShapeError, UnknownNameError
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.pose import from_rotvec, pose, rotation_z

BLIND = ("straight", "circle")


@pytest.fixture(scope="module")
def env():
    return EdgeFollowEnv(obs_type="force", split="test")


def circle(radius_m: float) -> Contour:
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    return Contour(radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def play(env, name: str | int, feels: str = "touch") -> tuple[dict, list]:
    """Let the expert play a shape; the last info and the rewards."""
    info = env.reset(seed=0, options={"shape": name})[1]
    expert = EdgeFollowExpert(env, ExpertConfig(feels=feels))
    expert.reset()
    rewards = []
    for _ in range(300):
        _, reward, over, _, info = env.step(expert.act())
        rewards.append(reward)
        if over:
            break
    return info, rewards


def test_a_circle_comes_out_as_a_circle():
    radius = 12e-3
    contour = circle(radius)
    assert contour.length_m == pytest.approx(2 * np.pi * radius, rel=1e-6)
    np.testing.assert_allclose(contour.bends_1_m, 1 / radius, rtol=1e-4)
    s = 1.2345 * radius
    np.testing.assert_allclose(contour.at(s), radius * np.array([np.cos(1.2345), np.sin(1.2345)]), atol=1e-8)
    assert contour.heading_rad(s) == pytest.approx(1.2345 + np.pi / 2, abs=1e-5)
    points = np.random.default_rng(0).uniform(-2 * radius, 2 * radius, (500, 2))
    np.testing.assert_allclose(contour.inside_m(points), radius - np.linalg.norm(points, axis=1), atol=2e-7)
    at, inside = contour.project(1.1 * contour.at(s), s + contour.length_m)
    assert at == pytest.approx(s + contour.length_m, abs=1e-7)
    assert inside == pytest.approx(-0.1 * radius, abs=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_shape_is_in_two_splits_and_a_number_means_the_same_shape(family):
    points = [shape(family, split, number).contour.points_m for split in SPLITS for number in range(3)]
    for i, one in enumerate(points):
        assert all(np.abs(one - other).max() > 0.1e-3 for other in points[:i])
    again = shape.__wrapped__(family, "train", 0)  # drawn anew, not the one that is kept
    assert np.array_equal(again.contour.points_m, points[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_certificate_is_what_a_ruler_finds(family):
    bounds = FAMILIES[family]
    for number in range(6):
        drawn = shape(family, "test", number)
        found, p = drawn.certificate, drawn.contour.points_m[::4]
        sides = np.linalg.norm(np.roll(p, -1, 0) - p, axis=1)
        assert found.length_m == pytest.approx(sides.sum(), rel=1e-4)
        before, after = p - np.roll(p, 1, 0), np.roll(p, -1, 0) - p  # circles through three neighbours
        area2 = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
        across = np.linalg.norm(before + after, axis=1)
        radii = sides * np.roll(sides, 1) * across / (2 * area2)
        assert found.least_bend_radius_m == pytest.approx(radii.min(), rel=0.02)
        s = np.arange(len(p)) * found.length_m / len(p)
        around = np.abs(s[:, None] - s)
        far = np.minimum(around, found.length_m - around) > 25e-3
        assert found.least_width_m == pytest.approx(np.linalg.norm(p[:, None] - p, axis=2)[far].min(), abs=0.5e-3)
        assert found.least_bend_radius_m >= bounds.least_bend_radius_m
        assert found.least_width_m >= bounds.least_width_m
        assert found.elongation >= bounds.least_elongation


def test_blobs_have_hollows_and_ovals_have_none():
    least = {family: [shape(family, "test", n).contour.bends_1_m.min() for n in range(8)] for family in FAMILIES}
    assert min(least["oval"]) > -1.0
    assert np.mean(np.array(least["blob"]) < -20) > 0.5


def test_the_plate_lies_where_its_contour_does():
    """Against the distance to a polygon of 12,800 corners, in any pose about z."""
    contour = shape("blob", "test", 2).contour
    plate, grid, rng = Plate(name="blob", contour=contour), Grid(60, 80, 0.2e-3), np.random.default_rng(0)
    fine = np.array([contour.at(s) for s in np.linspace(0, contour.length_m, 12800, endpoint=False)])
    for s in rng.uniform(0, contour.length_m, 3):
        gel_T_plate = pose((0, 0, -0.2e-3), rotation_z(rng.uniform(-3, 3)))
        gel_T_plate[:2, 3] = -gel_T_plate[:2, :2] @ contour.at(s)
        z = plate.underside_m(gel_T_plate, grid)
        x, y = np.meshgrid(grid.x_m, grid.y_m)
        seen = (np.stack([x, y], axis=-1) - gel_T_plate[:2, 3]) @ gel_T_plate[:2, :2]
        inside = polygon_inside_m(seen.reshape(-1, 2), fine).reshape(grid.shape)
        rim = (inside > 0.05e-3) & (inside < HOLLOW_M - 0.1e-3)
        assert rim.sum() > 300
        assert np.isinf(z[inside < -0.05e-3]).all()
        r, slope = plate.rim_radius_m, np.tan(plate.hollow_rad)
        flank = np.sqrt(np.maximum(r**2 - (inside - r) ** 2, 0))
        begins = r * (1 + np.sin(plate.hollow_rad))
        face = np.where(inside < begins, r - flank, r * (1 - np.cos(plate.hollow_rad)) + slope * (inside - begins))
        np.testing.assert_allclose(z[rim] + 0.2e-3, face[rim], atol=2e-6)


def polygon_inside_m(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance to the nearest corner, negative outside by the crossings of a ray."""
    from scipy.spatial import cKDTree

    away = cKDTree(corners).query(points)[0]
    corners = corners[::8]  # 0.1 um from the curve
    after = np.roll(corners, -1, 0)
    spans = (corners[:, 1] > points[:, 1:]) != (after[:, 1] > points[:, 1:])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (after[:, 0] - corners[:, 0]) / (after[:, 1] - corners[:, 1])
        cut = corners[:, 0] + (points[:, 1:] - corners[:, 1]) * slope
    return np.where((spans & (points[:, :1] < cut)).sum(1) % 2 == 1, away, -away)


def test_the_expert_reads_a_stripe_of_pressure():
    y, x = np.mgrid[-6e-3:6e-3:81j, -6e-3:6e-3:81j]
    for angle, off in ((0.3, 0.4e-3), (-0.5, -0.3e-3), (0.0, 1.0e-3)):
        across = -np.sin(angle) * x + np.cos(angle) * y - off
        found = edge_in(np.exp(-((across / 0.3e-3) ** 2) / 2), 12e-3 / 80, 2.5e-3)
        assert found[0] == pytest.approx(angle, abs=0.02)
        assert found[1] == pytest.approx(off, rel=0.1, abs=0.02e-3)
    assert edge_in(np.zeros((81, 81)), 12e-3 / 80, 2.5e-3) == (0.0, 0.0)


def test_touch_goes_around_and_without_it_the_edge_is_lost(env):
    for name in ("blob/test/1", "oval/test/2"):
        info, rewards = play(env, name)
        assert info["is_success"], info
        assert info["shape"] == name
        assert info["lost"] is False
        assert info["progress"] == 1.0
        assert info["distance_m"] >= shape(*name.split("/")[:2], int(name[-1])).certificate.length_m
        assert info["reward_terms"]["success"] == 5.0
        assert sum(rewards) > 5
        for feels in BLIND:
            info, rewards = play(env, name, feels)
            assert (info["is_success"], info["lost"]) == (False, "edge")
            assert info["reward_terms"]["lost"] == -5.0


def test_an_action_moves_along_the_sensors_own_axes(env):
    for step in range(3):
        env.reset(seed=3, options={"shape": 3})
        before = env._sensor_pose()
        action = np.eye(3)[step] * 0.5
        state = env.step(action)[0]["state"]
        moved = np.linalg.inv(before) @ env._sensor_pose()
        turn = np.arctan2(moved[1, 0], moved[0, 0])
        full = np.array([FULL_STEP_M, FULL_STEP_M, FULL_TURN_RAD])
        np.testing.assert_allclose([*moved[:2, 3], turn], action * full, atol=1e-12)
        np.testing.assert_allclose(state, action * full / env.dt_s, rtol=1e-6)


def test_the_plate_is_felt_on_the_side_of_plus_y_and_pushes_the_gel_in(env):
    expert = EdgeFollowExpert(env)
    env.reset(seed=1, options={"shape": 5})
    for _ in range(20):
        env.step(expert.act())
    offset = env.step(np.zeros(3))[4]["offset_m"]
    y = [float(env.frame.centre_of_pressure_m[1])]
    assert env.frame.force_n[2] < -0.1
    for _ in range(4):  # away from the plate by 0.5 mm: what is felt comes as much nearer to +y
        info = env.step(np.array([0, -0.125, 0]))[4]
        y.append(float(env.frame.centre_of_pressure_m[1]))
    assert info["offset_m"] - offset == pytest.approx(-0.5e-3, rel=0.05)
    assert np.all(np.diff(y) > 0)
    assert y[-1] - y[0] == pytest.approx(0.5e-3, rel=0.25)


def test_pressing_depth_drifts_within_its_bounds_and_not_without_a_drift():
    drifting, still = EdgeFollowEnv(obs_type="force"), EdgeFollowEnv(obs_type="force", drift_m=0.0)
    spread = []
    for made in (drifting, still):
        made.reset(seed=0, options={"shape": 0})
        forces = [made.step(np.zeros(3))[0]["force"][2] for _ in range(30)]
        spread.append(np.ptp(forces))
    assert spread[0] > 0.02
    assert spread[1] < 0.1 * spread[0]


def test_leaving_the_edge_ends_the_episode(env):
    env.reset(seed=0, options={"shape": 0})
    for count in range(1, 12):
        *_, over, _, info = env.step(np.array([0, -1.0, 0]))
        if over:
            break
    assert (info["lost"], info["is_success"]) == ("edge", False)
    assert abs(info["offset_m"]) > REACH_M - FULL_STEP_M or env.frame.normal_force_n < 2e-3
    assert count <= 7


def test_sparse_reward_is_one_once_around():
    made = EdgeFollowEnv(obs_type="state", reward_type="sparse", family="oval", split="validation")
    info, rewards = play(made, 1)
    assert info["is_success"]
    assert rewards[-1] == 1.0
    assert set(rewards[:-1]) == {0.0}
    assert info["reward_terms"] == {"success": 1.0}


def test_bad_arguments_name_what_is_known(env):
    for error, match, kwargs in (
        (UnknownNameError, "oval", {"family": "star"}),
        (ArgumentError, "train, validation, test", {"split": "dev"}),
        (ArgumentError, "dense, sparse", {"reward_type": "some"}),
        (ArgumentError, "tactile_state", {"obs_type": "camera"}),
        (ArgumentError, "1 to 1000", {"shapes": 0}),
        (ArgumentError, "0 to 999", {"shapes": [1000]}),
        (ArgumentError, "indent_depth_m", {"indent_depth_m": 5e-3}),
        (ArgumentError, "drift_m", {"drift_m": -1e-5}),
        (UnknownNameError, "digit", {"sensor": "finger"}),
    ):
        with pytest.raises(error, match=match):
            EdgeFollowEnv(**kwargs)
    for chosen, match in ((1000, "999"), ("blob/test", "blob/test/7"), ("star/test/1", "blob"), ("blob/dev/1", "train")):
        with pytest.raises((ArgumentError, UnknownNameError), match=match):
            env.reset(options={"shape": chosen})
    with pytest.raises(ArgumentError, match="options"):
        env.reset(options={"maze": 1})
    env.reset(seed=0)
    with pytest.raises(ArgumentError, match="finite"):
        env.step(np.array([np.nan, 0, 0]))
    with pytest.raises(ShapeError, match="action"):
        env.step(np.zeros(2))
    assert env.step(np.array([2.0, 0, 0]))[4]["clipped_actions"] == 1
    with pytest.raises(ArgumentError, match="feels"):
        EdgeFollowExpert(env, ExpertConfig(feels="smell"))


def test_bad_contours_and_tilted_plates_are_refused():
    points = circle(10e-3).points_m[::16]
    with pytest.raises(ArgumentError, match="counter-clockwise"):
        Contour(points[::-1])
    with pytest.raises(ArgumentError, match="at least 8"):
        Contour(points[:7])
    plate = Plate(name="disc", contour=circle(10e-3))
    with pytest.raises(ArgumentError, match="flat"):
        plate.underside_m(pose((0, 0, 0), from_rotvec((0.1, 0, 0))), Grid(8, 8, 1e-4))
