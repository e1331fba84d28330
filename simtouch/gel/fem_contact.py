"""Contact of the finite-element gel, as contact of the linear layer plus what the layer gets wrong. Indenter in, tractions out.

    u(t) = C t + e                                                                                                   (1)

C is the compliance of the flat linear layer (`compliance.py`), t the tractions, e the defect: what finite strain, the dome and the
edges add to the motion of the surface. e is smooth and changes slowly with t, so contact and friction are solved exactly on (1), by
the layer's back end `fft.py` (its share of the time is small, and it compiles no kernels), and e is brought up to date by the finite
elements until it no longer changes (`fem.py`).

A node at x + u must lie below the indenter's underside s at its own, deformed, place, and is pushed along the normal there:

    z + u_z <= s(x + u_x, y + u_y),   traction = (q + p grad s, -p),   p >= 0,   |q| <= mu p                          (2)

per projected area, in the gel frame. Lengths in mm, tractions in MPa.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from simtouch.gel.compliance import Compliance
from simtouch.gel.fft import FftSolver

AWAY = -1e3  # overlap where there is no indenter [mm]


class Tractions(NamedTuple):
    """What acts on the surface (2) [MPa], and the cells that slide."""

    pressure: np.ndarray
    """p, (h, w)."""
    friction: np.ndarray
    """q, (2, h, w)."""
    slope: np.ndarray
    """grad s under each cell, (2, h, w)."""
    slides: np.ndarray
    """Touched and at the limit, bool, (h, w)."""

    @property
    def shear(self) -> np.ndarray:
        """In-plane traction q + p grad s, (2, h, w)."""
        return self.friction + self.pressure * self.slope


class Underside:
    """The indenter's lower side over the gel grid, and how it has moved, at any place: cubic convolution between the cells."""

    def __init__(self, overlap: np.ndarray, rest: np.ndarray, motion: np.ndarray, spacing: float):
        """`overlap` below the resting surface `rest` [mm], (h, w); `motion` of the indenter's surface [mm], (2, h, w)."""
        self._there = overlap > AWAY / 2
        height = rest - np.where(self._there, overlap, 0)
        if not self._there.all() and self._there.any():
            near: Any = distance_transform_edt(~self._there, return_distances=False, return_indices=True)
            height, motion = height[tuple(near)], motion[:, *near]
        self._height, self._motion, self._spacing = height, motion, spacing

    def at(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Height (-AWAY where there is none), (h, w), slopes, (2, h, w), and motion, (2, h, w), over cells displaced by u, (2, h, w)."""
        h, w = self._height.shape
        cols, x = _place(np.arange(w)[None, :] + u[0] / self._spacing, w)
        rows, y = _place(np.arange(h)[:, None] + u[1] / self._spacing, h)
        weight_x, slope_x, weight_y, slope_y = (f(v) for v in (x, y) for f in (_weights, _weight_slopes))
        around = self._height[rows[:, None], cols[None, :]]
        height = np.einsum("ahw,bhw,abhw->hw", weight_y, weight_x, around)
        slope = np.stack(
            [np.einsum("ahw,bhw,abhw->hw", weight_y, slope_x, around), np.einsum("ahw,bhw,abhw->hw", slope_y, weight_x, around)]
        )
        motion = np.einsum("ahw,bhw,cabhw->chw", weight_y, weight_x, self._motion[:, rows[:, None], cols[None, :]])
        there = self._there[np.where(y < 0.5, rows[1], rows[2]), np.where(x < 0.5, cols[1], cols[2])]
        return np.where(there, height, -AWAY), slope / self._spacing, motion


def _place(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The four cells around a place along one axis, (4, h, w), held inside the grid, and how far it is past the second."""
    at = np.clip(at, 0, n - 1)
    low = np.minimum(at.astype(int), max(n - 2, 0))
    return np.clip(low + np.arange(-1, 3)[:, None, None], 0, n - 1), at - low


def _weights(f: np.ndarray) -> np.ndarray:
    """Cubic convolution with continuous slopes (Keys 1981), exact for parabolas, (4, h, w)."""
    return np.stack([f * (-1 + f * (2 - f)), 2 + f * f * (3 * f - 5), f * (1 + f * (4 - 3 * f)), f * f * (f - 1)]) / 2


def _weight_slopes(f: np.ndarray) -> np.ndarray:
    return np.stack([-1 + f * (4 - 3 * f), f * (9 * f - 10), 1 + f * (8 - 9 * f), f * (3 * f - 2)]) / 2


class LayerContact:
    """Contact and friction on (1)."""

    def __init__(self, friction: float, tolerance: float, friction_tolerance: float, margin: float):
        """`margin` [mm]: how far beyond the touched cells contact is looked for at once; the rest is checked."""
        self._friction, self._tolerance, self._friction_tolerance, self._margin = friction, tolerance, friction_tolerance, margin

    def solve(
        self, layer: Compliance, defect: np.ndarray, overlap: np.ndarray, slope: np.ndarray, target: np.ndarray, start: Tractions
    ) -> Tractions:
        """Tractions for which (1) keeps to (2).

        Args:
            layer: C.
            defect: e [mm], (3, h, w).
            overlap: Resting height less s at the deformed places [mm], (h, w).
            slope: grad s there, (2, h, w).
            target: In-plane motion that a sticking cell must show [mm], (2, h, w).
            start: Tractions to start from.
        """
        dtype = layer.dtype
        solver = _solver(layer, self._tolerance, self._friction_tolerance, self._margin)
        lift = layer.sink_by_shear(start.shear.astype(dtype)) if start.pressure.any() else 0
        d = (overlap + defect[2] - lift).astype(dtype)
        pressure = solver.press(d[None], start.pressure[None])[0]
        if not pressure.any() or self._friction == 0:
            return Tractions(pressure, np.zeros_like(start.friction), slope, pressure > 0)
        free = (target - defect[:2] - layer.drag((pressure * slope).astype(dtype))).astype(dtype)
        limit = pressure * dtype.type(self._friction)
        friction, slides = solver.slide(free[None], pressure[None], limit[None], start.friction[None])
        return Tractions(pressure, friction[0], slope, slides[0])


@lru_cache(maxsize=16)
def _solver(layer: Compliance, tolerance: float, friction_tolerance: float, margin: float) -> FftSolver:
    return FftSolver(layer, tolerance=tolerance, friction_tolerance=friction_tolerance, margin_mm=margin)


def by_layer(layer: Compliance, tractions: Tractions) -> np.ndarray:
    """C t of (1) [mm], (3, h, w), with z up."""
    u_x, u_y, sink, by_shear = layer.fields(tractions.pressure.astype(layer.dtype), tractions.shear.astype(layer.dtype))
    return np.stack([u_x, u_y, -sink - by_shear])
