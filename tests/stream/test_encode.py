"""One clip as a table."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from simtouch._checks import ArgumentError, ShapeError, SimtouchError
from simtouch.stream import encode_clip
from simtouch.stream.encode import _binary
from simtouch.stream.schema import layout_of, stream_schema
from tests.stream.conftest import make_table
from tests.stream.synthetic import make_frames

NAMES = {"clip_id": 0, "indenter": "sphere", "motion": "drag", "sensor_id": "digit"}


def test_equal_frames_give_equal_tables():
    assert make_table(1).equals(make_table(1), check_metadata=True)


def test_a_table_can_be_sent_between_processes():
    table = make_table(1)
    assert pickle.loads(pickle.dumps(table)).equals(table, check_metadata=True)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    assert pa.ipc.open_stream(sink.getvalue()).read_all().equals(table, check_metadata=True)


def test_the_schema_says_what_a_map_is():
    field = make_table(0).schema.field("shear_traction_kpa")
    told = {k.decode(): v.decode() for k, v in field.metadata.items()}
    assert told | {"name": "shear_traction_pa", "shape": "16 12 2", "dtype": "float16", "unit": "kPa", "scale": "0.001"} == told


def test_a_layout_survives_its_schema():
    layout = layout_of(make_table(0).schema)
    assert layout_of(stream_schema(layout)) == layout
    assert (layout.image_shape, layout.gel_shape) == ((64, 48), (16, 12))


def test_labels_become_columns_of_their_own_kind():
    labels = {"grasped": True, "kind": "bolt", "count": np.int32(3), "angle_rad": [0.0, 0.5, 1.0]}
    table = encode_clip(make_frames(3), **NAMES, labels=labels)
    kinds = {name: str(table.schema.field(f"label_{name}").type) for name in labels}
    assert kinds == {"grasped": "bool", "kind": "string", "count": "int64", "angle_rad": "double"}
    assert table["label_angle_rad"].to_pylist() == [0.0, 0.5, 1.0]
    assert table["label_kind"].to_pylist() == ["bolt"] * 3


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"Bad name": 1}, "lower-case"),
        ({"angle": [1.0, 2.0]}, "one value or 3"),
        ({"mixed": [1, "a", 2.0]}, "all of one kind"),
        ({"nothing": [None, None, None]}, "NoneType"),
    ],
)
def test_bad_labels_are_refused(labels, said):
    with pytest.raises(ArgumentError, match=said):
        encode_clip(make_frames(3), **NAMES, labels=labels)


def test_a_clip_without_frames_is_refused():
    with pytest.raises(ArgumentError, match="at least one frame"):
        encode_clip([], **NAMES)


def test_frames_of_two_sizes_are_refused():
    small, large = make_frames(1), make_frames(1, image_shape=(128, 96))
    with pytest.raises(ShapeError, match=r"`image` must be \(64, 48\) pixels"):
        encode_clip(small + large, **NAMES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"normal_traction_pa": np.full((16, 12), 1e9, np.float32)}, "clip 0, frame 1: `normal_traction_pa` must be finite"),
        ({"height_m": np.zeros((3, 3), np.float32)}, "`height_m` must have shape"),
        ({"force_n": np.array([0, np.nan, 0])}, "`force_n` must be finite"),
        ({"slip_ratio": np.nan}, "`slip_ratio` must be finite"),
        ({"slip_state": "glide"}, "`slip_state` must be one of"),
        ({"gel_T_indenter": np.eye(3)}, "`gel_T_indenter`"),
    ],
)
def test_a_bad_frame_is_refused_by_name(change, said):
    first, second = make_frames(2)
    with pytest.raises(SimtouchError, match=said):
        encode_clip([first, replace(second, **change)], **NAMES)


def test_a_binary_column_equals_the_one_of_arrow():
    rows = [b"abc", b"", bytes(300)]
    assert _binary(rows).equals(pa.array(rows, pa.binary()))


def test_a_column_beyond_two_gigabytes_is_refused():
    with pytest.raises(ArgumentError, match=r"must not pass 2 GiB; got 3\.0 GiB"):
        _binary([range(2**30)] * 3)  # only their lengths are looked at


def test_a_label_that_the_stream_does_not_know_is_refused():
    frames = make_frames(2)
    names = {"clip_id": 0, "indenter": "a", "motion": "b", "sensor_id": "c"}
    with pytest.raises(SimtouchError, match="`colour` is not a known label of this stream"):
        encode_clip(frames, **names, labels={"colour": 1}, label_types={"mass": float})
    with pytest.raises(ArgumentError, match="label `mass` must hold floats; got str"):
        encode_clip(frames, **names, labels={"mass": "much"}, label_types={"mass": float})
    empty = encode_clip(frames, **names, label_types={"mass": float, "kind": str})
    assert empty["label_mass"].null_count == empty["label_kind"].null_count == 2
