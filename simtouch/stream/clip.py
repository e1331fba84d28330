"""One clip of a stream: a row group in, the readings of one contact out, each column decoded when it is asked for."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from simtouch._checks import SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import decode_image
from simtouch.stream.maps import MAPS
from simtouch.stream.schema import LABEL_PREFIX, Layout
from simtouch.stream.stored_frame import FRAME_NAMES, Frames

if TYPE_CHECKING:
    from simtouch.stream.reader import Stream

_FRAME_COLUMNS = FRAME_NAMES - {"image", "cell_size_m", "markers_px", "flow_px", *MAPS} | {"world_T_gel", "world_T_indenter"}


class Clip(AnyClip):
    """One contact from start to end, T frames. Everything is SI; maps and images are decoded on request."""

    synthetic = True

    def __init__(self, stream: "Stream", index: int):
        self._stream, self._index = stream, index
        self._columns: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return len(self._column("frame_index"))

    def __repr__(self) -> str:
        return f"Clip({self.clip_id}: {self.sensor_id}, {self.indenter}, {self.motion}, {len(self)} frames)"

    def __getstate__(self) -> dict:
        return {"_stream": self._stream, "_index": self._index, "_columns": {}}

    @property
    def frames(self) -> Frames:
        """The frames in order, as a lazy sequence of `StoredFrame`."""
        return Frames(self)

    @property
    def layout(self) -> Layout:
        """Sizes that all clips of the stream share."""
        return self._stream.layout_of_clip(self._index)

    @property
    def cell_size_m(self) -> float:
        """Spacing of the gel grid."""
        return self.layout.cell_size_m

    @property
    def clip_id(self) -> int:
        """Number of the clip in its stream."""
        return int(self._numbers("clip_id")[0])

    @property
    def source(self) -> str:
        """Name of the stream's folder."""
        return self._stream.path.name

    @property
    def sensor_type(self) -> str:
        """Name of the sensor that the manifest describes."""
        spec = self._stream.spec
        return "" if spec is None else spec.name

    @property
    def indenter(self) -> str:
        """What touched."""
        return self._column("indenter")[0].as_py()

    @property
    def motion(self) -> str:
        """How it moved."""
        return self._column("motion")[0].as_py()

    @property
    def scene(self) -> str:
        """Kind of scene."""
        return self._column("scene")[0].as_py()

    @property
    def sensor_id(self) -> str:
        """Which unit felt it."""
        return self._column("sensor_id")[0].as_py()

    @property
    def background(self) -> np.ndarray:
        """The resting sensor, uint8, (H, W, 3): the clip's own or the stream's."""
        own = self._column("background")[0].as_py()
        return self._stream.background if own is None else self._image(own["bytes"])

    @property
    def time_s(self) -> np.ndarray:
        """Since the clip's start, (T,)."""
        return self._numbers("time_s")

    @property
    def force_n(self) -> np.ndarray:
        """Force on the gel, (T, 3)."""
        return self._lists("force_n", (3,))

    @property
    def torque_nm(self) -> np.ndarray:
        """Torque on the gel, (T, 3)."""
        return self._lists("torque_nm", (3,))

    @property
    def torsion_nm(self) -> np.ndarray:
        """Torque on the gel about z through the centre of pressure, (T,)."""
        return self._numbers("torsion_nm")

    @property
    def centre_of_pressure_m(self) -> np.ndarray:
        """Where the normal force acts (x, y), (T, 2)."""
        return self._lists("centre_of_pressure_m", (2,))

    @property
    def leaves_view(self) -> np.ndarray:
        """Whether the contact reaches the rim of the gel grid, bool, (T,)."""
        return self._numbers("leaves_view")

    @property
    def slip_state(self) -> np.ndarray:
        """One of none, stick, incipient, slip for each frame, (T,)."""
        return np.array(self._column("slip_state").to_pylist())

    @property
    def slip_ratio(self) -> np.ndarray:
        """Share of the contact that slides, (T,)."""
        return self._numbers("slip_ratio")

    @property
    def contact_area_m2(self) -> np.ndarray:
        """Touched area, (T,)."""
        return self._numbers("contact_area_m2")

    @property
    def indent_depth_m(self) -> np.ndarray:
        """Deepest overlap with the resting gel, (T,)."""
        return self._numbers("indent_depth_m")

    @property
    def friction(self) -> np.ndarray:
        """Coulomb coefficient, (T,)."""
        return self._numbers("friction")

    @property
    def gel_T_indenter(self) -> np.ndarray:  # noqa: N802
        """Poses of the indenter, (T, 4, 4)."""
        return self._lists("gel_T_indenter", (4, 4))

    @property
    def world_T_gel(self) -> np.ndarray | None:  # noqa: N802
        """Poses of the gel in a scene, (T, 4, 4), if there is one."""
        return self._optional_poses("world_T_gel")

    @property
    def world_T_indenter(self) -> np.ndarray | None:  # noqa: N802
        """Poses of the indenter in a scene, (T, 4, 4), if there is one."""
        return self._optional_poses("world_T_indenter")

    @property
    def markers_px(self) -> list[np.ndarray]:
        """Where the markers are, T arrays (M, 2)."""
        return [self.points("markers_px", t) for t in range(len(self))]

    @property
    def flow_px(self) -> list[np.ndarray]:
        """Where they moved, T arrays (M, 2)."""
        return [self.points("flow_px", t) for t in range(len(self))]

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """Free labels by name, T values each; in a mixture, null where the clip's scene does not know them."""
        return {name: self._column(LABEL_PREFIX + name).to_numpy(zero_copy_only=False) for name, _ in self.layout.label_types}

    def has(self, name: str) -> bool:
        """Whether each frame has `name`: a number or a state of `TactileFrame`, a pose, or a label."""
        return name in _FRAME_COLUMNS or any(name == label for label, _ in self.layout.label_types)

    def values(self, name: str) -> np.ndarray:
        """What each frame has by that name, T values."""
        return getattr(self, name) if name in _FRAME_COLUMNS else super().values(name)

    def maps(self, name: str) -> np.ndarray:
        """All frames of one map by its name in `TactileFrame`, as `height_m` (T, H, W) or `shear_traction_pa` (T, h, w, 2)."""
        return np.stack([self.map(name, t) for t in range(len(self))])

    def map(self, name: str, t: int) -> np.ndarray:
        """One map of frame `t` in SI units."""
        m = MAPS[name]
        shape = m.shape(self.layout.image_shape, self.layout.gel_shape)
        with self._stream.blamed(self._index):
            return m.decode(self._bytes(self._column(m.column)[t]), shape)

    def encoded_image(self, t: int) -> bytes:
        """PNG or JPEG of frame `t`."""
        return self._bytes(self._column("image")[t]["bytes"])

    def image(self, t: int) -> np.ndarray:
        """Tactile image of frame `t`, RGB, uint8, (H, W, 3)."""
        return self._image(self.encoded_image(t))

    def points(self, name: str, t: int) -> np.ndarray:
        """`markers_px` or `flow_px` of frame `t`, float32, (M, 2)."""
        return _flat(self._column(name)[t].values).reshape(-1, 2)

    def _column(self, name: str) -> pa.Array:
        if name not in self._columns:
            self._columns |= self._stream.read_columns(self._index, name)
        return self._columns[name]

    def _numbers(self, name: str) -> np.ndarray:
        return _flat(self._column(name))

    def _lists(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return _flat(self._column(name).flatten()).reshape(-1, *shape)

    def _optional_poses(self, name: str) -> np.ndarray | None:
        return None if self._column(name).null_count else self._lists(name, (4, 4))

    def _image(self, data: bytes) -> np.ndarray:
        with self._stream.blamed(self._index):
            return decode_image(data, self.layout.image_shape)

    def _bytes(self, value: pa.Scalar) -> bytes:
        data = value.as_py()
        if data is None:
            with self._stream.blamed(self._index):
                raise SimtouchError("a frame has no bytes where an image or a map is declared.")
        return data


def _flat(array: pa.Array) -> np.ndarray:
    """All numbers of an array, however nested, as one NumPy array of its own."""
    while pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type):
        array = array.flatten()
    return array.to_numpy(zero_copy_only=False).copy()
