"""One clip as an Arrow table: frames in, one row a frame out. Pure, so worker processes may do it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from simtouch._checks import ArgumentError, ShapeError, SimtouchError, as_array
from simtouch.frame import SLIP_STATES, TactileFrame
from simtouch.stream.images import check_image, encode_image
from simtouch.stream.label_columns import encode_labels
from simtouch.stream.maps import MAPS
from simtouch.stream.schema import ENCODED_IMAGE, LABEL_PREFIX, POINT, POINTS, POSE, VECTOR, Layout, stream_schema

Labels = Mapping[str, Any]


def encode_clip(
    frames: Sequence[TactileFrame],
    *,
    clip_id: int,
    indenter: str,
    motion: str,
    sensor_id: str,
    scene: str = "",
    codec: str = "png",
    labels: Labels | None = None,
    label_types: Mapping[str, type] | None = None,
    world_T_gel: np.ndarray | None = None,
    world_T_indenter: np.ndarray | None = None,
    background: np.ndarray | None = None,
) -> pa.Table:
    """Return one clip as a table of T rows, ready for `StreamWriter`.

    Args:
        frames: T frames of one contact, T >= 1.
        clip_id: Number of the clip in its stream.
        indenter, motion: What touched, and how.
        sensor_id: Name of the unit that felt it.
        scene: Kind of scene.
        codec: `png` (lossless) or `jpeg95`.
        labels: Free labels by name; column `label_NAME`. One bool, int, float or str for the clip, or a sequence of T.
        label_types: Labels of the whole stream and their types; those that this clip does not have are null. By default those
            that it has.
        world_T_gel, world_T_indenter: Poses in a scene, shape (4, 4) or (T, 4, 4).
        background: The resting sensor, uint8, shape (H, W, 3), if it is not the stream's own.
    """
    T = len(frames)
    if T < 1:
        raise ArgumentError("`frames` must hold at least one frame; got none.")
    label_columns = encode_labels(labels or {}, T, label_types)
    layout = _layout(frames[0], label_columns)
    columns = {name: pa.array([get(f) for f in frames], kind) for name, (get, kind) in _SCALARS.items()}
    columns |= {name: _vectors(frames, name, kind) for name, kind in _VECTORS.items()}
    columns |= {name: _points(frames, name) for name in ("markers_px", "flow_px")}
    columns |= {
        "clip_id": _repeat(int(clip_id), T, pa.int64()),
        "frame_index": pa.array(range(T), pa.int64()),
        "indenter": _repeat(indenter, T, pa.string()),
        "motion": _repeat(motion, T, pa.string()),
        "sensor_id": _repeat(sensor_id, T, pa.string()),
        "scene": _repeat(scene, T, pa.string()),
        "image": _images([encode_image(_sized(f.image, layout), codec) for f in frames]),
        "background": _images([background if background is None else encode_image(_sized(background, layout), "png")], T),
        "gel_T_indenter": _poses("gel_T_indenter", [_pose(f.gel_T_indenter) for f in frames], T),
        "world_T_gel": _poses("world_T_gel", world_T_gel, T),
        "world_T_indenter": _poses("world_T_indenter", world_T_indenter, T),
    }
    for m in MAPS.values():
        shape = m.shape(layout.image_shape, layout.gel_shape)
        columns[m.column] = _binary(_encoded(m, frames, shape, clip_id))
    columns |= {LABEL_PREFIX + name: array for name, array in label_columns.items()}
    schema = stream_schema(layout)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


@dataclass(frozen=True)
class _Scalar:
    """Reads one number of a frame; refuses NaN and infinity."""

    name: str

    def __call__(self, frame: TactileFrame) -> float:
        value = float(getattr(frame, self.name))
        if not np.isfinite(value):
            raise ArgumentError(f"`{self.name}` must be finite; got {value}.")
        return value


def _slip_state(frame: TactileFrame) -> str:
    if frame.slip_state not in SLIP_STATES:
        raise ArgumentError(f"`slip_state` must be one of {', '.join(SLIP_STATES)}; got {frame.slip_state!r}.")
    return str(frame.slip_state)


_SCALARS: dict[str, tuple[Callable[[TactileFrame], Any], pa.DataType]] = {
    name: (_Scalar(name), pa.float64())
    for name in ("time_s", "slip_ratio", "torsion_nm", "contact_area_m2", "indent_depth_m", "friction")
} | {"slip_state": (_slip_state, pa.string()), "leaves_view": (lambda frame: bool(frame.leaves_view), pa.bool_())}

_VECTORS = {"force_n": VECTOR, "torque_nm": VECTOR, "centre_of_pressure_m": POINT}


def _layout(frame: TactileFrame, labels: dict[str, pa.Array]) -> Layout:
    check_image("image", frame.image)
    if np.ndim(frame.contact_mask) != 2:
        raise ShapeError(f"`contact_mask` must have shape (h, w); got {np.shape(frame.contact_mask)}.")
    rows, cols = frame.contact_mask.shape
    kinds = tuple((name, str(array.type)) for name, array in labels.items())
    H, W, _ = frame.image.shape
    return Layout(image_shape=(H, W), gel_shape=(rows, cols), cell_size_m=float(frame.cell_size_m), label_types=kinds)


def _sized(image: np.ndarray, layout: Layout) -> np.ndarray:
    if np.shape(image)[:2] != layout.image_shape:
        raise ShapeError(f"`image` must be {layout.image_shape} pixels in every frame of a clip; got {np.shape(image)[:2]}.")
    return image


def _encoded(m, frames: Sequence[TactileFrame], shape: tuple[int, ...], clip_id: int) -> list[bytes]:
    arrays = [getattr(frame, m.attribute) for frame in frames]
    try:
        return m.encode_all(arrays, shape)
    except SimtouchError:
        for t, array in enumerate(arrays):
            try:
                m.encode(array, shape)
            except SimtouchError as error:
                raise type(error)(f"clip {clip_id}, frame {t}: {error}") from error
        raise


def _repeat(value, count: int, kind: pa.DataType) -> pa.Array:
    return pa.array([value] * count, kind)


def _images(encoded: Sequence[bytes | None], length: int | None = None) -> pa.Array:
    """Encoded images, then nulls up to `length`."""
    rows = list(encoded) + [None] * ((length or len(encoded)) - len(encoded))
    empty = pa.array([row is None for row in rows])
    parts = [_binary([row or b"" for row in rows]), pa.nulls(len(rows), pa.string())]
    return pa.StructArray.from_arrays(parts, fields=list(ENCODED_IMAGE), mask=empty)


def _binary(rows: Sequence[bytes]) -> pa.Array:
    """A binary column in one copy; `pa.array` grows its buffer by doubling and takes three times as long."""
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    if ends[-1] > np.iinfo(np.int32).max:
        raise ArgumentError(f"the images or one kind of map of a clip must not pass 2 GiB; got {ends[-1] / 2**30:.1f} GiB.")
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(rows))]
    return pa.Array.from_buffers(pa.binary(), len(rows), buffers)


def _vectors(frames: Sequence[TactileFrame], name: str, kind: pa.DataType) -> pa.Array:
    values = as_array(name, [getattr(f, name) for f in frames], f"T {kind.list_size}", np.float64)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=kind)


def _pose(value) -> np.ndarray:
    return as_array("gel_T_indenter", value, "4 4", np.float64)


def _poses(name: str, value, T: int) -> pa.Array:
    if value is None:
        return pa.nulls(T, POSE)
    poses = as_array(name, np.broadcast_to(value, (T, 4, 4)) if np.shape(value) == (4, 4) else value, "T 4 4", np.float64, T=T)
    return pa.FixedSizeListArray.from_arrays(pa.array(poses.ravel()), type=POSE)


def _points(frames: Sequence[TactileFrame], name: str) -> pa.Array:
    points = [as_array(name, getattr(f, name), "M 2") for f in frames]
    offsets = np.cumsum([0, *map(len, points)], dtype=np.int32)
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(points).ravel()), type=POINTS.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), pairs, type=POINTS)
