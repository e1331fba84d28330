"""Diffusion head: a context in, a chunk of actions out, drawn by turning noise into actions step by step.

    x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e,    a_t = f(t) / f(0),  f(t) = cos^2(pi/2 (t / T + s) / (1 + s)),  s = .008     (1)
    e(x_t) = (x_t - sqrt(a_t) x_0(x_t)) / sqrt(1 - a_t),   x_u = sqrt(a_u) x_0(x_t) + sqrt(1 - a_u) e(x_t),  u < t        (2)

The network says x_0 of a noisy chunk, the loss is its mean square error; it is trained on T = 100 levels (1), actions are drawn in
16 steps of DDIM (2) without new noise, so that a chunk follows from the noise it began with. The chunk begins with the action of now.
Refs: Ho et al., NeurIPS 2020; Nichol and Dhariwal, ICML 2021 (cosine); Song et al., ICLR 2021 (DDIM); Chi et al., "Diffusion
Policy", RSS 2023; Perez et al., AAAI 2018 (FiLM).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from simtouch._checks import ArgumentError
from simtouch_envs.imitation.policies import Head

_OFFSET = 0.008


def kept_signal(levels: int) -> torch.Tensor:
    """a_t of (1) for t = 0, ..., T: float64 (T + 1,), from 1 to nearly 0."""
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    f = torch.cos(0.5 * math.pi * (t + _OFFSET) / (1 + _OFFSET)).square()
    return (f / f[0]).clamp(1e-5, 1.0)


class DiffusionHead(Head):
    """Draws chunks of actions.

    Args:
        context: Size of the context.
        actions: A.
        horizon: Actions of a chunk.
        execute: How many of them are done before the next chunk is asked for.
        levels: Noise levels of the training, T.
        steps: Steps of a draw.
        width: Of the network's layers.
        depth: Residual layers, each modulated by the context and the level (FiLM).
    """

    signal: torch.Tensor

    def __init__(
        self,
        context: int,
        actions: int = 3,
        *,
        horizon: int = 8,
        execute: int = 5,
        levels: int = 100,
        steps: int = 16,
        width: int = 256,
        depth: int = 3,
    ):
        super().__init__()
        if not 1 <= execute <= horizon:
            raise ArgumentError(f"`execute` must be 1 to `horizon`, {horizon}; got {execute}.")
        if not 1 <= steps <= levels:
            raise ArgumentError(f"`steps` must be 1 to `levels`, {levels}; got {steps}.")
        self.action_shape, self.execute, self.levels, self.steps = (horizon, actions), execute, levels, steps
        self.register_buffer("signal", kept_signal(levels).float())
        self.read = nn.Sequential(nn.Linear(context, width), nn.SiLU(), nn.Linear(width, width))
        self.level = nn.Sequential(nn.Linear(_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Linear(horizon * actions, width)
        self.blocks = nn.ModuleList(_Modulated(width) for _ in range(depth))
        self.leave = nn.Linear(width, horizon * actions)

    def loss(self, context, actions, generator):
        """See `Head`: levels and noise are drawn from `generator`."""
        level = torch.randint(1, self.levels + 1, (len(actions),), generator=generator)
        noise = torch.randn(actions.shape, generator=generator)
        a = self.signal[level][:, None, None]
        return F.mse_loss(self.clean(a.sqrt() * actions + (1 - a).sqrt() * noise, level, self.read(context)), actions)

    def act(self, context, noise):
        """See `Head`."""
        return draw(lambda x, level, read=self.read(context): self.clean(x, level, read), noise, self.signal, self.steps)

    def clean(self, x: torch.Tensor, level: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        """x_0 of noisy chunks (B, horizon, A) of levels (B,), for contexts as they were read, (B, width)."""
        condition = F.silu(read + self.level(_waves(level / self.levels)))
        h = self.enter(x.flatten(1))
        for block in self.blocks:
            h = block(h, condition)
        return self.leave(h).view_as(x)


class _Modulated(nn.Module):
    """h + W2 silu((1 + g) norm(W1 h) + b), with g and b from the condition."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.norm, self.film = nn.LayerNorm(width, elementwise_affine=False), nn.Linear(width, 2 * width)

    def forward(self, h: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        gain, shift = self.film(condition).chunk(2, -1)
        return h + self.second(F.silu((1 + gain) * self.norm(self.first(h)) + shift))


_WAVES = 32


def _waves(level: torch.Tensor) -> torch.Tensor:
    """Levels (B,) in [0, 1] as sines and cosines, (B, 32)."""
    rates = torch.logspace(0, 2, _WAVES // 2)
    return torch.cat([torch.sin(level[:, None] * rates), torch.cos(level[:, None] * rates)], 1)


def draw(clean, noise: torch.Tensor, signal: torch.Tensor, steps: int) -> torch.Tensor:
    """Turn noise into actions by (2).

    Args:
        clean: (x_t, level) -> x_0, with one level for each of B chunks.
        noise: Standard normal, (B, horizon, A).
        signal: a_t of all levels, (T + 1,).
        steps: From T down to 0.
    """
    levels = torch.linspace(len(signal) - 1, 0, steps + 1).round().long()
    x = noise
    for t, u in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
        x_0 = clean(x, torch.full((len(x),), t)).clamp(-1, 1)
        e = (x - signal[t].sqrt() * x_0) / (1 - signal[t]).sqrt()
        x = signal[u].sqrt() * x_0 + (1 - signal[u]).sqrt() * e
    return x
