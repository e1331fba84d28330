"""The contact problems by real-space tables, one contact a thread: the back end for contacts of few cells, and for batches of them.

Overlaps and targets in, tractions out. Kernels: `dense_press.py`, `dense_slide.py`, `dense_fields.py`. Work grows with the square of
the touched cells; there are no transforms, no sums over threads and no memory between calls, so that a contact has the same
bytes in any batch and on any number of threads.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from simtouch._taichi import ensure_runtime
from simtouch.gel import dense_fields, dense_press, dense_slide
from simtouch.gel.compliance import Compliance
from simtouch.gel.dense_cells import TILE, ints_of
from simtouch.gel.fft import FftSolver

FEW_TO_SPREAD = 160
"""Cells with pressure up to which tables fill the whole grid sooner than transforms; on any grid, because both grow with its size."""
FEW_TO_ANSWER = 250
"""The same for cells with shear traction."""
_TOGETHER = 64  # contacts a launch works on; bounds the memory


class DenseSolver:
    """`ContactSolver` by sums over cells, in float32."""

    def __init__(
        self, compliance: Compliance, *, tolerance: float = 1e-3, friction_tolerance: float = 2e-4, margin_mm: float = 0.02
    ):
        """See `FftSolver`."""
        self._transforms = FftSolver(compliance)
        self._shape = compliance.shape
        self._margin, self._tolerance, self._friction_tolerance = margin_mm, tolerance, friction_tolerance
        behind = np.zeros(TILE, np.float32)
        tables = {name: np.concatenate([table, behind], dtype=np.float32) for name, table in compliance.offset_tables.items()}
        self._normal = np.concatenate([tables["zz"], tables["inverse"]])
        self._tangential = tables["xx"], tables["yy"], tables["xy"]
        self._odd = tables["zx"], tables["zy"]

    def press(self, overlap: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.press`."""
        settings, floats = (self._margin, self._tolerance), dense_press.floats_of(*self._shape)
        maps = self._run(dense_press._press, (self._normal,), settings, floats, (overlap, start), slice(1, 3))
        return maps[:, 0], maps[:, 1]

    def slide(self, target: np.ndarray, limit: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.slide`."""
        settings, floats = (self._friction_tolerance / dense_slide.SLACK,), dense_slide.floats_of(*self._shape)
        maps = self._run(dense_slide._slide, self._tangential, settings, floats, (limit, target, start), slice(3, 6))
        return maps[:, :2], maps[:, 2] > 0

    def spread(self, pressure: np.ndarray) -> np.ndarray:
        """See `ContactSolver.spread`."""
        few = np.array([np.count_nonzero(p) <= FEW_TO_SPREAD for p in pressure])
        return split(few, self._spread, self._transforms.spread, pressure)

    def answer_to_shear(self, shear: np.ndarray) -> np.ndarray:
        """See `ContactSolver.answer_to_shear`."""
        few = np.array([max(np.count_nonzero(x), np.count_nonzero(y)) <= FEW_TO_ANSWER for x, y in shear])
        return split(few, self._answer, self._transforms.answer_to_shear, shear)

    def _spread(self, pressure: np.ndarray) -> np.ndarray:
        floats = dense_fields.spread_floats_of(*self._shape)
        return self._run(dense_fields._spread, self._odd, (), floats, (pressure,), slice(1, 3))

    def _answer(self, shear: np.ndarray) -> np.ndarray:
        floats = dense_fields.answer_floats_of(*self._shape)
        return self._run(dense_fields._answer, (*self._tangential, *self._odd), (), floats, (shear,), slice(2, 5))

    def _run(self, kernel, tables: tuple, settings: tuple, floats: int, given: tuple, kept: slice) -> np.ndarray:
        """Lay the given maps one after the other, launch, and return the kept ones, (B, K, h, w)."""
        ensure_runtime()
        h, w = self._shape
        contacts = len(given[0])
        out = np.empty((contacts, kept.stop - kept.start, h, w), np.float32)
        for first in range(0, contacts, _TOGETHER):
            these = slice(first, min(first + _TOGETHER, contacts))
            count = these.stop - first
            work, ints = np.empty((count, floats), np.float32), np.empty(count * ints_of(h, w), np.int32)
            end = 0
            for maps in given:
                flat = maps[these].reshape(count, -1)
                begin, end = end, end + flat.shape[1]
                work[:, begin:end] = flat
            kernel(*tables, count, h, w, *settings, ints, work.reshape(-1))
            out[these] = work[:, kept.start * h * w : kept.stop * h * w].reshape(count, -1, h, w)
        return out


def split(few: np.ndarray, small: Callable, large: Callable, *maps: np.ndarray) -> Any:
    """`small` of the contacts that are `few`, `large` of the others, put together; both give one array or a tuple of them."""
    if few.all():
        return small(*maps)
    if not few.any():
        return large(*maps)
    parts = [solve(*(m[chosen] for m in maps)) for solve, chosen in ((small, few), (large, ~few))]
    alone = isinstance(parts[0], np.ndarray)
    pairs = [parts] if alone else zip(*parts, strict=True)
    joined = []
    for a, b in pairs:
        whole = np.empty((len(few), *a.shape[1:]), a.dtype)
        whole[few], whole[~few] = a, b
        joined.append(whole)
    return joined[0] if alone else tuple(joined)
