"""A calibrated sensor: a preset, a fit and its presses in, a `SensorSpec` out; and the check that its file is whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.rest_picture import fit_cosines
from simtouch.optics.calibration.table_fit import TableFit
from simtouch.optics.renderer import OpticsConfig, Renderer
from simtouch.sensors.background import Background
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.sensor_file import load_sensor
from simtouch.sensors.spec import SensorSpec

_CELLS = 80
"""Columns that the mechanics grid should have, about."""
_FINEST = 200  # beyond this many columns the contact solver takes seconds a frame
_PER_LEVEL = 4  # the background is kept to a quarter of a grey level, which packs well and rounds away in 8 bits


def calibrated_sensor(base: SensorSpec, fit: TableFit, presses: PressSet, *, name: str, notes: dict[str, str]) -> SensorSpec:
    """Return `base` with the image, the response and the resting picture of the presses.

    Args:
        base: Whose gel, camera, lamps and markers are inherited.
        fit: Of the presses.
        presses: With their ball and pixel size.
        name: Of the sensor.
        notes: What to keep of how the circles were found and what the error is.
    """
    shape = presses.image_shape
    said = (
        f"calibrated by simtouch.calibrate from {len(presses)} presses, ball radius {1e3 * presses.ball_radius_m:g} mm, "
        f"{1e3 * presses.pixel_pitch_m:g} mm a pixel"
    )
    return replace(
        base,
        name=name,
        gel=replace(base.gel, grid_shape=grid_shape(shape)),
        camera=replace(base.camera, image_shape=shape, pixel_pitch_m=presses.pixel_pitch_m),
        response=replace(fit.table, notes=fit.table.notes | notes),
        background=Background(picture=Numbers(np.round(np.clip(fit.background, 0, 255) * _PER_LEVEL) / _PER_LEVEL)),
        sources=base.sources
        | {
            "camera.image_shape": "that of the presses",
            "camera.pixel_pitch_m": "given to simtouch.calibrate",
            "gel.grid_shape": "follows from the image",
            "response": said,
            "background": f"resting gel of {len(presses)} presses and their no-contact frame",
        },
    )


def smooth_background(spec: SensorSpec) -> SensorSpec:
    """`spec` with the smooth part of its resting picture in place of the picture."""
    return replace(spec, background=Background(cosines=fit_cosines(spec.background.picture.array)))


def grid_shape(image_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a mechanics grid that divides the image by one even number and has about `_CELLS` columns."""
    H, W = image_shape
    ratios = [k for k in range(2, min(H, W) + 1, 2) if H % k == 0 and W % k == 0 and W // k <= _FINEST]
    if not ratios:
        raise ArgumentError(
            f"pictures of {W} x {H} pixels cannot be divided into square cells of an even number of pixels; "
            "crop or resize all of them, to 320 x 240 or 640 x 480 for example."
        )
    ratio = min(ratios, key=lambda k: abs(np.log(W / k / _CELLS)))
    return H // ratio, W // ratio


def check_sensor_file(path: Path) -> SensorSpec:
    """Return the sensor in a file, or raise `ArgumentError` where it cannot be read or its resting gel is not its background."""
    spec = load_sensor(path)
    renderer = Renderer(spec, OpticsConfig(noise=False))
    seen = renderer.render_clean(np.zeros(spec.image_shape, np.float32))
    if not np.array_equal(seen, renderer.background):
        raise ArgumentError(f"`{path}` does not show its background at rest; it was not written.")
    if spec.background is not None and spec.background.picture is not None and spec.markers is None:
        off = np.abs(seen - spec.background.levels(spec.image_shape)).max()
        if not off <= 0.5 + 1e-3:
            raise ArgumentError(f"`{path}` shows its resting gel {off:.1f} grey levels off the measured one; it was not written.")
    return spec
