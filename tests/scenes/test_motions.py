import numpy as np
import pytest

from simtouch import indenters
from simtouch._checks import UnknownNameError
from simtouch.geometry.pose import from_rotvec
from simtouch.geometry.surface_motion import surface_motion
from simtouch.scenes import MOTIONS, make_scene
from simtouch.sensors import SENSORS
from simtouch.simulator import TactileSimulator

BALL = indenters.sphere(radius_m=4e-3)


@pytest.fixture(scope="module")
def sims():
    return {name: TactileSimulator(name) for name in SENSORS}


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("name", ["digit", "gelsight_mini", "gelsight_2017"])
def test_motions_stay_in_the_working_range(sims, name, motion):
    sim = sims[name]
    working, fps = sim.spec.working_range, sim.spec.camera.fps
    for seed in range(6):
        path = make_scene(sim, BALL, motion, 32, np.random.default_rng(seed)).path
        poses, depth = path.poses, path.depth_m
        assert depth.max() <= working.indent_depth_m[1] * 1.0001
        assert depth.max() >= 0.05e-3
        grid = sim.spec.image_grid
        assert (np.abs(poses[:, :2, 3]) <= np.array([grid.cols, grid.rows]) * grid.spacing_m / 2).all()
        if motion in ("slide", "roll", "twist", "rock", "press"):
            moved = np.abs(np.diff(poses[:, :2, 3], axis=0)).max() * fps
            assert moved <= 2.2 * working.slide_speed_m_s[1]  # the time to get down is taken from the slide's


@pytest.mark.parametrize("motion", MOTIONS)
def test_one_seed_is_one_path(sims, motion):
    first, again = (make_scene(sims["digit"], BALL, motion, 16, np.random.default_rng(4)).path for _ in range(2))
    assert (first.poses == again.poses).all()
    assert (first.depth_m == again.depth_m).all()
    other = make_scene(sims["digit"], BALL, motion, 16, np.random.default_rng(5)).path
    assert (first.poses != other.poses).any()


def test_depth_is_limited_by_force(sims):
    sim = sims["digit"]
    punch = indenters.flat_punch(radius_m=5e-3)
    depth = sim.depth_for_force(punch, np.eye(4), 3.5, 1.2e-3)
    assert depth < 1.2e-3
    sim.reset(punch)
    assert sim.step_depth(np.eye(4), depth).normal_force_n == pytest.approx(3.5, rel=0.05)
    assert sim.depth_for_force(punch, np.eye(4), 1e3, 0.1e-3) == 0.1e-3


def test_an_unknown_motion_lists_the_known(sims):
    with pytest.raises(UnknownNameError, match="Known: drag, explore, press"):
        make_scene(sims["digit"], BALL, "wiggle", 16, np.random.default_rng(0))


def test_a_rolling_ball_leaves_its_lowest_point_where_it_is():
    grid = SENSORS["digit"].gel_grid
    before, now = np.eye(4), np.eye(4)
    angle = 0.01
    before[:3, 3], now[:3, 3] = (0, 0, 3.5e-3), (4e-3 * angle, 0, 3.5e-3)
    now[:3, :3] = from_rotvec((0, angle, 0))
    motion = surface_motion(before, now, BALL.underside_m(now, grid), grid)
    lowest = np.unravel_index(np.argmin(BALL.underside_m(now, grid)), grid.shape)
    assert np.abs(motion[lowest]).max() < 0.05 * 4e-3 * angle


def test_a_slide_moves_every_cell_alike_and_nothing_where_there_is_no_body():
    grid = SENSORS["digit"].gel_grid
    before, now = np.eye(4), np.eye(4)
    now[:2, 3] = 1e-4, -2e-4
    underside = BALL.underside_m(now, grid)
    motion = surface_motion(before, now, underside, grid)
    there = np.isfinite(underside)
    np.testing.assert_allclose(motion[there], np.broadcast_to((1e-4, -2e-4), motion[there].shape), atol=1e-9)
    assert not motion[~there].any()


def test_a_twist_moves_cells_in_circles():
    grid = SENSORS["digit"].gel_grid
    now = np.eye(4)
    now[:3, :3] = from_rotvec((0, 0, 1e-3))
    punch = indenters.flat_punch(radius_m=5e-3)
    underside = punch.underside_m(now, grid)
    motion = surface_motion(np.eye(4), now, underside, grid)
    there = np.isfinite(underside)
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    np.testing.assert_allclose(motion[there], np.stack([-y, x], -1)[there] * 1e-3, atol=1e-8)
