"""Orthographic z-buffer: a triangle mesh, its pose and a grid in, the lowest z of the mesh over each cell out.

With p the cell centre and a, b, c the corners of a face in cell units, seen along z,

    e_a = (b - p) x (c - p),  e_b = (c - p) x (a - p),  e_c = (a - p) x (b - p),  A = (b - a) x (c - a)    (1)
    z(p) = a_z + (e_b / A) (b_z - a_z) + (e_c / A) (c_z - a_z)                                             (2)

p is inside where e_a, e_b, e_c all have the sign of A. The test is inclusive, with a tolerance above rounding, so cells
on a shared edge are never lost; z is clamped to the face's own range, so slivers cannot overshoot. The lowest face wins
by `atomic_min`, which does not depend on order: the same bytes for any number of threads. A < 0 where the face looks
at the gel; for a closed mesh the other faces are hidden and skipped. Open meshes draw both sides.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simtouch._checks import ArgumentError, as_array
from simtouch._taichi import Flat, FlatInt, ensure_runtime, launched, ti, vec3
from simtouch.geometry.gap_map import Grid

TILE = 32
"""Corners that are placed together."""
Tile = ti.types.vector(TILE, ti.f32)
_INSIDE = 1e-6  # tolerance of (1), in squared sizes of the face
_WIDE = 8  # faces over more columns than this are narrowed row by row before they are tested
_FLAT = 1e-9  # faces with less area than this, in squared sizes, are seen edge-on: their neighbours cover them


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Triangles of one rigid body.

    Args:
        vertices_m: Corners [m], float32, shape (V, 3).
        faces: Corner indices, int32, shape (F, 3), counter-clockwise seen from outside.
        closed: Whether the faces bound a solid and all look outwards; see `closed_outwards`.
    """

    vertices_m: np.ndarray
    faces: np.ndarray
    closed: bool

    def __post_init__(self):
        vertices = as_array("vertices_m", self.vertices_m, "V 3")
        faces = as_array("faces", self.faces, "F 3", np.int32)
        if not len(faces) or not len(vertices):
            raise ArgumentError(f"`faces` must hold at least one triangle; got {len(faces)} faces of {len(vertices)} vertices.")
        if faces.min() < 0 or faces.max() >= len(vertices):
            raise ArgumentError(f"`faces` must index {len(vertices)} vertices; got indices {faces.min()} to {faces.max()}.")
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", faces)

    @cached_property
    def corners(self) -> np.ndarray:
        """Coordinates x of all vertices, then y, then z, each filled up to whole tiles by the last one [m], float32, flat."""
        spare = -len(self.vertices_m) % TILE
        return np.pad(self.vertices_m.T, ((0, 0), (0, spare)), mode="edge").ravel()

    def support_m(self, direction: np.ndarray) -> float:
        """How far the mesh reaches from its origin along a unit vector, shape (3,) [m]."""
        return float((self.vertices_m @ np.asarray(direction, np.float32)).max())


@ti.func
def _place(corners: ti.template(), m: ti.template(), placed_out: ti.template()):
    """All corners in the gel frame, x and y in cells, z in metres; in and out x first, then y, then z, each filled up to whole tiles."""
    count = corners.shape[0] // 3
    for tile in range(count // TILE):
        x, y, z = Tile(0.0), Tile(0.0), Tile(0.0)
        for e in range(TILE):
            at = tile * TILE + e
            px, py, pz = corners[at], corners[at + count], corners[at + 2 * count]
            x[e] = m[0] * px + m[1] * py + m[2] * pz + m[3]
            y[e] = m[4] * px + m[5] * py + m[6] * pz + m[7]
            z[e] = m[8] * px + m[9] * py + m[10] * pz + m[11]
        for e in ti.static(range(TILE)):
            placed_out[tile * TILE + e] = x[e]
        for e in ti.static(range(TILE)):
            placed_out[count + tile * TILE + e] = y[e]
        for e in ti.static(range(TILE)):
            placed_out[2 * count + tile * TILE + e] = z[e]


@ti.func
def _corner(placed: ti.template(), v):
    """Corner v in the gel frame."""
    count = placed.shape[0] // 3
    return vec3(placed[v], placed[v + count], placed[v + 2 * count])


@ti.func
def _cross(ax: float, ay: float, bx: float, by: float):
    return ax * by - bx * ay


@ti.func
def _clip(p: vec3, q: vec3, sign: float, y: float, left: float, right: float):
    """Narrow the columns left..right of row y to those on the inner side of the edge p q, and at least one more."""
    rise = sign * (q.y - p.y)
    if ti.abs(rise) > 1e-3:
        x = p.x + (q.x - p.x) * (y - p.y) / (q.y - p.y)
        if rise > 0:
            right = ti.min(right, ti.max(ti.floor(x) + 2.0, left - 1.0))
        else:
            left = ti.max(left, ti.min(ti.ceil(x) - 2.0, right + 1.0))
    return left, right


@ti.func
def _draw(a: vec3, b: vec3, c: vec3, area: float, rows: int, cols: int, out: ti.template()):
    """Lower `out` to one face by (1) and (2)."""
    low, high = ti.min(a, b, c), ti.max(a, b, c)
    j0, j1 = ti.cast(ti.ceil(ti.max(low.x, 0.0)), ti.i32), ti.cast(ti.floor(ti.min(high.x, cols - 1.0)), ti.i32)
    i0, i1 = ti.cast(ti.ceil(ti.max(low.y, 0.0)), ti.i32), ti.cast(ti.floor(ti.min(high.y, rows - 1.0)), ti.i32)
    size = ti.max(high.x - low.x, high.y - low.y)
    if j0 <= j1 and i0 <= i1 and ti.abs(area) > _FLAT * size * size:
        slack = -_INSIDE * size * size
        sign = ti.select(area > 0, 1.0, -1.0)
        for i in range(i0, i1 + 1):
            first, last = j0, j1
            if j1 - j0 > _WIDE:
                left, right = ti.cast(j0, ti.f32), ti.cast(j1, ti.f32)
                left, right = _clip(b, c, sign, float(i), left, right)
                left, right = _clip(c, a, sign, float(i), left, right)
                left, right = _clip(a, b, sign, float(i), left, right)
                first, last = ti.cast(left, ti.i32), ti.cast(right, ti.i32)
            for j in range(first, last + 1):
                e_a = sign * _cross(b.x - j, b.y - i, c.x - j, c.y - i)
                e_b = sign * _cross(c.x - j, c.y - i, a.x - j, a.y - i)
                e_c = sign * _cross(a.x - j, a.y - i, b.x - j, b.y - i)
                if e_a >= slack and e_b >= slack and e_c >= slack:
                    z = a.z + (e_b * (b.z - a.z) + e_c * (c.z - a.z)) / ti.abs(area)
                    z = ti.max(low.z, ti.min(z, high.z))
                    if z < out[i * cols + j]:  # most often it is not, and asking costs less than an atomic
                        ti.atomic_min(out[i * cols + j], z)


@launched
@ti.kernel
def _raster_closed(corners: Flat, face: FlatInt, gel_M_mesh: Flat, rows: int, cols: int, placed_out: Flat, out: Flat):
    _place(corners, gel_M_mesh, placed_out)
    for f in range(face.shape[0] // 3):
        a, b = _corner(placed_out, face[3 * f]), _corner(placed_out, face[3 * f + 1])
        c = _corner(placed_out, face[3 * f + 2])
        area = _cross(b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y)
        if area < 0:
            _draw(a, b, c, area, rows, cols, out)


@launched
@ti.kernel
def _raster_open(corners: Flat, face: FlatInt, gel_M_mesh: Flat, rows: int, cols: int, placed_out: Flat, out: Flat):
    _place(corners, gel_M_mesh, placed_out)
    for f in range(face.shape[0] // 3):
        a, b = _corner(placed_out, face[3 * f]), _corner(placed_out, face[3 * f + 1])
        c = _corner(placed_out, face[3 * f + 2])
        _draw(a, b, c, _cross(b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y), rows, cols, out)


def rasterise(mesh: TriangleMesh, gel_T_mesh: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the lowest z of the mesh over each cell centre [m], float32, shape (rows, cols); +inf where there is none.

    Args:
        mesh: Triangles in their own frame.
        gel_T_mesh: Pose of the mesh in the gel frame, shape (4, 4).
        grid: Cells to look from.
    """
    out = np.full(grid.rows * grid.cols, np.inf, np.float32)
    rasterise_onto(mesh, gel_T_mesh, grid, out)
    return out.reshape(grid.shape)


def rasterise_onto(mesh: TriangleMesh, gel_T_mesh: np.ndarray, grid: Grid, out: np.ndarray) -> None:
    """Lower the map `out` [m], float32, shape (rows * cols,), to the mesh where the mesh is lower."""
    ensure_runtime()
    gel_M_mesh = np.array(gel_T_mesh[:3], np.float64)
    gel_M_mesh[:2] /= grid.spacing_m
    gel_M_mesh[:2, 3] += (grid.cols - 1) / 2, (grid.rows - 1) / 2
    kernel = _raster_closed if mesh.closed else _raster_open
    placed = np.empty(mesh.corners.size, np.float32)
    kernel(mesh.corners, mesh.faces.reshape(-1), gel_M_mesh.astype(np.float32).ravel(), grid.rows, grid.cols, placed, out)
    out += 0.0  # -0.0 and 0.0 are equal to `atomic_min`, but not as bytes


def closed_outwards(vertices_m: np.ndarray, faces: np.ndarray) -> bool:
    """Whether every edge joins two faces that run along it in opposite directions, and every piece encloses a positive volume."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(vertices_m)
    start, end = np.asarray(faces, np.int64).ravel(), np.roll(np.asarray(faces, np.int64), -1, axis=1).ravel()
    forward = np.sort(start * n + end)
    if (forward[1:] == forward[:-1]).any() or not np.array_equal(forward, np.sort(end * n + start)):
        return False
    piece = connected_components(coo_array((np.ones(len(start), bool), (start, end)), shape=(n, n)), directed=False)[1]
    a, b, c = np.asarray(vertices_m, np.float64)[np.asarray(faces).T]
    volume = np.bincount(piece[faces[:, 0]], np.einsum("fk,fk->f", a, np.cross(b, c)))
    return bool((volume[np.unique(piece[faces[:, 0]])] > 0).all())
