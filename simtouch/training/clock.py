"""How far a training is: a settled config and the size of an epoch in, the clock that schedules read out."""

from dataclasses import dataclass

from simtouch.models.ssl.objective import Clock
from simtouch.training.config import PretrainConfig


@dataclass(frozen=True, kw_only=True)
class StretchedClock(Clock):
    """A clock whose epochs are equal parts of a given number of steps, whole or not."""

    steps: int
    """Of the whole training."""

    @property
    def epoch(self) -> float:
        """Parts done, with their fraction."""
        return self.step * self.epochs / self.steps

    @property
    def total_steps(self) -> int:
        """Steps of the whole training."""
        return self.steps


def clock_at(config: PretrainConfig, step: int, steps_per_epoch: int) -> Clock:
    """The clock after `step` steps.

    Args:
        config: Settled: epochs, or steps and the parts they are cut into.
        step: Steps done.
        steps_per_epoch: Of the data.
    """
    assert config.epochs
    if config.steps is None:
        return Clock(step=step, steps_per_epoch=steps_per_epoch, epochs=config.epochs)
    per_epoch = max(1, round(config.steps / config.epochs))
    return StretchedClock(step=step, steps_per_epoch=per_epoch, epochs=config.epochs, steps=config.steps)
