"""A path of an indenter over the gel: place, depth and turn in time."""

from dataclasses import dataclass

import numpy as np

from simtouch.sensors.spec import SensorSpec

_CLEARANCE_M = 0.05e-3  # where an indenter that is not touching waits


@dataclass(frozen=True, eq=False, kw_only=True)
class Path:
    """What an indenter does, frame by frame."""

    place_m: np.ndarray
    """Where its origin is over the gel (x, y) [m], (T, 2)."""
    depth_m: np.ndarray
    """How deep its lowest point lies in the resting gel [m], (T,); negative above it."""
    rotation: np.ndarray
    """Turn of the indenter in the gel frame, (T, 3, 3)."""

    @property
    def poses(self) -> np.ndarray:
        """Poses gel_T_indenter, float64, (T, 4, 4), with z left at 0: the depth says where it is."""
        poses = np.broadcast_to(np.eye(4), (len(self.depth_m), 4, 4)).copy()
        poses[:, :3, :3], poses[:, :2, 3] = self.rotation, self.place_m
        return poses


def depth_at_rate(
    rng: np.random.Generator, spec: SensorSpec, frames: int, deepest_m: float, *, release: bool = True
) -> np.ndarray:
    """Depth of a press [m], (T,): down, hold and (`release`) up again, at a speed of the sensor's working range."""
    fps, working = spec.camera.fps, spec.working_range
    peak = rng.uniform(min(max(working.indent_depth_m[0], 0.25 * deepest_m), deepest_m), deepest_m)
    speed = rng.uniform(*working.press_speed_m_s)
    travel = peak + _CLEARANCE_M
    # At least three frames down and no more than a third of the clip, so that a press is a press at any frame rate.
    down = int(np.clip(np.ceil(travel / speed * fps), 3, max(3, frames // 3)))
    knots = [(0, -_CLEARANCE_M), (down, peak)]
    if release:
        knots += [(frames - 1 - down, peak), (frames - 1, -_CLEARANCE_M)]
    return np.interp(np.arange(frames), *zip(*knots, strict=True))
