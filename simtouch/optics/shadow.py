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
are free. Lengths in pixels.

Where the penumbra is wide, 8 pixels or more, the sweep runs on the means of 2 x 2 pixels, and V is put back between their centres
by straight lines:

    V(2 m + 1/2 +- 1/2) = 3/4 V_m + 1/4 V_(m +- 1),   along rows and columns                      (5)

The idea is that of horizon maps: Max, "Horizon mapping", The Visual Computer 1988.
"""

import numpy as np

from simtouch._taichi import Flat, FlatInt, ensure_runtime, launched, ti
from simtouch.optics.planes import PAD, TILE, Planes, Tile, store_tile, within

FREE = 1e9
"""A horizon that hides nothing."""
NOWHERE = (1 << 30, -1, 1 << 30, -1)
"""The empty box: its first row lies behind its last."""
WIDE_PX = 8.0
"""From this penumbra on, half the resolution does."""


@ti.func
def lit_share(below, depth, per_penumbra):
    """Equation (4)."""
    r = within(below * per_penumbra, 1.0)
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


@launched
@ti.kernel
def _sweep(
    surface: Flat, lamps: Flat, lamp_count: int, with_ties: int, rows: int, cols: int, stride: int, depth: float, per_penumbra: float,
    horizon_out: Flat, span_out: FlatInt, out: Flat,
):  # fmt: skip
    """Sectors below and above of each lamp, one task each; `with_ties` says whether the sectors' rims belong to them.

    Rows go on two columns beyond the sectors, which the parabola needs. Writes only tiles with shadows: `out` comes filled with 1.
    `span_out`: first and last row and tile with a shadow of each task; none if the first lies behind the last.
    """
    for task in range(2 * lamp_count):
        lamp, sign = task // 2, 1 - 2 * (task % 2)
        lx, ly, lz = lamps[3 * lamp], lamps[3 * lamp + 1], lamps[3 * lamp + 2]
        i = first_row(ly, sign, rows)
        now, before = 2 * task * (cols + 2 * TILE) + TILE, (2 * task + 1) * (cols + 2 * TILE) + TILE
        top, bottom, left, right, rim = rows, -1, cols, -1, -1.0  # rim of the row before; at first there is none
        horizon, below, share = Tile(0.0), Tile(0.0), Tile(0.0)
        while 0 <= i < rows:
            d = ti.abs(i - ly)
            step, stretch = 1.0 / ti.max(d, 1e-3), ti.max(d, 1e-3) / ti.max(d - 1.0, 1e-3)
            low = ti.cast(ti.max(ti.ceil(lx - d - 2.0), 0.0), ti.i32)
            high = ti.cast(ti.min(ti.floor(lx + d + 2.0), cols - 1.0), ti.i32)
            for tile in range(low // TILE, high // TILE + 1):
                shaded = 0
                for e in range(TILE):
                    j = tile * TILE + e
                    z = surface[i * stride + PAD + j]
                    shift = within((lx - j) * step + 1.0, 2.0) - 1.0
                    outside = (j + shift < 0.0) | (j + shift > rim)
                    k = ti.select(outside, FREE, ray_at(horizon_out, before + j, shift, lz, stretch))
                    horizon[e] = ti.select(z < k, z, k)
                    off = ti.abs(j - lx)
                    mine = ((off < d) | ((off == d) & (with_ties == 1))) & (j < cols)
                    below[e] = ti.select(mine, z - k, 0.0)
                    shaded += ti.cast(below[e] > 0.0, ti.i32)
                for e in ti.static(range(TILE)):
                    horizon_out[now + tile * TILE + e] = horizon[e]
                if shaded > 0:
                    for e in range(TILE):
                        share[e] = lit_share(below[e], depth, per_penumbra)
                    store_tile(share, (lamp * rows + i) * (stride // 8) + PAD // 8 + tile * (TILE // 8), out)
                    top, bottom = ti.min(top, i), ti.max(bottom, i)
                    left, right = ti.min(left, tile), ti.max(right, tile)
            horizon_out[now - 1], horizon_out[now + cols] = horizon_out[now], horizon_out[now + cols - 1]
            now, before, i = before, now, i + sign
            rim = ti.select(low <= high, cols - 1.0, -1.0)
        span_out[4 * task], span_out[4 * task + 1] = top, bottom
        span_out[4 * task + 2], span_out[4 * task + 3] = left, right


@launched
@ti.kernel
def _enlarge(half: Flat, boxes: FlatInt, lamp_count: int, rows: int, half_stride: int, stride: int, out: Flat):
    """Equation (5), in the box (first and last row, first and last tile) of each lamp."""
    for line in range(lamp_count * rows):
        lamp, i = line // rows, line % rows
        near, far = lamp * (rows // 2) + i // 2, lamp * (rows // 2) + ti.min(ti.max(i // 2 + 2 * (i % 2) - 1, 0), rows // 2 - 1)
        between, share = Tile(0.0), Tile(0.0)
        if boxes[4 * lamp] <= i <= boxes[4 * lamp + 1]:
            for tile in range(boxes[4 * lamp + 2], boxes[4 * lamp + 3] + 1):
                start = PAD - 1 + tile * (TILE // 2)
                for e in range(TILE // 2 + PAD):
                    between[e] = 0.75 * half[near * half_stride + start + e] + 0.25 * half[far * half_stride + start + e]
                for q in range(TILE // 2):
                    share[2 * q] = 0.25 * between[q] + 0.75 * between[q + 1]
                    share[2 * q + 1] = 0.75 * between[q + 1] + 0.25 * between[q + 2]
                store_tile(share, line * (stride // 8) + PAD // 8 + tile * (TILE // 8), out)


class Shadows:
    """Cast shadows of one sensor's lamps; owns the planes it writes."""

    def __init__(self, lamps_px: np.ndarray, planes: Planes, *, depth: float, penumbra_px: float):
        """Lamps at (column, row, z), float32, shape (K, 3); see (4) for the other two."""
        ensure_runtime()
        self.halved = penumbra_px >= WIDE_PX and planes.rows % 2 == 0 and planes.cols % 2 == 0
        count = len(lamps_px)
        self._image, self._image_out = planes, np.ones_like(planes.new(count))
        self._boxes = np.tile(np.int32([0, -1, 0, -1]), (count, 1))
        self.box: tuple[int, int, int, int] = NOWHERE
        """First and last row, first and last tile around all shadows of the last call of `lit`."""
        if self.halved:
            planes, penumbra_px = Planes(planes.rows // 2, planes.cols // 2), penumbra_px / 2
            lamps_px = (lamps_px - np.float32([0.5, 0.5, 0.0])) / np.float32(2)
            self._half_surface = planes.new(1)
        self._planes, self._turned = planes, Planes(planes.cols, planes.rows)
        self._lamps, self._turned_lamps = lamps_px, np.ascontiguousarray(lamps_px[:, [1, 0, 2]])
        self._depth, self._per_penumbra = depth, 1 / penumbra_px
        self._turned_surface, self._turned_out = self._turned.new(1), np.ones_like(self._turned.new(count))
        self._out = np.ones_like(planes.new(count)) if self.halved else self._image_out
        self._last_boxes, self._last_turned = [], []
        self._horizon = np.zeros(4 * count * (max(planes.rows, planes.cols) + 2 * TILE), np.float32)

    def lit(self, surface_px: np.ndarray) -> np.ndarray:
        """Lit share (4) of each lamp, overwritten by the next call, planes, shape (K, H, stride).

        Args:
            surface_px: Gel surface in pixels, plane, shape (1, H, stride).
        """
        planes, turned = self._planes, self._turned
        surface = self._mean(surface_px) if self.halved else surface_px
        turned.inner(self._turned_surface[0])[:] = planes.inner(surface[0]).T
        _clear(self._out, self._last_boxes)
        spans = self._launch(surface, self._lamps, 0, planes, self._out)
        boxes = [list(joined(spans[2 * k], spans[2 * k + 1])) for k in range(len(self._lamps))]
        _clear(self._turned_out, self._last_turned)
        self._last_turned = spans = self._launch(self._turned_surface, self._turned_lamps, 1, turned, self._turned_out)
        for task, span in enumerate(spans):
            top, bottom, left, right = span
            if top <= bottom:
                first, last = left * TILE, min((right + 1) * TILE, turned.cols)
                from_here = turned.inner(self._turned_out[task // 2])[top : bottom + 1, first:last].T
                there = planes.inner(self._out[task // 2])[first:last, top : bottom + 1]
                np.minimum(there, from_here, out=there)
                boxes[task // 2] = joined(boxes[task // 2], (first, last - 1, top // TILE, bottom // TILE))
        self.box, self._last_boxes = NOWHERE, boxes
        for box in self._enlarged(boxes) if self.halved else boxes:
            self.box = joined(self.box, box) if box[0] <= box[1] else self.box
        return self._image_out

    def _launch(self, surface: np.ndarray, lamps: np.ndarray, with_ties: int, planes: Planes, out: np.ndarray) -> list[list[int]]:
        """Sweep; where the shadows of each task are: first and last row, first and last tile."""
        self._horizon.fill(0.0)
        span = np.empty((2 * len(lamps), 4), np.int32)
        scalars = (len(lamps), with_ties, planes.rows, planes.cols, planes.stride, self._depth, self._per_penumbra)
        _sweep(surface.reshape(-1), lamps.reshape(-1), *scalars, self._horizon, span.reshape(-1), out.reshape(-1))
        return span.tolist()

    def _mean(self, surface_px: np.ndarray) -> np.ndarray:
        """Means of 2 x 2 pixels in units of two pixels, plane, shape (1, H / 2, half stride)."""
        pairs = self._image.inner(surface_px[0])
        pairs = pairs[0::2] + pairs[1::2]
        half = self._planes.inner(self._half_surface[0])
        np.add(pairs[:, 0::2], pairs[:, 1::2], out=half)
        half *= np.float32(1 / 8)
        return self._half_surface

    def _enlarged(self, boxes: list) -> list[list[int]]:
        """Equation (5); forgets the shadows of the frame before. The boxes in the image."""
        _clear(self._image_out, self._boxes.tolist())
        rows, tiles = self._image.rows, (self._image.stride - 2 * PAD) // TILE
        for k, (top, bottom, left, right) in enumerate(boxes):  # a pixel and a tile more on all sides
            around = (max(2 * top - 1, 0), min(2 * bottom + 2, rows - 1), max(2 * left - 1, 0), min(2 * right + 2, tiles - 1))
            self._boxes[k] = around if top <= bottom else (0, -1, 0, -1)
        self._planes.extend(self._out)
        scalars = (len(boxes), rows, self._planes.stride, self._image.stride)
        _enlarge(self._out.reshape(-1), self._boxes.reshape(-1), *scalars, self._image_out.reshape(-1))
        return self._boxes.tolist()


def _clear(planes_out: np.ndarray, boxes: list) -> None:
    """Fill one or two boxes a plane with 1."""
    for k, (top, bottom, left, right) in enumerate(boxes):
        if top <= bottom:
            plane = planes_out[k * len(planes_out) // len(boxes)]
            plane[top : bottom + 1, PAD + left * TILE : PAD + (right + 1) * TILE] = 1.0


def joined(one, other) -> tuple[int, int, int, int]:
    """The box around two boxes; an empty one has its first row behind its last."""
    return min(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), max(one[3], other[3])
