"""From the gel grid to the image: displacement on h x w cells in, the same on H x W pixels out, by cubic B-splines.

    u(x, y) = sum_ab c_ab B(y - a) B(x - b),   c from u by the spline filter                                         (1)
    height  = -max(-u_z, d)   where the surface follows the indenter                                                 (2)
    touched = [v >= 0 by straight lines between the cells' centres] and -d - height < 15 um                          (3)
    v = r = min(p^2 / (P - p^2), 1) in a cell in contact,  v = R - 1 elsewhere                                       (4)

B-splines have continuous slopes and curvatures, so shading shows no cells. (2) keeps the surface out of the indenter at every pixel: it
brings back what of the indenter's shape is finer than a cell. Between peaks finer than a cell the gel is taken to bridge.
Pressure falls to the rim of a contact like the root of the distance, so r of (4), with P the largest p^2 around a cell, is the way to
the rim in cells, and R, the largest r around, tells a free cell its own. The gap to the indenter only cuts out what is clearly away, as
between the peaks of a texture: in a sheared contact it holds some um of coupling, and would fray the edge.
Spline theory: Unser, IEEE Signal Processing Magazine 16(6), 1999.
"""

import cv2
import numpy as np
from scipy.ndimage import spline_filter

from simtouch._checks import as_array
from simtouch._taichi import Flat, ensure_runtime, launched, ti

CELLS = 8
"""Cells of a row that are lifted at once, by vector instructions."""

AWAY_M = 15e-6
"""Gap to the indenter from which on a pixel is not touched."""


@ti.func
def _mirrored(i: int, n: int):
    """Index of a sample beyond the rim: mirrored about the rim sample."""
    low = ti.abs(i)
    return ti.min(low, 2 * (n - 1) - low)


@ti.func
def _pad(row_out: ti.template(), start: int, w: int):
    """Mirror two cells beyond either end of a row of w, so that the inner loop needs no test."""
    for k in ti.static(range(1, 3)):
        row_out[start - k] = row_out[start + k]
        row_out[start + w - 1 + k] = row_out[start + w - 1 - k]


@ti.func
def _across(
    coefficients: ti.template(), weights: ti.template(), i: int, h: int, w: int, ratio: ti.template(), row_out: ti.template()
):
    """Spline along y at image row i, over every cell of it; mirrored at both ends."""
    phase = i % ratio
    first = i // ratio - 2 + (2 * phase + 1 > ratio)
    start = i * (w + 4) + 2
    lines = ti.Vector([_mirrored(first + t, h) * w for t in ti.static(range(4))])
    by = ti.Vector([weights[phase * 4 + t] for t in ti.static(range(4))])
    for b in range(w):
        value = 0.0
        for t in ti.static(range(4)):
            value += by[t] * coefficients[lines[t] + b]
        row_out[start + b] = value
    _pad(row_out, start, w)


@ti.func
def _along(row: ti.template(), weights: ti.template(), first: int, ratio: ti.template(), pixels_out: ti.template()):
    """Spline along x over some cells, from the one on whose coefficient is at `first`."""
    for c in range(CELLS):
        for q in ti.static(range(ratio)):
            value = 0.0
            for t in ti.static(range(4)):
                value += weights[q * 4 + t] * row[first + c - 2 + t + ti.static(2 * q // ratio)]
            pixels_out[c * ratio + q] = value


@launched
@ti.kernel
def _lift(coefficients: Flat, weights: Flat, h: int, w: int, ratio: ti.template(), row_out: Flat, out: Flat):
    for i in range(h * ratio):
        pixels = ti.Vector([0.0 for _ in ti.static(range(CELLS * ratio))])
        _across(coefficients, weights, i, h, w, ratio, row_out)
        for block in range((w + CELLS - 1) // CELLS):
            _along(row_out, weights, i * (w + 4) + 2 + block * CELLS, ratio, pixels)
            p = (i * w + block * CELLS) * ratio
            for e in range(ti.min(CELLS, w - block * CELLS) * ratio):
                out[p + e] = pixels[e]


@launched
@ti.kernel
def _lift_height(
    coefficients: Flat, weights: Flat, overlap: Flat, h: int, w: int, ratio: ti.template(), row_out: Flat, out: Flat
):
    for i in range(h * ratio):
        pixels = ti.Vector([0.0 for _ in ti.static(range(CELLS * ratio))])
        _across(coefficients, weights, i, h, w, ratio, row_out)
        for block in range((w + CELLS - 1) // CELLS):
            _along(row_out, weights, i * (w + 4) + 2 + block * CELLS, ratio, pixels)
            p = (i * w + block * CELLS) * ratio
            for e in range(ti.min(CELLS, w - block * CELLS) * ratio):
                out[p + e] = ti.min(pixels[e], -overlap[p + e])


def spline_weights(ratio: int) -> np.ndarray:
    """Weights of the four coefficients around each of the `ratio` (even) pixels of a cell, float32, shape (ratio, 4)."""
    f = ((np.arange(ratio) + 0.5) / ratio - 0.5) % 1.0
    return (
        np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, 3 * (1 - f) ** 3 - 6 * (1 - f) ** 2 + 4, f**3], -1).astype(np.float32)
        / 6
    )


def touched_pixels(pressure: np.ndarray, overlap_m: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    """Return (3), bool, shape (H, W).

    Args:
        pressure: On the cells, in any unit, 0 where there is no contact, float32, shape (h, w).
        overlap_m: Overlap of the indenter with the resting gel per pixel [m], shape (H, W); -inf where there is none.
        height_m: Gel surface [m], shape (H, W).
    """
    touched, ratio = np.zeros(overlap_m.shape, bool), overlap_m.shape[0] // pressure.shape[0]
    rows, cols = (_span(pressure.any(axis)) for axis in (1, 0))  # with a free ring, beyond which nothing is touched
    here = tuple(slice(s.start * ratio, s.stop * ratio) for s in (rows, cols))
    if rows.stop == 0:
        return touched
    around = np.ones((3, 3), np.uint8)
    square = np.square(pressure[rows, cols], dtype=np.float32)
    rise = cv2.dilate(square, around) - square
    to_rim = np.where(square > 0, square / np.maximum(rise, np.maximum(square, np.float32(1e-30))), 0)
    value = np.where(square > 0, to_rim, cv2.dilate(to_rim, around) - 1).astype(np.float32)
    near = overlap_m[here] + height_m[here] > -AWAY_M
    touched[here] = (cv2.resize(value, near.shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0) & near
    return touched


def _span(used: np.ndarray) -> slice:
    """From two places before the first that is used to two after the last, within the array; empty if none is."""
    places = np.flatnonzero(used)
    return slice(max(int(places[0]) - 2, 0), min(int(places[-1]) + 3, len(used))) if places.size else slice(0, 0)


class Lift:
    """Lifts maps from an (h, w) grid to (h ratio, w ratio) pixels; owns the scratch memory."""

    def __init__(self, shape: tuple[int, int], ratio: int):
        self.shape, self.ratio = shape, ratio
        self._weights = spline_weights(ratio).ravel()
        self._row = np.zeros(shape[0] * ratio * (shape[1] + 4) + CELLS, np.float32)  # the last row is read beyond its end

    def lift(self, field) -> np.ndarray:
        """Return (1), float32, shape (H, W); `field` has shape (h, w)."""
        out = np.empty(self._image_shape, np.float32)
        ensure_runtime()
        _lift(self._coefficients(field), self._weights, *self.shape, self.ratio, self._row, out.ravel())
        return out

    def lift_height(self, field, overlap_m) -> np.ndarray:
        """Return (2) [m], float32, shape (H, W).

        Args:
            field: z displacement of the surface [m], shape (h, w).
            overlap_m: Overlap of the indenter with the resting gel per pixel [m], shape (H, W); -inf where there is none.
        """
        out = np.empty(self._image_shape, np.float32)
        ensure_runtime()
        _lift_height(self._coefficients(field), self._weights, overlap_m.ravel(), *self.shape, self.ratio, self._row, out.ravel())
        return out

    @property
    def _image_shape(self) -> tuple[int, int]:
        return self.shape[0] * self.ratio, self.shape[1] * self.ratio

    def _coefficients(self, field) -> np.ndarray:
        h, w = self.shape
        return spline_filter(as_array("field", field, "h w", h=h, w=w), order=3, output=np.float32, mode="mirror").ravel()
