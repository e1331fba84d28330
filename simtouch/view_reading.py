"""What `view` shows of one frame: a frame of the simulator or of any clip in, a `Reading` with what is known of it out."""

from dataclasses import dataclass

import cv2
import numpy as np

from simtouch.frame import TactileFrame
from simtouch.stream.any_clip import AnyClip

_ON_GRID = ("normal_traction_pa", "shear_traction_pa", "contact_mask", "stick_mask")
_NUMBERS = ("force_n", "torque_nm", "slip_state", "slip_ratio", "contact_area_m2", "indent_depth_m", "friction", "gel_T_indenter")
_SAMPLES = 24  # frames of a clip that its scales are taken from
_LEAST_HEIGHT_M, _LEAST_TRACTION_PA, _LEAST_FLOW_PX = 20e-6, 2e3, 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """One frame of one sensor; what is not known is None. H, W: image; h, w: gel grid; M markers."""

    image: np.ndarray
    """Tactile image, RGB, uint8, (H, W, 3)."""
    time_s: float
    background: np.ndarray | None = None
    """The resting sensor, RGB, uint8, (H, W, 3)."""
    cell_size_m: float | None = None
    """Spacing of the gel grid."""
    height_m: np.ndarray | None = None
    """Gel surface relative to its rest [m], on the gel grid, (h, w)."""
    normal_traction_pa: np.ndarray | None = None
    shear_traction_pa: np.ndarray | None = None
    contact_mask: np.ndarray | None = None
    stick_mask: np.ndarray | None = None
    markers_px: np.ndarray | None = None
    flow_px: np.ndarray | None = None
    force_n: np.ndarray | None = None
    torque_nm: np.ndarray | None = None
    slip_state: str | None = None
    slip_ratio: float | None = None
    contact_area_m2: float | None = None
    indent_depth_m: float | None = None
    friction: float | None = None
    gel_T_indenter: np.ndarray | None = None

    @property
    def missing(self) -> list[str]:
        """What is not known of this frame, in the words of the page."""
        parts = {
            "background image": self.background,
            "height map": self.height_m,
            "tractions": self.normal_traction_pa,
            "stick and slip": self.stick_mask,
            "marker flow": self.flow_px,
            "force": self.force_n,
        }
        return [name for name, value in parts.items() if value is None]

    @property
    def normal_force_n(self) -> float | None:
        """How hard the gel is pressed."""
        return None if self.force_n is None else -float(self.force_n[2])

    @property
    def shear_force_n(self) -> float | None:
        """Length of the in-plane force."""
        return None if self.force_n is None else float(np.hypot(self.force_n[0], self.force_n[1]))


def reading_of_frame(frame: TactileFrame, background: np.ndarray) -> Reading:
    """What is known of a frame of the simulator."""
    known = {name: getattr(frame, name) for name in (*_ON_GRID, *_NUMBERS)}
    has_markers = len(frame.markers_px) > 0
    return Reading(
        image=frame.image,
        time_s=frame.time_s,
        background=background,
        cell_size_m=frame.cell_size_m,
        height_m=_on_the_grid(frame.height_m, frame.contact_mask.shape),
        markers_px=frame.markers_px if has_markers else None,
        flow_px=frame.flow_px if has_markers else None,
        **known,
    )


def reading_of_clip(clip: AnyClip, t: int) -> Reading:
    """What is known of frame `t` of a clip, simulated or recorded."""
    known = {name: clip.values(name)[t] for name in _NUMBERS if clip.has(name)}
    if "slip_state" in known:
        known["slip_state"] = str(known["slip_state"])
    if hasattr(clip, "map"):
        known |= {name: clip.map(name, t) for name in _ON_GRID}
        known["height_m"] = _on_the_grid(clip.map("height_m", t), known["contact_mask"].shape)
        known["cell_size_m"] = clip.cell_size_m
    if hasattr(clip, "points") and len(markers := clip.points("markers_px", t)):
        known |= {"markers_px": markers, "flow_px": clip.points("flow_px", t)}
    image, background = clip.image(t), clip.background
    if background is not None and background.shape != image.shape:
        background = None
    return Reading(image=image, background=background, time_s=float(clip.time_s[t]), **known)


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Largest values that the colours and arrows of a clip are scaled to."""

    height_m: float = _LEAST_HEIGHT_M
    traction_pa: float = _LEAST_TRACTION_PA
    """Of the normal traction."""
    shear_pa: float = _LEAST_TRACTION_PA
    flow_px: float = _LEAST_FLOW_PX

    def widened(self, reading: Reading) -> "Scales":
        """The same, wide enough for `reading`; in steps of 1, 2, 5, so that a live page seldom changes its scale."""
        largest = {
            "height_m": _largest(reading.height_m),
            "traction_pa": _largest(reading.normal_traction_pa),
            "shear_pa": _largest_vector(reading.shear_traction_pa),
            "flow_px": _largest_vector(reading.flow_px),
        }
        if all(value <= getattr(self, name) for name, value in largest.items()):
            return self
        return Scales(**{name: max(getattr(self, name), round_up(value)) for name, value in largest.items()})


def scales_of_clip(clip: AnyClip) -> Scales:
    """Scales that fit a clip, from up to 24 of its frames."""
    scales = Scales()
    for t in np.unique(np.linspace(0, len(clip) - 1, min(_SAMPLES, len(clip))).astype(int)):
        scales = scales.widened(reading_of_clip(clip, int(t)))
    return scales


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... at or above a number; 0 for 0."""
    if not value > 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(value) + 1e-12)
    return float(power * next(step for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9)))


def _on_the_grid(height_m: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Means over the cells."""
    return cv2.resize(height_m, shape[::-1], interpolation=cv2.INTER_AREA)


def _largest(values: np.ndarray | None) -> float:
    return 0.0 if values is None or not values.size else float(np.abs(values).max())


def _largest_vector(vectors: np.ndarray | None) -> float:
    return 0.0 if vectors is None or not vectors.size else float(np.hypot(vectors[..., 0], vectors[..., 1]).max())
