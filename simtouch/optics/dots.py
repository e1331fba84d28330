"""Printed dots: motion of the gel in, the light that the dots leave out.

    p = X + U(X),   U of `gel/markers.py` (1): shear, and perspective of what changes in depth            (0)
    X_0 + U(X_0) = X,   X_0 = X - (1 + grad U)^-1 U(X)     the material point seen at X, one Newton step   (1)
    c = max_n clamp(r_n - |X_0 - X_n| + 1/2, 0, 1)      share of the pixel that a dot covers             (2)
    E' = E (1 - c (1 - ink))                                                                             (3)

(1) is solved at the nodes of the gel grid and X_0 taken between them by straight lines both ways. Against (1) at each pixel that
moves a dot by less than 0.02 px where the shear is smooth (waves of 60 cells or more, 1 px); where it breaks, at rims of slip, by
up to some tenths, and by more only where strains above 0.3 leave more than that to the one Newton step itself. A dot that comes nearer
grows by (0), as the ground between it and its neighbours does. Dots lie before the coating, so (3) comes after its shadows and
highlights and before the lens. Gather only: X_0 in a tile between two rows of nodes lies in the box around the tile's nodes, and a
pixel asks the dots that this box reaches; a box that no dot reaches is passed over, and nothing changes. Lengths in pixels.
"""

import math

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, launched, ti
from simtouch.gel.markers import dot_camera
from simtouch.optics.planes import PAD, TILE, Planes, Tile, within
from simtouch.sensors.spec import SensorSpec

MISSING = -1.0
"""Radius of a dot that is not there: no pixel is near enough."""


@ti.func
def bounds(nodes: ti.template(), first, last, wide):
    """Least and largest value over nodes first..last of two rows, `wide` apart."""
    low = ti.min(nodes[first], nodes[first + wide])
    high = ti.max(nodes[first], nodes[first + wide])
    for n in range(first + 1, last + 1):
        low, high = ti.min(low, ti.min(nodes[n], nodes[n + wide])), ti.max(high, ti.max(nodes[n], nodes[n + wide]))
    return ti.Vector([low, high])


@ti.func
def reached(span, pitch, count, reach):
    """First and last of `count` places in a row, `pitch` apart about 0, that lie within `reach` of a span; last < first: none."""
    middle = 0.5 * (count - 1.0)
    first = ti.ceil((span[0] - reach) / pitch + middle)
    last = ti.floor((span[1] + reach) / pitch + middle)
    return ti.Vector([ti.cast(ti.max(first, 0.0), ti.i32), ti.cast(ti.min(last, count - 1.0), ti.i32)])


@ti.func
def covered_share(along, down, dots: ti.template(), dot):
    """Equation (2) for one dot; of each there are place along, place down and radius."""
    off_x, off_y = along - dots[3 * dot], down - dots[3 * dot + 1]
    return within(dots[3 * dot + 2] + 0.5 - ti.sqrt(off_x * off_x + off_y * off_y), 1.0)


@ti.func
def along_row(nodes: ti.template(), row, ratio: ti.template(), tile, out: ti.template()):
    """The nodes of a row at the pixels of a tile, by straight lines."""
    for e in range(TILE):
        place = tile * TILE + e + ratio // 2
        f = (place % ratio + 0.5) * (1.0 / ratio)
        left, right = nodes[row + place // ratio], nodes[row + place // ratio + 1]
        out[e] = left + (right - left) * f


@ti.func
def darken(share: ti.template(), first, size, ink: ti.template(), out: ti.template()):
    """Equation (3) on a tile of three planes."""
    for e in range(TILE):
        if share[e] > 0.0:
            at = first + e
            out[at] = out[at] * (1.0 - share[e] * (1.0 - ink[0]))
            out[size + at] = out[size + at] * (1.0 - share[e] * (1.0 - ink[1]))
            out[2 * size + at] = out[2 * size + at] * (1.0 - share[e] * (1.0 - ink[2]))


@launched
@ti.kernel
def _print_dots(
    nodes: Flat, dots: Flat, grid: Flat, ink: Flat, ratio: ti.template(), h: int, w: int, stride: int, out: Flat
):  # fmt: skip
    """Darkens `out`, the light of three planes, where dots are. `nodes`: lattice coordinates along and down of X_0, two
    planes of (h + 2, w + 2), one node beyond each rim; `grid`: pitch along and down, number along and down, farthest reach of
    a dot from its place in the grid."""
    for strip in range(h + 1):
        wide, size = w + 2, h * ratio * stride
        down_plane = (h + 2) * wide
        upper_x, lower_x, upper_y, lower_y = Tile(0.0), Tile(0.0), Tile(0.0), Tile(0.0)
        along, down = Tile(0.0), Tile(0.0)
        for tile in range((stride - 2 * PAD) // TILE):
            row = strip * wide
            first = row + ti.min((tile * TILE + ratio // 2) // ratio, w)
            last = row + ti.min((tile * TILE + TILE - 1 + ratio // 2) // ratio + 1, w + 1)
            rows = reached(bounds(nodes, down_plane + first, down_plane + last, wide), grid[1], grid[3], grid[4])
            cols = reached(bounds(nodes, first, last, wide), grid[0], grid[2], grid[4])
            if rows[0] <= rows[1] and cols[0] <= cols[1]:
                along_row(nodes, row, ratio, tile, upper_x)
                along_row(nodes, row + wide, ratio, tile, lower_x)
                along_row(nodes, down_plane + row, ratio, tile, upper_y)
                along_row(nodes, down_plane + row + wide, ratio, tile, lower_y)
                for phase in range(ratio):
                    i, f = strip * ratio - ratio // 2 + phase, (phase + 0.5) * (1.0 / ratio)
                    if 0 <= i < h * ratio:
                        for e in range(TILE):
                            along[e] = upper_x[e] + (lower_x[e] - upper_x[e]) * f
                            down[e] = upper_y[e] + (lower_y[e] - upper_y[e]) * f
                        share = Tile(0.0)
                        seen = 0
                        for r in range(rows[0], rows[1] + 1):
                            for c in range(cols[0], cols[1] + 1):
                                for e in range(TILE):
                                    covered = covered_share(along[e], down[e], dots, r * ti.cast(grid[2], ti.i32) + c)
                                    share[e] = ti.max(share[e], covered)
                                    seen += ti.cast(covered > 0.0, ti.i32)
                        if seen > 0:
                            darken(share, i * stride + PAD + tile * TILE, size, ink, out)


class Dots:
    """The printed dots of one sensor."""

    def __init__(self, spec: SensorSpec, planes: Planes):
        ensure_runtime()
        marks, pitch = spec.markers, spec.camera.pixel_pitch_m
        self._shape, self._ratio = spec.gel.grid_shape, planes.rows // spec.gel.grid_shape[0]
        self._turn = np.float32([math.cos(marks.rotation_rad), math.sin(marks.rotation_rad)])
        radii = np.where(marks.present, marks.diameters_m / pitch / 2, MISSING)
        self._dots = np.column_stack([marks.lattice_m / pitch, radii]).astype(np.float32).ravel()
        reach = radii.max() + 0.51 + marks.jitter_m / pitch
        self._grid = np.float32([marks.pitch_m[0] / pitch, marks.pitch_m[1] / pitch, marks.cols, marks.rows, reach])
        self._ink = np.float32(marks.ink)
        h, w = self._shape
        x, y = (np.arange(-1, n + 1) * self._ratio + (self._ratio - 1) / 2 - (n * self._ratio - 1) / 2 for n in (w, h))
        self._rest = self._lattice(x[None, :] - marks.offset_m[0] / pitch, y[:, None] - marks.offset_m[1] / pitch)
        self._planes, self._per_pixel = planes, np.float32(1 / pitch)
        self._camera = dot_camera(spec)

    def print_on(self, light: np.ndarray, displacement_m: np.ndarray | None) -> None:
        """Darken light, planes (3, H, stride), where dots are: (3).

        Args:
            light: Light towards the camera, changed in place.
            displacement_m: Motion of the surface (x, y, z) [m] on the gel grid, float32, shape (h, w, 3), or its in-plane part alone,
                (h, w, 2), without perspective; None for none.
        """
        nodes = self._rest
        if displacement_m is not None:
            nodes = nodes - self._lattice(*self._shift(self._camera.apparent_motion_m(displacement_m)))
        h, w = self._shape
        given = (nodes.reshape(-1), self._dots, self._grid, self._ink)
        _print_dots(*given, self._ratio, h, w, self._planes.stride, light.reshape(-1))

    def _lattice(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Coordinates along and down the grid of dots of a place or way in the image, float32, shape (2, ...)."""
        cos, sin = self._turn[0], self._turn[1]
        return np.array([cos * x + sin * y, cos * y - sin * x], np.float32)

    def _shift(self, motion_m: np.ndarray) -> np.ndarray:
        """(1 + grad U)^-1 U of (1) at the nodes and, going on straight, one beyond each rim, shape (2, h + 2, w + 2)."""
        ux, uy = u = motion_m.transpose(2, 0, 1) * self._per_pixel
        wide = np.float32(1 / self._ratio)
        (xx, yx), (xy, yy) = _slopes(u, wide), _slopes(u.transpose(0, 2, 1), wide).transpose(0, 2, 1)
        xx, yy = 1 + xx, 1 + yy
        per_det = 1 / np.maximum(xx * yy - xy * yx, np.float32(0.1))
        shift = np.empty_like(self._rest)
        shift[0, 1:-1, 1:-1], shift[1, 1:-1, 1:-1] = (yy * ux - xy * uy) * per_det, (xx * uy - yx * ux) * per_det
        rows = shift[..., 1:-1]
        rows[:, 0], rows[:, -1] = 2 * rows[:, 1] - rows[:, 2], 2 * rows[:, -2] - rows[:, -3]
        shift[..., 0], shift[..., -1] = 2 * shift[..., 1] - shift[..., 2], 2 * shift[..., -2] - shift[..., -3]
        return shift


def _slopes(maps: np.ndarray, per_step: np.float32) -> np.ndarray:
    """Central differences along the last axis, one-sided at the rims."""
    out = np.empty_like(maps)
    np.subtract(maps[..., 2:], maps[..., :-2], out=out[..., 1:-1])
    out[..., 1:-1] *= np.float32(0.5)
    out[..., 0], out[..., -1] = maps[..., 1] - maps[..., 0], maps[..., -1] - maps[..., -2]
    out *= per_step
    return out
