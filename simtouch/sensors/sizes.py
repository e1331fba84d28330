"""A sensor at a smaller size: a spec and a whole factor in, the same gel and light seen by fewer pixels out.

A pixel of the small image is the mean of factor x factor of the large one: its pitch grows by the factor, white noise and the blur (in
pixels) shrink by it. What has its own coordinates, as colours, cosines, dots and marks, stays.
"""

from dataclasses import replace

import cv2
import numpy as np

from simtouch._checks import ArgumentError
from simtouch.sensors.background import Background
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.spec import SensorSpec


def shrink(spec: SensorSpec, factor: int, *, cells: int | None = None) -> SensorSpec:
    """The sensor with an image `factor` times smaller on each side.

    Args:
        spec: The sensor at its own size.
        factor: Whole number >= 1 that divides rows and columns.
        cells: Cells of the gel grid along the image's longer side; None keeps the grid where it fits the small image, else the finest
            that does.

    Raises:
        ArgumentError: The factor or the cells do not divide the image; the message lists what does.
    """
    H, W = spec.image_shape
    if not isinstance(factor, int | np.integer) or factor < 1 or H % factor or W % factor:
        raise ArgumentError(f"`factor` must be a whole number that divides the image of {H} x {W}; got {factor!r}.")
    shape = H // factor, W // factor
    camera = replace(
        spec.camera,
        image_shape=shape,
        pixel_pitch_m=spec.camera.pixel_pitch_m * factor,
        blur_px=spec.camera.blur_px / factor,
        noise_std=tuple(std / factor for std in spec.camera.noise_std),
    )
    gel = replace(
        spec.gel, grid_shape=_grid(shape, max(spec.gel.grid_shape) if cells is None else cells, exact=cells is not None)
    )
    return replace(spec, camera=camera, gel=gel, background=_smaller(spec.background, shape))


def _grid(shape: tuple[int, int], cells: int, *, exact: bool) -> tuple[int, int]:
    """Rows and columns of the gel grid: `cells` along the longer side, an even number of pixels a cell."""
    fitting = {max(shape) // ratio: ratio for ratio in range(2, 65, 2) if not (shape[0] % ratio or shape[1] % ratio)}
    if exact and cells not in fitting:
        listed = ", ".join(str(n) for n in sorted(fitting))
        raise ArgumentError(f"`cells` must be one of {listed} for an image of {shape[0]} x {shape[1]}; got {cells!r}.")
    ratio = fitting[cells] if exact else fitting[max((n for n in fitting if n <= cells), default=min(fitting))]
    return shape[0] // ratio, shape[1] // ratio


def _smaller(background: Background | None, shape: tuple[int, int]) -> Background | None:
    """A measured picture at the new size; cosines have none."""
    if background is None or background.picture is None or background.picture.shape[:2] == shape:
        return background
    picture = cv2.resize(background.picture.array, shape[::-1], interpolation=cv2.INTER_AREA)
    return replace(background, picture=Numbers(picture))
