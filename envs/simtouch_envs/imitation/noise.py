"""Noise on what an expert does: an action in, the disturbed one out."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What is added to actions so that demonstrations also show how to recover (Laskey et al., "DART", CoRL 2017)."""

    scale: tuple[float, ...] = (0.25, 0.25, 0.25)
    """Standard deviation of each number of an action, in units of its range's half."""
    share: float = 0.5
    """Of the steps that are disturbed."""

    def added_to(self, action: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The action with noise, within [-1, 1]; the same draws whether a step is disturbed or not."""
        disturbed, drawn = rng.random() < self.share, rng.standard_normal(len(action)) * np.asarray(self.scale)
        return np.clip(action + disturbed * drawn, -1, 1)
