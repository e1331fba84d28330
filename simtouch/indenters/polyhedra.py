"""Bodies with flat faces and slightly rounded edges: sizes in, a `Solid` with one mesh out.

The origin is the centre of the bounding box of the unturned presentation.
"""

from functools import partial
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, as_array, as_number
from simtouch.geometry.pose import apply, rotation_x, rotation_y
from simtouch.indenters.solid import Shell, Solid
from simtouch.indenters.surfaces import rounded_hull

_SIGNS = np.stack(np.meshgrid(*[(-1, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)  # corners of a cube
_TO_EDGE = rotation_y(np.pi / 4)  # an edge along y looks down
_PRESENTED = {"face": np.eye(3), "edge": _TO_EDGE, "corner": rotation_x(np.arctan(np.sqrt(0.5))) @ _TO_EDGE}


def box(
    size_m=(8e-3, 6e-3, 5e-3), *, presentation: Literal["face", "edge", "corner"] = "face", edge_radius_m: float = 0.15e-3
) -> Solid:
    """A block that presses with a face, an edge along y, or a corner.

    Args:
        size_m: Lengths along its own x, y and z before it is presented, rounding included [m].
        presentation: What looks at the gel.
        edge_radius_m: Rounding of edges and corners [m]; 0 is sharp.
    """
    size = np.array([as_number("size_m", s, above=0) for s in as_array("size_m", size_m, "3", np.float64)])
    edge = as_number("edge_radius_m", edge_radius_m, at_least=0, at_most=size.min() * 0.49)
    if presentation not in _PRESENTED:
        raise ArgumentError(f"`presentation` must be face, edge or corner; got {presentation!r}.")
    corners = _SIGNS * (size / 2 - edge) @ _PRESENTED[presentation].T
    parameters = {"size_m": size.tolist(), "presentation": presentation, "edge_radius_m": edge}
    return _polyhedron(f"box_{presentation}", parameters, corners, edge)


def pyramid(base_m: float = 7e-3, height_m: float = 4e-3, *, sides: int = 4, edge_radius_m: float = 0.15e-3) -> Solid:
    """A regular pyramid whose tip presses; `base_m` is the width across its base's corners, before rounding."""
    base, height = as_number("base_m", base_m, above=0), as_number("height_m", height_m, above=0)
    sides = int(as_number("sides", sides, at_least=3, at_most=64))
    edge = as_number("edge_radius_m", edge_radius_m, at_least=0, at_most=min(base, height) * 0.2)
    angles = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    rim = np.stack([base / 2 * np.cos(angles), base / 2 * np.sin(angles), np.full(sides, height)], axis=1)
    parameters = {"base_m": base, "height_m": height, "sides": sides, "edge_radius_m": edge}
    return _polyhedron("pyramid", parameters, np.vstack([rim, (0, 0, 0)]), edge)


def wedge(
    length_m: float = 12e-3, angle_rad: float = np.pi / 3, *, height_m: float = 4e-3, edge_radius_m: float = 0.1e-3
) -> Solid:
    """A roof whose straight edge, along y, presses: the angle between its two faces is `angle_rad`."""
    length, height = as_number("length_m", length_m, above=0), as_number("height_m", height_m, above=0)
    angle = as_number("angle_rad", angle_rad, above=0.05, below=np.pi - 0.05)
    edge = as_number("edge_radius_m", edge_radius_m, at_least=0, at_most=min(length, height) * 0.2)
    half = height * np.tan(angle / 2)
    ends = [[x, side * length / 2, z] for side in (-1, 1) for x, z in ((0, 0), (-half, height), (half, height))]
    parameters = {"length_m": length, "angle_rad": angle, "height_m": height, "edge_radius_m": edge}
    return _polyhedron("wedge", parameters, np.array(ends), edge)


def plate(size_m: tuple[float, float, float], place: np.ndarray, edge_radius_m: float = 0.3e-3) -> Shell:
    """Part of a larger body: a block of this size with rounded edges, centred at `place`, shape (4, 4)."""
    half = np.asarray(size_m) / 2
    edge = min(edge_radius_m, half.min() * 0.9)
    return Shell(partial(rounded_hull, apply(place, _SIGNS * (half - edge)), edge))


def _polyhedron(name: str, parameters: dict, corners_m: np.ndarray, edge_radius_m: float) -> Solid:
    corners = np.array(corners_m, np.float64)
    corners -= (corners.min(0) + corners.max(0)) / 2
    return Solid(name, parameters, (Shell(partial(rounded_hull, corners, edge_radius_m)),))
