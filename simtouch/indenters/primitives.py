"""Smooth shapes, exact under any tilt: sizes in, a `Solid` of quadrics and tori out. No facets, so none in the shading.

The origin is the centre of the bounding box; unturned, the end named by the shape's presentation looks at the gel (-z).
"""

from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, as_array, as_number
from simtouch.geometry.pose import pose, rotation_x
from simtouch.indenters.quadrics import Annulus, Ellipsoid, Frustum, Quadrics
from simtouch.indenters.solid import Solid
from simtouch.indenters.torus import Tori, Torus

LYING = rotation_x(-np.pi / 2)  # takes a shape's own axis, z, to y: along the columns of the image


def sphere(radius_m: float = 4e-3) -> Solid:
    """A ball."""
    r = as_number("radius_m", radius_m, above=0)
    return Solid("sphere", {"radius_m": r}, (Quadrics((Ellipsoid((r, r, r)),)),))


def ellipsoid(semi_axes_m=(5e-3, 3e-3, 4e-3)) -> Solid:
    """An ellipsoid with these half lengths along x, y and z."""
    a, b, c = (as_number("semi_axes_m", value, above=0) for value in as_array("semi_axes_m", semi_axes_m, "3", np.float64))
    return Solid("ellipsoid", {"semi_axes_m": [a, b, c]}, (Quadrics((Ellipsoid((a, b, c)),)),))


def cylinder(
    radius_m: float = 3e-3, length_m: float = 12e-3, *, axis: Literal["side", "end"] = "side", edge_radius_m: float = 0.0
) -> Solid:
    """A cylinder that lies on its side along y, or stands on its end.

    Args:
        radius_m: Radius [m].
        length_m: Length along its axis, rounded edges included [m].
        axis: Which face looks at the gel.
        edge_radius_m: Rounding of both rims [m]; 0 is sharp.
    """
    r, length = as_number("radius_m", radius_m, above=0), as_number("length_m", length_m, above=0)
    edge = as_number("edge_radius_m", edge_radius_m, at_least=0, at_most=min(r, length / 2) * 0.99)
    turn = _presented("axis", axis, {"side": LYING, "end": np.eye(3)})
    parameters = {"radius_m": r, "length_m": length, "axis": axis, "edge_radius_m": edge}
    return Solid(f"cylinder_{axis}", parameters, _drum(0.0, r, length, edge, turn))


def flat_punch(radius_m: float = 3e-3, length_m: float = 8e-3, *, edge_radius_m: float = 0.3e-3) -> Solid:
    """A round punch with a flat end and a rounded rim, as used to measure stiffness."""
    end = cylinder(radius_m, length_m, axis="end", edge_radius_m=edge_radius_m)
    return Solid("flat_punch", {k: v for k, v in end.parameters.items() if k != "axis"}, end.parts)


def ring(
    outer_radius_m: float = 4.5e-3,
    inner_radius_m: float = 3e-3,
    thickness_m: float = 2e-3,
    *,
    axis: Literal["side", "end"] = "end",
    edge_radius_m: float = 0.15e-3,
) -> Solid:
    """A washer: a flat ring of rectangular section with rounded rims, lying flat (`end`) or on edge (`side`)."""
    outer, thickness = as_number("outer_radius_m", outer_radius_m, above=0), as_number("thickness_m", thickness_m, above=0)
    inner = as_number("inner_radius_m", inner_radius_m, above=0, below=outer)
    edge = as_number("edge_radius_m", edge_radius_m, at_least=0, at_most=min(outer - inner, thickness) / 2 * 0.99)
    turn = _presented("axis", axis, {"side": LYING, "end": np.eye(3)})
    sizes = {"outer_radius_m": outer, "inner_radius_m": inner, "thickness_m": thickness}
    return Solid("ring", {**sizes, "axis": axis, "edge_radius_m": edge}, _drum(inner, outer, thickness, edge, turn))


def cone(
    radius_m: float = 4e-3, height_m: float = 6e-3, *, tip_radius_m: float = 0.2e-3, axis: Literal["tip", "side"] = "tip"
) -> Solid:
    """A cone whose tip presses, or that lies on its side.

    Args:
        radius_m: Radius of the base [m].
        height_m: Height of the cone before its tip is rounded [m].
        tip_radius_m: Radius of the ball that rounds the tip [m]; 0 is sharp.
        axis: `tip` looks at the gel, or `side`: the axis lies along y, the tip towards -y.
    """
    r, height = as_number("radius_m", radius_m, above=0), as_number("height_m", height_m, above=0)
    slant = float(np.hypot(r, height))
    sine, cosine = r / slant, height / slant  # of the half angle at the tip
    tip = as_number("tip_radius_m", tip_radius_m, at_least=0, at_most=0.9 * height * sine / (cosine * cosine))
    start = tip * cosine * cosine / sine  # height of the circle in which ball and cone touch
    cut = tip / sine - tip  # what the rounding takes off
    middle = (cut + height) / 2
    side = Frustum(start * r / height, r, height - start, pose((0, 0, (start + height) / 2 - middle)))
    pieces = [side, Annulus(0.0, r, pose((0, 0, height - middle)))]
    if tip > 0:
        pieces.append(Ellipsoid((tip, tip, tip), pose((0, 0, tip / sine - middle))))
    turn = _presented("axis", axis, {"side": LYING, "tip": np.eye(3)})
    parameters = {"radius_m": r, "height_m": height, "tip_radius_m": tip, "axis": axis}
    return Solid("cone", parameters, (Quadrics(tuple(_turned(piece, turn) for piece in pieces)),))


def capsule(radius_m: float = 2.5e-3, length_m: float = 11e-3) -> Solid:
    """A cylinder with round ends that lies along y, `length_m` from end to end."""
    r = as_number("radius_m", radius_m, above=0)
    length = as_number("length_m", length_m, above=2 * r)
    return Solid("capsule", {"radius_m": r, "length_m": length}, (Quadrics(rod(r, length - 2 * r, pose((0, 0, 0), LYING))),))


def torus(ring_radius_m: float = 3.5e-3, tube_radius_m: float = 1.2e-3, *, axis: Literal["side", "end"] = "end") -> Solid:
    """An O-ring that lies flat (`end`) or stands on its edge (`side`)."""
    r = as_number("ring_radius_m", ring_radius_m, above=0)
    tube = as_number("tube_radius_m", tube_radius_m, above=0, below=r)
    turn = _presented("axis", axis, {"side": LYING, "end": np.eye(3)})
    parameters = {"ring_radius_m": r, "tube_radius_m": tube, "axis": axis}
    return Solid("torus", parameters, (Tori((Torus(r, tube, pose((0, 0, 0), turn)),)),))


def rod(radius_m: float, length_m: float, place: np.ndarray) -> tuple:
    """Pieces of a cylinder of this length about the z axis of `place`, with a ball on either end."""
    ball = (radius_m, radius_m, radius_m)
    ends = (Ellipsoid(ball, place @ pose((0, 0, side * length_m / 2))) for side in (-1, 1))
    return (Frustum(radius_m, radius_m, length_m, place), *ends)


def _drum(inner: float, outer: float, length: float, edge: float, turn: np.ndarray) -> tuple:
    """Parts of a cylinder with an optional bore and rims rounded by `edge`; whole tori lie inside and round the rims."""
    straight = length - 2 * edge
    pieces = [Frustum(outer, outer, straight)]
    pieces += [Annulus(inner and inner + edge, outer - edge, pose((0, 0, end))) for end in (-length / 2, length / 2)]
    rings = [outer - edge]
    if inner > 0:
        pieces.append(Frustum(inner, inner, straight))
        rings.append(inner + edge)
    parts = (Quadrics(tuple(_turned(piece, turn) for piece in pieces)),)
    if edge > 0:
        heights = (-straight / 2, straight / 2)
        parts += (Tori(tuple(Torus(r, edge, pose((0, 0, 0), turn) @ pose((0, 0, z))) for r in rings for z in heights)),)
    return parts


def _turned(piece, turn: np.ndarray):
    """The same piece with its place turned about the body's origin."""
    return type(piece)(**{**vars(piece), "place": pose((0, 0, 0), turn) @ piece.place})


def _presented(argument: str, choice: str, turns: dict[str, np.ndarray]) -> np.ndarray:
    if choice not in turns:
        raise ArgumentError(f"`{argument}` must be one of {', '.join(turns)}; got {choice!r}.")
    return turns[choice]
