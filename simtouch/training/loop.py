"""The training loop: a settled config, an objective and a feed in, steps, losses and checkpoints out.

A step sees --batch-size windows, of all ranks together. Each rank cuts its part into --accumulate parts, and part m of A on rank r
of R stands where rank r + R m of R A would: it has the samples k with k mod R A = r + R m, and their masks. So neither ranks nor
parts change what a sample sees.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from simtouch._checks import SimtouchError
from simtouch.models.ssl.objective import Clock, Objective, Place
from simtouch.models.vit import VisionTransformer
from simtouch.training import checkpoints
from simtouch.training.clock import clock_at
from simtouch.training.config import PretrainConfig
from simtouch.training.devices import whole
from simtouch.training.memory import explained_when_full
from simtouch.training.optimiser import make_optimiser, set_rates


class FeedLike(Protocol):
    """What the loop asks of `simtouch.training.feed.Feed`."""

    @property
    def steps_per_epoch(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What came out of a step, the same on every rank."""

    step: int
    """Number of the step, from 0."""
    losses: dict[str, float]
    """`loss` and its parts, means over ranks and parts."""
    lr: float
    weight_decay: float
    grad_norm: float
    """Before it was clipped."""
    seconds: float


class Training:
    """A training that can be stepped, kept and gone on with.

    Args:
        config: Settled.
        fabric: Launched, of `simtouch.training.devices.start_fabric`.
        objective: Its networks, on the CPU.
        feed: Its data, of this rank.
    """

    def __init__(self, config: PretrainConfig, fabric: Any, objective: Objective, feed: FeedLike):
        assert config.batch_size
        self.config, self.fabric, self.objective, self.feed = config, fabric, objective, feed
        self.step = 0
        """Steps done."""
        self._module = fabric.setup_module(objective)
        self._optimiser = make_optimiser(objective, config)
        self._wrapped_optimiser = fabric.setup_optimizers(self._optimiser)
        self._batches: Iterator[Any] | None = None
        objective.train()

    @property
    def clock(self) -> Clock:
        """How far it is."""
        return clock_at(self.config, self.step, self.feed.steps_per_epoch)

    def run(self, done: Callable[[StepReport], None]) -> None:
        """Step until the end; `done` is called after each step."""
        while self.step < self.clock.total_steps:
            done(self.one_step())

    def one_step(self) -> StepReport:
        """One step.

        Raises:
            SimtouchError: The loss or the gradient is not finite, or the memory is full; the weights are those before the step.
        """
        begin = time.perf_counter()
        if self._batches is None:
            self._batches = iter(self.feed)
        batch, clock = next(self._batches), self.clock
        rates = set_rates(self._optimiser, self.config, clock)
        with explained_when_full(self.config.batch_size or 0):
            own = self._forward_backward(batch, clock)
        losses = {k: self._mean(v) for k, v in own.items()}
        if not all(_finite(v) for v in losses.values()):
            raise self._not_finite("the loss", losses["loss"], batch, here=not all(bool(v.isfinite()) for v in own.values()))
        norm = self._clip()
        if not _finite(norm) and self.config.precision != "16":  # there the scaler skips the step and tries a smaller scale
            raise self._not_finite("the gradient", norm, batch, here=True)
        self._wrapped_optimiser.step()
        self._wrapped_optimiser.zero_grad()
        self.objective.follow(clock)
        self.step += 1
        return StepReport(
            step=self.step - 1,
            losses=losses,
            lr=rates[0],
            weight_decay=rates[1],
            grad_norm=norm,
            seconds=time.perf_counter() - begin,
        )

    def checkpoint(self) -> checkpoints.Checkpoint:
        """All that it is; every rank must ask."""
        precision = self.fabric.strategy.precision.state_dict()
        state = {"step": self.step, "feed": self.feed.state_dict(), "precision": precision}
        return checkpoints.take(self.objective, self._optimiser, state)

    def go_on_from(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Be what a training was; the next step is that after it.

        Raises:
            SimtouchError: The checkpoint is of other networks or other data.
        """
        checkpoints.put_back(checkpoint, self.objective, self._optimiser)
        self.feed.load_state_dict(checkpoint.state["feed"])
        self.fabric.strategy.precision.load_state_dict(checkpoint.state["precision"])
        self.step, self._batches = checkpoint.state["step"], None

    def whole_encoder(self) -> VisionTransformer:
        """The encoder to keep, not cut over ranks: itself, or a copy put together from all ranks, which all must ask for."""
        if self.config.strategy != "fsdp":
            return self.objective.encoder
        state = {k: whole(v.detach()).cpu() for k, v in self.objective.encoder.state_dict().items()}
        with torch.random.fork_rng(devices=[]):
            encoder = VisionTransformer(self.objective.encoder.config)
        encoder.load_state_dict(state)
        return encoder.to(self.fabric.device)

    def draws_of(self, count: int) -> dict[str, torch.Tensor]:
        """For pictures: what chance gives the first `count` samples of a step that is never trained."""
        place = Place(seed=self.config.seed, step=2**40, batch_size=count)
        return {k: v.to(self.fabric.device) for k, v in self.objective.draw(place).items()}

    def _forward_backward(self, batch: Any, clock: Clock) -> dict[str, torch.Tensor]:
        """Gradients of the step; mean losses of this rank's parts."""
        parts, sums = self.config.accumulate, {}
        images = batch.images.to(self.fabric.device, non_blocking=True)
        for part in range(parts):
            draws = self.objective.draw(self._place(part))
            draws = {k: v.to(self.fabric.device, non_blocking=True) for k, v in draws.items()}
            with self._gradients_stay(part < parts - 1):
                losses = self._module(images[part::parts], draws, clock)
                self.fabric.backward(losses["loss"] / parts)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + value.detach().float() / parts
        return sums

    def _place(self, part: int) -> Place:
        R, A = self.fabric.world_size, self.config.accumulate
        rank = self.fabric.global_rank + R * part
        return Place(seed=self.config.seed, step=self.step, batch_size=self.config.batch_size or 0, rank=rank, world_size=R * A)

    def _gradients_stay(self, wait: bool):
        """With several parts gradients meet those of other ranks after the last one only."""
        from contextlib import nullcontext

        several = self.fabric.strategy._backward_sync_control is not None
        return self.fabric.no_backward_sync(self._module, enabled=wait) if several else nullcontext()

    def _clip(self) -> float:
        limit = self.config.clip_norm or float("inf")
        norm = self.fabric.clip_gradients(self._module, self._wrapped_optimiser, max_norm=limit, error_if_nonfinite=False)
        return float(whole(norm))

    def _mean(self, value: torch.Tensor) -> float:
        return float(self.fabric.all_reduce(value, reduce_op="mean"))

    def _not_finite(self, what: str, value: float, batch: Any, *, here: bool) -> SimtouchError:
        where = list(batch.where)
        rank = f" on rank {self.fabric.global_rank}" if self.fabric.world_size > 1 else ""
        seen = f"its batch{rank}: {_listed(where)}" if here else f"not in the batch{rank}"
        return SimtouchError(
            f"{what} is {value} in step {self.step}; {seen}. Try a smaller `--lr`, a longer `--warmup-epochs` or `--precision 32`."
        )


def _finite(value: float) -> bool:
    return value - value == 0.0


def _listed(where: list[str], most: int = 4) -> str:
    """The first few, and how many more."""
    more = f", and {len(where) - most} more" if len(where) > most else ""
    return "; ".join(where[:most]) + more
