"""A learner gets better, the same from the same seed, and its player sees what it was trained on."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

import torch
from gymnasium import spaces

pytest.importorskip("stable_baselines3")

from simtouch_envs.imitation.observers import Features, Numbers
from simtouch_envs.imitation.rollouts import Play, play
from simtouch_envs.reinforcement import EvenGroups, LearnConfig, learn
from simtouch_envs.touch_features import TouchFeatures

from simtouch.models.vit import EncoderConfig, VisionTransformer
from tests.envs.imitation.bent_path import RESTING, BentPath

SHORT_M = 0.012


def learned(config, obs_type="force", observer=None, **options):
    observer = observer or Numbers(BentPath(obs_type).observation_space)
    player = learn(lambda: BentPath(obs_type, length_m=SHORT_M), observer, config, **options)
    return player, play([BentPath(obs_type, length_m=SHORT_M)], observer, player, range(3), Play(max_steps=40))


def test_sac_looks_now_and_then_and_stops_when_told():
    looks = []
    config = LearnConfig(learner="sac", steps=100, look_every=10)
    learned(config, on_look=lambda steps, player: looks.append(steps) or len(looks) < 2)
    assert looks == [10, 20]


def test_a_learner_reads_features_of_all_environments_and_is_the_same_from_the_same_seed():
    torch.manual_seed(0)
    encoder = VisionTransformer(EncoderConfig(embed_dim=64, depth=1, num_heads=1, image_size=(32, 24), patch_size=8))
    observer = Features(BentPath("tactile_state").observation_space, TouchFeatures(encoder, backgrounds=[RESTING] * 2))
    found = [learned(LearnConfig(learner="sac", steps=16, seed=seed), "tactile_state", observer)[1].actions for seed in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0][:10], found[2][:10])


@pytest.mark.slow
def test_sac_learns_to_follow():
    _, before = learned(LearnConfig(learner="sac", steps=20))
    _, after = learned(LearnConfig(learner="sac", steps=6000))
    assert np.mean([e.completion for e in after.endings]) > np.mean([e.completion for e in before.endings]) + 0.3


def test_many_features_weigh_as_much_as_a_short_state():
    space = spaces.Dict({"features": spaces.Box(-1, 1, (700,)), "state": spaces.Box(-1, 1, (6,))})
    seen = {key: torch.randn(50, *box.shape) for key, box in space.spaces.items()}
    found = EvenGroups(space)(seen)
    assert found.shape == (50, 706)
    features, state = found.split([700, 6], 1)
    assert features.square().sum(1).mean() == pytest.approx(1, abs=0.1)
    assert state.square().sum(1).mean() == pytest.approx(1, abs=0.4)
