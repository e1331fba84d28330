"""A height field on a carrier: a function of two lengths in, an open mesh of fine facets out.

u runs along x and v along y, as columns and rows of an image of the body seen from the gel; the relief h(u, v) stands out
of the carrier towards the gel. Its places, with Q the carrier's radius:

    flat        (u, v, -h)                                                                                (1)
    cylinder    ((Q + h) sin(u/Q), v, -(Q + h) cos(u/Q)), axis along y                                    (2)
    sphere      (Q + h) (sin(u/Q) cos(v/Q), sin(v/Q), -cos(u/Q) cos(v/Q))                                 (3)

The border is rounded off, so that a flat patch has no knife edge. The origin is the axis or centre of a curved carrier
and the middle of the bounding box of a flat one.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from simtouch._checks import ArgumentError, as_array, as_number
from simtouch.geometry.raster import TriangleMesh
from simtouch.indenters.solid import Shell, Solid
from simtouch.indenters.surfaces import sheet

FACET_M = 0.055e-3
_MOST_POINTS = 122_000  # of one relief; larger ones get larger facets
_BORDER_RADIUS_M = 0.6e-3
CARRIERS = ("flat", "cylinder", "sphere")

Height = Callable[[np.ndarray, np.ndarray], np.ndarray]


def relief(name: str, height: Callable[..., np.ndarray], shape: dict, *, size_m, carrier: str, carrier_radius_m: float) -> Solid:
    """Return a body whose face is `height(u_m, v_m, **shape)` on a carrier.

    Args:
        name: Name of the body.
        height: A module's function: mesh coordinates and shape parameters to heights [m], larger is nearer to the gel.
        shape: Parameters of `height`, plain numbers.
        size_m: Extent of the face along u and v [m].
        carrier: `flat`, `cylinder` (axis along y) or `sphere`.
        carrier_radius_m: Radius of a curved carrier [m].
    """
    if carrier not in CARRIERS:
        raise ArgumentError(f"`carrier` must be one of {', '.join(CARRIERS)}; got {carrier!r}.")
    size = tuple(as_number("size_m", s, above=4 * FACET_M) for s in as_array("size_m", size_m, "2", np.float64))
    radius = as_number("carrier_radius_m", carrier_radius_m, above=0)
    parameters = {**shape, "size_m": list(size), "carrier": carrier}
    if carrier != "flat":
        parameters["carrier_radius_m"] = radius
        widest = radius * np.pi * (2 if carrier == "cylinder" else 1)
        as_number("size_m[0]", size[0], at_most=widest)
        as_number("size_m[1]", size[1], at_most=radius * np.pi if carrier == "sphere" else np.inf)
    return Solid(name, parameters, (Shell(partial(build_relief, partial(height, **shape), size, carrier, radius)),))


def build_relief(height: Height, size_m: tuple[float, float], carrier: str, radius_m: float) -> TriangleMesh:
    """Return the mesh of a relief by (1) to (3)."""
    width, length = size_m
    facet = max(FACET_M, np.sqrt(width * length / _MOST_POINTS))
    u = np.linspace(-width / 2, width / 2, int(np.ceil(width / facet)) + 1)
    v = np.linspace(-length / 2, length / 2, int(np.ceil(length / facet)) + 1)
    u, v = np.meshgrid(u, v)
    h = height(u, v) - _border_drop(u, v, size_m)
    if carrier == "flat":
        points = np.stack([u, v, -h], axis=-1)
        points[..., 2] -= (points[..., 2].min() + points[..., 2].max()) / 2
    elif carrier == "cylinder":
        points = np.stack([(radius_m + h) * np.sin(u / radius_m), v, -(radius_m + h) * np.cos(u / radius_m)], axis=-1)
    else:
        east, north = u / radius_m, v / radius_m
        direction = np.stack([np.sin(east) * np.cos(north), np.sin(north), -np.cos(east) * np.cos(north)], axis=-1)
        points = (radius_m + h)[..., None] * direction
    return sheet(points)


def _border_drop(u: np.ndarray, v: np.ndarray, size_m: tuple[float, float]) -> np.ndarray:
    """How far a quarter round lowers the border [m]."""
    radius = min(_BORDER_RADIUS_M, *(s / 4 for s in size_m))
    over_u = np.maximum(np.abs(u) - (size_m[0] / 2 - radius), 0)
    over_v = np.maximum(np.abs(v) - (size_m[1] / 2 - radius), 0)
    return radius - np.sqrt(np.maximum(radius**2 - over_u**2 - over_v**2, 0))
