"""A bent wire: control points in; places, tangents, and how far along the wire a point lies, out.

A cubic spline through the control points, tabulated by arc length s. A point's s is searched near the last one only: where the wire
comes close to itself, the nearest place would jump across.
"""

import math

import numpy as np
from scipy.interpolate import CubicSpline

from simtouch._checks import ArgumentError, as_array

ENTRIES = 1201
_FINER = 8  # spline samples a table entry
_NEAR = 60  # table entries searched to either side


class Wire:
    """A curve by arc length; all in metres, world axes."""

    def __init__(self, control_m: np.ndarray):
        """Take control points, shape (K, 3), K >= 4, no two in a row alike."""
        control = as_array("control_m", control_m, "K 3", np.float64)
        steps = np.linalg.norm(np.diff(control, axis=0), axis=1)
        if len(control) < 4 or not (steps > 0).all():
            raise ArgumentError("`control_m` must hold at least 4 points, no two in a row alike.")
        chord = np.concatenate([[0.0], np.cumsum(steps)])
        fine = CubicSpline(chord, control)(np.linspace(0, chord[-1], _FINER * ENTRIES))
        s = np.concatenate([[0.0], np.cumsum(lengths(np.diff(fine, axis=0)))])
        self.length_m = float(s[-1])
        self.spacing_m = self.length_m / (ENTRIES - 1)
        self.s_m = np.linspace(0, self.length_m, ENTRIES)
        """Arc length of each table entry, (1201,)."""
        self.points_m = np.stack([np.interp(self.s_m, s, fine[:, k]) for k in range(3)], axis=1)
        """Places of the table, (1201, 3)."""
        tangents = np.gradient(self.points_m, self.spacing_m, axis=0)
        self.tangents = tangents / lengths(tangents)[:, None]
        """Unit tangents of the table, (1201, 3)."""

    def at(self, s_m: float) -> np.ndarray:
        """The place at arc length s, clamped to the wire, (3,)."""
        i, share = self._entry(s_m)
        return self.points_m[i] * (1 - share) + self.points_m[i + 1] * share

    def tangent(self, s_m: float) -> np.ndarray:
        """Unit tangent at arc length s, clamped to the wire, (3,)."""
        i, share = self._entry(s_m)
        t = self.tangents[i] * (1 - share) + self.tangents[i + 1] * share
        return t / np.linalg.norm(t)

    def project(self, point_m: np.ndarray, near_m: float) -> tuple[float, float]:
        """(arc length of the place nearest to a point, its distance), searched within 60 table entries of `near_m`."""
        middle = round(near_m / self.spacing_m)
        low, high = max(0, middle - _NEAR), min(ENTRIES, middle + _NEAR + 1)
        apart = self.points_m[low:high] - point_m
        k = low + int(np.einsum("ij,ij->i", apart, apart).argmin())
        # Between entries: along the tangent, so that progress does not come in steps.
        along = -float(apart[k - low].dot(self.tangents[k]))
        along = min(max(along, -self.spacing_m), self.spacing_m)
        s = min(max(float(self.s_m[k]) + along, 0.0), self.length_m)
        i, share = self._entry(s)
        here = [a * (1 - share) + b * share for a, b in zip(*self.points_m[i : i + 2].tolist(), strict=True)]
        return s, math.dist(point_m, here)

    def pieces(self, count: int) -> np.ndarray:
        """Ends of `count` straight pieces of equal arc length, (count + 1, 3)."""
        x = np.clip(np.linspace(0, self.length_m, count + 1) / self.spacing_m, 0.0, ENTRIES - 1 - 1e-9)
        i = x.astype(int)
        share = (x - i)[:, None]
        return self.points_m[i] * (1 - share) + self.points_m[i + 1] * share

    def _entry(self, s_m: float) -> tuple[int, float]:
        x = min(max(s_m / self.spacing_m, 0.0), ENTRIES - 1 - 1e-9)
        return int(x), x - int(x)


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Of many vectors, (..., 3) in, (...) out: to the bit what `numpy.linalg.norm` gives, in half the time."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.sqrt(x * x + y * y + z * z)
