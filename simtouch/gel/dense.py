"""The contact problems by real-space tables, one contact a thread: the back end for contacts of few cells, and for batches of them.

Overlaps and targets in, tractions out. Kernels: `dense_press.py`, `dense_slide.py`. Work grows with the square of the touched cells;
there are no transforms, no sums over threads and no memory between calls, so that a contact has the same bytes in any batch and on any
number of threads. How the whole surface answers is left to transforms: they are faster for any contact.
"""

import numpy as np

from simtouch._taichi import ensure_runtime
from simtouch.gel import dense_load, dense_press, dense_slide
from simtouch.gel.compliance import Compliance
from simtouch.gel.dense_cells import TABLES, TILE, ints_of
from simtouch.gel.fft import FftSolver

_TOGETHER = 64  # contacts a launch works on; bounds the memory


class DenseSolver:
    """`ContactSolver` by sums over cells, in float32."""

    def __init__(
        self, compliance: Compliance, *, tolerance: float = 1e-3, friction_tolerance: float = 2e-4, margin_mm: float = 0.02
    ):
        """See `FftSolver`."""
        self._transforms, self._shape, self._rise = FftSolver(compliance), compliance.shape, compliance.rise
        self._margin, self._tolerance, self._friction_tolerance = margin_mm, tolerance, friction_tolerance
        behind = np.zeros(TILE, np.float32)
        tables = np.concatenate([part for name in TABLES for part in (compliance.offset_tables[name], behind)], dtype=np.float32)
        # xx, yy and xy also as arrays of their own: by offsets into one array the inner loop of `drag` takes twice as long.
        self._tables, self._in_plane = tables, np.split(tables, len(TABLES))[-3:]
        self._floats, self._ints = np.empty(0, np.float32), np.empty(0, np.int32)  # scratch, as large as a launch has needed yet

    def press(self, overlap: np.ndarray, start: np.ndarray) -> np.ndarray:
        """See `ContactSolver.press`."""
        settings, floats = (self._margin, self._rise, self._tolerance), dense_press.floats_of(*self._shape)
        return self._run(dense_press._press, (), settings, floats, (overlap, start), slice(1, 2))[:, 0]

    def carry(self, overlap: np.ndarray, start: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pressure and lowering that carry a load: (1) of `dense_load.py`.

        Args:
            overlap: d [mm], (B, h, w), of an indenter that is not lowered yet.
            start: Pressure to start from [MPa], (B, h, w); without any the lowering is NaN.
            load: Sum of the pressures [MPa], (B,), > 0.

        Returns:
            Pressure [MPa], (B, h, w), and lowering [mm], (B,), NaN where none was found.
        """
        lowering, loads = np.empty(len(load), np.float32), load.astype(np.float32)
        settings, floats = (self._rise, self._tolerance), dense_load.floats_of(*self._shape)
        given = (overlap, start)
        pressure = self._run(dense_load._carry, (), settings, floats, given, slice(1, 2), beside=(loads,), results=(lowering,))
        return pressure[:, 0], lowering

    def slide(
        self, target: np.ndarray, pressure: np.ndarray, limit: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.slide`."""
        settings, floats = (self._friction_tolerance,), dense_slide.floats_of(*self._shape)
        maps = self._run(dense_slide._slide, self._in_plane, settings, floats, (limit, target, start, pressure), slice(3, 6))
        return maps[:, :2], maps[:, 2] > 0

    def fields(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """See `ContactSolver.fields`."""
        return self._transforms.fields(pressure, shear)

    def _run(
        self,
        kernel,
        tables,
        settings: tuple[float, ...],
        floats: int,
        given: tuple[np.ndarray, ...],
        kept: slice,
        *,
        beside=(),
        results=(),
    ) -> np.ndarray:
        """Lay the given maps one after the other, launch with further tables, and return the kept maps, (B, K, h, w).

        `beside` and `results` are arrays of one number a contact, read and written.
        """
        ensure_runtime()
        (h, w), contacts = self._shape, len(given[0])
        out = np.empty((contacts, kept.stop - kept.start, h, w), np.float32)
        for first in range(0, contacts, _TOGETHER):
            these = slice(first, min(first + _TOGETHER, contacts))
            count = these.stop - first
            work, ints = self._scratch(count * floats, count * ints_of(h, w))
            maps, end = work.reshape(count, floats), 0
            for fields in given:
                flat = fields[these].reshape(count, -1)
                begin, end = end, end + flat.shape[1]
                maps[:, begin:end] = flat
            numbers, found = ([one[these] for one in several] for several in (beside, results))
            kernel(self._tables, *tables, *numbers, count, h, w, *settings, ints, work, *found)
            out[these] = maps[:, kept.start * h * w : kept.stop * h * w].reshape(count, -1, h, w)
        return out

    def _scratch(self, floats: int, ints: int) -> tuple[np.ndarray, np.ndarray]:
        """Room to work in; what it holds means nothing."""
        if self._floats.size < floats:
            self._floats = np.empty(floats, np.float32)
        if self._ints.size < ints:
            self._ints = np.empty(ints, np.int32)
        return self._floats[:floats], self._ints[:ints]
