"""A footer that declares more than its frames can need is refused before anything is unpacked."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.parquet_bounds import refuse_large_groups
from simtouch.stream.schema import layout_of
from tests.stream.conftest import fill, make_writer


def shard(tmp_path):
    fill(make_writer(tmp_path / "stream", clips=1, clips_per_shard=1))
    return next((tmp_path / "stream").glob("clips-*.parquet"))


def sizes(path) -> tuple:
    layout = layout_of(pq.read_schema(path))
    return layout.image_shape, layout.gel_shape


def test_our_own_shards_pass_with_room_to_spare(tmp_path):
    path = shard(tmp_path)
    metadata = pq.ParquetFile(path).metadata
    (rows, cols), gel = sizes(path)
    refuse_large_groups(metadata, (rows, cols), gel)
    refuse_large_groups(metadata, (rows // 2, cols // 2), (gel[0] // 2, gel[1] // 2))


def test_a_few_kilobytes_that_unpack_to_a_hundred_megabytes_are_refused(tmp_path):
    path = shard(tmp_path)
    table, (image_shape, gel_shape) = pq.read_table(path), sizes(path)
    place = table.schema.get_field_index("image")
    images = [{"bytes": bytes(100 << 20) if t == 0 else b"", "path": None} for t in range(table.num_rows)]
    bomb = table.set_column(place, table.schema.field(place), pa.array(images, table.schema.field(place).type))
    with pq.ParquetWriter(path, table.schema, compression="zstd") as file:
        file.write_table(bomb)
    assert path.stat().st_size < 200_000
    with pytest.raises(SimtouchError, match="row group 0 declares 100 MB for"):
        refuse_large_groups(pq.ParquetFile(path).metadata, image_shape, gel_shape)
