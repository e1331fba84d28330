"""What a pretraining algorithm is to the training loop: windows in, losses and their gradients out.

An objective owns every network of its algorithm, under the names of the published checkpoints, so that `state_dict()` of the whole
fits these files. All that is random in a step is drawn by `draw` on the CPU for the batch of all ranks together, from (seed, step)
alone, and each rank takes the rows of its own samples: one process with a batch of 2 B and two with B see the same masks.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from simtouch.models.vit import VisionTransformer
from simtouch.stream.sample_order import hashed


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which samples of which step this process holds: all that chance may depend on."""

    seed: int
    step: int
    """Of the whole training, from 0."""
    batch_size: int
    """Samples of the step, of all ranks together."""
    rank: int = 0
    world_size: int = 1

    def generator(self, purpose: str) -> torch.Generator:
        """A generator on the CPU, the same on every rank; each purpose has its own numbers."""
        words = int.from_bytes(purpose.encode()[:16].ljust(16, b"\0"), "little")
        return torch.Generator().manual_seed(hashed(self.seed, self.step, words & (2**64 - 1), words >> 64) >> 1)

    def mine(self, drawn: torch.Tensor, dim: int = 0) -> torch.Tensor:
        """The rows of this rank of what was drawn for the whole batch: sample k belongs to rank k mod world_size."""
        rows = torch.arange(self.rank, self.batch_size, self.world_size)
        return drawn.index_select(dim, rows)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How far the training is: what schedules are functions of."""

    step: int
    """Steps done."""
    steps_per_epoch: int
    epochs: int

    @property
    def epoch(self) -> float:
        """Epochs done, with their fraction."""
        return self.step / self.steps_per_epoch

    @property
    def total_steps(self) -> int:
        """Steps of the whole training."""
        return self.steps_per_epoch * self.epochs


Draws = dict[str, torch.Tensor]
"""What was drawn for the samples of one rank: masks and uniform numbers by name, first (or stated) axis the sample."""


class Objective(nn.Module, ABC):
    """A pretraining algorithm. `forward` returns named losses, of which `loss` is minimised; the others are for the log."""

    encoder_prefix: ClassVar[str]
    """Where the encoder to keep is in `state_dict()`, e.g. `teacher_encoder.backbone.`."""
    window: ClassVar[Literal["pair", "video"]] = "pair"

    @property
    @abstractmethod
    def encoder(self) -> VisionTransformer:
        """The network whose features are kept: the teacher's or target's, where there is one."""

    @abstractmethod
    def draw(self, place: Place) -> Draws:
        """All that is random in the step, for the samples of this rank, on the CPU."""

    @abstractmethod
    def forward(self, images: torch.Tensor, draws: Draws, clock: Clock) -> dict[str, torch.Tensor]:
        """Losses of a batch: `loss` and its parts, scalars. Means over the batch of all ranks where samples meet (see `ranks`).

        Args:
            images: Windows of this rank, float in [0, 1], (B, C, (T,) H, W).
            draws: Of `draw`, on the same device.
            clock: How far the training is.
        """

    def follow(self, clock: Clock) -> None:
        """What comes after the optimiser's step: a teacher follows its student."""

    def trained_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """(name, parameter) of all that the optimiser moves; a teacher has requires_grad off."""
        return ((name, p) for name, p in self.named_parameters() if p.requires_grad)
