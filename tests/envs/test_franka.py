"""The Franka arm that carries the gripper: where it stands, how softly it holds, and that it plays the maze in both of its modes."""

import importlib.util
import itertools
import warnings
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
mujoco = pytest.importorskip("mujoco")
pytest.importorskip("simtouch_envs")

from gymnasium.utils.env_checker import check_env  # noqa: E402
from simtouch_envs import franka_model  # noqa: E402
from simtouch_envs.experts import expert_for  # noqa: E402
from simtouch_envs.fingertips import pads_for_ball  # noqa: E402
from simtouch_envs.franka import FrankaArm, Servos  # noqa: E402
from simtouch_envs.gripper import Hand  # noqa: E402

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError  # noqa: E402

ID, MODES = "simtouch/BeadMaze-v0", ("delta_xyz", "delta_joint")
WHEEL = importlib.util.find_spec("gymnasium_robotics") is not None
needs_wheel = pytest.mark.skipif(not WHEEL, reason="needs pip install 'simtouch[franka]'")
MIDDLE = (0.13, 0.0, 0.15)
by_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(scope="module")
def envs():
    made = {mode: make(mode) for mode in MODES}
    yield made
    for env in made.values():
        env.close()


def make(mode: str, **kwargs):
    return gymnasium.make(ID, **{"obs_type": "force", "split": "test", "robot": "franka", "action_mode": mode} | kwargs)


def alone(place=MIDDLE, **kwargs):
    """An arm with nothing to hold: the arm, MuJoCo's model and its data, the hand at a place."""
    arm = FrankaArm(**{"grip_force_n": 0.0, "control_hz": 20, "joints": False} | kwargs)
    bodies = arm.world(pads_for_ball("digit", 8e-3, 2.5), np.array(place), 8e-3)
    bead = '<geom name="bead" type="sphere" size=".008" pos="0 0 -9" contype="0" conaffinity="0"/>'
    option = '<option timestep="0.005" integrator="discrete"/>'
    model = mujoco.MjModel.from_xml_string(f"<mujoco>{option}<worldbody>{bead}{bodies}</worldbody>{arm.drives('bead')}</mujoco>")
    data = mujoco.MjData(model)
    arm.bind(model)
    arm.pose(data)
    mujoco.mj_forward(model, data)
    data.ctrl[:] = arm.begin(data, np.zeros(3))
    return arm, model, data


def test_without_its_wheel_the_arm_names_the_extra(monkeypatch):
    franka_model.links.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[franka\]'"):
        FrankaArm(grip_force_n=2.5, control_hz=20, joints=False)


def test_a_wheel_with_another_arm_is_named(monkeypatch, tmp_path):
    (tmp_path / franka_model._INSIDE).mkdir(parents=True)
    (tmp_path / franka_model._INSIDE / "assets.xml").write_text("<mujocoinclude/>")
    (tmp_path / franka_model._INSIDE / "chain.xml").write_text("<mujocoinclude><body name='link0'/></mujocoinclude>")
    spec = ModuleSpec("gymnasium_robotics", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    franka_model.links.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(SimtouchError, match="not the known one"):
        franka_model.links()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"robot": "ur5"}, "floating, franka"),
        ({"action_mode": "delta_pose"}, "delta_xyz, delta_joint"),
        ({"action_mode": "delta_joint"}, "`robot` must be franka"),
    ],
)
def test_what_is_not_known_is_refused_with_the_choices(asked, told):
    with pytest.raises(ArgumentError, match=told):
        gymnasium.make(ID, obs_type="force", **asked)


@needs_wheel
def test_where_the_joints_put_the_hand_is_where_mujoco_has_it_and_the_jacobian_is_its_slope():
    arm, model, data = alone()
    rng, small = np.random.default_rng(0), 1e-6
    for _ in range(5):
        angles = data.qpos[:7] + rng.uniform(-0.3, 0.3, 7)
        place, axes, jacobian = arm._chain.at(angles)
        data.qpos[:7] = angles
        mujoco.mj_forward(model, data)
        np.testing.assert_allclose(place, data.body("hand").xpos, atol=1e-12)
        np.testing.assert_allclose(axes, data.body("hand").xmat.reshape(3, 3), atol=1e-12)
        slope = [
            (arm._chain.at(angles + small * one)[0] - arm._chain.at(angles - small * one)[0]) / (2 * small) for one in np.eye(7)
        ]
        np.testing.assert_allclose(jacobian[:3].T, slope, atol=1e-8)


@needs_wheel
def test_the_whole_maze_is_within_reach_with_the_hand_upright_and_no_joint_at_its_limit():
    arm, *_ = alone()
    low, high = arm._chain.ranges_rad.T
    for place in itertools.product((0.0, 0.13, 0.27), (-0.03, 0.03), (-0.1, 0.05, 0.2, 0.36)):
        angles = arm._built(place)
        there, axes, _ = arm._chain.at(angles)
        np.testing.assert_allclose(there, place, atol=1e-6)
        np.testing.assert_allclose(axes, np.eye(3), atol=1e-6)
        assert min((angles - low).min(), (high - angles).min()) > 0.2


@needs_wheel
def test_gravity_does_not_move_the_arm_and_a_force_moves_the_hand_by_its_compliance():
    arm, model, data = alone()
    compliance = arm.compliance_m_n(data.qpos[:7])
    mujoco.mj_step(model, data, 200)
    assert np.abs(arm.place_m(data)).max() < 0.1e-3
    for force in np.eye(3):
        before = arm.place_m(data)
        body = model.body("hand").id
        mujoco.mj_applyFT(model, data, force, np.zeros(3), data.xpos[body], body, data.qfrc_applied)
        mujoco.mj_step(model, data, 2000)
        np.testing.assert_allclose(arm.place_m(data) - before, compliance @ force, rtol=0.05, atol=0.1e-3)
        data.qfrc_applied[:] = 0
        mujoco.mj_step(model, data, 2000)
    assert 300 < 1 / compliance[0, 0] < 400  # N/m
    assert 500 < 1 / compliance[2, 2] < 800


@needs_wheel
@pytest.mark.parametrize("yaw", [False, True])
def test_the_hand_goes_where_its_target_goes_and_stays_upright(yaw):
    arm, model, data = alone(hand=Hand(yaw=yaw))
    for way in np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, -1]]):
        for _ in range(10):
            data.ctrl[:] = arm.command(data, np.append(0.5 * way, [0.1] * yaw))
            mujoco.mj_step(model, data, 10)
    for _ in range(60):
        data.ctrl[:] = arm.command(data, np.zeros(3 + yaw))
        mujoco.mj_step(model, data, 10)
    np.testing.assert_allclose(arm.place_m(data), [15e-3, 15e-3, -15e-3], atol=0.1e-3)
    wanted = 0.1 * 30 * 0.1 * yaw
    assert arm.yaw_rad(data) == pytest.approx(wanted, abs=2e-3)
    assert arm._chain.at(data.qpos[:7])[1][2, 2] > np.cos(2e-3)
    np.testing.assert_allclose(arm.state(data), 0, atol=2e-3)


@needs_wheel
def test_a_target_of_the_joints_runs_no_further_ahead_than_both_leashes():
    arm, model, data = alone(joints=True)
    rng = np.random.default_rng(1)
    for _ in range(30):
        way = rng.choice([-1.0, 1.0], 7)
        for _ in range(8):
            data.ctrl[:] = arm.command(data, way)
            ahead = data.ctrl[:7] - data.qpos[:7]
            assert np.abs(ahead).max() <= Servos().leash_rad + 1e-12
            assert np.linalg.norm(arm._chain.at(data.qpos[:7])[2][:3] @ ahead) <= Hand().leash_m + 1e-12
        mujoco.mj_step(model, data, 1)


@needs_wheel
def test_an_action_of_the_hand_is_the_same_by_its_joints():
    one, _, data = alone()
    other, _, same = alone(joints=True)
    for action in np.array([[1.0, 0, 0], [0, -1, 0], [0.3, 0.2, -0.9]]):
        by_hand = one.command(data, action)
        by_joint = other.command(same, other.action_of_hand(same, action))
        np.testing.assert_allclose(by_joint, by_hand, atol=1e-6)
        np.testing.assert_array_equal(one.action_of_hand(data, action), action)


@needs_wheel
@by_mode
def test_the_arm_is_checked_without_a_word(envs, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(envs[mode].unwrapped, skip_render_check=True)


@needs_wheel
@by_mode
@pytest.mark.parametrize("name", ["snake/test/3", "lbend/test/0"])
def test_the_expert_finishes_by_touch_within_the_budget(envs, mode, name):
    env = envs[mode]
    expert = expert_for(env)
    env.reset(seed=0, options={"maze": name})
    expert.reset()
    over = False
    while not over:
        *_, terminated, truncated, info = env.step(expert.act())
        over = terminated or truncated
    assert info["is_success"]
    assert info["peak_force_n"] < 2.0
    assert info["slip_m"] < 2e-3
    assert info["clipped_actions"] == 0


@needs_wheel
@by_mode
def test_a_saved_state_goes_on_as_it_would_have(envs, mode):
    env = envs[mode]
    env.reset(seed=2, options={"maze": 1})
    actions = np.random.default_rng(3).uniform(-1, 1, (12, *env.action_space.shape))
    for action in actions[:6]:
        env.step(action)
    saved = env.unwrapped.save()
    once = [env.step(action)[0] for action in actions[6:]]
    env.reset(options={"state": saved})
    again = [env.step(action)[0] for action in actions[6:]]
    assert all(np.array_equal(a[key], b[key]) for a, b in zip(once, again, strict=True) for key in a)


@needs_wheel
@by_mode
def test_arms_stepped_as_one_batch_are_the_same_to_the_bit(mode):
    said = []
    for vector in ("sync", "vector_entry_point"):
        kwargs = {"obs_type": "force", "robot": "franka", "action_mode": mode}
        env = gymnasium.make_vec(ID, num_envs=2, vectorization_mode=vector, **kwargs)
        observation, _ = env.reset(seed=4)
        rng = np.random.default_rng(6)
        rewards = []
        for _ in range(10):
            observation, reward, *_ = env.step(rng.uniform(-0.5, 0.5, env.action_space.shape).astype(np.float32))
            rewards.append(reward)
        said.append([observation["state"], observation["force"], np.array(rewards)])
        env.close()
    assert all(np.array_equal(a, b) for a, b in zip(*said, strict=True))
