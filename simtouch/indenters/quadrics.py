"""Ellipsoids, cones, cylinders and discs in closed form: pieces and a pose in, the lowest z over each cell out.

Each piece is a quadric about its own z axis, limited along the axis and around it:

    q_x x^2 + q_y y^2 + q_z z^2 + l z + k = 0,    z_0 <= z <= z_1,    r_0^2 <= x^2 + y^2 <= r_1^2       (1)

The line over a cell, p + t d with d the gel's z seen from the piece, turns (1) into A t^2 + B t + C = 0, solved as

    q = -(B + sign(B) sqrt(B^2 - 4 A C)) / 2,    t_1 = q / A,    t_2 = C / q                            (2)

which loses no digits and holds for A = 0 too, where t_1 is infinite. Lengths are divided by the piece's size, so the
tolerance of the limits is relative; it closes the seams between pieces. A lone ball is its own formula, d from its axis:

    z = z_lowest + d^2 / (r + sqrt(r^2 - d^2))                                                          (3)
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simtouch._taichi import ONE_THREAD, Flat, ensure_runtime, launched, ti, vec3
from simtouch.geometry.gap_map import Grid

_ROW = 24  # q_x q_y q_z l k | z_0 z_1 | r_0^2 r_1^2 | rotation, 9 | centre, 3 | size | half width along x, y
_SEAM = 2e-6  # tolerance of the limits in (1), in sizes of the piece
MISS = 1e30
"""Where a line meets a body that it does not meet."""
COLUMNS = 16
"""Columns of a row that are looked at together."""
Columns = ti.types.vector(COLUMNS, ti.f32)
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

    @cached_property
    def _ball_radius_m(self) -> float | None:
        """Of a lone ball; None for anything else."""
        one = self.pieces[0]
        round_ = len(self.pieces) == 1 and isinstance(one, Ellipsoid) and len(set(one.semi_axes_m)) == 1
        return float(one.size_m) if round_ else None

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        ensure_runtime()
        if self._ball_radius_m is not None:
            x, y, z = gel_T_body[:3, :3] @ self.places[0, :3, 3] + gel_T_body[:3, 3]
            _ball(x, y, z - self._ball_radius_m, self._ball_radius_m, grid.rows, grid.cols, grid.spacing_m, out)
            return
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
def _root_inside(t, x, y, z, d: vec3, least, most, inner, outer):
    """The root t if its point keeps the limits of (1), else `MISS`; x, y, z is where the line begins."""
    px, py, pz = x + t * d.x, y + t * d.y, z + t * d.z
    round2 = px * px + py * py
    inside = (pz >= least - _SEAM) & (pz <= most + _SEAM) & (round2 >= inner - _SEAM) & (round2 <= outer + _SEAM)
    return ti.select(inside, t, MISS)


@ti.func
def _first_roots(table: ti.template(), b, begin: vec3, along: vec3, x0, per_col, hits_out: ti.template()):
    """Lowest t of some columns at which their lines o + t d meet the piece in row b, by (2); `MISS` where they do not.

    Lines begin at o = begin + along x. Without branches, so that vector instructions do several columns at once.
    """
    qx, qy, qz, line, const = table[b], table[b + 1], table[b + 2], table[b + 3], table[b + 4]
    least, most, inner, outer = table[b + 5], table[b + 6], table[b + 7], table[b + 8]
    d = vec3(table[b + 15], table[b + 16], table[b + 17])
    square = qx * d.x * d.x + qy * d.y * d.y + qz * d.z * d.z
    curved = ti.abs(square) > 1e-12
    per_square = 1.0 / ti.select(curved, square, 1.0)
    for e in range(COLUMNS):
        at = x0 + e * per_col
        x, y, z = begin.x + along.x * at, begin.y + along.y * at, begin.z + along.z * at
        linear = 2.0 * (qx * x * d.x + qy * y * d.y + qz * z * d.z) + line * d.z
        rest = qx * x * x + qy * y * y + qz * z * z + line * z + const
        under_root = linear * linear - 4.0 * square * rest
        root = ti.sqrt(ti.select(under_root > 0.0, under_root, 0.0))
        q = -0.5 * (linear + ti.select(linear >= 0.0, root, -root))
        fits = ti.abs(q) > 1e-12
        one = _root_inside(rest / ti.select(fits, q, 1.0), x, y, z, d, least, most, inner, outer)
        other = _root_inside(q * per_square, x, y, z, d, least, most, inner, outer)
        one, other = ti.select(fits, one, MISS), ti.select(curved, other, MISS)
        hits_out[e] = ti.select(under_root >= 0.0, ti.select(one < other, one, other), MISS)


@launched
@ti.kernel
def _lowest(table: Flat, pieces: int, rows: int, cols: int, spacing: float, out: Flat):
    for i in range(rows):
        hits = Columns(0.0)
        for k in range(pieces):
            b = k * _ROW
            size, cx, cz = table[b + 21], table[b + 18], table[b + 20]
            y = (i - 0.5 * (rows - 1)) * spacing - table[b + 19]
            if ti.abs(y) <= table[b + 23]:
                half, middle = table[b + 22] / spacing, cx / spacing + 0.5 * (cols - 1)
                along = vec3(table[b + 9], table[b + 10], table[b + 11])
                begin = vec3(table[b + 12], table[b + 13], table[b + 14]) * (y / size)
                j0 = ti.cast(ti.ceil(ti.max(middle - half, 0.0)), ti.i32)
                j1 = ti.cast(ti.floor(ti.min(middle + half, cols - 1.0)), ti.i32)
                for group in range((j1 - j0) // COLUMNS + 1):
                    first = j0 + group * COLUMNS
                    x0 = ((first - 0.5 * (cols - 1)) * spacing - cx) / size
                    _first_roots(table, b, begin, along, x0, spacing / size, hits)
                    for e in range(ti.min(COLUMNS, j1 + 1 - first)):
                        at, z = i * cols + first + e, cz + size * hits[e]
                        out[at] = ti.select((hits[e] < MISS) & (z < out[at]), z, out[at])


@launched
@ti.kernel
def _ball(x: float, y: float, lowest: float, radius: float, rows: int, cols: int, spacing: float, out: Flat):
    """Equation (3)."""
    ti.loop_config(serialize=ONE_THREAD)
    for i in range(rows):
        hits, along = Columns(0.0), (i - 0.5 * (rows - 1)) * spacing - y
        for group in range((cols + COLUMNS - 1) // COLUMNS):
            for e in range(COLUMNS):
                across = (group * COLUMNS + e - 0.5 * (cols - 1)) * spacing - x
                away2 = across * across + along * along
                under_root = radius * radius - away2
                z = lowest + away2 / (radius + ti.sqrt(ti.select(under_root > 0.0, under_root, 0.0)))
                hits[e] = ti.select(under_root >= 0.0, z, float("inf"))
            first = i * cols + group * COLUMNS
            if group * COLUMNS + COLUMNS <= cols:
                for e in ti.static(range(COLUMNS)):
                    out[first + e] = ti.select(hits[e] < out[first + e], hits[e], out[first + e])
            else:
                for e in range(cols - group * COLUMNS):
                    out[first + e] = ti.select(hits[e] < out[first + e], hits[e], out[first + e])
