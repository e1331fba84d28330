"""A ball with a pattern cut into it: a relief stored over all directions and a pose in, the lowest z over each cell out.

A point of the surface in the direction u from the centre is (R + h(u)) u, h <= 0. Over a cell at the distance q from the axis of the view
through the centre, the surface lies w below the centre:

    w_0 = sqrt(R^2 - q^2),    w_n+1 = sqrt((R + h(u_n))^2 - q^2),    u_n the direction of the point w_n                 (1)

Three steps are taken; each is true to one more order of h. h is stored on the six faces of a cube, whose nodes on common edges are the
same directions, and read bilinearly: no poles, no seams, and no angles to compute. At the default sizes and within half the radius of the
axis, where a ball is touched, the map is within 5 um of a mesh with 80 um edges, within 20 um at the creases of the knurl.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from simtouch._checks import as_number, pick
from simtouch._taichi import Flat, ensure_runtime, launched, ti, vec3
from simtouch.geometry.gap_map import Grid
from simtouch.indenters.solid import Solid

NODES = 257
"""Along an edge of the cube: 63 um apart on a ball of 8 mm radius."""

Relief = Callable[[np.ndarray], np.ndarray]


def textured_ball(radius_m: float = 8e-3, texture: str = "dimples", depth_m: float = 0.25e-3, *, pitch_m: float = 2e-3) -> Solid:
    """A ball with a pattern that turns with it.

    Args:
        radius_m: Radius of the ball before anything is cut out of it [m].
        texture: `dimples`, `ribs` (grooves around the body's z axis) or `knurl` (two families of grooves that cross on its equator).
        depth_m: How deep the pattern is cut [m]; 0 leaves a ball.
        pitch_m: About how far one repeats from the next [m].
    """
    radius = as_number("radius_m", radius_m, above=0)
    height = pick("texture", texture, TEXTURES)
    depth = as_number("depth_m", depth_m, at_least=0, at_most=radius / 8)
    pitch = as_number("pitch_m", pitch_m, at_least=radius / 20, at_most=2 * radius)
    parameters = {"radius_m": radius, "texture": texture, "depth_m": depth, "pitch_m": pitch}
    relief = partial(height, pitch_rad=pitch / radius, depth_m=depth)
    return Solid("textured_ball", parameters, (ReliefBall(radius, relief),))


@dataclass(frozen=True, eq=False)
class ReliefBall:
    """A part made of a ball and its relief, whose table is made when first asked for.

    Args:
        radius_m: R.
        relief: Unit vectors (N, 3) to heights h [m], (N,): a `functools.partial` of a module's function, so that it pickles small.
    """

    radius_m: float
    relief: Relief

    @cached_property
    def table(self) -> np.ndarray:
        """h over the cube [m], float32, (6 * 257 * 257,): faces +x -x +y -y +z -z, then the other two axes in order of the alphabet."""
        return self.relief(cube_directions()).astype(np.float32)

    @cached_property
    def points_m(self) -> np.ndarray:
        """Places of the table, float32, (6 * 257 * 257, 3)."""
        return (cube_directions() * (self.radius_m + self.table.astype(float))[:, None]).astype(np.float32)

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        ensure_runtime()
        at = np.asarray(gel_T_body[:3], np.float32).ravel()
        _lower_to_ball(self.table, at, np.float32(self.radius_m), grid.rows, grid.cols, grid.spacing_m, out)

    def support_m(self, direction: np.ndarray) -> float:
        return float((self.points_m @ np.asarray(direction, np.float32)).max())

    def __getstate__(self) -> dict:
        return {"radius_m": self.radius_m, "relief": self.relief}


def cube_directions() -> np.ndarray:
    """Unit vectors to the nodes of the cube in the order of `ReliefBall.table`, float64, (6 * 257 * 257, 3)."""
    one = np.linspace(-1, 1, NODES)
    second, third = (grid.ravel() for grid in np.meshgrid(one, one, indexing="ij"))
    faces = [np.insert(np.stack([second, third], axis=1), axis, sign, axis=1) for axis in range(3) for sign in (1.0, -1.0)]
    directions = np.concatenate(faces)
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


@ti.func
def _relief_at(table: ti.template(), p: vec3):
    """h in the direction of p, bilinearly."""
    size = ti.abs(p)
    is_x = (size.x >= size.y) & (size.x >= size.z)
    is_y = (size.y >= size.z) & (not is_x)
    axis = ti.select(is_x, 0, ti.select(is_y, 1, 2))
    lead = ti.select(is_x, p.x, ti.select(is_y, p.y, p.z))
    scale = 0.5 * (NODES - 1) / ti.abs(lead)
    s = ti.select(is_x, p.y, p.x) * scale + 0.5 * (NODES - 1)
    t = ti.select(is_x | is_y, p.z, p.y) * scale + 0.5 * (NODES - 1)
    i = ti.min(ti.max(ti.cast(s, ti.i32), 0), NODES - 2)
    j = ti.min(ti.max(ti.cast(t, ti.i32), 0), NODES - 2)
    at = ((2 * axis + ti.select(lead > 0, 0, 1)) * NODES + i) * NODES + j
    ds, dt = s - i, t - j
    near = table[at] + dt * (table[at + 1] - table[at])
    far = table[at + NODES] + dt * (table[at + NODES + 1] - table[at + NODES])
    return near + ds * (far - near)


@launched
@ti.kernel
def _lower_to_ball(table: Flat, m: Flat, radius: float, rows: int, cols: int, spacing: float, out: Flat):
    for i in range(rows):
        y = (i - 0.5 * (rows - 1)) * spacing - m[7]
        half = ti.sqrt(ti.max(radius * radius - y * y, 0.0)) / spacing
        middle = m[3] / spacing + 0.5 * (cols - 1)
        j0 = ti.cast(ti.ceil(ti.max(middle - half, 0.0)), ti.i32)
        j1 = ti.cast(ti.floor(ti.min(middle + half, cols - 1.0)), ti.i32)
        if ti.abs(y) < radius:
            for j in range(j0, j1 + 1):
                x = (j - 0.5 * (cols - 1)) * spacing - m[3]
                round2 = x * x + y * y
                under = radius * radius - round2
                for _ in ti.static(range(3)):  # (1)
                    w = -ti.sqrt(ti.max(under, 0.0))
                    p = vec3(m[0] * x + m[4] * y + m[8] * w, m[1] * x + m[5] * y + m[9] * w, m[2] * x + m[6] * y + m[10] * w)
                    r = radius + _relief_at(table, p)
                    under = r * r - round2
                if under > 0.0:
                    out[i * cols + j] = ti.min(out[i * cols + j], m[11] - ti.sqrt(under))


def _dimples(directions: np.ndarray, *, pitch_rad: float, depth_m: float) -> np.ndarray:
    """Round dimples on a Fibonacci spiral, smooth at their rims."""
    from scipy.spatial import cKDTree

    count = max(4, round(4 * np.pi / (0.87 * pitch_rad**2)))
    k = np.arange(count) + 0.5
    z, around = 1 - 2 * k / count, np.pi * (1 + np.sqrt(5)) * k
    middles = np.stack([np.sqrt(1 - z * z) * np.cos(around), np.sqrt(1 - z * z) * np.sin(around), z], axis=1)
    away = 2 * np.arcsin(cKDTree(middles).query(directions)[0] / 2) / (0.42 * pitch_rad)
    return -depth_m * np.square(np.maximum(1 - away**2, 0))


def _ribs(directions: np.ndarray, *, pitch_rad: float, depth_m: float) -> np.ndarray:
    """Round ribs: a wave of the angle from the z axis, whole numbers of it."""
    waves = max(1, round(2 * np.pi / pitch_rad))
    angle = np.arctan2(np.hypot(directions[:, 0], directions[:, 1]), directions[:, 2])
    return -depth_m * (1 - np.cos(waves * angle)) / 2


def _knurl(directions: np.ndarray, *, pitch_rad: float, depth_m: float) -> np.ndarray:
    """Diamonds: grooves at 45 degrees to either side of the equator, which run out towards the poles."""
    waves = max(3, round(2 * np.pi / (np.sqrt(2) * pitch_rad)))
    x, y, z = directions.T
    longitude, latitude = np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))
    cut = [np.cos((longitude + way * latitude) * waves) for way in (1, -1)]
    return -depth_m * np.square(np.cos(latitude)) * ((1 + np.maximum(*cut)) / 2) ** 3


TEXTURES: dict[str, Callable[..., np.ndarray]] = {"dimples": _dimples, "ribs": _ribs, "knurl": _knurl}
"""Name -> heights over unit vectors, (N, 3) to (N,) [m], of a pitch [rad] and a depth [m]."""
