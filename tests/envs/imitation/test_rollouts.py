"""Episodes are whole, labelled, and the same whoever plays them."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

import torch
from simtouch_envs.imitation.episodes import joined
from simtouch_envs.imitation.noise import Noise
from simtouch_envs.imitation.observers import Features, Images, Numbers
from simtouch_envs.imitation.policies import Actions, Context, Policy
from simtouch_envs.imitation.rollouts import Play, play
from simtouch_envs.touch_features import TouchFeatures

from simtouch._checks import ArgumentError
from simtouch.models.vit import EncoderConfig, VisionTransformer
from tests.envs.imitation.bent_path import RESTING, BentPath, Follower

FORCES = Numbers(BentPath().observation_space)
FELT = BentPath("tactile_state").observation_space


def tiny_encoder():
    torch.manual_seed(0)
    return VisionTransformer(EncoderConfig(embed_dim=64, depth=1, num_heads=1, image_size=(32, 24), patch_size=8))


def advised(mazes=(0, 1, 2, 3), envs=2, **config):
    return play([BentPath() for _ in range(envs)], FORCES, None, mazes, Play(**config), expert_of=Follower)


def test_the_expert_comes_to_the_end_and_its_advice_is_what_it_did():
    episodes = advised()
    assert [ending.is_success for ending in episodes.endings] == [True] * 4
    assert [ending.maze for ending in episodes.endings] == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(episodes.advice, episodes.actions)
    assert len(episodes) == sum(ending.steps for ending in episodes.endings)
    assert episodes.numbers.shape[1] == 12


@pytest.mark.parametrize("noise", [None, Noise(scale=(0.25, 0.0, 0.25))])
def test_episodes_do_not_depend_on_how_many_environments_play_them(noise):
    one, three = advised(envs=1, noise=noise), advised(envs=3, noise=noise)
    for name in ("numbers", "advice", "actions", "episode"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


def test_noise_disturbs_half_of_the_steps_by_a_quarter_and_leaves_the_advice_alone():
    episodes = advised(range(20), noise=Noise(scale=(0.25, 0.0, 0.25)))
    off = episodes.actions - episodes.advice
    assert (off[:, 1] == 0).all()
    disturbed = off[:, 2] != 0
    assert disturbed.mean() == pytest.approx(0.5, abs=0.05)
    assert off[disturbed, 2].std() == pytest.approx(0.25, rel=0.15)


def policy_of_zeros(size=12, stack=2):
    policy = Policy(Context(size, stack), Actions(size * stack))
    for parameter in policy.parameters():
        torch.nn.init.zeros_(parameter)
    return policy.eval()


def test_the_experts_share_is_that_of_the_steps_it_takes():
    for share in (0.0, 0.5):
        config = Play(expert_share=share, max_steps=40)
        episodes = play([BentPath(length_m=1.0)], FORCES, policy_of_zeros(), range(10), config, expert_of=Follower)
        by_expert = (episodes.actions == episodes.advice).all(1)
        assert by_expert.mean() == pytest.approx(share, abs=0.1)
        assert (episodes.actions[~by_expert] == 0).all()


def test_nobody_to_act_is_refused():
    with pytest.raises(ArgumentError, match="nobody acts"):
        play([BentPath()], FORCES, None, [0])
    with pytest.raises(ArgumentError, match="expert_share"):
        play([BentPath()], FORCES, policy_of_zeros(), [0], Play(expert_share=0.5))


def test_rows_stay_in_their_episode():
    episodes = advised()
    first = np.searchsorted(episodes.episode, np.arange(4))
    stacked = episodes.stacked(first, 3)
    np.testing.assert_array_equal(stacked, np.repeat(episodes.numbers[first][:, None], 3, 1))
    chunks = episodes.chunks(first[1:] - 1, 4)
    np.testing.assert_array_equal(chunks, np.repeat(episodes.advice[first[1:] - 1][:, None], 4, 1))
    inner = episodes.stacked(first + 5, 3)
    np.testing.assert_array_equal(inner[0], episodes.numbers[first[0] + 3 : first[0] + 6])


def test_joining_and_choosing_keep_whole_episodes():
    episodes = advised()
    both = joined([episodes, episodes])
    assert len(both.endings) == 8
    np.testing.assert_array_equal(np.unique(both.episode), np.arange(8))
    chosen = both.only([5, 0])
    assert [ending.maze for ending in chosen.endings] == ["1", "0"]
    np.testing.assert_array_equal(chosen.numbers[chosen.episode == 1], episodes.numbers[episodes.episode == 0])


class Remembering(Policy):
    """Notes what it was shown."""

    def chunk(self, numbers, windows, noise):
        self.seen.append((numbers.clone(), None if windows is None else windows.clone()))
        return torch.full((len(numbers), 1, 3), 0.3)


def test_a_policy_is_shown_in_play_what_it_is_shown_in_training():
    from simtouch_envs.imitation.policies import SmallCnn

    vision = SmallCnn(4)
    policy = Remembering(Context(6, 3, vision=vision, lag=2), Actions(18 + 2 * vision.size))
    policy.seen = []
    observer = Images(FELT, [RESTING] * 2, size=(16, 12))
    episodes = play([BentPath("tactile_state")], observer, policy, [0, 1], Play(max_steps=8))
    at = np.arange(len(episodes))
    np.testing.assert_array_equal(torch.cat([numbers for numbers, _ in policy.seen]), episodes.stacked(at, 3))
    np.testing.assert_array_equal(torch.cat([windows for _, windows in policy.seen]), episodes.windows(at, 2))
    assert np.isnan(episodes.advice).all()


def test_features_of_many_environments_are_those_of_one():
    found = []
    for count in (1, 3):
        observer = Features(FELT, TouchFeatures(tiny_encoder(), backgrounds=[RESTING] * 2))
        envs = [BentPath("tactile_state") for _ in range(count)]
        found.append(play(envs, observer, None, range(3), Play(max_steps=6), expert_of=Follower))
    assert found[0].numbers.shape == (18, 2 * 128 + 6)
    np.testing.assert_allclose(found[0].numbers, found[1].numbers, atol=1e-5)
    assert np.ptp(found[0].numbers, axis=0)[:256].max() > 1e-4
