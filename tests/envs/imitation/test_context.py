"""What a policy makes of features of an encoder and of the few numbers beside them."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

import torch
from simtouch_envs.imitation.cloning import FitConfig, fit
from simtouch_envs.imitation.episodes import Ending, Episodes
from simtouch_envs.imitation.policies import Actions, Context, Policy

FEATURES, STATE, SHOWN = 400, 6, 150


def read(context, numbers):
    return context(torch.from_numpy(numbers)[:, None]).detach().numpy()


def test_features_become_their_strongest_components_with_the_first_of_deviation_one():
    rng = np.random.default_rng(0)
    numbers = (rng.normal(size=(300, 80)) * np.linspace(0.1, 3, 80) @ rng.normal(size=(80, 80))).astype(np.float32)
    context = Context(80, 1, features=60)
    context.learn_scale(torch.from_numpy(numbers))
    known = read(context, numbers)
    assert known.shape == (300, context.size) == (300, 32 + 20)
    scaled = (numbers - numbers.mean(0)) / numbers.std(0)
    left, strength, _ = np.linalg.svd(scaled[:, :60], full_matrices=False)
    np.testing.assert_allclose(np.abs(known[:, :32]), np.abs(left * strength / strength[0] * 300**0.5)[:, :32], atol=2e-3)
    np.testing.assert_allclose(known[:, 32:], scaled[:, 60:], atol=1e-4)


def test_features_that_say_nothing_do_not_drown_the_state():
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(2 * SHOWN, FEATURES + STATE)).astype(np.float32)
    advice = np.tanh(numbers[:, FEATURES : FEATURES + 3]).astype(np.float32)
    ending = Ending(
        maze="0", steps=SHOWN, distance_m=0, completion=0, is_success=False, lost="", peak_force_n=0, clipped_actions=0
    )
    shown = slice(SHOWN)
    episodes = Episodes(
        numbers=numbers[shown], advice=advice[shown], actions=advice[shown], episode=np.zeros(SHOWN, int), endings=(ending,)
    )
    errors = []
    for features in (FEATURES, 0):
        torch.manual_seed(0)
        context = Context(FEATURES + STATE, 1, features=features)
        policy = Policy(context, Actions(context.size, hidden=(32,)))
        fit(policy, episodes, FitConfig(steps=200, batch_size=64))
        answer = policy.chunk(torch.from_numpy(numbers[SHOWN:, None]), None, torch.zeros(0)).detach().numpy()[:, 0]
        errors.append(np.square(answer - advice[SHOWN:]).mean())
    assert errors[0] < 0.5 * errors[1]
