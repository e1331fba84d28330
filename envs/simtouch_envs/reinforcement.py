"""Reinforcement learning on touch: environments and a budget of steps in, a player trained by PPO or SAC of Stable-Baselines3 out.

Settings are those that learned the straight wire and the L-bend from forces. Observations and rewards are normalised by their running
spread; tactile images become features of a frozen encoder, all environments in one batch. Hundreds of features weigh together as much
as the state: at full size they drown it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import torch
from gymnasium.spaces import flatdim
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from simtouch._checks import pick
from simtouch_envs.imitation.observers import Features, Numbers
from simtouch_envs.imitation.policies import Needs
from simtouch_envs.vec_features import FeatureVecEnv
from simtouch_envs.wrappers import resting_images, sensor_of


class EvenGroups(BaseFeaturesExtractor):
    """All entries of a Dict of numbers side by side, each divided by the root of its size, so that they weigh alike.

    Args:
        space: Of the observations.
    """

    def __init__(self, space: gym.spaces.Dict):
        self._sizes = {key: flatdim(box) for key, box in space.spaces.items()}
        super().__init__(space, sum(self._sizes.values()))

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """(B, D) of entries (B, ...)."""
        return torch.cat([observations[key].flatten(1) / size**0.5 for key, size in self._sizes.items()], 1)


LearnerName = Literal["ppo", "sac"]
NUM_ENVS = {"ppo": 8, "sac": 2}
_DISCOUNT = 0.97
_KINDS: dict[str, tuple[type, dict[str, Any]]] = {
    "ppo": (
        PPO,
        {
            "n_steps": 256,
            "batch_size": 256,
            "n_epochs": 8,
            "gae_lambda": 0.95,
            "learning_rate": 5e-4,
            "policy_kwargs": {"net_arch": [64, 64], "log_std_init": -0.7, "features_extractor_class": EvenGroups},
        },
    ),
    "sac": (
        SAC,
        {
            "learning_starts": 1000,
            "train_freq": 4,
            "gradient_steps": 4,
            "batch_size": 256,
            "learning_rate": 1e-3,
            "buffer_size": 100_000,
            "policy_kwargs": {"net_arch": [64, 64], "features_extractor_class": EvenGroups},
        },
    ),
}


@dataclass(frozen=True, kw_only=True)
class LearnConfig:
    """How long, and how often somebody looks."""

    learner: LearnerName = "ppo"
    steps: int = 50_000
    """Of all environments together."""
    look_every: int = 5_000
    """Steps between two calls of `on_look`."""
    seed: int = 0


class Trained:
    """A trained model as a player of `rollouts.play`: it acts without noise on what `observer` sees.

    Args:
        model: PPO or SAC.
        normalised: What it was trained on.
        observer: Of the same observations.
    """

    def __init__(self, model, normalised: VecNormalize, observer: Numbers):
        self._model, self._normalised = model, normalised
        self._layout, self._scale = observer.layout, torch.from_numpy(observer.scale)
        self.needs = Needs(1, None, (1, *model.action_space.shape), 1)

    def chunk(self, numbers: torch.Tensor, windows: torch.Tensor | None, noise: torch.Tensor) -> torch.Tensor:
        """Actions (B, 1, A) for numbers (B, 1, D)."""
        parts = (numbers[:, 0] * self._scale).split(list(self._layout.values()), dim=1)
        seen = {key: part.numpy() for key, part in zip(self._layout, parts, strict=True)}
        actions, _ = self._model.predict(self._normalised.normalize_obs(seen), deterministic=True)
        return torch.from_numpy(actions)[:, None]


class _Look(BaseCallback):
    """Calls somebody every so many steps, and stops the training when told to."""

    def __init__(self, every: int, look: Callable[[int], bool]):
        super().__init__()
        self._every, self._look, self._next = every, look, every

    def _on_step(self) -> bool:
        if self.num_timesteps < self._next:
            return True
        self._next += self._every
        return self._look(self.num_timesteps)


def learn(
    make_env: Callable[[], gym.Env],
    observer: Numbers,
    config: LearnConfig = LearnConfig(),
    *,
    on_look: Callable[[int, Trained], bool] = lambda steps, player: True,
) -> Trained:
    """Train, and return the player.

    Args:
        make_env: Makes an environment of Dict observations, numbers or tactile images.
        observer: As for `rollouts.play`; of `Features` the encoder is taken.
        config: Learner, steps, seed.
        on_look: (steps so far, player) -> whether to go on.
    """
    kind, settings = pick("learner", config.learner, _KINDS)
    venv: VecEnv = DummyVecEnv([lambda: Monitor(make_env())] * NUM_ENVS[config.learner])
    if isinstance(observer, Features):
        env = make_env()
        backgrounds = list(resting_images(env).values())
        own = observer.features
        venv = FeatureVecEnv(venv, own.encoder, backgrounds=backgrounds, sensor=sensor_of(env), lag_steps=own.lag_steps)
    normalised = VecNormalize(venv, gamma=_DISCOUNT)
    model = kind("MultiInputPolicy", normalised, gamma=_DISCOUNT, seed=config.seed, device="cpu", verbose=0, **settings)
    player = Trained(model, normalised, observer)
    model.learn(config.steps, callback=_Look(config.look_every, lambda steps: on_look(steps, player)))
    normalised.training = False
    return player
