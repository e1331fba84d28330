"""What all importers share: a base sensor and somebody's optics in, one `SensorSpec` out."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch.sensors.background import Background
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.spec import SensorSpec

MOST_SIDE = 1200
"""Largest image side that is imported [px]."""
CELLS_ALONG = 80
"""Cells of the mechanics grid along the longer side of the image, as in the presets."""


def the_file(folder: str | Path, *names: str) -> Path | None:
    """The first of these files that is in `folder`."""
    return next((path for name in names if (path := Path(folder) / name).is_file()), None)


def folder_of(path: str | Path) -> Path:
    """`path` if it is a folder, the folder around it if it is a file."""
    path = Path(path)
    if not path.exists():
        raise ArgumentError(f"`{path}` does not exist; an import wants a folder, or a file in one.")
    return path if path.is_dir() else path.parent


def grid_shape(image_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the mechanics grid: the even division of the image that comes nearest to 80 cells along it."""
    H, W = image_shape
    if not all(type(n) is int and 8 <= n <= MOST_SIDE for n in image_shape):
        raise ArgumentError(f"an imported image must have sides of 8 to {MOST_SIDE} pixels; got {image_shape}.")
    steps = [k for k in range(2, min(H, W) // 2 + 1, 2) if H % k == 0 and W % k == 0]
    if not steps:
        raise ArgumentError(f"an imported image must have two even sides; got {image_shape}.")
    k = min(steps, key=lambda k: abs(math.log(max(H, W) / k / CELLS_ALONG)))
    return H // k, W // k


def imported_spec(
    base: SensorSpec,
    *,
    kind: str,
    path: str | Path,
    image_shape: tuple[int, int],
    pixel_pitch_m: float,
    response: ColourTable | None,
    background: np.ndarray | None,
    dome_radius_m: tuple[float, float] | None = None,
    sources: dict[str, str],
) -> SensorSpec:
    """`base` with somebody else's optics.

    Args:
        base: What gel, camera speed, noise and all the rest are inherited from.
        kind: Name of the format.
        path: Where the calibration was.
        image_shape: Rows and columns.
        pixel_pitch_m: Gel length seen by one pixel [m].
        response: Colour response; None: from the lamps of `base`.
        background: Resting picture [grey levels], (H, W, 3) RGB; None: none came with the files.
        dome_radius_m: Radii of curvature of the resting gel [m]; None: as `base`.
        sources: Where each value came from.
    """
    sources = base.sources | {"base": f"all that is not named otherwise is inherited from `{base.name}`"} | sources
    if background is None:
        kept = base.background if base.background and not base.background.picture else None
        sources["background"] = f"none came with the files: {f'that of `{base.name}`' if kept else 'from its lamps'}"
    else:
        kept = Background(picture=Numbers(background))
    dome = base.gel.dome_radius_m if dome_radius_m is None else dome_radius_m
    pitch = as_number("pixel_pitch_m", pixel_pitch_m, above=0, at_most=1e-3)
    stem = re.sub(r"[^A-Za-z0-9]+", "_", Path(path).resolve().stem).strip("_").lower() or "calibration"
    return replace(
        base,
        name=f"{kind}_{stem}".replace("-", "_"),
        gel=replace(base.gel, grid_shape=grid_shape(image_shape), dome_radius_m=dome),
        camera=replace(base.camera, image_shape=tuple(image_shape), pixel_pitch_m=pitch),
        response=response,
        background=kept,
        sources=sources,
    )


def dome_radius_px(height_px: np.ndarray) -> tuple[float, float]:
    """Radii of curvature along x and y [px] of a resting gel, by a least-squares paraboloid; inf = flat. The sign is dropped."""
    H, W = height_px.shape
    y, x = np.meshgrid(np.arange(H) - (H - 1) / 2, np.arange(W) - (W - 1) / 2, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).reshape(-1, 6)
    *_, along_x, along_y = np.linalg.lstsq(terms, np.asarray(height_px, float).ravel(), rcond=None)[0]
    across, down = (math.inf if abs(c) < 1e-9 else float(0.5 / abs(c)) for c in (along_x, along_y))
    return across, down
