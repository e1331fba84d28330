"""A body as triangles: a `Solid` in, one mesh of its whole surface out, for those who draw, walk on or collide with it.

Quadric and torus pieces are cut into a fan or a net along their own parameters; meshes are taken as they are. Pieces that overlap stay
overlapping: the outermost one is what is seen.
"""

import numpy as np

from simtouch._checks import as_number
from simtouch.geometry.raster import TriangleMesh
from simtouch.indenters.quadrics import Annulus, Ellipsoid, Frustum, Quadrics
from simtouch.indenters.solid import Part, Shell, Solid
from simtouch.indenters.torus import Tori, Torus


def surface_mesh(body: Solid, *, segments: int = 64) -> TriangleMesh:
    """The surface of a body, counter-clockwise seen from outside.

    Args:
        body: Any body of `simtouch.indenters`.
        segments: Edges around a round piece, >= 8.
    """
    segments = int(as_number("segments", segments, at_least=8, at_most=4096))
    vertices, faces, count, closed = [], [], 0, True
    for part in body.parts:
        for points, triangles, is_closed in _pieces(part, segments):
            vertices.append(points)
            faces.append(triangles + count)
            count, closed = count + len(points), closed and is_closed
    return TriangleMesh(np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.int32), closed)


def _pieces(part: Part, segments: int):
    """Points, triangles and whether they close, of each piece of a part."""
    if isinstance(part, Shell):
        yield part.mesh.vertices_m, part.mesh.faces, part.mesh.closed
        return
    if not isinstance(part, Quadrics | Tori):
        raise TypeError(f"no triangles are known for {type(part).__name__}")
    for piece in part.pieces:
        points, wraps = _net(piece, segments)
        rows, cols, _ = points.shape
        placed = points.reshape(-1, 3) @ piece.place[:3, :3].T + piece.place[:3, 3]
        yield placed, _triangles(rows, cols, wraps), isinstance(piece, Ellipsoid | Torus)


def _net(piece: Ellipsoid | Frustum | Annulus | Torus, segments: int) -> tuple[np.ndarray, bool]:
    """Points of a piece in its own frame, (rows, segments, 3), rings around z; and whether the last ring joins the first."""
    around = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    cos, sin = np.cos(around), np.sin(around)
    if isinstance(piece, Torus):
        tube = np.linspace(-np.pi, np.pi, segments, endpoint=False)
        radius, z = piece.ring_radius_m + piece.tube_radius_m * np.cos(tube), piece.tube_radius_m * np.sin(tube)
    elif isinstance(piece, Ellipsoid):
        up = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
        (a, b, c), ring = piece.semi_axes_m, np.cos(up)
        points = np.stack([np.outer(ring, a * cos), np.outer(ring, b * sin), np.outer(c * np.sin(up), np.ones(segments))], -1)
        return points, False
    elif isinstance(piece, Frustum):
        radius, z = np.array([piece.radius_low_m, piece.radius_high_m]), np.array([-0.5, 0.5]) * piece.length_m
    else:
        radius, z = np.array([piece.inner_radius_m, piece.outer_radius_m]), np.zeros(2)
    return np.stack([np.outer(radius, cos), np.outer(radius, sin), np.repeat(z[:, None], segments, 1)], -1), isinstance(
        piece, Torus
    )


def _triangles(rows: int, cols: int, wraps: bool) -> np.ndarray:
    """Two triangles for each quad of a net whose columns go round; outside is to the right of upward rings."""
    i, j = np.meshgrid(np.arange(rows if wraps else rows - 1), np.arange(cols), indexing="ij")
    up, right = (i + 1) % rows, (j + 1) % cols
    a, b, c, d = i * cols + j, i * cols + right, up * cols + right, up * cols + j
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
