"""Scores say how far, how hard and how sure."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

import torch
from simtouch_envs.imitation.observers import Numbers
from simtouch_envs.imitation.policies import Actions, Context, Head, Policy
from simtouch_envs.imitation.rollouts import Play, play
from simtouch_envs.imitation.scores import crossed_interval, measured, position_error_mm, ratio, summary

from simtouch._checks import ArgumentError, ShapeError
from tests.envs.imitation.bent_path import BentPath, Follower


@pytest.fixture(scope="module")
def trajectories():
    return play([BentPath()], Numbers(BentPath().observation_space), None, range(3), Play(), expert_of=Follower)


class Shifted(Head):
    """Knows what is right, and adds a constant."""

    def __init__(self, right, shift):
        super().__init__()
        self.right, self.shift, self.asked = right, shift, 0
        self.action_shape, self.execute = (1, 3), 1

    def loss(self, context, actions, generator):
        raise NotImplementedError

    def act(self, context, noise):
        rows = self.right[self.asked : self.asked + len(context)]
        self.asked += len(context)
        return torch.from_numpy(rows + self.shift)[:, None]


def test_the_expert_itself_has_no_position_error_and_a_steady_one_adds_up(trajectories):
    for shift, wanted in ((0.0, 0.0), (0.02, 15 * 3.0 * 0.02)):
        head = Shifted(trajectories.advice * 0.5, np.array([0, 0, shift], np.float32))
        halved = type(trajectories)(**{**vars(trajectories), "advice": trajectories.advice * np.float32(0.5)})
        errors = position_error_mm(Policy(Context(12, 1), head), halved)
        assert len(errors) == 3
        np.testing.assert_allclose(errors, wanted, atol=1e-4)


def test_measures_are_those_of_the_endings(trajectories):
    found = measured(trajectories.endings)
    assert found["distance_cm"] == [100 * ending.distance_m for ending in trajectories.endings]
    assert found["success"] == [1.0] * 3
    assert max(found["peak_force_n"]) < 2.5


def test_an_interval_is_as_wide_as_seeds_and_mazes_differ():
    rng = np.random.default_rng(0)
    of_mazes = np.repeat(rng.normal(size=(1, 50)), 3, 0)
    of_seeds = np.repeat(np.array([[-1.0], [0.0], [1.0]]), 50, 1)
    low, high = crossed_interval(of_mazes)
    assert high - low == pytest.approx(2 * 1.96 * of_mazes.std() / 50**0.5, rel=0.15)
    assert summary(of_mazes)["mean"] == pytest.approx(of_mazes.mean())
    low, high = crossed_interval(of_seeds)
    assert (low, high) == (-1.0, 1.0)
    assert crossed_interval(np.ones((3, 20))) == (1.0, 1.0)


def test_a_ratio_is_drawn_in_pairs():
    theirs = np.random.default_rng(0).uniform(1, 9, (3, 20))
    found = ratio(1.5 * theirs, theirs)
    assert [found[k] for k in ("mean", "low", "high")] == pytest.approx([1.5] * 3)


def test_tables_without_rows_or_of_one_episode_are_refused():
    with pytest.raises(ShapeError, match="seeds, mazes"):
        crossed_interval(np.zeros(5))
    with pytest.raises(ArgumentError, match="more than one"):
        crossed_interval(np.zeros((1, 1)))
    with pytest.raises(ShapeError, match="ours"):
        ratio(np.ones((2, 3)), np.ones((3, 2)))


def test_an_untrained_policy_is_off(trajectories):
    torch.manual_seed(0)
    policy = Policy(Context(12, 3), Actions(36)).eval()
    assert np.mean(position_error_mm(policy, trajectories)) > 5
