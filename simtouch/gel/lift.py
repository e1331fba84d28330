"""From the gel grid to the image: displacement on h x w cells in, the same on H x W pixels out, by cubic B-splines.

    u(x, y) = sum_ab c_ab B(y - a) B(x - b),   c from u by the spline filter                                         (1)
    height  = -max(-u_z, d)   where the surface follows the indenter                                                 (2)
    touched = -d - u_z <= t   t: 2 um in and next to cells in contact, 15 um if all around are, none elsewhere       (3)

B-splines have continuous slopes and curvatures, so shading shows no cells. (2) keeps the surface out of the indenter at every pixel: it
brings back what of the indenter's shape is finer than a cell. Between peaks finer than a cell the gel is taken to bridge. A spline through
touching cells leaves the indenter by 0.5 um between them (sphere of 4 mm) to some um (inside sharp rims): t lets that pass, and
moves the edge of a smooth contact by half a pixel.
Spline theory: Unser, IEEE Signal Processing Magazine 16(6), 1999.
"""

import numpy as np
from scipy.ndimage import spline_filter

from simtouch._checks import as_array
from simtouch._taichi import Flat, FlatByte, ensure_runtime, ti

NEAR_M, INSIDE_M, NEVER_M = 2e-6, 15e-6, -1e9
"""t of (3)."""


@ti.func
def _mirrored(i: int, n: int):
    """Index of a sample beyond the rim: mirrored about the rim sample."""
    low = ti.abs(i)
    return ti.min(low, 2 * (n - 1) - low)


@ti.func
def _across(coefficients: ti.template(), weights: ti.template(), i: int, b: int, h: int, w: int, ratio: int):
    """Spline along y at image row i and cell column b."""
    phase = i % ratio
    first = i // ratio - 2 + (2 * phase + 1 > ratio)
    value = 0.0
    for t in ti.static(range(4)):
        value += weights[phase * 4 + t] * coefficients[_mirrored(first + t, h) * w + b]
    return value


@ti.func
def _along(row: ti.template(), weights: ti.template(), first: int, phase: int):
    """Spline along x at one phase of a cell; `first` is the place of its first coefficient."""
    value = 0.0
    for t in ti.static(range(4)):
        value += weights[phase * 4 + t] * row[first + t]
    return value


@ti.func
def _pad(row_out: ti.template(), start: int, w: int):
    """Mirror two cells beyond either end of a row of w, so that the inner loop needs no test."""
    for k in ti.static(range(1, 3)):
        row_out[start - k] = row_out[start + k]
        row_out[start + w - 1 + k] = row_out[start + w - 1 - k]


@ti.kernel
def _lift(coefficients: Flat, weights: Flat, h: int, w: int, ratio: int, row_out: Flat, out: Flat):
    for i in range(h * ratio):
        start = i * (w + 4) + 2
        for b in range(w):
            row_out[start + b] = _across(coefficients, weights, i, b, h, w, ratio)
        _pad(row_out, start, w)
        for b in range(w):
            p = (i * w + b) * ratio
            for q in range(ratio // 2):
                out[p + q] = _along(row_out, weights, start + b - 2, q)
            for q in range(ratio // 2, ratio):
                out[p + q] = _along(row_out, weights, start + b - 1, q)


@ti.func
def _meet(spline: float, overlap: float, slack: float, p: int, out: ti.template(), touched_out: ti.template()):
    """Equations (2) and (3) at pixel p."""
    out[p] = ti.min(spline, -overlap)
    touched_out[p] = ti.cast(-overlap - spline <= slack, ti.u8)


@ti.kernel
def _lift_height(
    coefficients: Flat, weights: Flat, overlap: Flat, slack: Flat, h: int, w: int, ratio: int, row_out: Flat, out: Flat,
    touched_out: FlatByte,
):  # fmt: skip
    """`slack`: t of each cell."""
    for i in range(h * ratio):
        start = i * (w + 4) + 2
        for b in range(w):
            row_out[start + b] = _across(coefficients, weights, i, b, h, w, ratio)
        _pad(row_out, start, w)
        for b in range(w):
            p, t = (i * w + b) * ratio, slack[(i // ratio) * w + b]
            for q in range(ratio // 2):
                _meet(_along(row_out, weights, start + b - 2, q), overlap[p + q], t, p + q, out, touched_out)
            for q in range(ratio // 2, ratio):
                _meet(_along(row_out, weights, start + b - 1, q), overlap[p + q], t, p + q, out, touched_out)


def spline_weights(ratio: int) -> np.ndarray:
    """Weights of the four coefficients around each of the `ratio` (even) pixels of a cell, float32, shape (ratio, 4)."""
    f = ((np.arange(ratio) + 0.5) / ratio - 0.5) % 1.0
    return (
        np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, 3 * (1 - f) ** 3 - 6 * (1 - f) ** 2 + 4, f**3], -1).astype(np.float32)
        / 6
    )


def slack_m(contact_mask: np.ndarray) -> np.ndarray:
    """t of (3) for each cell [m], float32, shape (h, w)."""
    count = np.pad(contact_mask, 1, mode="edge").astype(np.uint8)
    count = count[:-2] + count[1:-1] + count[2:]
    count = count[:, :-2] + count[:, 1:-1] + count[:, 2:]
    return np.array([NEVER_M] + [NEAR_M] * 8 + [INSIDE_M], np.float32)[count]


class Lift:
    """Lifts maps from an (h, w) grid to (h ratio, w ratio) pixels; owns the scratch memory."""

    def __init__(self, shape: tuple[int, int], ratio: int):
        self.shape, self.ratio = shape, ratio
        self._weights = spline_weights(ratio).ravel()
        self._row = np.empty(shape[0] * ratio * (shape[1] + 4), np.float32)

    def lift(self, field) -> np.ndarray:
        """Return (1), float32, shape (H, W); `field` has shape (h, w)."""
        out = np.empty(self._image_shape, np.float32)
        ensure_runtime()
        _lift(self._coefficients(field), self._weights, *self.shape, self.ratio, self._row, out.ravel())
        return out

    def lift_height(self, field, overlap_m, contact_mask) -> tuple[np.ndarray, np.ndarray]:
        """Return (2) [m], float32, and (3), bool, both of shape (H, W).

        Args:
            field: z displacement of the surface [m], shape (h, w).
            overlap_m: Overlap of the indenter with the resting gel per pixel [m], shape (H, W); -inf where there is none.
            contact_mask: Touched cells, bool, shape (h, w).
        """
        out, touched = np.empty(self._image_shape, np.float32), np.empty(self._image_shape, np.uint8)
        ensure_runtime()
        given = (self._coefficients(field), self._weights, overlap_m.ravel(), slack_m(contact_mask).ravel())
        _lift_height(*given, *self.shape, self.ratio, self._row, out.ravel(), touched.ravel())
        return out, touched.view(bool)

    @property
    def _image_shape(self) -> tuple[int, int]:
        return self.shape[0] * self.ratio, self.shape[1] * self.ratio

    def _coefficients(self, field) -> np.ndarray:
        h, w = self.shape
        return spline_filter(as_array("field", field, "h w", h=h, w=w), order=3, output=np.float32, mode="mirror").ravel()
