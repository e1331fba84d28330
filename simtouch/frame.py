"""One reading of the sensor and all that is known of it: what `TactileSimulator.step` hands back."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

SlipState = Literal["none", "stick", "incipient", "slip"]
SLIP_STATES: tuple[SlipState, ...] = ("none", "stick", "incipient", "slip")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TactileFrame:
    """One reading. H, W: image; h, w: gel grid; M markers. All in the gel frame; a batch puts B first everywhere.

    `force_n` and `torque_nm` are what the indenter does to the gel: a press has `force_n[2] < 0`. Heights and displacements
    are motions along z out of the gel: negative where pressed in. Tractions are components per projected area.

    A frame that a simulator hands back works out what is asked for, when it is asked for, and keeps it.
    """

    image: np.ndarray
    """Tactile image, RGB, uint8, (H, W, 3)."""
    height_m: np.ndarray
    """Gel surface relative to its rest [m], float32, (H, W)."""
    contact_mask: np.ndarray
    """Where the gel is touched, bool, (h, w)."""
    stick_mask: np.ndarray
    """Where it is touched and does not slide, bool, (h, w)."""
    normal_traction_pa: np.ndarray
    """-z component of the traction on the gel, >= 0, float32, (h, w)."""
    shear_traction_pa: np.ndarray
    """(x, y) components of the traction on the gel, float32, (h, w, 2)."""
    displacement_m: np.ndarray
    """Motion of the surface (x, y, z), float32, (h, w, 3)."""
    slip_m: np.ndarray
    """How far the indenter has slipped over the gel (x, y) since the cell was first touched [m], float32, (h, w, 2)."""
    slip_rate_m_s: np.ndarray
    """How fast it slips now, 0 where the cell sticks, float32, (h, w, 2)."""
    force_n: np.ndarray
    """Total force on the gel, float64, (3,)."""
    torque_nm: np.ndarray
    """Total torque on the gel about the gel frame's origin, float64, (3,)."""
    torsion_nm: float
    """Torque on the gel about z through the centre of pressure."""
    centre_of_pressure_m: np.ndarray
    """Where the normal force acts (x, y), float64, (2,); the origin without contact."""
    cell_size_m: float
    """Spacing of the gel grid."""
    friction: float
    """Coulomb coefficient in this frame."""
    slip_state: SlipState
    slip_ratio: float
    """Share of the contact that slides, in [0, 1]."""
    contact_area_m2: float
    leaves_view: bool
    """The contact reaches the rim of the gel grid: what lies beyond is not simulated, and its force is missing."""
    indent_depth_m: float
    """Deepest overlap of the indenter with the resting gel; 0 without one."""
    markers_px: np.ndarray
    """Where the markers are (column, row) [px], float32, (M, 2)."""
    flow_px: np.ndarray
    """Where the markers moved, now minus rest (column, row) [px], float32, (M, 2)."""
    gel_T_indenter: np.ndarray
    """Pose of the indenter, float64, (4, 4)."""
    time_s: float

    @classmethod
    def of(cls, source: object, **known) -> "TactileFrame":
        """The frame whose fields are the attributes of `source`, read when they are asked for, but for those that are known."""
        frame = cls.__new__(cls)
        frame.__dict__.update(known, _source=source)
        return frame

    def __getattr__(self, name: str) -> Any:  # asked only for what is not there yet
        if name not in _NAMES or "_source" not in self.__dict__:
            raise AttributeError(f"a frame has no `{name}`")
        value = self.__dict__[name] = getattr(self.__dict__["_source"], name)
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _NAMES}

    def __repr__(self) -> str:
        shape = "x".join(map(str, np.shape(self.image)))
        return (
            f"TactileFrame(time_s={self.time_s}, slip_state={self.slip_state!r}, force_n={self.force_n.tolist()}, image {shape})"
        )

    @property
    def normal_force_n(self) -> float | np.ndarray:
        """How hard the gel is pressed: minus the z component of `force_n`."""
        return -self.force_n[..., 2]

    @property
    def shear_force_n(self) -> np.ndarray:
        """In-plane part (x, y) of `force_n`, (2,)."""
        return self.force_n[..., :2]

    @classmethod
    def stack(cls, frames: "list[TactileFrame]", **known) -> "TactileFrame":
        """Frames of B independent contacts as one frame whose arrays have a leading B; some may be `known` already."""
        return cls.of(_Stack(frames), **known)


class _Stack:
    """Every field of some frames, side by side."""

    def __init__(self, frames: list[TactileFrame]):
        self._frames = frames

    def __getattr__(self, name: str) -> np.ndarray:
        return np.array([getattr(frame, name) for frame in self._frames])


_NAMES = [f.name for f in fields(TactileFrame)]
