"""Numbers that change while a network trains: how far the training is in, a number out.

Step k = 0, 1, ..., n - 1 of a training of n steps, w of them warm-up, i = k + 1:

    rate(k) = start + (base - start) i / w                                     i < w
            = final + (base - final) (1 + cos(pi (i - w) / (n - w))) / 2       else, and final after step n          (1)
    cosine(t) = last + (first - last) (1 + cos(pi t)) / 2,  linear(t) = first + (last - first) t,  t in [0, 1]       (2)

Weight decay is a cosine over t = k / n, a teacher's momentum a line or a cosine over the same t. Source: values of the published
recipes' schedules. Ref: Loshchilov and Hutter, ICLR 2017.
"""

import math

from simtouch._checks import ArgumentError
from simtouch.models.ssl.objective import Clock


def warm_cosine(step: int, total_steps: int, *, base: float, start: float, final: float, warmup_steps: float) -> float:
    """Learning rate (1) of the step that is about to be made, number `step` from 0. A warm-up longer than the training ends with it.

    Args:
        step: k, steps done.
        total_steps: n.
        base, start, final: Highest rate, where the warm-up starts, and the rate of the last step.
        warmup_steps: w.

    Raises:
        ArgumentError: `total_steps` below 1 or a negative step or warm-up.
    """
    if total_steps < 1 or step < 0 or warmup_steps < 0:
        raise ArgumentError(f"`total_steps` must be at least 1, others at least 0; got {total_steps}, {step}, {warmup_steps}.")
    i = step + 1
    if i < warmup_steps:
        return start + (base - start) * i / warmup_steps
    past = (i - warmup_steps) / max(total_steps - warmup_steps, 1e-12)
    return cosine(min(past, 1.0), base, final)


def cosine(t: float, first: float, last: float) -> float:
    """From `first` at t = 0 to `last` at t = 1, (2)."""
    return last + (first - last) * (1 + math.cos(math.pi * t)) / 2


def linear(t: float, first: float, last: float) -> float:
    """From `first` at t = 0 to `last` at t = 1, (2)."""
    return first + (last - first) * t


def momentum(clock: Clock, first: float, last: float = 1.0, *, kind: str = "linear") -> float:
    """Share of its own weights that a teacher keeps in the step `clock.step`; `kind` is "linear" or "cosine"."""
    curves = {"linear": linear, "cosine": cosine}
    if kind not in curves:
        raise ArgumentError(f"`kind` must be linear or cosine; got {kind!r}.")
    return curves[kind](share_done(clock), first, last)


def warm_linear(clock: Clock, first: float, last: float, warmup_epochs: float) -> float:
    """From `first` to `last` in the first epochs, then `last`: a teacher's temperature."""
    return last if clock.epoch >= warmup_epochs else linear(clock.epoch / warmup_epochs, first, last)


def share_done(clock: Clock) -> float:
    """t of (2), in [0, 1]."""
    return min(clock.step / clock.total_steps, 1.0)
