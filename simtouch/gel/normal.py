"""Normal contact of the layer: overlap in, pressure out. Preconditioned conjugate gradients on the touched cells.

    minimise  1/2 p'C p - p'd   subject to  p >= 0;   gap g = C p - d >= 0,  p g = 0                                 (1)

C convolves with c_zz (`Compliance.sink`), d is how deep the indenter would overlap the resting surface, of any sign.
After Polonsky and Keer, Wear 231, 1999, with 1/c_zz as preconditioner and Polak-Ribiere directions.
"""

from typing import NamedTuple

import numpy as np

from simtouch.gel.compliance import Compliance

_TINY = 1e-30


class NormalContact(NamedTuple):
    """Solution of (1)."""

    pressure: np.ndarray
    """p >= 0 [MPa], (h, w)."""
    sink: np.ndarray
    """C p [mm], (h, w)."""
    iterations: int
    error: float
    """Largest violation of (1) over the largest overlap."""


def solve_normal(
    compliance: Compliance,
    overlap: np.ndarray,
    start: np.ndarray | None = None,
    *,
    tolerance: float = 1e-3,
    max_iterations: int = 300,
) -> NormalContact:
    """Solve (1) for one contact.

    Args:
        compliance: Of the layer on this grid.
        overlap: d [mm], (h, w); finite, negative where the indenter is away.
        start: Pressure to start from, for instance the last frame's; zero or None starts cold.
        tolerance: On the gap, as a share of the largest overlap.
        max_iterations: When this is reached the last iterate is the result, and says its error.
    """
    d = overlap.astype(compliance.dtype, copy=False)
    scale = float(d.max())
    if scale <= 0:
        zero = np.zeros_like(d)
        return NormalContact(zero, zero.copy(), 0, 0.0)
    p, u = _first_guess(compliance, d, start)
    direction, r_old, G_old, error = None, None, 1.0, np.inf
    for iteration in range(max_iterations + 1):
        gap = u - d
        pressed = p > 0
        error = max(float(np.abs(gap[pressed]).max(initial=0.0)), -float(gap.min())) / scale
        if error < tolerance or iteration == max_iterations:
            break
        active = pressed | (gap < 0)
        r = np.where(active, gap, 0)
        z = np.where(active, compliance.sink_inverse(r), 0)
        G = _dot(r, z)
        if direction is None:
            direction = z
        else:
            beta = max(0.0, (G - _dot(r_old, z)) / max(G_old, _TINY))
            direction = np.where(active, z + d.dtype.type(beta) * direction, 0)
        q = compliance.sink(direction)
        alpha = d.dtype.type(_dot(r, direction) / max(_dot(direction, q), _TINY))
        p = p - alpha * direction
        clipped = bool((p < 0).any())
        if clipped:  # an update of u would drift: compute it again
            np.maximum(p, 0, out=p)
            u = compliance.sink(p)
        else:
            u = u - alpha * q
        r_old, G_old = r, G
        if clipped or bool(((u < d) & ~active).any()):
            direction = None  # the set changed: start the conjugate directions afresh
    return NormalContact(p, u, iteration, error)


def _first_guess(compliance: Compliance, d: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """A pressure of the right size: `start`, or even pressure over the overlap, scaled to minimise (1) along it."""
    p = np.where(d > 0, d, 0) if start is None or not start.any() else np.maximum(start.astype(d.dtype, copy=False), 0)
    u = compliance.sink(p)
    factor = d.dtype.type(max(0.0, _dot(d, p) / max(_dot(p, u), _TINY)))
    if factor == 0:
        p = np.where(d > 0, d, 0)
        u = compliance.sink(p)
        factor = d.dtype.type(_dot(d, p) / max(_dot(p, u), _TINY))
    return p * factor, u * factor


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    """Inner product by pairwise summation: the same to the bit for any number of threads, unlike BLAS."""
    return float(np.sum(a * b, dtype=np.float64))
