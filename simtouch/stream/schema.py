"""The on-disk format of a stream, stated once: a `Layout` in, the Arrow schema of its Parquet files out, and back.

A stream is a folder:

    manifest.json         what made it (canonical JSON); its entry `stream`: format, clips, clips_per_shard, sensors_per_clip
    background.png        the resting sensor
    clips-00000.parquet   shards; one sensor's clip = one row group, one frame = one row
    preview.png           contact sheet
    README.md, card-*.png what the data are, with statistics over all frames

Where a scene has several sensors, each has a row group of its own: they follow each other in the order of the scene's sides and
share `clip_id` and `frame_index`. Their number is the same in every clip of a stream (`stream.sensors_per_clip`). A label that a
clip's scene does not know is null.

Images decode by themselves in `datasets.load_dataset("parquet", data_files=...)`. Maps are f16 in the unit that the column's
name ends with, as differences along y and x, byte-shuffled, in zstd: (1) of `simtouch.stream.maps`, and each map's column says
in its metadata how, which is enough to read it with NumPy and zstd alone. Masks are packed bits in zstd.
"""

import json
import math
from dataclasses import dataclass

import pyarrow as pa

from simtouch._checks import SimtouchError
from simtouch.stream.maps import MAPS

FORMAT = "simtouch stream 3"
MANIFEST, BACKGROUND, PREVIEW = "manifest.json", "background.png", "preview.png"
CARD, CARD_PICTURES = "README.md", ("card-forces.png", "card-pad.png", "card-content.png")
FIRST_LOOK = "first-look.png"  # while a stream is made; not part of it
LABEL_PREFIX = "label_"
LABEL_TYPES = {str(kind): kind for kind in (pa.bool_(), pa.int64(), pa.float64(), pa.string())}
_LARGEST_SIDE = 16_384

ENCODED_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
POSE = pa.list_(pa.float64(), 16)
VECTOR = pa.list_(pa.float64(), 3)
POINT = pa.list_(pa.float64(), 2)
POINTS = pa.list_(pa.list_(pa.float32(), 2))

# Column: Arrow type, unit, meaning.
_COLUMNS: dict[str, tuple[pa.DataType, str, str]] = {
    "clip_id": (pa.int64(), "", "one contact from start to end"),
    "frame_index": (pa.int64(), "", "0 at the clip's start"),
    "time_s": (pa.float64(), "s", "since the clip's start"),
    "image": (ENCODED_IMAGE, "", "tactile image, RGB"),
    "gel_T_indenter": (POSE, "m", "pose of the indenter, 4 x 4 row by row"),
    "force_n": (VECTOR, "N", "what the indenter does to the gel, gel frame"),
    "torque_nm": (VECTOR, "N m", "the same about the gel frame's origin"),
    "torsion_nm": (pa.float64(), "N m", "torque on the gel about z through the centre of pressure"),
    "centre_of_pressure_m": (POINT, "m", "where the normal force acts (x, y), the origin without contact"),
    "slip_state": (pa.string(), "", "none, stick, incipient or slip"),
    "slip_ratio": (pa.float64(), "", "share of the contact that slides"),
    "contact_area_m2": (pa.float64(), "m^2", ""),
    "leaves_view": (pa.bool_(), "", "the contact reaches the rim of the gel grid; what lies beyond is missing"),
    "indent_depth_m": (pa.float64(), "m", "deepest overlap with the resting gel"),
    "indenter": (pa.string(), "", ""),
    "motion": (pa.string(), "", ""),
    "scene": (pa.string(), "", "kind of scene"),
    "friction": (pa.float64(), "", "Coulomb coefficient"),
    "markers_px": (POINTS, "px", "where the markers are (column, row)"),
    "flow_px": (POINTS, "px", "where they moved, now minus rest (column, row)"),
    "sensor_id": (pa.string(), "", "which sensor; several may share clip_id and frame_index"),
    "world_T_gel": (POSE, "m", "pose of the gel, null where there is no world"),
    "world_T_indenter": (POSE, "m", "pose of the indenter, null where there is no world"),
    "background": (ENCODED_IMAGE, "", "in a clip's first row, where its resting sensor is not background.png; else null"),
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What all clips of one stream share."""

    image_shape: tuple[int, int]
    gel_shape: tuple[int, int]
    cell_size_m: float
    label_types: tuple[tuple[str, str], ...] = ()
    """(name without `label_`, one of LABEL_TYPES), sorted by name."""


def shard_name(shard_id: int) -> str:
    """File name of a shard."""
    return f"clips-{shard_id:05d}.parquet"


def stream_schema(layout: Layout) -> pa.Schema:
    """Arrow schema of every Parquet file of a stream."""
    fields = [pa.field(name, kind, metadata=_told(unit, meaning)) for name, (kind, unit, meaning) in _COLUMNS.items()]
    for m in MAPS.values():
        fields.append(pa.field(m.column, pa.binary(), metadata=m.metadata(m.shape(layout.image_shape, layout.gel_shape))))
    fields += [pa.field(LABEL_PREFIX + name, LABEL_TYPES[kind]) for name, kind in layout.label_types]
    features = {field.name: _feature(field.type) for field in fields}
    own = {"format": FORMAT, "image_shape": layout.image_shape, "gel_shape": layout.gel_shape, "cell_size_m": layout.cell_size_m}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}), "simtouch": json.dumps(own)}
    return pa.schema(fields, metadata=metadata)


def layout_of(schema: pa.Schema) -> Layout:
    """Inverse of `stream_schema`; raise `SimtouchError` if `schema` is another one."""
    try:
        own = json.loads((schema.metadata or {})[b"simtouch"])
        found = own["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise SimtouchError(f"is not part of a simtouch stream (its columns: {', '.join(schema.names[:8])})") from error
    if found != FORMAT:
        raise SimtouchError(f"has the format `{found}`; this version of simtouch reads `{FORMAT}`")
    try:
        layout = Layout(
            image_shape=_size(own["image_shape"]),
            gel_shape=_size(own["gel_shape"]),
            cell_size_m=_positive(own["cell_size_m"]),
            label_types=tuple((n.removeprefix(LABEL_PREFIX), str(schema.field(n).type)) for n in schema.names if _is_label(n)),
        )
        expected = stream_schema(layout)
    except (KeyError, TypeError, ValueError) as error:
        raise SimtouchError(f"declares impossible sizes or labels ({error})") from error
    if (other := _first_difference(schema, expected)) is not None:
        raise SimtouchError(f"differs from the format `{FORMAT}` in the column `{other}`")
    return layout


def _is_label(name: str) -> bool:
    return name.startswith(LABEL_PREFIX)


def _first_difference(schema: pa.Schema, expected: pa.Schema) -> str | None:
    for field in expected:
        index = schema.get_field_index(field.name)
        if index < 0 or not schema.field(index).equals(field) or schema.field(index).metadata != field.metadata:
            return field.name
    return next((name for name in schema.names if name not in expected.names), None)


def _size(value) -> tuple[int, int]:
    rows, cols = value
    if not all(type(n) is int and 0 < n <= _LARGEST_SIDE for n in (rows, cols)):
        raise ValueError(f"size {value}")
    return rows, cols


def _positive(value) -> float:
    if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise ValueError(f"cell size {value}")
    return float(value)


def _told(unit: str, meaning: str) -> dict[str, str] | None:
    return {k: v for k, v in (("unit", unit), ("meaning", meaning)) if v} or None


def _feature(kind: pa.DataType) -> dict:
    """The column's type in the words of HuggingFace `datasets`, which looks for them under `huggingface`."""
    if kind == ENCODED_IMAGE:
        return {"_type": "Image"}
    if pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {pa.float64(): "float64", pa.float32(): "float32"}
    return {"dtype": names.get(kind, str(kind)), "_type": "Value"}
