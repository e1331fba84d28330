"""Shapes of a physics engine as bodies that press on a gel: geoms in, one `Solid` out; and the way back, for any `Solid`.

Sizes are those of MJCF: half lengths, the axis of capsules and cylinders along z.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.geometry.pose import apply
from simtouch.geometry.raster import TriangleMesh, closed_outwards
from simtouch.indenters.primitives import rod
from simtouch.indenters.quadrics import Annulus, Ellipsoid, Frustum, Quadrics
from simtouch.indenters.solid import Part, Shell, Solid
from simtouch.indenters.surfaces import rounded_hull

KINDS = ("sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh")
_EDGE = 0.02  # rounding of a box, in its smallest half length: a sharp edge cuts into an elastic layer without end
_SIGNS = np.stack(np.meshgrid(*[(-1, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True, eq=False, kw_only=True)
class Geom:
    """One rigid shape of a body."""

    kind: str
    """One of `KINDS`."""
    size_m: tuple[float, ...] = ()
    """Radius; radius and half length; half lengths. Not read for a mesh."""
    place: np.ndarray
    """Its pose in the body's frame, (4, 4)."""
    vertices_m: np.ndarray | None = None
    """Of a mesh, in its own frame, (V, 3)."""
    faces: np.ndarray | None = None
    """Of a mesh, (F, 3)."""
    name: str = ""


def solid_of(name: str, geoms: Sequence[Geom]) -> Solid:
    """One body made of all the geoms, its origin that of the body.

    Raises:
        ArgumentError: There is none, or one is of a kind that cannot press on a gel.
    """
    if not geoms:
        raise ArgumentError(f"the body `{name}` has no geom that could touch a gel.")
    sizes = [{"kind": geom.kind, "size_m": [float(s) for s in geom.size_m]} for geom in geoms]
    return Solid(name, {"geoms": sizes}, tuple(_part(geom) for geom in geoms))


def hull_points(solid: Solid, steps: int = 10) -> np.ndarray:
    """Points on the convex hull of a body [m], (N, 3): where planes of many directions touch it.

    The point that a plane with normal u touches is the gradient of the support function h(u); `steps` directions a right angle.
    """
    polar = np.arange(2 * steps + 1) * np.pi / (2 * steps)
    around = np.arange(4 * steps) * np.pi / (2 * steps)
    polar, around = (angle.ravel() for angle in np.meshgrid(polar, around, indexing="ij"))
    directions = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    nudge = 1e-3 * np.eye(3)
    return np.array(
        [[(_reach(solid, u + d) - _reach(solid, u - d)) / 2e-3 for d in nudge] for u in np.unique(directions, axis=0)]
    )


def _reach(solid: Solid, vector: np.ndarray) -> float:
    """The support function, extended to vectors of any length."""
    length = np.linalg.norm(vector)
    return float(length * max(part.support_m(vector / length) for part in solid.parts))


def _part(geom: Geom) -> Part:
    place, size = geom.place, geom.size_m
    if geom.kind == "sphere":
        return Quadrics((Ellipsoid((size[0],) * 3, place),))
    if geom.kind == "ellipsoid":
        return Quadrics((Ellipsoid(tuple(size[:3]), place),))
    if geom.kind == "capsule":
        return Quadrics(rod(size[0], 2 * size[1], place))
    if geom.kind == "cylinder":
        ends = (place @ _raised(z) for z in (-size[1], size[1]))
        return Quadrics((Frustum(size[0], size[0], 2 * size[1], place), *(Annulus(0.0, size[0], end) for end in ends)))
    if geom.kind == "box":
        return Shell(partial(_box, tuple(size[:3]), place))
    if geom.kind == "mesh":
        return Shell(partial(_mesh, np.asarray(geom.vertices_m), np.asarray(geom.faces), place))
    raise ArgumentError(f"the geom `{geom.name}` is a {geom.kind}; what touches a gel must be one of {', '.join(KINDS)}.")


def _raised(z_m: float) -> np.ndarray:
    out = np.eye(4)
    out[2, 3] = z_m
    return out


def _box(half_m: tuple[float, ...], place: np.ndarray) -> TriangleMesh:
    half, edge = np.array(half_m), _EDGE * min(half_m)
    shape = rounded_hull(_SIGNS * (half - edge), edge)
    return _placed(shape.vertices_m, shape.faces, place)


def _mesh(vertices: np.ndarray, faces: np.ndarray, place: np.ndarray) -> TriangleMesh:
    return _placed(vertices, faces, place)


def _placed(vertices: np.ndarray, faces: np.ndarray, place: np.ndarray) -> TriangleMesh:
    vertices, index = np.unique(np.asarray(vertices, np.float32), axis=0, return_inverse=True)
    faces = index.reshape(-1)[np.asarray(faces)].astype(np.int32)
    return TriangleMesh(apply(place, vertices).astype(np.float32), faces, closed_outwards(vertices, faces))
