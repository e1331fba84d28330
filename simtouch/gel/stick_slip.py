"""Friction that depends on the rate: from how fast each cell slid to its coefficient, and the breakaway within a frame.

    mu(v) = mu_k + (mu_s - mu_k) exp(-v / v_0)                                                                      (1)

v is the slip speed of the cell in the frame before, mu_s the static and mu_k the kinetic coefficient, v_0 the Stribeck speed: a cell at
rest holds up to mu_s p. One that lets go within a frame falls to mu_k p, loads its neighbours and may take them along, so the problem is
solved again with it let go until no more follow: a slip event is one frame. What slid faster than v_0 keeps sliding; slower,
it heals and loads again: stick-slip. Law: Bo and Pavelescu, Wear 82, 1982.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.gel.solver import ContactSolver


@dataclass(frozen=True, kw_only=True)
class RateFriction:
    """Coefficients of (1)."""

    static: float
    kinetic: float
    stribeck_speed: float
    """v_0 [mm/s]."""

    def coefficient(self, speed: np.ndarray) -> np.ndarray:
        """mu(v) of cells that slid at `speed` [mm/s]."""
        real = speed.dtype.type
        return real(self.kinetic) + real(self.static - self.kinetic) * np.exp(-speed / real(self.stribeck_speed))

    def slide(
        self,
        solver: ContactSolver,
        target: np.ndarray,
        pressure: np.ndarray,
        normal: np.ndarray,
        start: np.ndarray,
        speed: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `ContactSolver.slide` for the limit mu(v) p, with breakaway; `normal` is p [MPa], `speed` v [mm/s], both (B, h, w)."""
        limit = self.coefficient(speed) * normal
        low = normal * normal.dtype.type(self.kinetic)
        shear, slides = solver.slide(target, pressure, limit, start)
        gone = slides & (limit > low)
        falling = np.flatnonzero(gone.any((1, 2)))  # contacts in which more cells let go
        while falling.size:
            limit = np.where(gone, low, limit)
            shear[falling], slides[falling] = solver.slide(target[falling], pressure[falling], limit[falling], shear[falling])
            more = slides & (limit > low)
            gone |= more
            falling = np.flatnonzero(more.any((1, 2)))
        return shear, slides
