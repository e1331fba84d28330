"""What environments with a gripper share: how an episode begins, and what it does not depend on."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

from simtouch_envs import worlds
from simtouch_envs.bead_maze.env import BeadMazeEnv
from simtouch_envs.fingertips import FingertipConfig
from simtouch_envs.grasp_lift.env import GraspLiftEnv

SMALL = FingertipConfig(cells=40)
of_both = pytest.mark.parametrize("kind", [BeadMazeEnv, GraspLiftEnv])


def looking(kind, **kwargs):
    return kind(obs_type="tactile", fingertips=SMALL, **kwargs)


def begun(env, number: int, seed: int = 3) -> dict[str, np.ndarray]:
    """The first observation of an episode."""
    return env.reset(seed=seed, options={env.kind: number})[0]


def same(a: dict, b: dict) -> bool:
    return all(np.array_equal(a[key], b[key]) for key in a)


@of_both
def test_pictures_do_not_depend_on_what_was_played_first(kind, monkeypatch):
    one, other = looking(kind), looking(kind)
    wanted = begun(one, 5)
    begun(other, 7)
    begun(other, 2, seed=1)
    other.step(other.action_space.high)
    assert same(wanted, begun(other, 5))
    monkeypatch.setattr(worlds, "_KEPT", 1)
    begun(other, 7)
    assert same(wanted, begun(other, 5))


@pytest.mark.parametrize(("kind", "kwargs"), [(BeadMazeEnv, {}), (BeadMazeEnv, {"bead_texture": "ribs"}), (GraspLiftEnv, {})])
def test_an_episode_begins_as_after_a_press_out_of_nothing(kind, kwargs):
    env = looking(kind, **kwargs)
    for number in (1, 2):
        begun(env, number)
        kept = env.touch.frame
        env._touch_anew(seed=0, alike=None)
        anew = env.touch.frame
        assert kept.normal_force_n.min() > 0.1
        np.testing.assert_allclose(kept.force_n, anew.force_n, atol=2e-3 * kept.normal_force_n.max())
        np.testing.assert_allclose(kept.height_m, anew.height_m, atol=0.6e-6)
        assert np.mean(kept.contact_mask ^ anew.contact_mask) < 1e-3


@of_both
def test_what_was_played_before_is_felt_once_to_begin(kind, monkeypatch):
    env, felt = looking(kind), []
    feel = env.touch.feel
    monkeypatch.setattr(env.touch, "feel", lambda *args, **kwargs: (felt.append(kwargs), feel(*args, **kwargs))[1])
    begun(env, 1)
    assert felt == [{"look": False}, {}]
    begun(env, 1)
    assert felt[2:] == [{}]
    begun(env, 2)  # the grasp is the same in every maze, and another one at every knob
    assert felt[3:] == ([{}] if kind is BeadMazeEnv else [{"look": False}, {}])
