"""A stream on disk: a manifest, a background and encoded clips in, a folder out, whole shards only.

Every file is written as NAME.tmp, synced and renamed, so a final name always holds a finished file. A shard's bytes depend on
its clips alone, so resuming means making the shards that are missing.
"""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.images import encode_image
from simtouch.stream.manifest import manifest_difference, manifest_text
from simtouch.stream.schema import BACKGROUND, CARD, CARD_PICTURES, FIRST_LOOK, FORMAT, MANIFEST, PREVIEW, shard_name
from simtouch.stream.shard import OpenShard, is_whole

SHARD_FRAMES = 250
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TMP = ".tmp"


def clips_per_shard(frames_per_clip: int, shard_frames: int = SHARD_FRAMES) -> int:
    """How many clips a shard holds: the fewest that make `shard_frames`, at least one."""
    if frames_per_clip < 1:
        raise ArgumentError(f"`frames_per_clip` must be >= 1; got {frames_per_clip}.")
    return -(-shard_frames // frames_per_clip)


class StreamWriter:
    """Writes one stream. Holds paths and numbers only, so worker processes may have a copy.

    Args:
        folder: Where the stream goes; made if missing. A folder with anything else in it is refused.
        manifest: What makes the stream, as plain JSON. Leave out workers, output path, resume and times: equal streams must
            have equal manifests. The entry `stream` is added here.
        background: The resting sensor, uint8, shape (H, W, 3).
        clips: Number of clips of the whole stream.
        clips_per_shard: Clips in one file, see `clips_per_shard`.
        sensors_per_clip: Sensors that feel each clip.
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
        sensors_per_clip: int = 1,
        resume: bool = False,
    ):
        sizes = {"clips": int(clips), "clips_per_shard": int(clips_per_shard), "sensors_per_clip": int(sensors_per_clip)}
        for name, value in sizes.items():
            if value < 1:
                raise ArgumentError(f"`{name}` must be >= 1; got {value}.")
        if "stream" in manifest:
            raise ArgumentError("`manifest` must not have the entry `stream`: the writer adds it.")
        self.folder = Path(folder)
        self.clips, self.clips_per_shard, self.sensors_per_clip = sizes.values()
        text = manifest_text(manifest | {"stream": sizes | {"format": FORMAT}})
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
        return [i for i in range(self.shards) if not is_whole(self.folder / shard_name(i), self._row_groups(i))]

    def write_shard(self, shard_id: int, tables: Iterable[pa.Table]) -> Path:
        """Write all clips of one shard, in order, and give the file its name."""
        with self.open_shard(shard_id) as shard:
            for table in tables:
                shard.append(table)
        return self.folder / shard_name(shard_id)

    def write_shard_bytes(self, shard_id: int, data: bytes) -> Path:
        """Write a shard that was made elsewhere, as `shard_bytes` gives it."""
        path = self.folder / shard_name(shard_id)
        if not is_whole(pa.BufferReader(data), self._row_groups(shard_id)):
            raise SimtouchError(f"shard {shard_id} came back incomplete: {len(data)} bytes.")
        with self._told_if_full():
            _replace(path, data)
        return path

    @contextlib.contextmanager
    def open_shard(self, shard_id: int) -> "Iterator[OpenShard]":
        """A shard to `append` clips to as they come. It gets its name at the end; on any error it is removed."""
        expected = self.shard_clips(shard_id)
        path = self.folder / shard_name(shard_id)
        with self._told_if_full(), _replacing(path) as file:
            shard = OpenShard(file, expected, self.sensors_per_clip)
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

    def finish(self, preview_png: bytes | None = None, card: Mapping[str, bytes] | None = None) -> None:
        """Check that every shard is there and add the contact sheet and the files of the data card."""
        if missing := self.missing_shards():
            raise SimtouchError(f"`{self.folder}` still misses {len(missing)} of {self.shards} shards.")
        files = dict(card or {}) | ({} if preview_png is None else {PREVIEW: preview_png})
        with self._told_if_full():
            for name, data in files.items():
                _replace(self.folder / name, data)
        (self.folder / FIRST_LOOK).unlink(missing_ok=True)

    def _row_groups(self, shard_id: int) -> int:
        return len(self.shard_clips(shard_id)) * self.sensors_per_clip

    def _claim(self, text: str, background: bytes, resume: bool) -> None:
        """Make the folder ours, or say why it cannot be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = {entry.name for entry in self.folder.iterdir()}
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise
            raise ArgumentError(f"`{self.folder}` cannot be used as the output folder: {error.strerror}.") from error
        ours = {MANIFEST, BACKGROUND, PREVIEW, FIRST_LOOK, CARD, *CARD_PICTURES, *map(shard_name, range(self.shards))}
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
            raise ArgumentError(
                f"`{self.folder}` holds another data set: {manifest_difference(there, text)}; give another folder."
            )
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
