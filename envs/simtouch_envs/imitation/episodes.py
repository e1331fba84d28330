"""Episodes: what was seen, done and advised in whole episodes, as arrays; rows of them out as a policy reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an episode went."""

    maze: str
    """Its name or number."""
    steps: int
    distance_m: float
    """Travelled until the end or the failure."""
    completion: float
    """Part of the way, 0 to 1."""
    is_success: bool
    lost: str
    """Why it failed; empty if it did not."""
    peak_force_n: float
    """Largest reaction on both pads."""
    clipped_actions: int


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """N steps of whole episodes, one after the other."""

    numbers: np.ndarray
    """What an observer made of each observation, float32 (N, D)."""
    images: np.ndarray | None = None
    """Prepared tactile images of P pads, uint8 (N, P, H, W, 3), for policies that read images."""
    advice: np.ndarray
    """The expert's action, float32 (N, A); NaN where none was asked."""
    actions: np.ndarray
    """What was done, float32 (N, A)."""
    episode: np.ndarray
    """Which episode each step is of, int64 (N,), counted from 0."""
    endings: tuple[Ending, ...]
    """One for each episode."""

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, at: np.ndarray, shifts: Sequence[int]) -> np.ndarray:
        """Steps `at` + each of `shifts`, int64 (B, S); beyond either end of an episode its first or last step again."""
        first = np.searchsorted(self.episode, self.episode[at], "left")
        last = np.searchsorted(self.episode, self.episode[at], "right") - 1
        return np.clip(at[:, None] + np.asarray(shifts), first[:, None], last[:, None])

    def stacked(self, at: np.ndarray, stack: int) -> np.ndarray:
        """The last `stack` observations of steps `at`, oldest first, float32 (B, stack, D)."""
        return self.numbers[self.rows(at, range(1 - stack, 1))]

    def windows(self, at: np.ndarray, lag: int) -> np.ndarray:
        """Images of steps `at` and `lag` before, newest first, uint8 (B, P, 2, H, W, 3)."""
        assert self.images is not None
        return np.moveaxis(self.images[self.rows(at, (0, -lag))], 1, 2)

    def chunks(self, at: np.ndarray, horizon: int) -> np.ndarray:
        """The expert's actions of steps `at` and after, float32 (B, horizon, A); after the end its last one again."""
        return self.advice[self.rows(at, range(horizon))]

    def only(self, episodes: Sequence[int]) -> "Episodes":
        """Some of the episodes, in the order given and numbered anew."""
        return joined([self._one(i) for i in episodes])

    def _one(self, number: int) -> "Episodes":
        at = slice(*np.searchsorted(self.episode, [number, number + 1]))
        images = None if self.images is None else self.images[at]
        arrays = {name: getattr(self, name)[at] for name in ("numbers", "advice", "actions", "episode")}
        return replace(self, **arrays, images=images, endings=(self.endings[number],))


def joined(parts: Sequence[Episodes]) -> Episodes:
    """All episodes of `parts`, numbered from 0."""
    episode, count = [], 0
    for part in parts:
        _, renumbered = np.unique(part.episode, return_inverse=True)
        episode.append(renumbered + count)
        count += len(part.endings)
    images = None if parts[0].images is None else np.concatenate([part.images for part in parts if part.images is not None])
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "advice", "actions")}
    endings = tuple(ending for part in parts for ending in part.endings)
    return Episodes(**arrays, images=images, episode=np.concatenate(episode), endings=endings)
