"""GPU-Taxim (the package `taxim`): a folder with `params.json` beside Taxim's files in, a `SensorSpec` out.

Of the parameters the sensor's own are taken: pixel size, image size, bins. Its pyramid of blurs stands in for a gel and its shadow search
for shadows; both are other models than ours and are left out.
"""

import json
from pathlib import Path

from simtouch._checks import ArgumentError, as_number
from simtouch.optics.importers.imported import MOST_SIDE, folder_of, the_file
from simtouch.optics.importers.taxim import import_taxim
from simtouch.sensors.spec import SensorSpec

MOST_BYTES = 1 << 20


def import_gpu_taxim(path: str | Path, base: SensorSpec) -> SensorSpec:
    """Return `base` with the colours and the scale of a GPU-Taxim calibration; `path` is the folder or a file in it."""
    folder = folder_of(path)
    file = the_file(folder, "params.json")
    if file is None:
        raise ArgumentError(f"`{folder}` has no params.json; a GPU-Taxim calibration is a folder with one.")
    sensor = _sensor_of(file)
    shape = tuple(_whole(file, sensor, name) for name in ("h", "w"))
    pitch_mm = as_number("sensor.pixmm of params.json", sensor.get("pixmm"), above=0, at_most=1)
    record = {
        "camera.pixel_pitch_m": f"params.json: {pitch_mm:g} mm; unverified, the package gives one value for GelSight and GelSight Mini",
        "gel": f"deform_* of params.json are not used: the gel is the elastic layer of `{base.name}`",
    }
    return import_taxim(folder, base, image_shape=shape, pixel_pitch_m=pitch_mm * 1e-3, kind="gpu-taxim", sources=record)


def _sensor_of(file: Path) -> dict:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ArgumentError(f"`{file}` is larger than the {MOST_BYTES >> 20} MB that are read.")
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"`{file}` is not readable JSON: {error}.") from error
    if not isinstance(data, dict) or not isinstance(data.get("sensor"), dict):
        raise ArgumentError(f"`{file}` has no object `sensor`; GPU-Taxim's has one with pixmm, num_bins, w and h.")
    return data["sensor"]


def _whole(file: Path, sensor: dict, name: str) -> int:
    value = sensor.get(name)
    if type(value) is not int or not 0 < value <= MOST_SIDE:
        raise ArgumentError(f"`sensor.{name}` of `{file}` must be a whole number from 1 to {MOST_SIDE}; got {value!r:.40}.")
    return value
