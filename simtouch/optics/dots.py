"""Printed dots: shear of the gel in, the light that the dots leave out.

    X_0 + u(X_0) = X,   X_0 = X - (1 + grad u)^-1 u(X)     the material point seen at X, one Newton step   (1)
    c = clamp(r - |X_0 - X_dot| + 1/2, 0, 1)      share of the pixel that the nearest dot covers       (2)
    E' = E (1 - c (1 - ink))                                                                             (3)

Gather only: a pixel asks which dot it sees; the grid is regular, so the nearest one is found by rounding. Lengths in pixels.
"""

import math

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, ti
from simtouch.optics.planes import PAD, TILE, Planes, Tile
from simtouch.sensors.spec import SensorSpec


@ti.func
def material_shift(ux, uy, xx, xy, yx, yy):
    """(1 + grad u)^-1 u of (1); xy is du_x / dy."""
    per_det = 1.0 / ti.max((1.0 + xx) * (1.0 + yy) - xy * yx, 0.1)
    return ((1.0 + yy) * ux - xy * uy) * per_det, ((1.0 + xx) * uy - yx * ux) * per_det


@ti.func
def covered_share(x, y, grid: ti.template()):
    """Equation (2). `grid`: centre x, y, cos, sin, pitch x, y, largest index x, y, radius, ink rgb."""
    dx, dy = x - grid[0], y - grid[1]
    along, down = grid[2] * dx + grid[3] * dy, grid[2] * dy - grid[3] * dx
    # Indices run from -(n - 1) / 2 to (n - 1) / 2; whole steps from the first dot.
    m = ti.min(ti.max(ti.floor(along / grid[4] + grid[6] + 0.5), 0.0), 2.0 * grid[6]) - grid[6]
    n = ti.min(ti.max(ti.floor(down / grid[5] + grid[7] + 0.5), 0.0), 2.0 * grid[7]) - grid[7]
    off_x, off_y = along - m * grid[4], down - n * grid[5]
    return ti.min(ti.max(grid[8] + 0.5 - ti.sqrt(off_x * off_x + off_y * off_y), 0.0), 1.0)


@ti.kernel
def _print_dots(shear: Flat, grid: Flat, rows: int, stride: int, out: Flat):
    """Darkens `out`, the light of three planes, where dots are."""
    for i in range(rows):
        above, below = ti.max(i - 1, 0) * stride, ti.min(i + 1, rows - 1) * stride
        per_row = 1.0 / ti.max(ti.min(i + 1, rows - 1) - ti.max(i - 1, 0), 1)
        size = rows * stride
        covered = Tile(0.0)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                j = start + e
                x, y = i * stride + j, size + i * stride + j
                xx, yx = (shear[x + 1] - shear[x - 1]) * 0.5, (shear[y + 1] - shear[y - 1]) * 0.5
                xy = (shear[below + j] - shear[above + j]) * per_row
                yy = (shear[size + below + j] - shear[size + above + j]) * per_row
                shift_x, shift_y = material_shift(shear[x], shear[y], xx, xy, yx, yy)
                covered[e] = covered_share(j - PAD - shift_x, i - shift_y, grid)
            for e in range(TILE):
                if covered[e] > 0.0:
                    at = i * stride + start + e
                    out[at] = out[at] * (1.0 - covered[e] * (1.0 - grid[9]))
                    out[size + at] = out[size + at] * (1.0 - covered[e] * (1.0 - grid[10]))
                    out[2 * size + at] = out[2 * size + at] * (1.0 - covered[e] * (1.0 - grid[11]))


class Dots:
    """The printed dots of one sensor; owns the plane of the shear."""

    def __init__(self, spec: SensorSpec, planes: Planes):
        ensure_runtime()
        marks, pitch = spec.markers, spec.camera.pixel_pitch_m
        cx, cy = (planes.cols - 1) / 2 + marks.offset_m[0] / pitch, (planes.rows - 1) / 2 + marks.offset_m[1] / pitch
        turn = (math.cos(marks.rotation_rad), math.sin(marks.rotation_rad))
        steps = (marks.pitch_m[0] / pitch, marks.pitch_m[1] / pitch, (marks.cols - 1) / 2, (marks.rows - 1) / 2)
        self._grid = np.array([cx, cy, *turn, *steps, marks.diameter_m / pitch / 2, *marks.ink], np.float32)
        self._planes, self._per_pixel = planes, np.float32(1 / pitch)
        self._shear = planes.new(2)

    def print_on(self, light: np.ndarray, shear_m: np.ndarray | None) -> None:
        """Darken light, planes (3, H, stride), where dots are: (3).

        Args:
            light: Light towards the camera, changed in place.
            shear_m: In-plane motion of the surface [m], float32, shape (H, W, 2); None for none.
        """
        planes, shear = self._planes, self._shear
        if shear_m is None:
            shear[:] = 0.0
        else:
            np.multiply(shear_m.transpose(2, 0, 1), self._per_pixel, out=planes.inner(shear))
            planes.extend_linearly(shear)
        _print_dots(shear.reshape(-1), self._grid, planes.rows, planes.stride, light.reshape(-1))
        planes.extend(light)
