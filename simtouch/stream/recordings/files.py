"""Files of a foreign folder, by name: pickles as plain values, images and numbers checked, memory bounded. Nothing is executed.

A file must lie in the folder: a link that leads out of it is refused, and so is what is no plain file. Pickles are mapped, so that
images are read from disk when they are looked at; the last `OPEN_FILES` stay open.
"""

import mmap
import os
import re
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError
from simtouch._unpickle import brief, restricted_load
from simtouch.stream.images import decode_image

OPEN_FILES = 32
_MOST_PICKLE_BYTES = 1 << 36  # mapped, not read
_MOST_PICTURE_BYTES = 1 << 26
_MOST_TEXT_BYTES = 1 << 20
_BYTES = (bytes, bytearray, memoryview)


class FolderFiles:
    """Opens files below `root`. Picklable by its path; each process opens files for itself."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self._real_root = self.root.resolve()
        self._loaded: OrderedDict[str, Any] = OrderedDict()
        self._pictures: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lengths: dict[str, int] = {}
        self.chosen: dict[str, str] = {}
        """Backgrounds that were found by looking, by folder: looked for once."""
        self._pid = os.getpid()

    def __getstate__(self) -> dict:
        return {"root": self.root}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["root"])

    def path(self, name: str) -> Path:
        """Where the file is; raise if it leads out of the folder or is no plain file."""
        path = self.root / name
        try:
            real = path.resolve(strict=True)
            mode = real.stat().st_mode
        except (OSError, RuntimeError) as error:
            raise SimtouchError(f"`{path}` cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        if not real.is_relative_to(self._real_root):
            raise SimtouchError(f"`{path}` is not read: it is a link that leads out of `{self.root}`.")
        if not stat.S_ISREG(mode):
            raise SimtouchError(f"`{path}` is not read: it is no plain file.")
        return path

    def names(self, *patterns: str) -> list[str]:
        """Names of the files and folders that match, in natural order, without hidden ones."""
        found = {p.relative_to(self.root).as_posix() for pattern in patterns for p in self.root.glob(pattern)}
        return sorted((n for n in found if not n.startswith(".") and "/." not in n), key=natural_order)

    def pickle(self, name: str) -> Any:
        """The value of a pickle."""
        if self._pid != os.getpid():
            self._loaded, self._pid = OrderedDict(), os.getpid()
        if name not in self._loaded:
            while len(self._loaded) >= OPEN_FILES:
                self._loaded.popitem(last=False)
            self._loaded[name] = _load(self.path(name))
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def images(self, name: str) -> Any:
        """The frames of a pickle that is a list of images, see `as_images`."""
        images = as_images(self.pickle(name), str(self.root / name))
        self._lengths[name] = len(images)
        return images

    def image_count(self, name: str) -> int:
        """How many frames `images` has; remembered."""
        return self._lengths[name] if name in self._lengths else len(self.images(name))

    def picture(self, name: str) -> np.ndarray:
        """A PNG or JPEG file, RGB, uint8, (H, W, 3), read-only; the last `OPEN_FILES` are kept."""
        if name not in self._pictures:
            while len(self._pictures) >= OPEN_FILES:
                self._pictures.popitem(last=False)
            self._pictures[name] = self._decoded(name)
            self._pictures[name].setflags(write=False)
        self._pictures.move_to_end(name)
        return self._pictures[name]

    def _decoded(self, name: str) -> np.ndarray:
        path = self.path(name)
        if path.stat().st_size > _MOST_PICTURE_BYTES:
            raise SimtouchError(f"`{path}` is larger than the {_MOST_PICTURE_BYTES >> 20} MB that a picture may have.")
        try:
            return decode_image(path.read_bytes())
        except SimtouchError as error:
            raise SimtouchError(f"`{path}`: {error}") from error

    def text(self, name: str) -> str:
        """A short text file."""
        path = self.path(name)
        if path.stat().st_size > _MOST_TEXT_BYTES:
            raise SimtouchError(f"`{path}` is larger than the {_MOST_TEXT_BYTES >> 20} MB that a text may have.")
        return path.read_text(encoding="utf-8", errors="replace")


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ArgumentError(f"`{path}` is not read: it is empty.")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_RANDOM)  # images are skipped, not read ahead
    value = restricted_load(mapped, where=str(path), most_bytes=_MOST_PICKLE_BYTES)
    mapped.madvise(mmap.MADV_DONTNEED)  # what was walked over need not stay in memory; views read it again
    return value


def as_images(value: Any, where: str) -> Any:
    """`value` as a sequence of frames, each encoded bytes, or an array of them (n,), or pixels (H, W, 3); raise if it is none."""
    is_pixels = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 4 and value.shape[-1] == 3
    is_list = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1)
    if is_pixels:
        return value
    if not is_list:
        got = f"an array of {value.dtype}, {value.shape}" if isinstance(value, np.ndarray) else brief(value)
        raise ArgumentError(f"`{where}` must hold a list of images; it holds {got}.")
    for t, frame in enumerate(value):
        if not isinstance(frame, _BYTES) and not (isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim <= 3):
            got = f"an array of {frame.dtype}" if isinstance(frame, np.ndarray) else brief(frame)
            raise ArgumentError(f"`{where}`: frame {t} must be the bytes of an image; it is {got}.")
    return value


def as_numbers(value: Any, where: str, columns: tuple[int, ...] = (), most: int | None = None) -> np.ndarray:
    """`value` as floats of shape (n, *columns): an array of numbers, or lists of them nested just so; raise if it is not.

    More than `most` rows, one for each frame, are refused before they are looked at.
    """
    is_sized = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)
    if most is not None and is_sized and len(value) > most:
        raise ArgumentError(f"`{where}` has {len(value)} rows for {most} frames.")
    if isinstance(value, list | tuple):
        value = _stack(value, columns, where)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise ArgumentError(f"`{where}` must be numbers; it is {brief(value)}.")
    if value.ndim != 1 + len(columns) or value.shape[1:] != columns:
        wanted = ", ".join(("n", *map(str, columns)))
        raise ArgumentError(f"`{where}` must have the shape ({wanted}); it has {value.shape}.")
    return value.astype(np.float64)


def _stack(items: list | tuple, columns: tuple[int, ...], where: str) -> np.ndarray:
    """Nested lists as an array, level by level, each of the length that was asked for: lists may share parts without end."""
    if not columns:
        if not all(isinstance(x, bool | int | float | np.number | np.bool_) for x in items):
            raise ArgumentError(f"`{where}` must be numbers; it holds something else.")
        return np.array(items, np.float64)
    rows = []
    for item in items:
        row = _stack(item, columns[1:], where) if isinstance(item, list | tuple) and len(item) == columns[0] else item
        if not isinstance(row, np.ndarray) or row.shape != columns or row.dtype.kind not in "biuf":
            raise ArgumentError(f"`{where}` must be rows of the shape {columns}; it holds something else.")
        rows.append(row)
    return np.stack(rows).astype(np.float64) if rows else np.empty((0, *columns))


def natural_order(name: str) -> tuple:
    """Sorts `bg_10` behind `bg_9`."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name))
