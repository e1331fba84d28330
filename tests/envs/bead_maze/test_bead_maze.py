"""The bead maze: what the pads feel, how episodes begin and end, and what is refused."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
simtouch_envs = pytest.importorskip("simtouch_envs")

from simtouch_envs.bead_maze.env import BeadMazeEnv  # noqa: E402
from simtouch_envs.bead_maze.expert import BeadMazeExpert, ExpertConfig  # noqa: E402
from simtouch_envs.fingertips import FingertipConfig, sensor_of  # noqa: E402

from simtouch import SensorSpec, sensors  # noqa: E402
from simtouch._checks import ArgumentError, ShapeError, SimtouchError, UnknownNameError  # noqa: E402

ALONG = np.array([1.0, 0, 0])


def make(**kwargs) -> BeadMazeEnv:
    return gymnasium.make("simtouch/BeadMaze-v0", **{"obs_type": "force"} | kwargs)


@pytest.fixture(scope="module")
def env():
    return make()


@pytest.fixture(scope="module")
def seeing():
    return make(obs_type="tactile_state", fingertips=FingertipConfig(cells=40))


def played(env, expert, **options) -> dict:
    env.reset(seed=0, options=options)
    expert.reset()
    while True:
        *_, terminated, truncated, info = env.step(expert.act())
        if terminated or truncated:
            return info


def test_the_pads_hold_the_bead_by_the_force_of_the_fingers(env):
    env.reset(seed=0)
    assert env.unwrapped.held.normal_force_n == pytest.approx([2.5, 2.5], rel=5e-3)


def test_at_rest_the_pads_carry_the_bead_and_what_a_target_off_by_a_millimetre_pushes(env):
    for number in range(4):
        env.reset(seed=number, options={"maze": number})
        for _ in range(10):
            env.step(np.zeros(3))
        assert np.linalg.norm(env.unwrapped.held.force_n.sum(0)) < 5e-3 * 9.81 + 400 * 1e-3 * np.sqrt(2)


def test_a_pull_along_the_wire_moves_the_bead_and_a_pull_across_it_shears_the_gel(env):
    env.reset(seed=0, options={"maze": "straight/train/0"})
    tangent = env.unwrapped.start_tangent
    for _ in range(10):
        *_, info = env.step(0.5 * tangent)
    assert info["distance_m"] == pytest.approx(15e-3, abs=4e-3)
    env.reset(seed=0, options={"maze": "straight/train/0"})
    across = np.cross(tangent, [0, 1, 0])
    for _ in range(8):
        _, _, _, _, info = env.step(0.2 * across)
    force = env.unwrapped.held.force_n.sum(0)
    assert info["distance_m"] < 2e-3
    assert force @ across < -0.3  # the wire pushes back
    assert abs(force @ np.cross(tangent, across)) < 0.05


def test_the_image_shear_is_the_springs_shear_of_mujoco(seeing):
    """Normal force by construction, shear as the test of the coupling: the layer's against MuJoCo's."""
    seeing.reset(seed=0, options={"maze": "straight/train/0"})
    across = np.cross(seeing.unwrapped.start_tangent, [0, 1, 0])
    told, felt = [], []
    for _ in range(12):
        seeing.step(0.15 * across)
        told.append(seeing.unwrapped.held.gel_force_n)
        felt.append(seeing.unwrapped.touch.frame.force_n)
    told, felt = np.array(told), np.array(felt)
    assert felt[..., 2] == pytest.approx(told[..., 2], rel=1e-2)
    shear = np.abs(told[..., :2]).max()
    assert shear > 0.15
    assert np.abs(felt - told)[..., :2].max() < 0.15 * shear


def test_touch_finds_the_end_of_a_snake_and_blindness_does_not(env):
    for number in (0, 1):
        assert played(env, BeadMazeExpert(env), maze=number)["is_success"]
    for feels in ("motion", "blind"):
        info = played(env, BeadMazeExpert(env, ExpertConfig(feels=feels)), maze=1)
        assert info["lost"] == "force"
        assert info["peak_force_n"] > 2.5


def test_the_expert_follows_a_spatial_wire_with_a_turning_hand():
    env = make(family="3d")
    assert env.action_space.shape == (4,)
    assert env.observation_space["state"].shape == (8,)
    assert played(env, BeadMazeExpert(env), maze=2)["is_success"]


def test_ten_and_twenty_hertz_go_equally_fast():
    distance = {}
    for hertz in (20, 10):
        env = make(control_hz=hertz, family="straight")
        env.reset(seed=0, options={"maze": 1})
        tangent = env.unwrapped.start_tangent
        for _ in range(hertz):
            *_, info = env.step(0.4 * tangent)
        distance[hertz] = info["distance_m"]
        assert env.unwrapped.dt_s == pytest.approx(1 / hertz)
    assert distance[10] == pytest.approx(distance[20], rel=0.1)


def test_the_leash_holds_the_target(env):
    env.reset(seed=0)
    for _ in range(12):
        observation, *_, terminated, _, _ = env.step(ALONG * [0, 1, 0] + [0, 1, 0])
        assert np.linalg.norm(observation["state"][:3]) < 10e-3 + 1e-9
        if terminated:
            break


def test_a_saved_state_goes_on_as_it_would_have(env):
    env.reset(seed=4)
    expert = BeadMazeExpert(env)
    expert.reset()
    for _ in range(20):
        env.step(expert.act())
    saved = env.unwrapped.save()
    actions = np.random.default_rng(0).uniform(-0.3, 0.3, (10, 3))
    first = [env.step(action)[0] for action in actions]
    again, _ = env.reset(options={"state": saved})
    assert again["state"].shape == (6,)
    for action, wanted in zip(actions, first, strict=True):
        observation = env.step(action)[0]
        assert all(np.array_equal(observation[key], wanted[key]) for key in wanted)


def test_sparse_rewards_are_one_at_the_goal():
    env = make(reward_type="sparse", family="straight")
    env.reset(seed=0, options={"maze": 0})
    expert = BeadMazeExpert(env)
    expert.reset()
    rewards = []
    while True:
        _, reward, terminated, truncated, info = env.step(expert.act())
        rewards.append(reward)
        if terminated or truncated:
            break
    assert info["is_success"]
    assert (sum(rewards), rewards[-1]) == (1.0, 1.0)


def test_actions_outside_the_box_are_clipped_and_counted_and_nan_is_refused(env):
    env.reset(seed=0)
    *_, info = env.step(np.array([3.0, 0, 0]))
    assert info["clipped_actions"] == 1
    *_, info = env.step(np.array([0.1, 0, 0]))
    assert info["clipped_actions"] == 1
    with pytest.raises(ArgumentError, match="must be finite"):
        env.unwrapped.step(np.array([np.nan, 0, 0]))
    with pytest.raises(ShapeError, match=r"shape \(3,\); got \(2,\)"):
        env.unwrapped.step(np.zeros(2))
    assert env.reset(seed=0)[1]["clipped_actions"] == 0


@pytest.mark.parametrize(
    ("kwargs", "known"),
    [
        ({"obs_type": "pixels"}, "state, force, tactile, tactile_state"),
        ({"robot": "ur5"}, "floating"),
        ({"family": "maze"}, "3d, lbend, snake, straight"),
        ({"split": "exam"}, "train, validation, test"),
        ({"action_mode": "torque"}, "delta_xyz"),
        ({"control_hz": 30}, "20, 10"),
        ({"reward_type": "shaped"}, "dense, sparse"),
        ({"render_mode": "ansi"}, "rgb_array, human"),
        ({"mazes": 0}, "from 1 to 1000"),
        ({"mazes": [3, 2000]}, "from 0 to 999"),
        ({"sensor": "biotac"}, "digit, gelsight_2017, gelsight_mini"),
        ({"force_budget_n": -1}, "> 0"),
    ],
)
def test_unknown_choices_are_refused_with_the_known_ones(kwargs, known):
    with pytest.raises((ArgumentError, UnknownNameError)) as refused:
        BeadMazeEnv(**kwargs)
    assert known in str(refused.value)


def test_unknown_mazes_and_options_are_refused(env):
    for options, said in (
        ({"maze": "snake/test"}, "number from 0 to 999"),
        ({"maze": 1000}, "0 to 999"),
        ({"maze": "3d/test/1"}, "lbend, snake"),
        ({"mase": 1}, "maze or state"),
    ):
        with pytest.raises(ArgumentError, match=said):
            env.unwrapped.reset(options=options)


def test_a_sensor_without_optics_is_refused_with_those_that_have_them():
    blind = sensors.DIGIT.__class__(**{**vars(sensors.DIGIT), "response": None, "lights": ()})
    assert isinstance(blind, SensorSpec)
    with pytest.raises(ArgumentError, match=r"no optics.*digit, gelsight_mini"):
        BeadMazeEnv(blind)


def test_a_step_before_reset_is_refused():
    with pytest.raises(SimtouchError, match="reset"):
        BeadMazeEnv(obs_type="state").step(np.zeros(3))


def test_every_preset_can_be_worn_at_the_small_size():
    for name in sensors.SENSORS:
        spec = sensor_of(name)
        assert max(spec.image_shape) == 160
        assert max(spec.gel.grid_shape) == 80
    assert sensor_of("digit", FingertipConfig(image_size="full")).image_shape == (320, 240)
