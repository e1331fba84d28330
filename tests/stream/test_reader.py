"""Streams from disk, whole and damaged."""

import json
import multiprocessing
import pickle
import shutil
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.frame import TactileFrame
from simtouch.sensors import DIGIT
from simtouch.sensors.sensor_file import sensor_to_dict
from simtouch.stream import StreamWriter, encode_clip, open_stream
from simtouch.stream.images import encode_image
from simtouch.stream.maps import MAPS
from tests.stream.conftest import FRAMES, fill, make_table, make_writer
from tests.stream.synthetic import background, make_frames

EXACT = [f.name for f in fields(TactileFrame) if f.name not in MAPS or "mask" in f.name]


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "stream")


def test_frames_come_back_with_the_names_and_units_of_a_tactile_frame(finished):
    clip, made = open_stream(finished)[4], make_frames(FRAMES, markers=4, seed=4)
    for t, frame in enumerate(made):
        stored = clip.frames[t].load()
        for name in EXACT:
            value, back = getattr(frame, name), getattr(stored, name)
            assert np.array_equal(value, back) or value == pytest.approx(back), name
            assert np.asarray(value).dtype == np.asarray(back).dtype, name
        for name in MAPS.keys() - set(EXACT):
            value, back = getattr(frame, name), getattr(stored, name)
            assert np.abs(value - back).max() <= 6e-4 * np.abs(value).max() + 1e-9, name


def test_tractions_sum_to_the_force_after_reading_back(finished):
    for clip in open_stream(finished):
        for frame in clip.frames:
            area = frame.cell_size_m**2
            assert frame.normal_traction_pa.sum() * area == pytest.approx(frame.normal_force_n, rel=1e-3, abs=1e-8)
            assert np.allclose(frame.shear_traction_pa.sum((0, 1)) * area, frame.shear_force_n, rtol=1e-3, atol=1e-8)


def test_a_clip_gives_its_columns(finished):
    clip = open_stream(finished)[-1]
    assert (clip.clip_id, len(clip), clip.indenter, clip.motion, clip.sensor_id) == (6, FRAMES, "sphere", "drag", "digit")
    assert clip.images.shape == (FRAMES, 64, 48, 3)
    assert clip.force_n.shape == clip.torque_nm.shape == (FRAMES, 3)
    assert clip.gel_T_indenter.shape == (FRAMES, 4, 4)
    assert clip.maps("shear_traction_pa").shape == (FRAMES, 16, 12, 2)
    assert clip.world_T_gel is None
    assert set(clip.slip_state) <= {"none", "stick", "incipient", "slip"}
    assert len(clip.frames[1:4]) == 3
    assert clip.frames[-1].time_s == clip.time_s[-1]


def test_a_window_is_oldest_first(finished):
    clip = open_stream(finished)[0]
    assert np.array_equal(clip.window(5, n=2, stride=3), clip.images[[2, 5]])
    with pytest.raises(ArgumentError, match="does not fit a clip of 6"):
        clip.window(2, n=2, stride=3)


def test_an_index_outside_is_an_index_error(finished):
    stream = open_stream(finished)
    for fails in (lambda: stream[7], lambda: stream[-8], lambda: stream[0].frames[FRAMES]):
        with pytest.raises(IndexError):
            fails()
    with pytest.raises(AttributeError, match="no `colour`"):
        _ = stream[0].frames[0].colour


def test_optional_columns_come_back(tmp_path):
    own = background()[::-1].copy()
    table = encode_clip(
        make_frames(3),
        clip_id=0,
        indenter="a",
        motion="b",
        sensor_id="c",
        labels={"kind": "bolt", "grasped": [True, False, True]},
        world_T_gel=np.eye(4),
        world_T_indenter=np.stack([np.eye(4)] * 3),
        background=own,
    )
    StreamWriter(tmp_path, {}, background(), clips=1, clips_per_shard=1).write_shard(0, [table])
    clip = open_stream(tmp_path)[0]
    assert {name: list(values) for name, values in clip.labels.items()} == {"kind": ["bolt"] * 3, "grasped": [True, False, True]}
    assert np.array_equal(clip.world_T_gel, clip.world_T_indenter)
    assert np.array_equal(clip.background, own)
    assert clip.frames[0].markers_px.shape == (0, 2)


def test_a_stream_knows_its_background_manifest_and_sensor(tmp_path):
    writer = make_writer(tmp_path, sensor=sensor_to_dict(DIGIT))
    fill(writer)
    stream = open_stream(tmp_path)
    assert stream.spec == DIGIT
    assert stream.manifest["seed"] == 0
    assert np.array_equal(stream.background, background())


def test_an_unfinished_stream_opens_with_what_it_has(tmp_path):
    fill(make_writer(tmp_path), [1])
    stream = open_stream(tmp_path)
    assert not stream.complete
    assert stream.missing_shards == [0, 2]
    assert [clip.clip_id for clip in stream] == [3, 4, 5]
    assert "unfinished" in repr(stream)


def _force_of(clip):
    return clip.force_n.sum(), clip.images.sum(), multiprocessing.current_process().pid


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_clips_travel_to_processes(finished, method):
    stream = open_stream(finished)
    here = [_force_of(clip)[:2] for clip in stream]  # files are open in the parent by now
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert [r[:2] for r in pool.map(_force_of, list(stream))] == here


def test_a_stream_pickles_by_its_path(finished):
    stream = open_stream(finished)
    _ = stream[0].images
    assert len(pickle.dumps(stream)) < 1000
    assert np.array_equal(pickle.loads(pickle.dumps(stream))[0].images, stream[0].images)


# Damage, one sentence each


def load_all(path):
    return [frame.load() for clip in open_stream(path) for frame in clip.frames]


def refused(path, said):
    with pytest.raises(SimtouchError, match=said) as error:
        load_all(path)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_folder_without_manifest_is_refused(tmp_path):
    refused(tmp_path, "holds no readable file of a known layout")
    refused(tmp_path / "nowhere", "is not a stream: it has no manifest.json")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"stream": {"format": "simtouch stream 9"}}', "[" * 100_000, "\x00"])
def test_a_foreign_manifest_is_refused(copy, text):
    (copy / "manifest.json").write_text(text)
    refused(copy, "manifest.json")


@pytest.mark.parametrize("clips", [0, -1, 1.5, True, "7", 10**12])
def test_an_impossible_number_of_clips_is_refused(copy, clips):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["stream"]["clips"] = clips
    (copy / "manifest.json").write_text(json.dumps(manifest))
    refused(copy, r"stream\.clips")


@pytest.mark.parametrize("keep", [0, 3, 100, -1, -9])
def test_a_truncated_shard_is_refused(copy, keep):
    path = copy / "clips-00001.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    refused(copy, "clips-00001.parquet` is not a readable Parquet file")


def test_damaged_bytes_in_the_middle_are_refused(copy):
    path = copy / "clips-00001.parquet"
    data = bytearray(path.read_bytes())
    meta = pq.ParquetFile(path).metadata.row_group(1)
    column = next(meta.column(i) for i in range(meta.num_columns) if meta.column(i).path_in_schema == "image.bytes")
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(data)
    refused(copy, r"clips-00001.parquet`: clip 4 cannot be read, its bytes are damaged")


def test_a_foreign_parquet_is_refused(copy):
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), copy / "clips-00001.parquet")
    refused(copy, r"is not part of a simtouch stream \(its columns: a, b\)")


def write_changed(folder, change, *, metadata=None):
    """Shard 1 again, with its clips changed by `change`."""
    tables = [change(make_table(c)) for c in (3, 4, 5)]
    schema = tables[0].schema.with_metadata(metadata or tables[0].schema.metadata)
    with pq.ParquetWriter(folder / "clips-00001.parquet", schema) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))


def replaced(column, value):
    def change(table):
        i = table.schema.get_field_index(column)
        values = table[column].to_pylist()
        return table.set_column(i, table.schema.field(i), pa.array([value, *values[1:]], table.schema.field(i).type))

    return change


def test_another_schema_version_is_refused(copy):
    own = json.loads(make_table(0).schema.metadata[b"simtouch"]) | {"format": "simtouch stream 2"}
    write_changed(copy, lambda t: t, metadata={"simtouch": json.dumps(own)})
    refused(copy, "has the format `simtouch stream 2`; this version of simtouch reads `simtouch stream 3`")


@pytest.mark.parametrize("shape", [[10**9, 10**9], [-1, 4], [64], "64 48", [64.0, 48.0], None])
def test_impossible_sizes_are_refused(copy, shape):
    own = json.loads(make_table(0).schema.metadata[b"simtouch"]) | {"image_shape": shape}
    write_changed(copy, lambda t: t, metadata={"simtouch": json.dumps(own)})
    refused(copy, "declares impossible sizes")


def test_a_declared_shape_that_disagrees_with_the_map_is_refused(copy):
    own = json.loads(make_table(0).schema.metadata[b"simtouch"]) | {"gel_shape": [32, 24]}
    write_changed(copy, lambda t: t, metadata={"simtouch": json.dumps(own)})
    refused(copy, "differs from the format .* in the column `displacement_um`")


def test_a_missing_or_extra_column_is_refused(copy):
    write_changed(copy, lambda t: t.drop_columns(["friction"]))
    refused(copy, "in the column `friction`")
    write_changed(copy, lambda t: t.append_column("extra", pa.array([0] * FRAMES)))
    refused(copy, "in the column `extra`")


BOMB = pa.Codec("zstd").compress(bytes(2**26), asbytes=True)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("height_um", b"junk", "`height_um` holds a map that does not unpack to 6144 bytes"),
        ("contact_mask", BOMB, "`contact_mask` holds a map that does not unpack to 24 bytes"),
        ("normal_traction_kpa", None, "no bytes where an image or a map is declared"),
        ("image", {"bytes": b"junk", "path": None}, "neither PNG nor JPEG"),
        ("image", {"bytes": None, "path": "/etc/passwd"}, "no bytes where an image or a map is declared"),
        ("image", {"bytes": encode_image(np.zeros((9, 9, 3), np.uint8), "png"), "path": None}, "9 x 9 pixels where 64 x 48"),
        ("image", {"bytes": encode_image(background(), "png")[:-900], "path": None}, "does not decode"),
        ("clip_id", 0, "row group 0 must hold clip 3"),
    ],
)
def test_a_damaged_cell_is_refused(copy, column, value, said):
    write_changed(copy, replaced(column, value))
    refused(copy, said)


def test_a_damaged_background_is_refused(copy):
    (copy / "background.png").write_bytes(b"junk")
    with pytest.raises(SimtouchError, match="not a readable background image"):
        _ = open_stream(copy).background
