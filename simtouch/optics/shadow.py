"""Cast shadows by horizon sweep: gel surface and a near lamp in, how much of its light reaches every pixel out.

Seen from the lamp, the horizon over a pixel is the highest ray that the surface between lamp and pixel lets pass. It needs
only the horizon one step nearer to the lamp, so one pass away from the lamp finds it everywhere:

    x' = x + (l_x - x) / d                      where the ray crosses the previous row             (1)
    k(x, y) = l_z + (S(x', y') - l_z) d / (d - 1)                                                 (2)
    S(x, y) = min(z(x, y), k(x, y)),   o = z - k                                                  (3)
    V = 1 - b r^2 (3 - 2 r),   r = clamp(o / penumbra, 0, 1)                                      (4)

d is the number of rows to the lamp, z the surface (smaller is nearer to the lamp), o how deep a pixel lies below the horizon,
b the share that a full shadow takes. S(x', y') is the parabola through the three nearest pixels: a straight line would wash
out the rims of long shadows. A lamp splits the image into four sectors, below, above, right and left of it, so that a ray never
moves by more than one pixel from row to row; right and left are swept on the transposed surface. Rays that enter over the rim
are free. Lengths in pixels. The idea is that of horizon maps: Max, "Horizon mapping", The Visual Computer 1988.
"""

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, ti
from simtouch.optics.planes import PAD, TILE, Planes, Tile

FREE = 1e9
"""A horizon that hides nothing."""


@ti.func
def lit_share(below, depth, penumbra):
    """Equation (4)."""
    r = ti.min(ti.max(below / penumbra, 0.0), 1.0)
    return 1.0 - depth * r * r * (3.0 - 2.0 * r)


@ti.func
def ray_at(horizon: ti.template(), at, shift, lamp_z, stretch):
    """Equation (2): the horizon of the row before, `shift` columns from index `at`, carried on by one row."""
    s, left, right = horizon[at], horizon[at - 1], horizon[at + 1]
    there = s + 0.5 * shift * (right - left + shift * (right - s + (left - s)))
    return lamp_z + (there - lamp_z) * stretch


@ti.func
def first_row(lamp_y, sign, rows):
    """The row nearest to the lamp of the sector below (sign 1) or above it (-1)."""
    row = ti.max(ti.cast(ti.ceil(lamp_y), ti.i32), 0)
    if sign < 0:
        row = ti.min(ti.cast(ti.ceil(lamp_y), ti.i32) - 1, rows - 1)
    return row


@ti.kernel
def _sweep(
    surface: Flat, lamps: Flat, lamp_count: int, with_ties: int, rows: int, cols: int, stride: int, depth: float, penumbra: float,
    horizon_out: Flat, out: Flat,
):  # fmt: skip
    """Sectors below and above of each lamp, one task each; `with_ties` says whether the sectors' rims belong to them.

    Rows go on two columns beyond the sectors, which the parabola needs. Writes only shadows: `out` comes filled with 1.
    """
    for task in range(2 * lamp_count):
        lamp, sign = task // 2, 1 - 2 * (task % 2)
        lx, ly, lz = lamps[3 * lamp], lamps[3 * lamp + 1], lamps[3 * lamp + 2]
        i = first_row(ly, sign, rows)
        now, before = 2 * task * (cols + 2 * TILE) + TILE, (2 * task + 1) * (cols + 2 * TILE) + TILE
        rim = -1.0  # of the row before; at first there is none
        horizon, share = Tile(0.0), Tile(0.0)
        while 0 <= i < rows:
            d = ti.abs(i - ly)
            step, stretch = 1.0 / ti.max(d, 1e-3), ti.max(d, 1e-3) / ti.max(d - 1.0, 1e-3)
            low = ti.cast(ti.max(ti.ceil(lx - d - 2.0), 0.0), ti.i32)
            high = ti.cast(ti.min(ti.floor(lx + d + 2.0), cols - 1.0), ti.i32)
            for tile in range(low // TILE, high // TILE + 1):
                for e in range(TILE):
                    j = tile * TILE + e
                    z = surface[i * stride + PAD + j]
                    shift = ti.min(ti.max((lx - j) * step, -1.0), 1.0)
                    outside = ti.max(-(j + shift), j + shift - rim) > 0.0
                    k = ti.select(outside, FREE, ray_at(horizon_out, before + j, shift, lz, stretch))
                    horizon[e] = ti.min(z, k)
                    share[e] = lit_share(z - k, depth, penumbra)
                for e in range(ti.min(TILE, high - tile * TILE + 1)):
                    j = tile * TILE + e
                    horizon_out[now + j] = horizon[e]
                    off = ti.abs(j - lx)
                    if share[e] < 1.0 and (off < d or (off == d and with_ties == 1)):
                        out[(lamp * rows + i) * stride + PAD + j] = share[e]
            horizon_out[now - 1], horizon_out[now + cols] = horizon_out[now], horizon_out[now + cols - 1]
            now, before = before, now
            rim = ti.select(low <= high, cols - 1.0, -1.0)
            i += sign


class Shadows:
    """Cast shadows of one sensor's lamps; owns the planes it writes."""

    def __init__(self, lamps_px: np.ndarray, planes: Planes, *, depth: float, penumbra_px: float):
        """Lamps at (column, row, z), float32, shape (K, 3); see (4) for the other two."""
        ensure_runtime()
        self._planes, self._turned = planes, Planes(planes.cols, planes.rows)
        self._lamps, self._turned_lamps = lamps_px, np.ascontiguousarray(lamps_px[:, [1, 0, 2]])
        self._depth, self._penumbra_px = depth, penumbra_px
        self._turned_surface, self._turned_out = self._turned.new(1), self._turned.new(len(lamps_px))
        self._out = planes.new(len(lamps_px))
        self._horizon = np.zeros(4 * len(lamps_px) * (max(planes.rows, planes.cols) + 2 * TILE), np.float32)

    def lit(self, surface_px: np.ndarray) -> np.ndarray:
        """Lit share (4) of each lamp, overwritten by the next call, planes, shape (K, H, stride).

        Args:
            surface_px: Gel surface in pixels, plane, shape (1, H, stride).
        """
        planes, turned = self._planes, self._turned
        self._turned_out.fill(1.0)
        turned.inner(self._turned_surface[0])[:] = planes.inner(surface_px[0]).T
        self._launch(self._turned_surface, self._turned_lamps, 1, turned, self._turned_out)
        planes.inner(self._out)[:] = turned.inner(self._turned_out).transpose(0, 2, 1)
        self._launch(surface_px, self._lamps, 0, planes, self._out)
        return self._out

    def _launch(self, surface: np.ndarray, lamps: np.ndarray, with_ties: int, planes: Planes, out: np.ndarray) -> None:
        shape = (planes.rows, planes.cols, planes.stride)
        scalars = (len(lamps), with_ties, *shape, self._depth, self._penumbra_px)
        self._horizon.fill(0.0)
        _sweep(surface.reshape(-1), lamps.reshape(-1), *scalars, self._horizon, out.reshape(-1))
