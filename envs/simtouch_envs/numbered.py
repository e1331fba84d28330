"""Numbered things to play with: a family, a split and a number in, the generator that draws it out; the same one for ever.

Splits are drawn from seeds of their own, so that nothing is in two of them.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, pick

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
PER_SPLIT = 1000
"""Things of a family in each split."""


def rng_of(what: str, seed: int, families: Sequence[str], family: str, split: str, number: int) -> np.random.Generator:
    """What draws the thing of that number.

    Args:
        what: Its name in messages: maze, jar, shape.
        seed: Of all things of this kind.
        families: All that there are, in their order for ever.
        family, split, number: Which.

    Raises:
        UnknownNameError: An unknown family.
        ArgumentError: An unknown split, or no such number.
    """
    pick("family", family, dict.fromkeys(families))
    if split not in SPLITS:
        raise ArgumentError(f"`split` must be one of {', '.join(SPLITS)}; got {split!r}.")
    if not isinstance(number, int | np.integer) or not 0 <= number < PER_SPLIT:
        raise ArgumentError(f"`{what}` must be a whole number from 0 to {PER_SPLIT - 1}; got {number!r}.")
    key = (list(families).index(family), SPLITS.index(split), int(number))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def parts_of(what: str, name: str, family: str) -> tuple[str, str, int]:
    """Family, split and number of a name as `snake/test/7`; `family` is one for the message."""
    named, *rest = name.split("/")
    if len(rest) != 2 or not rest[1].isdecimal():
        raise ArgumentError(f"`{what}` must be a number from 0 to {PER_SPLIT - 1} or a name as {family}/test/7; got {name!r}.")
    return named, rest[0], int(rest[1])


def numbers_of(whats: str, chosen: int | Sequence[int]) -> np.ndarray:
    """The numbers that are drawn from: as many from 0 on, or the given ones; `whats` is their name in messages."""
    count = isinstance(chosen, int | np.integer)
    numbers = np.arange(min(chosen, PER_SPLIT + 1)) if count else np.asarray(list(chosen))
    if not numbers.size or numbers.dtype.kind != "i" or numbers.min() < 0 or numbers.max() >= PER_SPLIT:
        raise ArgumentError(f"`{whats}` must be from 1 to {PER_SPLIT}, or numbers from 0 to {PER_SPLIT - 1}; got {chosen!r}.")
    return numbers
