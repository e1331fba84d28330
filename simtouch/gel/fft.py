"""The contact problems by transforms: each contact on a window of the grid that holds it. Overlaps and targets in, tractions out.

Right for contacts of any size and for both precisions; what `dense.py` does for small ones is checked against it. No cell sinks by less
than -rise sum(p), rise = -min c_zz: so cells outside the window that lie deeper below the indenter cannot have been pierced.
"""

import numpy as np
import scipy.fft as sfft

from simtouch.gel.compliance import Compliance
from simtouch.gel.friction import solve_friction
from simtouch.gel.normal import solve_normal


class FftSolver:
    """`ContactSolver` by convolutions with the layer's spectra."""

    def __init__(
        self, compliance: Compliance, *, tolerance: float = 1e-3, friction_tolerance: float = 2e-4, margin_mm: float = 0.02
    ):
        """Tolerances as those of `solve_normal` and `solve_friction`; `margin_mm` is how far above its rest the gel may touch."""
        self._compliance, self._margin = compliance, margin_mm
        self._tolerance, self._friction_tolerance = tolerance, friction_tolerance

    def press(self, overlap: np.ndarray, start: np.ndarray) -> np.ndarray:
        """See `ContactSolver.press`."""
        pressure = np.zeros_like(start)
        for d, p, out in zip(overlap, start, pressure, strict=True):
            if d.max() > 0:
                out[:] = self._press(d, p)
        return pressure

    def slide(
        self, target: np.ndarray, pressure: np.ndarray, limit: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.slide`."""
        shear, slides = np.zeros_like(start), np.zeros(limit.shape, bool)
        for b in np.flatnonzero(limit.any((1, 2))):
            where, part = self._part(limit[b] > 0)
            solved = solve_friction(
                part,
                target[b][:, *where] - self._spread(pressure[b], where, part),
                limit[b][where],
                start[b][:, *where],
                tolerance=self._friction_tolerance,
            )
            shear[b][:, *where], slides[b][where] = solved.shear, solved.slides
        return shear, slides

    def fields(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """See `ContactSolver.fields`."""
        return self._compliance.fields_of_each(pressure, shear)

    def _press(self, d: np.ndarray, start: np.ndarray) -> np.ndarray:
        """One contact: solved where gel and indenter may meet, then checked on the whole grid."""
        allowed = d - d.dtype.type(self._tolerance * float(d.max()))
        candidates = d > -self._margin
        while True:
            where, part = self._part(candidates)
            pressure = np.zeros_like(start)
            pressure[where] = solve_normal(part, d[where], start[where], tolerance=self._tolerance).pressure
            pierced = (d > -self._compliance.rise * float(pressure.sum(dtype=np.float64))) & ~candidates
            pierced[where] = False
            if pierced.any():
                pierced &= self._compliance.sink(pressure) < allowed
            if not pierced.any():
                return pressure
            candidates, start = candidates | pierced, pressure

    def _spread(self, pressure: np.ndarray, where: tuple[slice, slice], part: Compliance) -> np.ndarray | float:
        """What pressure does in-plane on a window."""
        inside = pressure[where]
        count = np.count_nonzero(pressure)
        if count == 0:
            return 0.0
        return part.spread(inside) if np.count_nonzero(inside) == count else self._compliance.spread(pressure)[:, *where]

    def _part(self, cells: np.ndarray) -> tuple[tuple[slice, slice], Compliance]:
        """A window of the grid that holds `cells`, and the compliance there."""
        spans = [np.flatnonzero(cells.any(axis)) for axis in (1, 0)]
        rows, cols = (_span(s[0], s[-1] + 1, n) for s, n in zip(spans, cells.shape, strict=True))
        return (rows, cols), self._compliance.window((rows.stop - rows.start, cols.stop - cols.start))


def _span(first: int, stop: int, size: int, quantum: int = 4) -> slice:
    """A slice of a length that is fast to transform (or all `size`) that holds first..stop."""
    length = min(size, quantum * int(sfft.next_fast_len(int(-(-(stop - first) // quantum)), real=True)))
    start = min(first, size - length)
    return slice(int(start), int(start + length))
