"""The faster back end for each contact: sums over cells where they are few, transforms where they are many.

The choice depends on the contact alone, so a contact has the same bytes in any batch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from simtouch.gel.compliance import Compliance
from simtouch.gel.dense import DenseSolver
from simtouch.gel.fft import FftSolver

FEW_TO_PRESS = 900
"""Cells that may touch up to which `DenseSolver` presses sooner."""
FEW_TO_SLIDE = 550
"""Touched cells up to which `DenseSolver` slides sooner."""


class AutoSolver:
    """`ContactSolver` that is the one or the other of two; float64 is left to transforms."""

    def __init__(
        self, compliance: Compliance, *, tolerance: float = 1e-3, friction_tolerance: float = 2e-4, margin_mm: float = 0.02
    ):
        """See `FftSolver`."""
        settings = {"tolerance": tolerance, "friction_tolerance": friction_tolerance, "margin_mm": margin_mm}
        self._margin, self._is_single = margin_mm, compliance.dtype == np.float32
        self._fft = FftSolver(compliance, **settings)
        self._dense = DenseSolver(compliance, **settings) if self._is_single else self._fft

    def press(self, overlap: np.ndarray, start: np.ndarray) -> np.ndarray:
        """See `ContactSolver.press`."""
        if not (overlap > 0).any():
            return np.zeros_like(start)
        few = np.array([np.count_nonzero(d > -self._margin) <= FEW_TO_PRESS for d in overlap])
        return _split(few, self._dense.press, self._fft.press, overlap, start)

    def carry(self, overlap: np.ndarray, start: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `DenseSolver.carry`; contacts of many cells are left to a search."""
        few = np.array([self._is_single and np.count_nonzero(p) <= FEW_TO_SLIDE for p in start])
        if few.all():
            return self._dense.carry(overlap, start, load)
        pressure, lowering = np.zeros_like(start), np.full(len(load), np.nan, np.float32)
        if few.any():
            pressure[few], lowering[few] = self._dense.carry(overlap[few], start[few], load[few])
        return pressure, lowering

    def slide(
        self, target: np.ndarray, pressure: np.ndarray, limit: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.slide`."""
        if not limit.any():
            return np.zeros_like(start), np.zeros(limit.shape, bool)
        few = np.array([np.count_nonzero(most) <= FEW_TO_SLIDE for most in limit])
        return _split(few, self._dense.slide, self._fft.slide, target, pressure, limit, start)

    def fields(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """See `ContactSolver.fields`."""
        return self._fft.fields(pressure, shear)


def _split(few: np.ndarray, small: Callable, large: Callable, *maps: np.ndarray) -> Any:
    """`small` of the contacts that are `few`, `large` of the others, put together; both give one array or a tuple of them."""
    if few.all():
        return small(*maps)
    if not few.any():
        return large(*maps)
    parts = [solve(*(m[chosen] for m in maps)) for solve, chosen in ((small, few), (large, ~few))]
    alone = isinstance(parts[0], np.ndarray)
    joined = []
    for a, b in [parts] if alone else zip(*parts, strict=True):
        whole = np.empty((len(few), *a.shape[1:]), a.dtype)
        whole[few], whole[~few] = a, b
        joined.append(whole)
    return joined[0] if alone else tuple(joined)
