"""A stream on disk: a manifest, a background and encoded clips in, a folder out, whole shards only.

Every file is written as NAME.tmp, synced and renamed, so a final name always holds a finished file. A shard's bytes depend on
its clips alone, so resuming means making the shards that are missing.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.images import encode_image
from simtouch.stream.schema import BACKGROUND, FIRST_LOOK, FORMAT, MANIFEST, PREVIEW, layout_of, shard_name

SHARD_FRAMES = 250
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TMP = ".tmp"
# By leaf; images and maps are compressed already.
_COMPRESSION = {f"{name}.list.element": "ZSTD" for name in ("gel_T_indenter", "world_T_gel", "world_T_indenter")} | {
    f"{name}.list.element.list.element": "ZSTD" for name in ("markers_px", "flow_px")
}
_STRINGS = ["slip_state", "indenter", "motion", "sensor_id"]


def clips_per_shard(frames_per_clip: int, shard_frames: int = SHARD_FRAMES) -> int:
    """How many clips a shard holds: the fewest that make `shard_frames`, at least one."""
    if frames_per_clip < 1:
        raise ArgumentError(f"`frames_per_clip` must be >= 1; got {frames_per_clip}.")
    return -(-shard_frames // frames_per_clip)


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """`manifest` as canonical JSON: sorted keys, one spelling for equal content."""
    try:
        return json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`manifest` must hold plain JSON values with finite numbers: {error}.") from error


class StreamWriter:
    """Writes one stream. Holds paths and numbers only, so worker processes may have a copy.

    Args:
        folder: Where the stream goes; made if missing. A folder with anything else in it is refused.
        manifest: What makes the stream, as plain JSON. Leave out workers, output path, resume and times: equal streams must
            have equal manifests. The entry `stream` is added here.
        background: The resting sensor, uint8, shape (H, W, 3).
        clips: Number of clips of the whole stream.
        clips_per_shard: Clips in one file, see `clips_per_shard`.
        resume: Go on with a stream that `folder` already holds part of.
    """

    def __init__(
        self,
        folder: str | Path,
        manifest: dict,
        background: np.ndarray,
        *,
        clips: int,
        clips_per_shard: int,
        resume: bool = False,
    ):
        for name, value in (("clips", clips), ("clips_per_shard", clips_per_shard)):
            if value < 1:
                raise ArgumentError(f"`{name}` must be >= 1; got {value}.")
        if "stream" in manifest:
            raise ArgumentError("`manifest` must not have the entry `stream`: the writer adds it.")
        self.folder, self.clips, self.clips_per_shard = Path(folder), int(clips), int(clips_per_shard)
        shape = {"format": FORMAT, "clips": self.clips, "clips_per_shard": self.clips_per_shard}
        text = manifest_text(manifest | {"stream": shape})
        image = encode_image(background, "png")
        with self._told_if_full():
            self._claim(text, image, resume)

    @property
    def shards(self) -> int:
        """Number of shards of the whole stream."""
        return -(-self.clips // self.clips_per_shard)

    def shard_clips(self, shard_id: int) -> range:
        """Clip numbers of one shard."""
        if not 0 <= shard_id < self.shards:
            raise ArgumentError(f"`shard_id` must be in 0..{self.shards - 1}; got {shard_id}.")
        first = shard_id * self.clips_per_shard
        return range(first, min(first + self.clips_per_shard, self.clips))

    def missing_shards(self) -> list[int]:
        """Shards that are still to be made: no file, or a file whose footer does not fit."""
        return [i for i in range(self.shards) if not _is_whole(self.folder / shard_name(i), len(self.shard_clips(i)))]

    def write_shard(self, shard_id: int, tables: Iterable[pa.Table]) -> Path:
        """Write all clips of one shard, in order, and give the file its name."""
        with self.open_shard(shard_id) as shard:
            for table in tables:
                shard.append(table)
        return self.folder / shard_name(shard_id)

    @contextlib.contextmanager
    def open_shard(self, shard_id: int) -> "Iterator[OpenShard]":
        """A shard to `append` clips to as they come. It gets its name at the end; on any error it is removed."""
        expected = self.shard_clips(shard_id)
        path = self.folder / shard_name(shard_id)
        with self._told_if_full(), _replacing(path) as file:
            shard = OpenShard(file, expected)
            try:
                yield shard
                shard.close()
            except BaseException:
                shard.abandon()
                raise

    def first_look(self, png: bytes) -> None:
        """A picture for those who wait; `finish` takes it away."""
        with self._told_if_full():
            _replace(self.folder / FIRST_LOOK, png)

    def finish(self, preview_png: bytes | None = None) -> None:
        """Check that every shard is there and add the contact sheet."""
        if missing := self.missing_shards():
            raise SimtouchError(f"`{self.folder}` still misses {len(missing)} of {self.shards} shards.")
        if preview_png is not None:
            with self._told_if_full():
                _replace(self.folder / PREVIEW, preview_png)
        (self.folder / FIRST_LOOK).unlink(missing_ok=True)

    def _claim(self, text: str, background: bytes, resume: bool) -> None:
        """Make the folder ours, or say why it cannot be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = {entry.name for entry in self.folder.iterdir()}
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise
            raise ArgumentError(f"`{self.folder}` cannot be used as the output folder: {error.strerror}.") from error
        ours = {MANIFEST, BACKGROUND, PREVIEW, FIRST_LOOK, *map(shard_name, range(self.shards))}
        leftovers = {name for name in found if name.endswith(_TMP) and name.removesuffix(_TMP) in ours}
        if MANIFEST in found:
            self._check_same(text, resume)
        if foreign := sorted(found - ours - leftovers):
            raise ArgumentError(f"`{self.folder}` holds files that are not of this stream (`{foreign[0]}`); give another folder.")
        if MANIFEST not in found and found - leftovers:
            raise ArgumentError(f"`{self.folder}` holds part of a stream without its {MANIFEST}; give another folder.")
        for name in leftovers:
            (self.folder / name).unlink()
        if MANIFEST not in found:
            _replace(self.folder / MANIFEST, text.encode())
        if BACKGROUND not in found:
            _replace(self.folder / BACKGROUND, background)
        elif (self.folder / BACKGROUND).read_bytes() != background:
            raise ArgumentError(f"`{self.folder}` holds another stream: its {BACKGROUND} differs.")

    def _check_same(self, text: str, resume: bool) -> None:
        path = self.folder / MANIFEST
        there = path.read_bytes()
        if there != text.encode():
            raise ArgumentError(f"`{self.folder}` holds another data set: {_difference(there, text)}; give another folder.")
        if not resume:
            done = self.shards - len(self.missing_shards())
            held = f"already holds this data set ({done} of {self.shards} shards)"
            raise ArgumentError(f"`{self.folder}` {held}; resume it (`--resume`) or give another folder.")

    @contextlib.contextmanager
    def _told_if_full(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            done = self.shards - len(self.missing_shards())
            raise SimtouchError(
                f"The disk is full: `{self.folder}` keeps {done} of {self.shards} shards; make room and go on with `--resume`."
            ) from error


class OpenShard:
    """A Parquet file that is being written, one row group a clip."""

    def __init__(self, file, clip_ids: range):
        self._file, self._expected, self._count = file, clip_ids, 0
        self._writer: pq.ParquetWriter | None = None

    def append(self, table: pa.Table) -> None:
        """Write the next clip, as `encode_clip` made it."""
        if self._count == len(self._expected):
            raise ArgumentError(f"the shard has all its {len(self._expected)} clips; got one more.")
        wanted, got = self._expected[self._count], table["clip_id"][0].as_py()
        if got != wanted:
            raise ArgumentError(f"the next clip of the shard must be clip {wanted}; got clip {got}.")
        if self._writer is None:
            layout_of(table.schema)
            self._writer = _parquet_writer(self._file, table.schema)
        elif not table.schema.equals(self._writer.schema, check_metadata=True):
            raise ArgumentError(f"clip {got} must have the sizes and labels of the clips before it; they differ.")
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._count += 1

    def close(self) -> None:
        """Write the footer."""
        if self._count != len(self._expected):
            raise ArgumentError(f"the shard must have {len(self._expected)} clips; got {self._count}.")
        assert self._writer is not None
        self._writer.close()

    def abandon(self) -> None:
        """Write nothing more; the file is about to be removed."""
        if self._writer is not None:
            self._writer.is_open = False


def _parquet_writer(file, schema: pa.Schema) -> pq.ParquetWriter:
    """Fixed settings: equal tables give equal bytes."""
    return pq.ParquetWriter(
        file,
        schema,
        version="2.6",
        compression=_COMPRESSION,
        use_dictionary=_STRINGS,
        write_statistics=False,
        write_page_checksum=True,
        store_schema=True,
    )


def _is_whole(path: Path, clips: int) -> bool:
    """Whether a shard's footer is readable and lists the clips it should."""
    try:
        with pq.ParquetFile(path) as file:
            layout_of(file.schema_arrow)
            return file.num_row_groups == clips
    except (OSError, pa.ArrowException, SimtouchError):
        return False


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """A file that gets its name when the block ends well, and is gone otherwise."""
    tmp = path.with_name(path.name + _TMP)
    file = open(tmp, "wb")  # noqa: SIM115
    try:
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(tmp, path)
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            tmp.unlink()
        raise


def _replace(path: Path, data: bytes) -> None:
    with _replacing(path) as file:
        file.write(data)


def _difference(there: bytes, here: str) -> str:
    """The first entry in which two manifests differ, in words."""
    try:
        old = json.loads(there)
    except ValueError:
        return f"its {MANIFEST} is not readable"
    differing = list(_differing("", old, json.loads(here)))
    if not differing:
        return f"its {MANIFEST} is spelled differently"
    name, a, b = differing[0]
    more = f" (and {len(differing) - 1} more differences)" if len(differing) > 1 else ""
    return f"{name} is {_short(a)} there and {_short(b)} here{more}"


_ABSENT = object()


def _differing(name: str, a, b) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from _differing(f"{name}.{key}" if name else key, a.get(key, _ABSENT), b.get(key, _ABSENT))
    elif a != b:
        yield name or "all", a, b


def _short(value) -> str:
    text = "absent" if value is _ABSENT else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
