"""A stream from disk: a folder in, its clips out, memory-mapped and opened only where they are looked at."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simtouch._checks import SimtouchError
from simtouch.sensors.sensor_file import sensor_from_dict
from simtouch.sensors.spec import SensorSpec
from simtouch.stream.clip import Clip
from simtouch.stream.images import decode_image
from simtouch.stream.maps import MAPS
from simtouch.stream.parquet_bounds import refuse_large_groups
from simtouch.stream.schema import BACKGROUND, FORMAT, MANIFEST, Layout, layout_of, shard_name

_OPEN_SHARDS = 16
_MOST_FRAMES = 1_000_000  # of one clip; a footer that declares more is not ours
_HEAVY = frozenset({"image", "background", *(m.column for m in MAPS.values())})


def open_stream(path: str | Path) -> Any:
    """Open the clips in `path`; raise `SimtouchError` with one sentence if there are none.

    A folder with a manifest.json gives a `Stream`. Anything else that is there is taken for recordings and gives what
    `simtouch.stream.real.open_recordings` does. Both are sequences of `AnyClip`, can be pickled, and know their `path`.
    An unfinished stream opens too, with the clips it has: see `Stream.complete` and `Stream.missing_shards`.
    """
    folder = Path(path)
    if not folder.exists() or (folder / MANIFEST).exists():
        return Stream(folder)
    from simtouch.stream.real import open_recordings

    return open_recordings(folder)


class Stream:
    """Clips of one data set, by position. Picklable by its path; each process opens files of its own."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.manifest = _manifest(self.path)
        """What made the stream."""
        shape = self.manifest["stream"]
        self.sensors_per_clip: int = shape["sensors_per_clip"]
        """How many clips in a row are the sensors of one scene."""
        self._count, self._per_shard = (shape[name] * self.sensors_per_clip for name in ("clips", "clips_per_shard"))
        shards = -(-self._count // self._per_shard)
        there = {entry.name for entry in self.path.iterdir()}
        self.missing_shards = [i for i in range(shards) if shard_name(i) not in there]
        """Shards that are not there yet."""
        gone = set(self.missing_shards)
        there_too = (c for i in range(shards) if i not in gone for c in self._shard_clips(i))
        self._places: Sequence[int] = list(there_too) if gone else range(self._count)
        self._files: dict[int, tuple[pq.ParquetFile, Layout]] = {}
        self._pid = os.getpid()

    def __getstate__(self) -> dict:
        return {"path": self.path}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["path"])

    def __repr__(self) -> str:
        return f"Stream({str(self.path)!r}: {len(self)} clips{'' if self.complete else ', unfinished'})"

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Clip:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"clip {index} of a stream of {len(self)} clips")
        return Clip(self, self._places[i])

    def __iter__(self) -> Iterator[Clip]:
        return (self[i] for i in range(len(self)))

    @property
    def clip_ids(self) -> Sequence[int]:
        """Numbers of the clips that are there, in order; the sensors of one scene share theirs."""
        return [place // self.sensors_per_clip for place in self._places] if self.sensors_per_clip > 1 else self._places

    @property
    def complete(self) -> bool:
        """Whether all shards are there."""
        return not self.missing_shards

    @cached_property
    def background(self) -> np.ndarray:
        """The resting sensor, uint8, (H, W, 3)."""
        path = self.path / BACKGROUND
        try:
            return decode_image(path.read_bytes())
        except (OSError, SimtouchError) as error:
            raise SimtouchError(f"`{path}` is not a readable background image: {error}") from error

    @cached_property
    def spec(self) -> SensorSpec | None:
        """The sensor that the manifest describes, if it does."""
        sensor = self.manifest.get("sensor")
        return sensor_from_dict(sensor, str(self.path / MANIFEST)) if isinstance(sensor, dict) else None

    def layout_of_clip(self, place: int) -> Layout:
        """Sizes that the clip's shard declares; `place` is the clip's in the whole stream."""
        return self._shard(place // self._per_shard)[1]

    @property
    def shards(self) -> list[int]:
        """Shards that are there."""
        return sorted({place // self._per_shard for place in self._places})

    def layout_of_shard(self, shard_id: int) -> Layout:
        """Sizes and labels that a shard declares."""
        return self._shard(shard_id)[1]

    def read_shard(self, shard_id: int, names: Sequence[str]) -> pa.Table:
        """Some columns of all clips of a shard that is there."""
        file, _ = self._shard(shard_id)
        with self.blamed(shard_id * self._per_shard):
            try:
                return file.read(columns=list(names), use_threads=False)
            except (OSError, pa.ArrowException) as error:
                raise SimtouchError(f"its bytes are damaged ({_first_line(error)}).") from error

    def read_columns(self, place: int, name: str) -> dict[str, pa.Array]:
        """The column `name` of a clip; a light one brings the other light ones along."""
        shard, group = divmod(place, self._per_shard)
        clip_id = place // self.sensors_per_clip
        file, _ = self._shard(shard)
        names = [name] if name in _HEAVY else [n for n in file.schema_arrow.names if n not in _HEAVY]
        with self.blamed(place):
            try:
                table = file.read_row_group(group, columns=names, use_threads=False)
            except (OSError, pa.ArrowException) as error:
                raise SimtouchError(f"clip {clip_id} cannot be read, its bytes are damaged ({_first_line(error)}).") from error
            columns = {n: table[n].combine_chunks() for n in names}
            if "clip_id" in columns and set(columns["clip_id"].to_pylist()) != {clip_id}:
                raise SimtouchError(f"row group {group} must hold clip {clip_id}; it holds another.")
        return columns

    @contextlib.contextmanager
    def blamed(self, place: int) -> Iterator[None]:
        """Name the clip's file in errors raised inside."""
        try:
            yield
        except SimtouchError as error:
            raise SimtouchError(f"`{self.path / shard_name(place // self._per_shard)}`: {error}") from error

    def _shard_clips(self, shard_id: int) -> range:
        first = shard_id * self._per_shard
        return range(first, min(first + self._per_shard, self._count))

    def _shard(self, shard_id: int) -> tuple[pq.ParquetFile, Layout]:
        """An open shard of this process: files are not shared over a fork."""
        if self._pid != os.getpid():
            self._files, self._pid = {}, os.getpid()
        if shard_id not in self._files:
            while len(self._files) >= _OPEN_SHARDS:
                self._files.pop(next(iter(self._files)))
            self._files[shard_id] = _open_shard(self.path / shard_name(shard_id), len(self._shard_clips(shard_id)))
        return self._files[shard_id]


def _open_shard(path: Path, clips: int) -> tuple[pq.ParquetFile, Layout]:
    try:
        file = pq.ParquetFile(path, memory_map=True, pre_buffer=False, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise SimtouchError(f"`{path}` is not a readable Parquet file, perhaps cut short ({_first_line(error)}).") from error
    try:
        layout = layout_of(file.schema_arrow)
        refuse_large_groups(file.metadata, layout.image_shape, layout.gel_shape)
    except SimtouchError as error:
        raise SimtouchError(f"`{path}` {str(error).rstrip('.')}.") from error
    if file.num_row_groups != clips:
        raise SimtouchError(f"`{path}` must hold {clips} clips, as its {MANIFEST} says; it holds {file.num_row_groups}.")
    rows = [file.metadata.row_group(i).num_rows for i in range(clips)]
    if not all(0 < n <= _MOST_FRAMES for n in rows):
        raise SimtouchError(f"`{path}` declares clips of {min(rows)} to {max(rows)} frames; 1 to {_MOST_FRAMES} are possible.")
    return file, layout


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SimtouchError(f"`{folder}` is not a stream: it has no {MANIFEST}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise SimtouchError(f"`{path}` is not readable: {_first_line(error)}.") from error
    shape = manifest.get("stream") if isinstance(manifest, dict) else None
    if not isinstance(shape, dict) or shape.get("format") != FORMAT:
        found = shape.get("format") if isinstance(shape, dict) else None
        raise SimtouchError(f"`{path}` must describe a stream of the format `{FORMAT}`; it says {found!r}.")
    for name in ("clips", "clips_per_shard", "sensors_per_clip"):
        if type(shape.get(name)) is not int or not 0 < shape[name] <= 10**7:
            wanted = f"`stream.{name}` as a whole number, 1 to 10 million"
            raise SimtouchError(f"`{path}` must give {wanted}; it says {shape.get(name)!r}.")
    return manifest


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
