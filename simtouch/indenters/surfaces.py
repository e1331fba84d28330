"""Triangle meshes from sheets, lofts and hulls of points: arrays of points in, a `TriangleMesh` out."""

import numpy as np
from scipy.spatial import ConvexHull

from simtouch.geometry.raster import TriangleMesh, closed_outwards


def sheet(points_m: np.ndarray) -> TriangleMesh:
    """Return an open surface through a net of points, shape (R, C, 3); its outside is that of a net with rows along y
    and columns along x seen from -z, as the gel sees it."""
    rows, cols = points_m.shape[:2]
    return TriangleMesh(points_m.reshape(-1, 3), _net_faces(rows, cols), closed=False)


def loft(loops_m: np.ndarray) -> TriangleMesh:
    """Return the closed surface through a ring of closed loops, shape (L, N, 3): the last loop joins the first.

    A loop may shrink to a point; two such loops, one at either end, cap a body without a hole.
    """
    loops, count = loops_m.shape[:2]
    net = _net_faces(loops + 1, count + 1)
    row, col = np.divmod(net, count + 1)
    faces = (row % loops) * count + col % count
    vertices = loops_m.reshape(-1, 3)
    a, b, c = vertices[faces.T]
    if np.einsum("fk,fk->", a, np.cross(b, c)) < 0:
        faces = faces[:, ::-1]
    return TriangleMesh(vertices, faces, closed=True)


def rounded_hull(corners_m: np.ndarray, radius_m: float) -> TriangleMesh:
    """Return the convex hull of balls of this radius around the corners, shape (N, 3): a polyhedron with rounded edges.

    Each ball is sampled where the flat faces touch it, so these lie exactly where they should.
    """
    directions = np.zeros((1, 3))
    if radius_m > 0:
        flats = np.unique(np.round(ConvexHull(corners_m).equations[:, :3], 9), axis=0)
        flats /= np.linalg.norm(flats, axis=1, keepdims=True)
        directions = np.concatenate([flats, _ball_directions(12)])
    points = (np.asarray(corners_m)[:, None] + radius_m * directions).reshape(-1, 3)
    hull = ConvexHull(points)
    a, b, c = points[hull.simplices.T]
    inwards = np.einsum("fk,fk->f", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    faces = np.where(inwards[:, None], hull.simplices[:, ::-1], hull.simplices)
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    return TriangleMesh(points[used], faces, closed_outwards(points[used], faces))


def _ball_directions(steps: int) -> np.ndarray:
    """Unit vectors over the sphere, `steps` to a right angle."""
    polar = np.arange(1, 2 * steps) * np.pi / (2 * steps)
    around = np.arange(4 * steps) * np.pi / (2 * steps)
    polar, around = np.meshgrid(polar, around, indexing="ij")
    belt = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    return np.concatenate([belt.reshape(-1, 3), [[0, 0, 1], [0, 0, -1]]])


def _net_faces(rows: int, cols: int) -> np.ndarray:
    """Faces of a net of rows x cols points, shape (2 (rows - 1) (cols - 1), 3)."""
    first = (np.arange(rows - 1)[:, None] * cols + np.arange(cols - 1)).ravel()
    right, below, across = first + 1, first + cols, first + cols + 1
    return np.concatenate([np.stack([first, below, right], 1), np.stack([right, below, across], 1)]).astype(np.int32)
