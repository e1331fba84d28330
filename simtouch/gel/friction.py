"""Coulomb friction of the layer: where sticking points must go in, shear traction out. FISTA on discs, with adaptive restart.

    minimise  1/2 tau'C tau - tau'w   subject to  |tau| <= l = mu p   in every cell                                 (1)

C is the tangential compliance (`Compliance.drag`), w the displacement that a cell must show if it sticks. The memory of friction lies in
w: a frame adds the indenter's motion to it, and where a cell slides or is free w is set to what the surface really does. So a new
contact point starts without stress and a reversal gives a loop. FISTA: Beck and Teboulle 2009; restart: O'Donoghue and Candes 2015.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from simtouch.gel.cells import CellCompliance
from simtouch.gel.compliance import Compliance

AT_THE_LIMIT = 1e-3
"""A cell slides when its shear is within this share of mu p."""
_ROOM = 1 - 1e-6  # keeps |tau| <= mu p after rounding to float32


class Friction(NamedTuple):
    """Solution of (1)."""

    shear: np.ndarray
    """tau [MPa], (2, h, w)."""
    drag: np.ndarray
    """C tau [mm], (2, h, w)."""
    slides: np.ndarray
    """Touched and at the limit, bool, (h, w)."""
    iterations: int
    error: float
    """Last change over the largest limit."""


@dataclass
class StepSize:
    """1 / the largest eigenvalue of C on the touched cells, followed from frame to frame by a few power iterations."""

    safety: float = 1.1
    _vector: np.ndarray | None = field(default=None, repr=False)
    _eigenvalue: float = 0.0
    _cells: int = 0

    def on(self, compliance: Compliance | CellCompliance, touched: np.ndarray) -> float:
        """Step for this contact; iterates again whenever the contact has grown by more than 3 %, or shrunk by half."""
        cells = int(touched.sum())
        last = self._vector
        cold = last is None or last.shape[1:] != tuple(compliance.shape)
        if cold or cells > 1.03 * self._cells or cells < 0.5 * self._cells:
            even = _even_start(compliance)
            v = touched * (even if last is None or cold else last + compliance.dtype.type(0.01) * even)
            for _ in range(10 if cold else 4):
                v = v / compliance.dtype.type(np.sqrt(np.sum(v * v, dtype=np.float64)))
                image = compliance.drag(v) * touched
                self._eigenvalue = float(np.sum(v * image, dtype=np.float64))
                v = image
            self._vector, self._cells = v / np.abs(v).max(), cells
        return 1 / (self.safety * self._eigenvalue)


def solve_friction(
    compliance: Compliance | CellCompliance,
    target: np.ndarray,
    limit: np.ndarray,
    start: np.ndarray | None = None,
    *,
    step_size: StepSize | None = None,
    tolerance: float = 2e-4,
    max_iterations: int = 400,
) -> Friction:
    """Solve (1) for one contact.

    Args:
        compliance: Of the layer on this grid.
        target: w [mm], (2, h, w), or (2, n) between cells.
        limit: l = mu p >= 0 [MPa], (h, w) or (n,); 0 outside the contact.
        start: Shear traction to start from, for instance the last frame's.
        step_size: Carries the eigenvalue between frames; None computes it afresh.
        tolerance: On the change of an iteration, as a share of the largest limit.
        max_iterations: The result says its error when this is reached.
    """
    dtype = compliance.dtype.type
    limit = (limit * dtype(_ROOM)).astype(dtype, copy=False)
    touched = limit > 0
    if not touched.any():
        zero = np.zeros((2, *compliance.shape), compliance.dtype)
        return Friction(zero, zero.copy(), touched, 0, 0.0)
    step = dtype((step_size or StepSize()).on(compliance, touched))
    w = target.astype(dtype, copy=False)
    scale = float(limit.max())
    tau = _onto_discs(np.zeros_like(w) if start is None else start.astype(dtype, copy=False), limit)
    y, momentum, error = tau, 1.0, np.inf
    iteration = 0
    for iteration in range(1, max_iterations + 1):
        new = _onto_discs(y - step * (compliance.drag(y) - w), limit)
        if np.sum((y - new) * (new - tau), dtype=np.float64) > 0:
            momentum = 1.0
        error = float(np.abs(new - y).max()) / scale
        following = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        y = new + dtype((momentum - 1) / following) * (new - tau)
        tau, momentum = new, following
        if error < tolerance:
            break
    size = np.sqrt(tau[0] ** 2 + tau[1] ** 2)
    slides = touched & (size >= limit * dtype(1 - AT_THE_LIMIT))
    return Friction(tau, compliance.drag(tau), slides, iteration, error)


def _onto_discs(tau: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Nearest field with |tau| <= limit in every cell."""
    size = np.sqrt(tau[0] ** 2 + tau[1] ** 2)
    return tau * np.where(size > limit, limit / np.maximum(size, np.finfo(tau.dtype).tiny), 1)


def _even_start(compliance: Compliance | CellCompliance) -> np.ndarray:
    """A fixed vector that is close to no eigenvector's orthogonal complement."""
    shape = (2, *compliance.shape)
    return (1 + 0.1 * np.sin(np.arange(np.prod(shape)) * 0.7)).reshape(shape).astype(compliance.dtype)
