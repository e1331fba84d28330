"""Cloning: episodes with the expert's advice in, a policy that gives the same advice out."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from simtouch._checks import ArgumentError
from simtouch_envs.imitation.episodes import Episodes
from simtouch_envs.imitation.policies import Policy
from simtouch_envs.imitation.rollouts import Player


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a policy is fitted: Adam, with a learning rate that falls along a half cosine to nothing or stays."""

    steps: int = 3000
    batch_size: int = 256
    lr: float = 1e-3
    decay: Literal["cosine", "none"] = "cosine"
    clip_norm: float = 10.0
    """Longest gradient."""
    seed: int = 0
    """Of the batches and of what a head draws."""


def fit(policy: Policy, episodes: Episodes, config: FitConfig = FitConfig()) -> list[float]:
    """Fit `policy` in place and leave it in eval mode; the loss of each step.

    Args:
        policy: What is to learn; its weights as they are, its scales are learned anew.
        episodes: With advice in every step, and images where the policy reads them.
        config: How.

    Raises:
        ArgumentError: A step has no advice, or there are no images.
    """
    if not np.isfinite(episodes.advice).all():
        raise ArgumentError("`episodes` must have the expert's advice in every step.")
    if policy.needs.lag is not None and episodes.images is None:
        raise ArgumentError("this policy reads images, and `episodes` have none: play them with the observer `Images`.")
    policy.context.learn_scale(torch.from_numpy(episodes.numbers))
    rng, generator = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    optimiser = torch.optim.Adam(list(policy.groups(config.lr)))
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, config))
    policy.train()
    losses = []
    for _ in range(config.steps):
        at = rng.integers(len(episodes), size=config.batch_size)
        loss = policy.loss(*batch(policy, episodes, at), generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), config.clip_norm)
        optimiser.step()
        falling.step()
        losses.append(float(loss.detach()))
    policy.eval()
    return losses


def batch(policy: Player, episodes: Episodes, at: np.ndarray) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Numbers, windows and right actions of steps `at`, as `Policy.loss` takes them."""
    needs = policy.needs
    numbers = torch.from_numpy(episodes.stacked(at, needs.stack))
    windows = None if needs.lag is None else torch.from_numpy(episodes.windows(at, needs.lag))
    return numbers, windows, torch.from_numpy(episodes.chunks(at, needs.action_shape[0]))


def _rate(step: int, config: FitConfig) -> float:
    return 1.0 if config.decay == "none" else 0.5 * (1 + float(np.cos(np.pi * min(step / max(config.steps, 1), 1.0))))
