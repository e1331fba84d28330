"""Coulomb friction of the layer: where sticking points must go in, shear traction out. Projected gradients with long steps.

    minimise  1/2 tau'C tau - tau'w   subject to  |tau| <= l = mu p   in every cell                                 (1)

C is the tangential compliance (`Compliance.drag`), w the displacement that a cell must show if it sticks. The memory of friction lies in
w: a frame adds the indenter's motion to it, and where a cell slides or is free w is set to what the surface really does. So a new
contact point starts without stress and a reversal gives a loop.

Each cell's step is a / D_i, with D from sums over the touched cells k (Gershgorin), so that D - C >= 0 and no eigenvalue is needed:

    D_i = sum_k A_ik,   A = max(|c_xx|, |c_yy|) + |c_xy| >= |C|                                                     (2)
    d = P(tau - a D^-1 (C tau - w)) - tau,   tau <- tau + s d,   a <- d'D d / d'C d >= 1,   s = 1                   (3)

a is the step of Barzilai and Borwein (IMA J. Numer. Anal. 8, 1988) in the metric D, P the nearest point of the discs; C d carries the
gradient on, so an iteration takes one convolution. Such steps need about half as many as accelerated ones (FISTA), but the energy does
not fall at each; after `LONG_STEPS` of them s is the one in (0, 1] that makes it smallest along d, with which it does (Birgin, Martinez
and Raydan, SIAM J. Optim. 10, 2000).
"""

from typing import NamedTuple

import numpy as np

from simtouch.gel.compliance import Compliance

AT_THE_LIMIT = 4e-3
"""A cell slides when its shear is within this share of mu p: measured where Cattaneo and Mindlin know the stick mask."""
LONG_STEPS = 60
"""Iterations after which the energy must fall at each. A problem of a stream takes a dozen, the hardest cold one of the tests 48."""
_TINY = 1e-30
_ROOM = 1 - 1e-6  # keeps |tau| <= mu p after rounding to float32


class Friction(NamedTuple):
    """Solution of (1)."""

    shear: np.ndarray
    """tau [MPa], (2, h, w)."""
    slides: np.ndarray
    """Touched and at the limit, bool, (h, w)."""
    iterations: int
    error: float
    """Last change over the largest limit."""


def solve_friction(
    compliance: Compliance,
    target: np.ndarray,
    limit: np.ndarray,
    start: np.ndarray | None = None,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 400,
) -> Friction:
    """Solve (1) for one contact.

    Args:
        compliance: Of the layer on this grid.
        target: w [mm], (2, h, w).
        limit: l = mu p >= 0 [MPa], (h, w); 0 outside the contact.
        start: Shear traction to start from, for instance the last frame's.
        tolerance: On the change of an iteration, as a share of the largest limit. Errors left in a cell: 4 times that, 12 at most.
        max_iterations: When this is reached the last iterate is the result, and says its error; it keeps to the limit all the same.
    """
    dtype = compliance.dtype.type
    limit = (limit * dtype(_ROOM)).astype(dtype, copy=False)
    touched = limit > 0
    if not touched.any():
        zero = np.zeros((2, *compliance.shape), compliance.dtype)
        return Friction(zero, touched, 0, 0.0)
    hold = np.where(touched, compliance.hold(touched), 1)
    w, scale = target.astype(dtype, copy=False), float(limit.max())
    tau = _onto_discs(np.zeros_like(w) if start is None else start.astype(dtype, copy=False), limit)
    slope = compliance.drag(tau) - w
    length, error = 1.0, np.inf
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        d = _onto_discs(tau - dtype(length) / hold * slope, limit)
        d -= tau
        error = max(float(d.max()), -float(d.min())) / scale
        if error < tolerance:
            tau = tau + d
            break
        bent = compliance.drag(d)
        bend = max(float(np.sum(d * bent, dtype=np.float64)), _TINY)
        if iteration > LONG_STEPS:
            downhill = -float(np.sum(d * slope, dtype=np.float64))
            share = dtype(min(max(downhill / bend, 0.0), 1.0))
        else:
            share = dtype(1)
        length = float(np.sum(d * d * hold, dtype=np.float64)) / bend
        tau, slope = tau + share * d, slope + share * bent
    size = np.sqrt(tau[0] ** 2 + tau[1] ** 2)
    slides = touched & (size >= limit * dtype(1 - AT_THE_LIMIT))
    return Friction(tau, slides, iteration, error)


def _onto_discs(tau: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Nearest field with |tau| <= limit in every cell."""
    size = np.sqrt(tau[0] ** 2 + tau[1] ** 2)
    np.maximum(size, limit, out=size)
    np.maximum(size, np.finfo(tau.dtype).tiny, out=size)
    return tau * np.divide(limit, size, out=size)
