"""Tori: pieces and a pose in, the lowest z over each cell out.

The distance from a point to a torus of ring radius R and tube radius r about its own z axis,

    s(p) = sqrt((sqrt(x^2 + y^2) - R)^2 + z^2) - r                                     (1)

never overestimates, so stepping up the line over a cell by s cannot pass the first hit; two Newton steps on (1) end it.
The quartic has a closed form too, but it loses all digits in single precision.
"""

from dataclasses import dataclass, field

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, launched, ti, vec3
from simtouch.geometry.gap_map import Grid
from simtouch.indenters.quadrics import COLUMNS, MISS, Columns

_ROW = 15  # ring and tube radius, in sizes | rotation, 9 | centre, 3 | size
_STEPS = 1000  # a line that grazes the tube needs hundreds, most need ten
_NEAR = 1e-5  # where stepping ends and Newton takes over, in sizes


@dataclass(frozen=True, eq=False)
class Torus:
    """A torus; `place` is its pose in the body, shape (4, 4)."""

    ring_radius_m: float
    tube_radius_m: float
    place: np.ndarray = field(default_factory=lambda: np.eye(4))

    def support_m(self, direction: np.ndarray) -> float:
        return float(self.ring_radius_m * np.hypot(direction[0], direction[1]) + self.tube_radius_m)


@dataclass(frozen=True, eq=False)
class Tori:
    """A part made of tori."""

    pieces: tuple[Torus, ...]

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        ensure_runtime()
        table = np.empty((len(self.pieces), _ROW), np.float32)
        for row, piece in zip(table, self.pieces, strict=True):
            size, gel_T_piece = piece.ring_radius_m + piece.tube_radius_m, gel_T_body @ piece.place
            row[:2] = piece.ring_radius_m / size, piece.tube_radius_m / size
            row[2:11], row[11:14], row[14] = gel_T_piece[:3, :3].ravel(), gel_T_piece[:3, 3], size
        _lowest(table.ravel(), len(table), grid.rows, grid.cols, grid.spacing_m, out)

    def support_m(self, direction: np.ndarray) -> float:
        u = np.asarray(direction, np.float64)
        return max(float(p.place[:3, 3] @ u) + p.support_m(p.place[:3, :3].T @ u) for p in self.pieces)


@ti.func
def _distance(x, y, z, ring, tube):
    """Equation (1)."""
    off = ti.sqrt(x * x + y * y) - ring
    return ti.sqrt(off * off + z * z) - tube


@ti.func
def _towards(x, y, z, d: vec3, ring, tube):
    """How far a Newton step on (1) goes along d; nowhere where the line grazes the tube."""
    around = ti.sqrt(x * x + y * y)
    off = around - ring
    away = ti.sqrt(off * off + z * z)
    slope = (off * (x * d.x + y * d.y) / (around + 1e-12) + z * d.z) / (away + 1e-12)
    return ti.select(slope < -1e-2, (tube - away) / ti.select(slope < -1e-2, slope, -1.0), 0.0)


@ti.func
def _enter(begin: vec3, along: vec3, d: vec3, x0, per_col, tube, ends_out: ti.template(), hits_out: ti.template()):
    """Where the lines of some columns enter and leave the unit ball and the slab |z| <= tube around the torus."""
    steep = ti.abs(d.z) > 1e-6
    per_z = 1.0 / ti.select(steep, d.z, 1.0)
    for e in range(COLUMNS):
        at = x0 + e * per_col
        x, y, z = begin.x + along.x * at, begin.y + along.y * at, begin.z + along.z * at
        left = 1.0 - (x * x + y * y + z * z)
        half = ti.sqrt(ti.select(left > 0.0, left, 0.0))
        low, high = -z * per_z - tube * ti.abs(per_z), -z * per_z + tube * ti.abs(per_z)
        hits_out[e] = ti.select(steep & (low > -half), low, -half)
        ends_out[e] = ti.select(left < 0.0, -MISS, ti.select(steep & (high < half), high, half))


@ti.func
def _first_hits(
    begin: vec3, along: vec3, d: vec3, x0, per_col, ring, tube, ends: ti.template(), hits_out: ti.template()
):  # fmt: skip
    """Lowest t of some columns at which their lines o + t d, o = begin + along x, meet the torus; `MISS` where they do not.

    Sizes are scaled so that ring + tube = 1. Without branches between columns, so that vector instructions do several at once.
    """
    _enter(begin, along, d, x0, per_col, tube, ends, hits_out)
    steps, going = 0, 1
    while going > 0 and steps < _STEPS:
        going = 0
        for e in range(COLUMNS):
            at, t = x0 + e * per_col, hits_out[e]
            x, y, z = begin.x + along.x * at + t * d.x, begin.y + along.y * at + t * d.y, begin.z + along.z * at + t * d.z
            s = _distance(x, y, z, ring, tube)
            goes = (s > _NEAR) & (t <= ends[e])
            hits_out[e] = t + ti.select(goes, s, 0.0)
            going += ti.cast(goes, ti.i32)
        steps += 1
    for e in range(COLUMNS):
        at, t = x0 + e * per_col, hits_out[e]
        ox, oy, oz = begin.x + along.x * at, begin.y + along.y * at, begin.z + along.z * at
        met = (_distance(ox + t * d.x, oy + t * d.y, oz + t * d.z, ring, tube) <= _NEAR) & (t <= ends[e])
        for _ in ti.static(range(2)):
            t += _towards(ox + t * d.x, oy + t * d.y, oz + t * d.z, d, ring, tube)
        hits_out[e] = ti.select(met, t, MISS)


@launched
@ti.kernel
def _lowest(table: Flat, pieces: int, rows: int, cols: int, spacing: float, out: Flat):
    for i in range(rows):
        hits, ends = Columns(0.0), Columns(0.0)
        for k in range(pieces):
            b = k * _ROW
            size, cx, cz = table[b + 14], table[b + 11], table[b + 13]
            y = ((i - 0.5 * (rows - 1)) * spacing - table[b + 12]) / size
            if y * y < 1.0:
                half, middle = ti.sqrt(1.0 - y * y) * size / spacing, cx / spacing + 0.5 * (cols - 1)
                d = vec3(table[b + 8], table[b + 9], table[b + 10])
                along, begin = vec3(table[b + 2], table[b + 3], table[b + 4]), vec3(table[b + 5], table[b + 6], table[b + 7]) * y
                j0 = ti.cast(ti.ceil(ti.max(middle - half, 0.0)), ti.i32)
                j1 = ti.cast(ti.floor(ti.min(middle + half, cols - 1.0)), ti.i32)
                for group in range((j1 - j0) // COLUMNS + 1):
                    first = j0 + group * COLUMNS
                    x0 = ((first - 0.5 * (cols - 1)) * spacing - cx) / size
                    _first_hits(begin, along, d, x0, spacing / size, table[b], table[b + 1], ends, hits)
                    for e in range(ti.min(COLUMNS, j1 + 1 - first)):
                        at, z = i * cols + first + e, cz + size * hits[e]
                        out[at] = ti.select((hits[e] < MISS) & (z < out[at]), z, out[at])
