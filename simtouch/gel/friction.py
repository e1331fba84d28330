"""Coulomb friction of the layer: where sticking points must go in, shear traction out. FISTA on discs, with adaptive restart.

    minimise  1/2 tau'C tau - tau'w   subject to  |tau| <= l = mu p   in every cell                                 (1)

C is the tangential compliance (`Compliance.drag`), w the displacement that a cell must show if it sticks. The memory of friction lies in
w: a frame adds the indenter's motion to it, and where a cell slides or is free w is set to what the surface really does. So a new
contact point starts without stress and a reversal gives a loop. FISTA: Beck and Teboulle 2009; restart: O'Donoghue and Candes 2015.

Each cell has its own step 1 / D_i, from sums over the touched cells k (Gershgorin): D - C >= 0, and no eigenvalue is needed.

    D_i = sum_k A_ik,   A = max(|c_xx|, |c_yy|) + |c_xy| >= |C|                                                     (2)
"""

from typing import NamedTuple

import numpy as np

from simtouch.gel.compliance import Compliance

AT_THE_LIMIT = 1e-3
"""A cell slides when its shear is within this share of mu p."""
SLACK = 1.67
"""The steps are some 1.3 to 1.5 shorter than one by the largest eigenvalue and move as much less: back ends settle them to less by this.
Measured so that the stick mask of Cattaneo and Mindlin is as right as with the longer steps (`tests/gel/test_friction.py`)."""
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
    tolerance: float = 2e-4 / SLACK,
    max_iterations: int = 400,
) -> Friction:
    """Solve (1) for one contact.

    Args:
        compliance: Of the layer on this grid.
        target: w [mm], (2, h, w).
        limit: l = mu p >= 0 [MPa], (h, w); 0 outside the contact.
        start: Shear traction to start from, for instance the last frame's.
        tolerance: On the change of an iteration, as a share of the largest limit.
        max_iterations: When this is reached the last iterate is the result, and says its error; it keeps to the limit all the same.
    """
    dtype = compliance.dtype.type
    limit = (limit * dtype(_ROOM)).astype(dtype, copy=False)
    touched = limit > 0
    if not touched.any():
        zero = np.zeros((2, *compliance.shape), compliance.dtype)
        return Friction(zero, touched, 0, 0.0)
    hold = np.where(touched, compliance.hold(touched), 1)
    step, w, scale = 1 / hold, target.astype(dtype, copy=False), float(limit.max())
    tau = _onto_discs(np.zeros_like(w) if start is None else start.astype(dtype, copy=False), limit)
    y, momentum, error = tau, 1.0, np.inf
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        new = compliance.drag(y)
        new -= w
        new *= step
        new = _onto_discs(np.subtract(y, new, out=new), limit)
        back, forth = y - new, new - tau
        error = max(float(back.max()), -float(back.min())) / scale
        back *= forth
        back *= hold
        if np.sum(back, dtype=np.float64) > 0:
            momentum = 1.0
        following = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        forth *= dtype((momentum - 1) / following)
        y = np.add(new, forth, out=forth)
        tau, momentum = new, following
        if error < tolerance:
            break
    size = np.sqrt(tau[0] ** 2 + tau[1] ** 2)
    slides = touched & (size >= limit * dtype(1 - AT_THE_LIMIT))
    return Friction(tau, slides, iteration, error)


def _onto_discs(tau: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Nearest field with |tau| <= limit in every cell."""
    size = np.sqrt(tau[0] ** 2 + tau[1] ** 2)
    np.maximum(size, limit, out=size)
    np.maximum(size, np.finfo(tau.dtype).tiny, out=size)
    return tau * np.divide(limit, size, out=size)
