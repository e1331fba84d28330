"""Whether a stream fits on the disk: sensor, codec and frames in, bytes out, and a refusal before anything is written.

    bytes a frame = a H W + b H W + c h w + d M + 4000                                                                (1)

a for the image, b for the height map, c for the maps on the gel grid, measured on clips of a DIGIT; d for markers, a guess. Fine textures
take more, air less, short clips more for the bookkeeping of Parquet; so a stream is refused only where half of (1) does not fit.
"""

import shutil
from pathlib import Path

from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch.sensors.spec import SensorSpec

_IMAGE = {"png": 1.55, "jpeg95": 0.35}  # bytes a pixel
_HEIGHT, _GEL, _MARKER, _ROW = 0.26, 2.0, 13.0, 4000.0
_CLEARLY = 0.5  # of the estimate must fit


def estimate_bytes(spec: SensorSpec, codec: str, frames: int) -> int:
    """About how many bytes `frames` frames of this sensor take (1)."""
    (H, W), (h, w) = spec.image_shape, spec.gel.grid_shape
    markers = 0 if spec.markers is None else spec.markers.rows * spec.markers.cols
    return round(frames * (H * W * (pick("codec", codec, _IMAGE) + _HEIGHT) + h * w * _GEL + markers * _MARKER + _ROW))


def free_bytes(folder: Path) -> int:
    """Room on the disk that `folder` is, or would be, on."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        return shutil.disk_usage(there).free
    except OSError as error:
        raise ArgumentError(f"`{folder}` cannot be used as the output folder: {error.strerror}.") from error


def check_space(folder: Path, needed: int) -> int:
    """Return the free bytes, or raise if `needed`, an estimate, clearly does not fit."""
    free = free_bytes(folder)
    if free < _CLEARLY * needed:
        raise SimtouchError(
            f"The disk is too small: the stream needs about {in_words(needed)} and `{folder}` has {in_words(free)}; "
            "ask for fewer frames, `--codec jpeg95`, or another folder."
        )
    return free


def in_words(count: int) -> str:
    """Bytes for people, as 3.1 GB."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"
