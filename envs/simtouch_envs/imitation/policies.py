"""Policies: the last observations in, a chunk of actions out.

A policy is a context, which reads the observations, and a head, which makes actions of what was read: `Actions` here regresses them,
`DiffusionHead` of `diffusion.py` draws them. A context has numbers (state, forces, features of a frozen encoder), normalised by
the training set, and, where it reads images itself, a network that is trained with it. Of features it keeps the 32 principal components
of the training set, the strongest as large as a number of the state: hundreds of features at full size drown it and are learned by heart.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from simtouch.models.features import pooled
from simtouch.models.vit import VisionTransformer

_FARTHEST = 10.0  # deviations: what never came in training shall not drown all else
_LEAST_SPREAD = 1e-3  # of the largest value
_COMPONENTS = 32


class Vision(nn.Module, ABC):
    """A network of windows: float in [0, 1], (B, 6, H, W), to (B, size)."""

    size: int
    rate: float = 1.0
    """Learning rate relative to the rest of the policy."""


class SmallCnn(Vision):
    """Four strided convolutions and the mean over space: what is trained end to end.

    Args:
        width: Channels of the first; the others have 2, 4 and 4 times as many.
        channels: Of a window.
    """

    def __init__(self, width: int = 16, channels: int = 6):
        super().__init__()
        widths = (channels, width, 2 * width, 4 * width, 4 * width)
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            kernel = 5 if i == 0 else 3
            layers += [nn.Conv2d(inputs, outputs, kernel, stride=2, padding=kernel // 2), nn.GroupNorm(4, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.size = 2 * widths[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Vision`: mean and spread over space."""
        maps = self.layers(x - NO_CHANGE).flatten(2)
        return torch.cat([maps.mean(2), maps.std(2, correction=0)], 1)


NO_CHANGE = 127 / 255
"""What an untouched difference image holds."""


class TunedEncoder(Vision):
    """An encoder that is trained on with the policy, a tenth as fast by default.

    Args:
        encoder: Pretrained or not; it is trained in place.
        rate: Learning rate relative to the rest.
    """

    def __init__(self, encoder: VisionTransformer, rate: float = 0.1):
        super().__init__()
        self.encoder, self.rate = encoder.requires_grad_(True), rate
        self.size = 2 * encoder.config.embed_dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Vision`: mean and spread over the patches."""
        return pooled(self.encoder(x), "mean_std")


class Context(nn.Module):
    """The last observations as one vector, (B, size).

    Args:
        numbers: D of each observation.
        stack: Observations of numbers at once.
        features: How many of the numbers, from the first on, are features of an encoder.
        vision: Reads the window of each pad.
        pads: P.
        lag: Steps between the frames of a window.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    axes: torch.Tensor

    def __init__(
        self, numbers: int, stack: int = 3, *, features: int = 0, vision: Vision | None = None, pads: int = 2, lag: int = 2
    ):
        super().__init__()
        self.stack, self.vision, self.lag, self._features = stack, vision, lag, features
        kept = min(features, _COMPONENTS)
        self.size = (numbers - features + kept) * stack + (0 if vision is None else pads * vision.size)
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("spread", torch.ones(numbers))
        self.register_buffer("axes", torch.eye(features, kept))

    def learn_scale(self, numbers: torch.Tensor) -> None:
        """Take mean, spread and components from a training set, (N, D), of numbers in units of their largest value."""
        self.mean.copy_(numbers.mean(0))
        self.spread.copy_((numbers - self.mean).square().mean(0).sqrt().clamp_min(_LEAST_SPREAD))
        if self._features:
            features = self._scaled(numbers)[:, : self._features].double()
            variance, axes = torch.linalg.eigh(features.T @ features / len(features))
            strongest = variance[-1].sqrt().clamp_min(_LEAST_SPREAD)
            self.axes.copy_(axes[:, -self.axes.shape[1] :].flip(1) / strongest)

    def forward(self, numbers: torch.Tensor, windows: torch.Tensor | None = None) -> torch.Tensor:
        """Numbers (B, stack, D) and, with a `vision`, windows uint8 (B, P, 2, H, W, 3), newest first."""
        features, others = self._scaled(numbers).tensor_split([self._features], -1)
        known = torch.cat([features @ self.axes, others], -1).flatten(1)
        if self.vision is None:
            return known
        assert windows is not None
        channels_first = windows.flatten(0, 1).permute(0, 1, 4, 2, 3).flatten(1, 2)
        return torch.cat([self.vision(channels_first.float() / 255).view(len(numbers), -1), known], 1)

    def _scaled(self, numbers: torch.Tensor) -> torch.Tensor:
        return ((numbers - self.mean) / self.spread).clamp(-_FARTHEST, _FARTHEST)


class Head(nn.Module, ABC):
    """Makes chunks of actions, (B, horizon, A), of what a context read."""

    action_shape: tuple[int, int]
    """(horizon, A)."""
    execute: int
    """Actions of a chunk that are done before the next one is asked for."""

    @abstractmethod
    def loss(self, context: torch.Tensor, actions: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """What training makes small, for the right actions (B, horizon, A)."""

    @abstractmethod
    def act(self, context: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """A chunk of actions for each context; what is random about it is `noise`, standard normal, (B, horizon, A)."""


class Actions(Head):
    """One action by regression: an MLP, mean square error.

    Args:
        context: Size of the context.
        actions: A.
        hidden: Widths of the layers between.
    """

    def __init__(self, context: int, actions: int = 3, hidden: Sequence[int] = (128, 128)):
        super().__init__()
        widths = (context, *hidden)
        layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], actions))
        self.action_shape, self.execute = (1, actions), 1

    def loss(self, context, actions, generator):
        """See `Head`."""
        return F.mse_loss(self.layers(context), actions[:, 0])

    def act(self, context, noise):
        """See `Head`."""
        return self.layers(context)[:, None]


@dataclass(frozen=True)
class Needs:
    """What a policy must be given, and what it gives."""

    stack: int
    """Observations of numbers at once."""
    lag: int | None
    """Steps between the frames of a window; None reads no images."""
    action_shape: tuple[int, int]
    """(horizon, A)."""
    execute: int
    """Actions of a chunk that are done before the next one is asked for."""


class Policy(nn.Module):
    """A context and a head.

    Args:
        context: Reads observations.
        head: Makes actions.
    """

    def __init__(self, context: Context, head: Head):
        super().__init__()
        self.context, self.head = context, head

    @property
    def needs(self) -> Needs:
        """See `Needs`."""
        reads_images = self.context.vision is not None
        return Needs(self.context.stack, self.context.lag if reads_images else None, self.head.action_shape, self.head.execute)

    def chunk(self, numbers: torch.Tensor, windows: torch.Tensor | None, noise: torch.Tensor) -> torch.Tensor:
        """Actions (B, horizon, A); arguments of `Context.forward` and `Head.act`."""
        return self.head.act(self.context(numbers, windows), noise)

    def loss(self, numbers, windows, actions, generator) -> torch.Tensor:
        """What training makes small."""
        return self.head.loss(self.context(numbers, windows), actions, generator)

    def groups(self, lr: float) -> Iterator[dict[str, Any]]:
        """Parameters with their learning rates, as optimisers take them."""
        vision = self.context.vision
        of_vision = [] if vision is None else list(vision.parameters())
        known = {id(p) for p in of_vision}
        yield {"params": [p for p in self.parameters() if id(p) not in known], "lr": lr}
        if vision is not None:
            yield {"params": of_vision, "lr": lr * vision.rate}
