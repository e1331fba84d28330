"""Raised letters: a string in, a flat relief out whose letters have chamfered edges and read as they should.

Outlines come from DejaVu Sans, which Matplotlib carries. With s(u, v) the distance inside the outline, the relief is

    h = depth * clip(s / chamfer, 0, 1)                                                   (1)

so a letter stands at `depth` above its plate and its flanks fall over `chamfer`. Glyphs run along +x and stand along -y:
the camera looks along +z at the face, and the image of the relief reads like print.
"""

from itertools import pairwise

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, as_number
from simtouch.indenters.relief import relief
from simtouch.indenters.solid import Solid

_MARGIN_M = 1e-3


def text(string: str = "F", letter_height_m: float = 8e-3, depth_m: float = 0.8e-3, *, chamfer_m: float = 0.25e-3) -> Solid:
    """Raised letters on a plate.

    Args:
        string: One line of text, up to 40 characters.
        letter_height_m: Height of a capital letter [m].
        depth_m: How far the letters stand out [m].
        chamfer_m: Width of their flanks [m].
    """
    if not isinstance(string, str) or not string.strip() or len(string) > 40 or not string.isprintable():
        raise ArgumentError(f"`string` must be one line of 1 to 40 printable characters; got {string!r}.")
    height = as_number("letter_height_m", letter_height_m, above=0.5e-3, at_most=0.1)
    depth = as_number("depth_m", depth_m, above=0, at_most=0.01)
    chamfer = as_number("chamfer_m", chamfer_m, above=0, at_most=0.01)
    extent = np.ptp(np.concatenate(_outlines(string, height)), axis=0)
    shape = {"string": string, "letter_height_m": height, "depth_m": depth, "chamfer_m": chamfer}
    return relief("text", _raised, shape, size_m=extent + 2 * _MARGIN_M, carrier="flat", carrier_radius_m=1.0)


def _outlines(string: str, letter_height_m: float) -> list[np.ndarray]:
    """Closed outlines of the string in (u, v) [m], centred on their bounding box, each of shape (N, 2)."""
    try:
        from matplotlib.font_manager import FontProperties
        from matplotlib.textpath import TextPath
    except ImportError as error:
        raise MissingExtraError("`text` takes its letters from Matplotlib: pip install matplotlib") from error
    font = FontProperties(family="DejaVu Sans", weight="bold")
    capital = TextPath((0, 0), "H", size=100, prop=font).get_extents().height
    path = TextPath((0, 0), string.replace("$", r"\$"), size=100, prop=font)
    polygons = [p for p in path.to_polygons() if len(p) > 3]
    if not polygons:
        raise ArgumentError(f"`string` must hold a visible letter; got {string!r}.")
    points = np.concatenate(polygons)
    middle = (points.min(0) + points.max(0)) / 2
    return [(p - middle) * (letter_height_m / capital) * (1, -1) for p in polygons]


def _raised(u: np.ndarray, v: np.ndarray, string: str, letter_height_m: float, depth_m: float, chamfer_m: float) -> np.ndarray:
    """Equation (1)."""
    inside = _distance_inside(u.ravel(), v.ravel(), _outlines(string, letter_height_m)).reshape(u.shape)
    return depth_m * np.clip(inside / chamfer_m, 0, 1)


def _distance_inside(u: np.ndarray, v: np.ndarray, outlines: list[np.ndarray]) -> np.ndarray:
    """Distance to the nearest outline where the winding number is not 0, else 0 [m], shape (N,)."""
    nearest2 = np.full(u.shape, np.inf)
    winding = np.zeros(u.shape, np.int32)
    for outline in outlines:
        for (u0, v0), (u1, v1) in pairwise(outline):
            du, dv = u1 - u0, v1 - v0
            if du == 0 and dv == 0:
                continue
            side = (u - u0) * dv - (v - v0) * du
            winding += (v0 <= v) & (v < v1) & (side < 0)
            winding -= (v1 <= v) & (v < v0) & (side > 0)
            along = np.clip(((u - u0) * du + (v - v0) * dv) / (du * du + dv * dv), 0, 1)
            nearest2 = np.minimum(nearest2, (u - u0 - along * du) ** 2 + (v - v0 - along * dv) ** 2)
    return np.where(winding != 0, np.sqrt(nearest2), 0.0)
