"""Creep and relaxation of silicone: a generalised Maxwell material, as a memory of past tractions. Time step in, memory out.

The gel's response is u = C q, with C of `compliance.py` at the long-time modulus E. At constant Poisson ratio every stiffness relaxes
alike, by E (1 + sum_i g_i exp(-t / tau_i)), so the traction t that goes with the elastic q is

    t = q + sum_i H_i,   dH_i/dt = g_i dq/dt - H_i / tau_i                                                          (1)

and, for q straight between frames dt apart (exact then; Taylor, Pister and Goudreau, Int. J. Numer. Meth. Eng. 2, 1970),

    H_i' = e_i H_i + g_i b_i (q' - q),   e_i = exp(-dt / tau_i),   b_i = (1 - e_i) tau_i / dt                       (2)
    t' = a (q' + r),   a = 1 + sum_i g_i b_i,   a r = sum_i (e_i H_i - g_i b_i q)                                   (3)

So a contact problem with memory is the elastic one for t'/a, on a surface that is shifted by -C r: `layer.py`.
A free surface (t' = 0) keeps q' = -r: a dent that fills with time.
"""

from typing import NamedTuple

import numpy as np

from simtouch.gel.compliance import Compliance


class Recall(NamedTuple):
    """What the past adds to the next contact problem; None is nothing."""

    gain: float | np.floating = 1.0
    """a of (3)."""
    normal: np.ndarray | None = None
    """z component of r, pressure [MPa], (B, h, w)."""
    shear: np.ndarray | None = None
    """(x, y) of r [MPa], (B, 2, h, w)."""
    sink: np.ndarray | None = None
    """Sink by the pressure r [mm], (B, h, w)."""
    drag: np.ndarray | None = None
    """In-plane displacement by the shear r [mm], (B, 2, h, w)."""


class MaxwellMemory:
    """State of (2) for B contacts; does nothing without branches."""

    def __init__(self, batch: int, compliance: Compliance, branches: tuple[tuple[float, float], ...]):
        """`branches` are (share g, time tau [s])."""
        self._batch, self._compliance, self.branches = batch, compliance, branches
        self.reset()

    def reset(self) -> None:
        """Forget all load."""
        shape = (self._batch, 3, *self._compliance.shape) if self.branches else (0,)
        self._elastic = np.zeros(shape, self._compliance.dtype)
        self._branch_tractions = np.zeros((len(self.branches), *shape), self._compliance.dtype)

    def save(self) -> tuple[np.ndarray, np.ndarray]:
        """What is remembered, to be given to `restore`."""
        return self._elastic.copy(), self._branch_tractions.copy()

    def restore(self, saved: tuple[np.ndarray, np.ndarray]) -> None:
        """Remember what was remembered at `save`."""
        self._elastic, self._branch_tractions = (part.copy() for part in saved)

    def recall(self, dt_s: float) -> Recall:
        """The memory as the problem `dt_s` later sees it: (3)."""
        if not self.branches:
            return Recall()
        real = self._compliance.dtype.type
        decay, share = self._coefficients(dt_s)
        gain = 1 + share.sum()
        r = np.zeros_like(self._elastic)
        for e, g_b, past in zip(decay, share, self._branch_tractions, strict=True):
            r += real(e / gain) * past - real(g_b / gain) * self._elastic
        sink = np.stack([self._compliance.sink(one) for one in r[:, 2]])
        drag = np.stack([self._compliance.drag(one) for one in r[:, :2]])
        return Recall(real(gain), r[:, 2], r[:, :2], sink, drag)

    def remember(self, normal: np.ndarray, shear: np.ndarray, dt_s: float) -> None:
        """Move on to the elastic tractions q' [MPa] found for this time step: (2)."""
        if not self.branches:
            return
        real = self._compliance.dtype.type
        q = np.concatenate([shear, normal[:, None]], 1)
        decay, share = self._coefficients(dt_s)
        for e, g_b, past in zip(decay, share, self._branch_tractions, strict=True):
            past[...] = real(e) * past + real(g_b) * (q - self._elastic)
        self._elastic = q

    def _coefficients(self, dt_s: float) -> tuple[np.ndarray, np.ndarray]:
        """e and g b of (2), one a branch."""
        g, tau = np.array(self.branches, float).T
        return np.exp(-dt_s / tau), g * -np.expm1(-dt_s / tau) * tau / dt_s
