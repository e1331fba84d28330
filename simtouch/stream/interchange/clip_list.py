"""Clips of a folder by position, and what all clips of foreign files share."""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import decode_image

MOST_BYTES = 1 << 26
"""Largest picture that is read; a frame of the largest sensor is a hundredth of it."""
_BACKGROUND = re.compile(r"(background|bg)(?![a-z])", re.IGNORECASE)
_PICTURES = {".png", ".jpg", ".jpeg"}


class ClipList(Sequence):
    """Clips of one folder. Picklable: it holds names, not open files."""

    def __init__(self, path: str | Path, clips: Iterable[AnyClip]):
        self.path = Path(path)
        self._clips = tuple(clips)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}: {len(self)} clips)"

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> AnyClip:
        if not -len(self) <= index < len(self):
            raise IndexError(f"clip {index} of a folder of {len(self)} clips")
        return copy.copy(self._clips[index])  # what it opens goes when it goes

    def __iter__(self) -> Iterator[AnyClip]:
        return (self[i] for i in range(len(self)))


class ForeignClip(AnyClip):
    """A clip that knows its images and, perhaps, where the resting sensor is shown."""

    synthetic = False
    indenter = motion = ""
    background_file: Path | None = None

    def __init__(self, *, source: str, clip_id: int, name: str, sensor_type: str):
        self.source, self.clip_id, self.name = source, clip_id, name
        self.sensor_id, self.sensor_type = sensor_type or source, sensor_type

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.clip_id}: {self.name})"

    @property
    def labels(self) -> Mapping[str, np.ndarray]:
        """None."""
        return {}

    @property
    def background(self) -> np.ndarray | None:
        """The resting sensor, RGB, uint8, (H, W, 3), if the folder shows it."""
        return None if self.background_file is None else read_picture(self.background_file)


def is_picture(path: Path) -> bool:
    """Whether a file is a PNG or a JPEG by its name."""
    return path.suffix.lower() in _PICTURES


def is_background(path: Path) -> bool:
    """Whether a picture is one of the resting sensor by its name: `background...` or `bg...`."""
    return is_picture(path) and _BACKGROUND.match(path.stem) is not None


def natural_key(path: Path) -> tuple:
    """Sorts `frame10` behind `frame9`."""
    parts = re.split(r"(\d+)", path.as_posix().lower())
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts), path.as_posix()


def picture_bytes(path: Path) -> bytes:
    """The bytes of a picture, its size checked before they are read."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise SimtouchError(f"`{path}` has {size >> 20} MB; pictures of at most {MOST_BYTES >> 20} MB are read.")
        return path.read_bytes()
    except OSError as error:
        raise SimtouchError(f"`{path}` cannot be read: {error.strerror}.") from error


def read_picture(path: Path) -> np.ndarray:
    """The picture as RGB, uint8, (H, W, 3)."""
    try:
        return decode_image(picture_bytes(path))
    except SimtouchError as error:
        raise SimtouchError(f"`{path}`: {error}") from error


def folder_at(path: str | Path) -> Path:
    """`path` as a folder that is there."""
    path = Path(path)
    if not path.is_dir():
        raise ArgumentError(f"`path` must be a folder; got `{path}`.")
    return path
