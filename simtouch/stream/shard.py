"""One Parquet file of a stream: encoded clips in, a file or its bytes out; equal clips give equal bytes."""

import io
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.schema import layout_of

# By leaf; images and maps are compressed already.
_COMPRESSION = {f"{name}.list.element": "ZSTD" for name in ("gel_T_indenter", "world_T_gel", "world_T_indenter")} | {
    f"{name}.list.element.list.element": "ZSTD" for name in ("markers_px", "flow_px")
}
_STRINGS = ["slip_state", "indenter", "motion", "scene", "sensor_id"]


class OpenShard:
    """A Parquet file that is being written, one row group for what each sensor felt in a clip."""

    def __init__(self, file, clip_ids: Iterable[int], sensors_per_clip: int = 1):
        self._file, self._count = file, 0
        self._expected = [clip for clip in clip_ids for _ in range(sensors_per_clip)]
        self._writer: pq.ParquetWriter | None = None

    def append(self, table: pa.Table) -> None:
        """Write the next clip, as `encode_clip` made it; the sensors of a scene one after the other."""
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


def shard_bytes(tables: Iterable[pa.Table], clip_ids: Iterable[int], sensors_per_clip: int) -> bytes:
    """The content of a shard's file."""
    file = io.BytesIO()
    shard = OpenShard(file, clip_ids, sensors_per_clip)
    try:
        for table in tables:
            shard.append(table)
        shard.close()
    except BaseException:
        shard.abandon()
        raise
    return file.getvalue()


def is_whole(source: Path | pa.BufferReader, clips: int) -> bool:
    """Whether a shard's footer is readable and lists as many row groups as it should."""
    try:
        with pq.ParquetFile(source) as file:
            layout_of(file.schema_arrow)
            return file.num_row_groups == clips
    except (OSError, pa.ArrowException, SimtouchError):
        return False


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
