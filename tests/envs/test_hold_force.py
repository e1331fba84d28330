"""HoldForce is what its page says: felt force, drift, endings, and a task that touch can solve."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from simtouch_envs.hold_force import HoldForceConfig, HoldForceEnv

import simtouch

STILL = HoldForceConfig(tremor_m=(0.0, 0.0, 0.0))


def test_pushing_raises_the_force_and_pulling_lowers_it():
    env = HoldForceEnv(config=STILL)
    env.reset(seed=0)
    pushed = [env.step(np.ones(1, np.float32))[4]["normal_force_n"] for _ in range(6)]
    pulled = [env.step(-np.ones(1, np.float32))[4]["normal_force_n"] for _ in range(4)]
    assert np.all(np.diff(pushed) > 0)
    assert np.all(np.diff(pulled) < 0)


def test_pushing_on_ends_the_episode_with_a_penalty():
    env = HoldForceEnv(config=STILL)
    env.reset(seed=0)
    for _ in range(40):
        _, _, terminated, _, info = env.step(np.ones(1, np.float32))
        if terminated:
            break
    assert terminated
    assert info["reward_terms"]["over"] == -10.0


def test_pulling_away_shows_an_image_at_rest_and_then_ends():
    env = HoldForceEnv(config=STILL)
    env.reset(seed=0)
    forces = []
    for _ in range(40):
        _, _, terminated, _, info = env.step(-np.ones(1, np.float32))
        forces.append(info["normal_force_n"])
        if terminated:
            break
    assert terminated
    assert forces[-1] == 0.0


def test_the_target_can_be_set():
    env = HoldForceEnv()
    observation, _ = env.reset(seed=0, options={"target_force_n": 1.25})
    assert observation["target_force_n"] == np.float32(1.25)


def test_a_target_out_of_range_is_refused():
    with pytest.raises(ValueError, match="target_force_n"):
        HoldForceEnv().reset(seed=0, options={"target_force_n": 50.0})


@pytest.mark.parametrize("sensor", sorted(simtouch.SENSORS))
def test_every_sensor_can_reach_every_target(sensor):
    """The hardest target is felt before the ball is in too deep, and the observation lies in its space."""
    env = HoldForceEnv(sensor, config=STILL)
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    felt = [env.step(np.ones(1, np.float32))[2:5] for _ in range(20)]
    assert max(info["normal_force_n"] for over, _, info in felt if not over) >= STILL.target_force_n[1]


def test_a_drifting_hand_changes_the_force_of_a_still_sensor():
    env = HoldForceEnv()
    env.reset(seed=1)
    forces = [env.step(np.zeros(1, np.float32))[4]["normal_force_n"] for _ in range(10)]
    assert np.ptp(forces) > 0.01


def test_feeling_the_force_solves_the_task_and_standing_still_does_not():
    """A proportional controller on the true force succeeds; an idle sensor does not: touch is needed and enough."""

    def succeeds(seed: int, gain: float) -> bool:
        env = HoldForceEnv()
        observation, info = env.reset(seed=seed)
        for _ in range(150):
            error = observation["target_force_n"] - info["normal_force_n"]
            observation, _, terminated, _, info = env.step(np.clip(gain * error, -1, 1).astype(np.float32))
            if info["is_success"] or terminated:
                break
        return info["is_success"]

    assert [succeeds(seed, gain=1.5) for seed in (0, 1)] == [True, True]
    assert [succeeds(seed, gain=0.0) for seed in (0, 1)] == [False, False]
