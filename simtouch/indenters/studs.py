"""Plates with round studs, and crossed rods: sizes in, a `Solid` of exact balls and rods out."""

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch.geometry.pose import pose, rotation_y
from simtouch.indenters.polyhedra import plate
from simtouch.indenters.primitives import LYING, rod
from simtouch.indenters.quadrics import Ellipsoid, Quadrics
from simtouch.indenters.solid import Solid

# Dots of the six-dot cell by letter, numbered 1 2 3 down the left column and 4 5 6 down the right (ISO/TR 11548-1).
_BRAILLE = {
    "a": "1", "b": "12", "c": "14", "d": "145", "e": "15", "f": "124", "g": "1245", "h": "125", "i": "24",
    "j": "245", "k": "13", "l": "123", "m": "134", "n": "1345", "o": "135", "p": "1234", "q": "12345", "r": "1235",
    "s": "234", "t": "2345", "u": "136", "v": "1236", "w": "2456", "x": "1346", "y": "13456", "z": "1356",
}  # fmt: skip


def dots(pitch_m: float = 2.5e-3, dot_radius_m: float = 0.8e-3, depth_m: float = 0.6e-3, *, count: int = 4) -> Solid:
    """A square plate with count x count round studs.

    Args:
        pitch_m: Distance between neighbours [m].
        dot_radius_m: Radius of a stud where it leaves the plate [m].
        depth_m: How far studs stand out, at most their radius [m].
        count: Studs along x and along y.
    """
    pitch = as_number("pitch_m", pitch_m, above=0)
    count = int(as_number("count", count, at_least=1, at_most=30))
    places = (np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2) - (count - 1) / 2) * pitch
    sizes = {"pitch_m": pitch, **_stud_sizes(dot_radius_m, depth_m)}
    return _studded("dots", {**sizes, "count": count}, places, np.full(2, pitch * count), sizes)


def braille(string: str = "gel", pitch_m: float = 2.5e-3, *, dot_radius_m: float = 0.75e-3, depth_m: float = 0.48e-3) -> Solid:
    """A word in braille; the default sizes are those of printed books.

    Args:
        string: Letters a to z and spaces, up to 12.
        pitch_m: Distance between the dots of a cell [m]; cells are 2.4 pitches apart.
        dot_radius_m: Radius of a dot where it leaves the plate [m].
        depth_m: How far dots stand out, at most their radius [m].
    """
    letters = string.lower() if isinstance(string, str) else ""
    if not 1 <= len(letters) <= 12 or not letters.strip() or not set(letters) <= {" ", *_BRAILLE}:
        raise ArgumentError(f"`string` must hold 1 to 12 letters from a to z, or spaces between them; got {string!r}.")
    pitch = as_number("pitch_m", pitch_m, above=0)
    cells = [(2.4 * i, int(dot) - 1) for i, letter in enumerate(letters) for dot in _BRAILLE.get(letter, "")]
    middle = np.array([(2.4 * (len(letters) - 1) + 1) / 2, 1.0])
    places = (np.array([(left + dot // 3, dot % 3) for left, dot in cells]) - middle) * pitch
    sizes = {"pitch_m": pitch, **_stud_sizes(dot_radius_m, depth_m)}
    return _studded("braille", {"string": letters, **sizes}, places, (2 * middle + 1.4) * pitch, sizes)


def grid(pitch_m: float = 2.5e-3, rod_radius_m: float = 0.5e-3, *, count: int = 5) -> Solid:
    """Wire mesh: `count` round rods along y that lie on as many along x; the former press first.

    Args:
        pitch_m: Distance between neighbouring rods [m].
        rod_radius_m: Radius of the rods [m]; crossing rods overlap by half of it.
        count: Rods each way.
    """
    pitch = as_number("pitch_m", pitch_m, above=0)
    radius = as_number("rod_radius_m", rod_radius_m, above=0, at_most=pitch / 2)
    count = int(as_number("count", count, at_least=1, at_most=30))
    offsets, length, lift = (np.arange(count) - (count - 1) / 2) * pitch, count * pitch, radius / 4
    pieces = []
    for offset in offsets:
        pieces += rod(radius, length, pose((offset, 0, -lift), LYING))
        pieces += rod(radius, length, pose((0, offset, lift), rotation_y(np.pi / 2)))
    return Solid("grid", {"pitch_m": pitch, "rod_radius_m": radius, "count": count}, (Quadrics(tuple(pieces)),))


def _stud_sizes(dot_radius_m: float, depth_m: float) -> dict[str, float]:
    radius = as_number("dot_radius_m", dot_radius_m, above=0)
    return {"dot_radius_m": radius, "depth_m": as_number("depth_m", depth_m, above=0, at_most=radius)}


def _studded(name: str, parameters: dict, places: np.ndarray, size_m: np.ndarray, sizes: dict[str, float]) -> Solid:
    """Caps of balls on a plate thick enough to hide the rest of each ball."""
    foot, depth = sizes["dot_radius_m"], sizes["depth_m"]
    ball = (foot**2 + depth**2) / (2 * depth)
    thickness = max(2 * ball - depth, 1e-3) + 0.1e-3
    top = -thickness / 2  # of the plate, in a body with the studs' crowns at -(thickness + depth) / 2
    middle = depth / 2
    balls = [Ellipsoid((ball, ball, ball), pose((x, y, top - depth + ball + middle))) for x, y in places]
    backing = plate((*(size_m + 2 * foot), thickness), pose((0, 0, middle)))
    return Solid(name, parameters, (Quadrics(tuple(balls)), backing))
