"""Tori: pieces and a pose in, the lowest z over each cell out.

The distance from a point to a torus of ring radius R and tube radius r about its own z axis,

    s(p) = sqrt((sqrt(x^2 + y^2) - R)^2 + z^2) - r                                     (1)

never overestimates, so stepping up the line over a cell by s cannot pass the first hit; two Newton steps on (1) end it.
The quartic has a closed form too, but it loses all digits in single precision.
"""

from dataclasses import dataclass, field

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, ti, vec3
from simtouch.geometry.gap_map import Grid

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
def _distance(p: vec3, ring: float, tube: float):
    """Equation (1)."""
    off = ti.sqrt(p.x * p.x + p.y * p.y) - ring
    return ti.sqrt(off * off + p.z * p.z) - tube


@ti.func
def _slope(p: vec3, d: vec3, ring: float):
    """Change of (1) along d."""
    around = ti.max(ti.sqrt(p.x * p.x + p.y * p.y), 1e-12)
    off = around - ring
    return (off * (p.x * d.x + p.y * d.y) / around + p.z * d.z) / ti.max(ti.sqrt(off * off + p.z * p.z), 1e-12)


@ti.func
def _first_hit(o: vec3, d: vec3, ring: float, tube: float, known: float):
    """Lowest t < known at which o + t d meets the torus, else infinity. Sizes are scaled so that ring + tube = 1."""
    half = ti.sqrt(ti.max(1.0 - o.dot(o), 0.0))
    t, end = -half, ti.min(half, known)
    if ti.abs(d.z) > 1e-6:  # the slab |z| <= tube
        middle, width = -o.z / d.z, tube / ti.abs(d.z)
        t, end = ti.max(t, middle - width), ti.min(end, middle + width)
    s = _distance(o + t * d, ring, tube)
    steps = 0
    while s > _NEAR and t <= end and steps < _STEPS:
        t += s
        s = _distance(o + t * d, ring, tube)
        steps += 1
    hit = ti.math.inf
    if s <= _NEAR and t <= end:
        for _ in ti.static(range(2)):
            slope = _slope(o + t * d, d, ring)
            if slope < -1e-2:
                t -= _distance(o + t * d, ring, tube) / slope
        hit = t
    return hit


@ti.kernel
def _lowest(table: Flat, pieces: int, rows: int, cols: int, spacing: float, out: Flat):
    for i in range(rows):
        for k in range(pieces):
            b = k * _ROW
            size, cx, cz = table[b + 14], table[b + 11], table[b + 13]
            y = ((i - 0.5 * (rows - 1)) * spacing - table[b + 12]) / size
            if y * y < 1.0:
                half, middle = ti.sqrt(1.0 - y * y) * size / spacing, cx / spacing + 0.5 * (cols - 1)
                d = vec3(table[b + 8], table[b + 9], table[b + 10])
                across_y = vec3(table[b + 5], table[b + 6], table[b + 7]) * y
                j0 = ti.cast(ti.ceil(ti.max(middle - half, 0.0)), ti.i32)
                j1 = ti.cast(ti.floor(ti.min(middle + half, cols - 1.0)), ti.i32)
                for j in range(j0, j1 + 1):
                    x = ((j - 0.5 * (cols - 1)) * spacing - cx) / size
                    o = vec3(table[b + 2], table[b + 3], table[b + 4]) * x + across_y
                    known = (out[i * cols + j] - cz) / size
                    t = _first_hit(o, d, table[b], table[b + 1], known)
                    out[i * cols + j] = ti.min(out[i * cols + j], cz + size * t)
