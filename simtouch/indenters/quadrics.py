"""Ellipsoids, cones, cylinders and discs in closed form: pieces and a pose in, the lowest z over each cell out.

Each piece is a quadric about its own z axis, limited along the axis and around it:

    q_x x^2 + q_y y^2 + q_z z^2 + l z + k = 0,    z_0 <= z <= z_1,    r_0^2 <= x^2 + y^2 <= r_1^2       (1)

The line over a cell, p + t d with d the gel's z seen from the piece, turns (1) into A t^2 + B t + C = 0, solved as

    q = -(B + sign(B) sqrt(B^2 - 4 A C)) / 2,    t_1 = q / A,    t_2 = C / q                            (2)

which loses no digits and holds for A = 0 too, where t_1 is infinite. Lengths are divided by the piece's size, so the
tolerance of the limits is relative; it closes the seams between pieces.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, ti, vec3
from simtouch.geometry.gap_map import Grid

_ROW = 24  # q_x q_y q_z l k | z_0 z_1 | r_0^2 r_1^2 | rotation, 9 | centre, 3 | size | half width along x, y
_SEAM = 2e-6  # tolerance of the limits in (1), in sizes of the piece
_NO_LIMIT = 4.0  # in sizes of the piece: beyond everything


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A whole ellipsoid; `place` is its pose in the body, shape (4, 4)."""

    semi_axes_m: tuple[float, float, float]
    place: np.ndarray = field(default_factory=lambda: np.eye(4))

    @property
    def size_m(self) -> float:
        return max(self.semi_axes_m)

    @property
    def cylinder_m(self) -> tuple[float, float]:
        """Radius and half length of a cylinder around the piece."""
        return max(self.semi_axes_m[:2]), self.semi_axes_m[2]

    def equation(self) -> tuple[float, ...]:
        """Coefficients and limits of (1) in sizes of the piece, 9 numbers."""
        q = [(self.size_m / a) ** 2 for a in self.semi_axes_m]
        return (*q, 0.0, -1.0, -_NO_LIMIT, _NO_LIMIT, -1.0, _NO_LIMIT**2)

    def support_m(self, direction: np.ndarray) -> float:
        return float(np.linalg.norm(direction * self.semi_axes_m))


@dataclass(frozen=True, eq=False)
class Frustum:
    """The side of a cone or cylinder: radius `radius_low_m` at z = -length/2, `radius_high_m` at +length/2."""

    radius_low_m: float
    radius_high_m: float
    length_m: float
    place: np.ndarray = field(default_factory=lambda: np.eye(4))

    @property
    def size_m(self) -> float:
        return float(np.hypot(max(self.radius_low_m, self.radius_high_m), self.length_m / 2))

    @property
    def cylinder_m(self) -> tuple[float, float]:
        """Radius and half length of a cylinder around the piece."""
        return max(self.radius_low_m, self.radius_high_m), self.length_m / 2

    def equation(self) -> tuple[float, ...]:
        """Coefficients and limits of (1): x^2 + y^2 = (r + g z)^2 with g the growth of the radius."""
        r = (self.radius_low_m + self.radius_high_m) / 2 / self.size_m
        g = (self.radius_high_m - self.radius_low_m) / self.length_m
        end = self.length_m / 2 / self.size_m
        return (1.0, 1.0, -g * g, -2 * g * r, -r * r, -end, end, -1.0, _NO_LIMIT**2)

    def support_m(self, direction: np.ndarray) -> float:
        across = np.hypot(direction[0], direction[1])
        along = direction[2] * self.length_m / 2
        return float(max(self.radius_low_m * across - along, self.radius_high_m * across + along))


@dataclass(frozen=True, eq=False)
class Annulus:
    """A flat disc in the plane z = 0, with a hole if `inner_radius_m` is above 0."""

    inner_radius_m: float
    outer_radius_m: float
    place: np.ndarray = field(default_factory=lambda: np.eye(4))

    @property
    def size_m(self) -> float:
        return self.outer_radius_m

    @property
    def cylinder_m(self) -> tuple[float, float]:
        """Radius and half length of a cylinder around the piece."""
        return self.outer_radius_m, 0.0

    def equation(self) -> tuple[float, ...]:
        """Coefficients and limits of (1): the plane z = 0 between two radii."""
        hole = (self.inner_radius_m / self.size_m) ** 2 if self.inner_radius_m > 0 else -1.0
        return (0.0, 0.0, 0.0, 1.0, 0.0, -_NO_LIMIT, _NO_LIMIT, hole, 1.0)

    def support_m(self, direction: np.ndarray) -> float:
        return float(self.outer_radius_m * np.hypot(direction[0], direction[1]))


@dataclass(frozen=True, eq=False)
class Quadrics:
    """A part made of quadric pieces."""

    pieces: tuple[Ellipsoid | Frustum | Annulus, ...]

    @cached_property
    def places(self) -> np.ndarray:
        return np.stack([piece.place for piece in self.pieces])

    @cached_property
    def equations(self) -> np.ndarray:
        return np.array([piece.equation() for piece in self.pieces])

    @cached_property
    def bounds(self) -> np.ndarray:
        """Radius and half length of a cylinder about each piece, and its size [m], shape (K, 3)."""
        return np.array([(*piece.cylinder_m, piece.size_m) for piece in self.pieces])

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        ensure_runtime()
        gel_T_piece = gel_T_body @ self.places
        rotations, centres = gel_T_piece[:, :3, :3], gel_T_piece[:, :3, 3]
        radius, half_length, size = self.bounds[:, :1], self.bounds[:, 1:2], self.bounds[:, 2:]
        axis = rotations[:, :2, 2]  # of the bounding cylinder, seen from above
        half = radius * np.sqrt(np.maximum(1 - axis**2, 0)) + half_length * np.abs(axis) + 1e-6 * size
        table = np.concatenate([self.equations, rotations.reshape(-1, 9), centres, size, half], axis=1, dtype=np.float32)
        _lowest(table.ravel(), len(table), grid.rows, grid.cols, grid.spacing_m, out)

    def support_m(self, direction: np.ndarray) -> float:
        u = np.asarray(direction, np.float64)
        return max(float(p.place[:3, 3] @ u) + p.support_m(p.place[:3, :3].T @ u) for p in self.pieces)

    def __getstate__(self) -> dict:
        return {"pieces": self.pieces}


@ti.func
def _if_inside(t: float, o: vec3, d: vec3, table: Flat, b: int):
    """The root t if its point keeps the limits of (1), else infinity."""
    p = o + t * d
    round2 = p.x * p.x + p.y * p.y
    inside = p.z >= table[b + 5] - _SEAM and p.z <= table[b + 6] + _SEAM
    inside = inside and round2 >= table[b + 7] - _SEAM and round2 <= table[b + 8] + _SEAM
    return t if inside else ti.math.inf


@ti.func
def _first_root(o: vec3, d: vec3, table: Flat, b: int):
    """Lowest t at which the line o + t d meets the piece in row b, by (2); infinity where it does not."""
    qx, qy, qz, line, const = table[b], table[b + 1], table[b + 2], table[b + 3], table[b + 4]
    square = qx * d.x * d.x + qy * d.y * d.y + qz * d.z * d.z
    linear = 2.0 * (qx * o.x * d.x + qy * o.y * d.y + qz * o.z * d.z) + line * d.z
    rest = qx * o.x * o.x + qy * o.y * o.y + qz * o.z * o.z + line * o.z + const
    inside_root = linear * linear - 4.0 * square * rest
    t = ti.math.inf
    if inside_root >= 0:
        q = -0.5 * (linear + (ti.sqrt(inside_root) if linear >= 0 else -ti.sqrt(inside_root)))
        if ti.abs(q) > 1e-12:
            t = _if_inside(rest / q, o, d, table, b)
        if ti.abs(square) > 1e-12:
            t = ti.min(t, _if_inside(q / square, o, d, table, b))
    return t


@ti.kernel
def _lowest(table: Flat, pieces: int, rows: int, cols: int, spacing: float, out: Flat):
    for i in range(rows):
        for k in range(pieces):
            b = k * _ROW
            size, cx, cz = table[b + 21], table[b + 18], table[b + 20]
            y = (i - 0.5 * (rows - 1)) * spacing - table[b + 19]
            if ti.abs(y) <= table[b + 23]:
                half, middle = table[b + 22] / spacing, cx / spacing + 0.5 * (cols - 1)
                d = vec3(table[b + 15], table[b + 16], table[b + 17])
                across_y = vec3(table[b + 12], table[b + 13], table[b + 14]) * (y / size)
                j0 = ti.cast(ti.ceil(ti.max(middle - half, 0.0)), ti.i32)
                j1 = ti.cast(ti.floor(ti.min(middle + half, cols - 1.0)), ti.i32)
                for j in range(j0, j1 + 1):
                    x = ((j - 0.5 * (cols - 1)) * spacing - cx) / size
                    o = vec3(table[b + 9], table[b + 10], table[b + 11]) * x + across_y
                    t = _first_root(o, d, table, b)
                    out[i * cols + j] = ti.min(out[i * cols + j], cz + size * t)
