"""What a gripper takes: a name and a generator in, a body of a few simple shapes out, with where to take it.

Frame: x along the grip, y across it, z up; the origin is the body's middle. Sizes suit pads of 13 to 20 mm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simtouch.indenters.solid import Solid
from simtouch.scenes.geom_solids import hull_points

_ALONG_Y = "0.7071068 0.7071068 0 0"
_GRASPABLE_M = (7e-3, 40e-3)  # widths between the fingers


@dataclass(frozen=True, eq=False, kw_only=True)
class Piece:
    """One shape of MJCF."""

    kind: str
    size_m: tuple[float, ...] = ()
    y_m: float = 0.0
    along_y: bool = False
    points_m: np.ndarray | None = None
    """Of a mesh: MuJoCo takes their convex hull."""

    @property
    def volume(self) -> float:
        """Up to one factor for all kinds [m^3]; how the mass is shared out."""
        s = self.size_m
        match self.kind:
            case "sphere":
                return 4 / 3 * np.pi * s[0] ** 3
            case "ellipsoid":
                return 4 / 3 * np.pi * s[0] * s[1] * s[2]
            case "capsule":
                return np.pi * s[0] ** 2 * (2 * s[1] + 4 / 3 * s[0])
            case "cylinder":
                return 2 * np.pi * s[0] ** 2 * s[1]
            case "box":
                return 8 * s[0] * s[1] * s[2]
        return 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class GraspObject:
    """A body to be taken."""

    name: str
    pieces: tuple[Piece, ...]
    half_width_m: float
    """Half of its width between the fingers."""
    half_height_m: float
    """From its origin down to what it stands on."""
    grip_y_m: float = 0.0
    """Where it is best taken along y."""
    reach_y_m: float = 0.0
    """How far from there a hand may take it."""

    def mjcf(self, mass_kg: float) -> tuple[str, str]:
        """(assets, geoms) of MJCF."""
        assets, geoms = [], []
        total = sum(piece.volume for piece in self.pieces)
        for number, piece in enumerate(self.pieces):
            place = f'pos="0 {piece.y_m:.9g} 0" ' + (f'quat="{_ALONG_Y}" ' if piece.along_y else "")
            shape = f'type="{piece.kind}" size="{" ".join(f"{s:.9g}" for s in piece.size_m)}"'
            if piece.points_m is not None:
                assets.append(f'<mesh name="m{number}" vertex="{" ".join(f"{v:.7g}" for v in piece.points_m.ravel())}"/>')
                shape = f'type="mesh" mesh="m{number}"'
            geoms.append(f'<geom {shape} {place}mass="{mass_kg * piece.volume / total:.9g}"/>')
        return "".join(assets), "".join(geoms)


def ball(rng: np.random.Generator) -> GraspObject:
    """A ball."""
    r = rng.uniform(5e-3, 11e-3)
    return GraspObject(name="ball", pieces=(Piece(kind="sphere", size_m=(r,)),), half_width_m=r, half_height_m=r)


def egg(rng: np.random.Generator) -> GraspObject:
    """An ellipsoid that stands upright."""
    a, b, c = rng.uniform((5e-3, 7e-3, 9e-3), (9e-3, 12e-3, 15e-3))
    return GraspObject(name="egg", pieces=(Piece(kind="ellipsoid", size_m=(a, b, c)),), half_width_m=a, half_height_m=c)


def can(rng: np.random.Generator) -> GraspObject:
    """A cylinder that stands upright."""
    r, half = rng.uniform((5e-3, 9e-3), (10e-3, 15e-3))
    return GraspObject(name="can", pieces=(Piece(kind="cylinder", size_m=(r, half)),), half_width_m=r, half_height_m=half)


def rod(rng: np.random.Generator) -> GraspObject:
    """A round bar that lies across the fingers; taken beside its middle it turns."""
    r, half = rng.uniform((4e-3, 12e-3), (8e-3, 25e-3))
    pieces = (Piece(kind="capsule", size_m=(r, half), along_y=True),)
    return GraspObject(name="rod", pieces=pieces, half_width_m=r, half_height_m=r, reach_y_m=0.5 * half)


def block(rng: np.random.Generator) -> GraspObject:
    """A box with its faces to the fingers."""
    half = tuple(rng.uniform((5e-3, 4e-3, 6e-3), (10e-3, 7e-3, 12e-3)))
    return GraspObject(name="block", pieces=(Piece(kind="box", size_m=half),), half_width_m=half[0], half_height_m=half[2])


def bar(rng: np.random.Generator) -> GraspObject:
    """A flat bar that lies across the fingers; taken beside its middle it turns."""
    half = tuple(rng.uniform((4e-3, 15e-3, 4e-3), (8e-3, 30e-3, 6e-3)))
    pieces = (Piece(kind="box", size_m=half),)
    return GraspObject(name="bar", pieces=pieces, half_width_m=half[0], half_height_m=half[2], reach_y_m=0.4 * half[1])


def hammer(rng: np.random.Generator) -> GraspObject:
    """A round handle with a head at one end, taken by the handle."""
    r, half = rng.uniform((4e-3, 16e-3), (7e-3, 24e-3))
    head = Piece(kind="box", size_m=(r + 3e-3, 5e-3, r), y_m=half + 5e-3)
    pieces = (Piece(kind="cylinder", size_m=(r, half), along_y=True), head)
    return GraspObject(name="hammer", pieces=pieces, half_width_m=r, half_height_m=r, reach_y_m=0.3 * half)


OBJECTS: dict[str, Callable[[np.random.Generator], GraspObject]] = {
    f.__name__: f for f in (ball, egg, can, rod, block, bar, hammer)
}
"""Bodies of our own by name."""


def object_of(indenter: Solid) -> GraspObject | None:
    """The convex hull of an indenter, its presented side to the left finger; None where it is too large or too small to be taken."""
    if not isinstance(indenter, Solid):
        return None
    low, high = indenter.bounds_m
    x = high[2] - low[2]
    if (
        not _GRASPABLE_M[0] <= x <= _GRASPABLE_M[1]
        or max(high - low) > 2 * _GRASPABLE_M[1]
        or min(high - low) < _GRASPABLE_M[0] / 2
    ):
        return None
    # The side that looks along its own -z is turned to the left finger, at -x.
    points = (hull_points(indenter) - (low + high) / 2)[:, [2, 0, 1]]
    pieces = (Piece(kind="mesh", points_m=points),)
    return GraspObject(name=indenter.name, pieces=pieces, half_width_m=float(x) / 2, half_height_m=float(-points[:, 2].min()))
