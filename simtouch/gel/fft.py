"""The contact problems by transforms: each contact on a window of the grid that holds it. Overlaps and targets in, tractions out.

Right for contacts of any size and for both precisions; what `dense.py` does for small ones is checked against it. The step of the
friction problem comes from a bound on the largest eigenvalue of C between the touched cells (Collatz and Wielandt):

    lambda <= max_i (A v)_i / v_i,   A = max(|c_xx|, |c_yy|) + |c_xy| >= |C|,   any v > 0                                 (1)

It is a bound whatever v is, so nothing is kept from frame to frame; with v = A A 1 it lies some 1.4 above the eigenvalue.
"""

import numpy as np
import scipy.fft as sfft

from simtouch.gel.compliance import Compliance
from simtouch.gel.friction import StepSize, solve_friction
from simtouch.gel.normal import solve_normal

PRODUCTS = 3
"""Products with A that (1) costs."""
_ROUNDING = 1.001  # of the transforms in float32
_SLACK = 1.4  # of the bound: a step as much shorter moves as much less, so it must be settled to as much less


class FftSolver:
    """`ContactSolver` by convolutions with the layer's spectra."""

    def __init__(
        self, compliance: Compliance, *, tolerance: float = 1e-3, friction_tolerance: float = 2e-4, margin_mm: float = 0.02
    ):
        """Tolerances as those of `solve_normal` and `solve_friction`; `margin_mm` is how far above its rest the gel may touch."""
        self._compliance, self._margin = compliance, margin_mm
        self._tolerance, self._friction_tolerance = tolerance, friction_tolerance
        self._bounds: dict[tuple[int, int], np.ndarray] = {}

    def press(self, overlap: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.press`."""
        pressure, sink = np.zeros_like(start), np.zeros_like(start)
        for d, p, p_out, w_out in zip(overlap, start, pressure, sink, strict=True):
            if d.max() > 0:
                p_out[:], w_out[:] = self._press(d, p)
        return pressure, sink

    def slide(self, target: np.ndarray, limit: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.slide`."""
        shear, slides = np.zeros_like(start), np.zeros(limit.shape, bool)
        for b in np.flatnonzero(limit.any((1, 2))):
            where, part = self._part(limit[b] > 0)
            solved = solve_friction(
                part,
                target[b][:, *where],
                limit[b][where],
                start[b][:, *where],
                step_size=_Step(self._bound(part)),
                tolerance=self._friction_tolerance / _SLACK,
            )
            shear[b][:, *where], slides[b][where] = solved.shear, solved.slides
        return shear, slides

    def spread(self, pressure: np.ndarray) -> np.ndarray:
        """See `ContactSolver.spread`."""
        return np.stack([self._compliance.spread(p) if p.any() else np.zeros((2, *p.shape), p.dtype) for p in pressure])

    def answer_to_shear(self, shear: np.ndarray) -> np.ndarray:
        """See `ContactSolver.answer_to_shear`."""
        answer = np.zeros((len(shear), 3, *shear.shape[2:]), shear.dtype)
        for tau, out in zip(shear, answer, strict=True):
            if tau.any():
                out[:] = self._compliance.displace(np.zeros(tau.shape[1:], tau.dtype), tau)
        return answer

    def _press(self, d: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One contact: solved where gel and indenter may meet, then checked on the whole grid."""
        allowed = d - d.dtype.type(self._tolerance * float(d.max()))
        candidates = d > -self._margin
        while True:
            where, part = self._part(candidates)
            pressure = np.zeros_like(start)
            pressure[where] = solve_normal(part, d[where], start[where], tolerance=self._tolerance).pressure
            sink = self._compliance.sink(pressure)
            pierced = (sink < allowed) & ~candidates
            pierced[where] = False
            if not pierced.any():
                return pressure, sink
            candidates, start = candidates | pierced, pressure

    def _part(self, cells: np.ndarray) -> tuple[tuple[slice, slice], Compliance]:
        """A window of the grid that holds `cells`, and the compliance there."""
        spans = [np.flatnonzero(cells.any(axis)) for axis in (1, 0)]
        rows, cols = (_span(s[0], s[-1] + 1, n) for s, n in zip(spans, cells.shape, strict=True))
        return (rows, cols), self._compliance.window((rows.stop - rows.start, cols.stop - cols.start))

    def _bound(self, part: Compliance) -> np.ndarray:
        """Spectrum of A on a window, kept as the windows are."""
        if part.shape not in self._bounds:
            xx, yy, xy = (np.abs(part.offset_tables[name]) for name in ("xx", "yy", "xy"))
            table = (np.maximum(xx, yy) + xy).reshape(2 * part.shape[0], 2 * part.shape[1])
            self._bounds[part.shape] = np.asarray(sfft.rfft2(np.fft.ifftshift(table)))
        return self._bounds[part.shape]


class _Step(StepSize):
    """The step by (1); keeps nothing."""

    def __init__(self, spectrum: np.ndarray):
        super().__init__()
        self._spectrum = spectrum

    def on(self, compliance, touched: np.ndarray) -> float:
        """1 / the bound on the touched cells."""
        h, w = touched.shape
        image = touched.astype(compliance.dtype)
        v = image
        for _ in range(PRODUCTS):
            v = image / image.max()
            spectrum = np.asarray(sfft.rfft2(v, (2 * h, 2 * w))) * self._spectrum
            image = np.where(touched, np.asarray(sfft.irfft2(spectrum, (2 * h, 2 * w)))[:h, :w], 0)
        return 1 / (_ROUNDING * float((image[touched] / v[touched]).max()))


def _span(first: int, stop: int, size: int, quantum: int = 8) -> slice:
    """A slice of a multiple of `quantum` cells (or all `size`) that holds first..stop."""
    length = min(size, -(-(stop - first) // quantum) * quantum)
    start = min(first, size - length)
    return slice(int(start), int(start + length))
