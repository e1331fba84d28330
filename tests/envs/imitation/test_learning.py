"""Policies learn what they are shown, and the same from the same seed."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

from dataclasses import replace

import torch
from simtouch_envs.imitation.cloning import FitConfig, fit
from simtouch_envs.imitation.dagger import DaggerConfig, dagger
from simtouch_envs.imitation.diffusion import DiffusionHead, draw, kept_signal
from simtouch_envs.imitation.noise import Noise
from simtouch_envs.imitation.observers import Images, Numbers
from simtouch_envs.imitation.policies import Actions, Context, Policy, SmallCnn, TunedEncoder
from simtouch_envs.imitation.rollouts import Play, play

from simtouch._checks import ArgumentError
from simtouch.models.vit import EncoderConfig, VisionTransformer
from tests.envs.imitation.bent_path import RESTING, BentPath, Follower

FORCES = Numbers(BentPath().observation_space)
QUICK = FitConfig(steps=200, batch_size=64)


@pytest.fixture(scope="module")
def demonstrations():
    return play([BentPath()], FORCES, None, range(15), Play(noise=Noise()), expert_of=Follower)


def by_regression(episodes=None, seed=0):
    torch.manual_seed(seed)
    return Policy(Context(12, 3), Actions(36, hidden=(64, 64)))


def by_diffusion(execute=5):
    torch.manual_seed(0)
    return Policy(Context(12, 2), DiffusionHead(24, execute=execute, width=64, depth=2))


def distance(policy, mazes=range(100, 104)):
    endings = play([BentPath() for _ in range(4)], FORCES, policy, mazes).endings
    return np.mean([ending.completion for ending in endings])


def test_cloning_repeats_the_advice_and_comes_further_than_without(demonstrations):
    policy = by_regression()
    blind = distance(policy.eval())
    losses = fit(policy, demonstrations, QUICK)
    assert np.mean(losses[-20:]) < 0.1 * np.mean(losses[:20])
    assert distance(policy) > blind + 0.3


def test_equal_seeds_fit_equal_policies(demonstrations):
    few = FitConfig(steps=5, batch_size=32)
    losses = [fit(by_regression(), demonstrations, config) for config in (few, few, replace(few, seed=1))]
    assert losses[0] == losses[1] != losses[2]
    drawn = [fit(by_diffusion(), demonstrations, few) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_steps_without_advice_or_images_are_refused(demonstrations):
    with pytest.raises(ArgumentError, match="advice"):
        fit(by_regression(), replace(demonstrations, advice=np.full_like(demonstrations.advice, np.nan)), QUICK)
    vision = SmallCnn(4)
    with pytest.raises(ArgumentError, match="Images"):
        fit(Policy(Context(12, 3, vision=vision), Actions(36 + 2 * vision.size)), demonstrations, QUICK)


def test_dagger_adds_episodes_in_which_the_policy_acts(demonstrations):
    shares = []

    def collect(policy, number, share):
        shares.append(share)
        config = Play(seed=number, expert_share=share)
        return play(
            [BentPath() for _ in range(2)], FORCES, policy, range(30 + 4 * number, 34 + 4 * number), config, expert_of=Follower
        )

    rounds = list(dagger(by_regression, demonstrations, collect, DaggerConfig(rounds=2, rollouts=4), QUICK))
    assert shares == [0.5, 0.25]
    assert [len(r.episodes.endings) for r in rounds] == [15, 19, 23]
    assert all(np.isfinite(r.episodes.advice).all() for r in rounds)
    assert distance(rounds[-1].policy) > 0.9


def test_images_teach_a_cnn_and_a_tuned_encoder_to_advise():
    env = BentPath("tactile")
    observer = Images(env.observation_space, [RESTING] * 2, size=(32, 24))
    shown = play([env], observer, None, range(6), Play(noise=Noise()), expert_of=Follower)
    torch.manual_seed(0)
    shape = EncoderConfig(embed_dim=64, depth=1, num_heads=1, image_size=(32, 24), patch_size=8, input_gain=20.0)
    encoder = VisionTransformer(shape)
    guess = float(shown.advice.var(0).mean())
    for vision in (SmallCnn(4), TunedEncoder(encoder, rate=1.0)):
        policy = Policy(Context(0, 1, vision=vision), Actions(2 * vision.size, hidden=(32,)))
        before = [parameter.clone() for parameter in vision.parameters()]
        losses = fit(policy, shown, FitConfig(steps=80, batch_size=32, lr=3e-3))
        assert np.mean(losses[-10:]) < 0.8 * guess
        assert any((a != b).any() for a, b in zip(before, vision.parameters(), strict=True))


def test_the_kept_signal_falls_from_all_to_nearly_nothing():
    signal = kept_signal(100)
    assert signal[0] == 1
    assert (signal.diff() < 0).all()
    assert signal[-1] < 1e-4
    assert float(signal[50]) == pytest.approx(0.5, abs=0.02)


def test_drawing_ends_where_a_network_that_knows_the_answer_says():
    answer = torch.rand(4, 8, 3) * 2 - 1
    drawn = draw(lambda x, level: answer, torch.randn(4, 8, 3, generator=torch.Generator().manual_seed(0)), kept_signal(100), 16)
    np.testing.assert_allclose(drawn, answer, atol=1e-6)


def test_drawing_from_a_gaussian_gives_its_spread():
    """The exact answer of N(0, s^2): x_0 = s^2 sqrt(a) / (s^2 a + 1 - a) x; what is drawn then has spread s, but for the step width."""
    signal, spread = kept_signal(100), 0.2
    gain = spread**2 * signal.sqrt() / (spread**2 * signal + 1 - signal)
    noise = torch.randn(4000, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn = draw(lambda x, level: gain[level][:, None, None] * x, noise, signal, 100)
    assert float(drawn.std()) == pytest.approx(spread, rel=0.05)


def test_diffusion_learns_both_of_two_right_answers():
    """Where the expert goes left or right, regression goes nowhere; a drawn chunk goes one way, all of it."""
    rng = np.random.default_rng(0)
    way = rng.choice([-0.5, 0.5], 128).astype(np.float32)
    actions = torch.from_numpy(np.repeat(way[:, None], 8, 1)[..., None])
    torch.manual_seed(0)
    head, generator = DiffusionHead(1, 1, width=64, depth=2), torch.Generator().manual_seed(0)
    optimiser, context = torch.optim.Adam(head.parameters(), 2e-3), torch.zeros(128, 1)
    for _ in range(300):
        optimiser.zero_grad()
        head.loss(context, actions, generator).backward()
        optimiser.step()
    with torch.no_grad():
        drawn = head.act(torch.zeros(200, 1), torch.randn(200, 8, 1, generator=generator))[..., 0]
    assert (drawn.abs().mean(1) - 0.5).abs().median() < 0.1
    assert 0.25 < float((drawn.mean(1) > 0).float().mean()) < 0.75
    assert drawn.std(1).median() < 0.1


def test_diffusion_follows_the_path_and_does_the_same_from_equal_seeds(demonstrations):
    policy = by_diffusion()
    blind = distance(policy.eval())
    fit(policy, demonstrations, FitConfig(steps=300, batch_size=64, lr=3e-3))
    assert distance(policy) > blind + 0.2
    first, again, other = (play([BentPath()], FORCES, policy, [3], Play(seed=s, max_steps=12)) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.actions, again.actions)
    assert not np.array_equal(first.actions[:8], other.actions[:8])


def test_a_chunk_is_done_in_part_before_the_next_is_asked_for(demonstrations):
    asked = []
    policy = by_diffusion(execute=8).eval()
    policy.context.register_forward_hook(lambda *_: asked.append(1))
    play([BentPath(length_m=1.0)], FORCES, policy, [0], Play(max_steps=24))
    assert len(asked) <= 3


def test_impossible_chunks_are_refused():
    with pytest.raises(ArgumentError, match="execute"):
        DiffusionHead(4, execute=9)
    with pytest.raises(ArgumentError, match="steps"):
        DiffusionHead(4, steps=101)
