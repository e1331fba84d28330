"""A simulated sensor in the user's hand: wishes and passing time in, readings out; wishes are kept to what the gel can bear.

The indenter follows the wished pose as

    x += (wish - x) (1 - exp(-dt / tau))                                                (1)

so that a mouse that reports 20 times a second moves it smoothly.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from simtouch.contact import DEEPEST
from simtouch.frame import TactileFrame
from simtouch.geometry.pose import pose, rotation_z
from simtouch.indenters import Solid
from simtouch.sensors import SensorSpec
from simtouch.simulator import TactileSimulator
from simtouch.view_reading import Reading, reading_of_frame

_FOLLOWS_S = 0.05  # tau of (1)
_HIGHEST_M = 2e-3  # above the resting gel
_SHORTEST_S, _LONGEST_S = 1 / 120, 0.1  # of a step: a page that stood still does not make the gel creep for minutes


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Where the user wants the indenter."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    depth_m: float = 0.0
    """Deepest overlap with the resting gel; negative above it."""
    force_n: float | None = None
    """Press with this normal force instead of to `depth_m`."""


class Touch:
    """One sensor and one indenter."""

    def __init__(self, spec: SensorSpec, indenter: Solid):
        self.spec, self.indenter = spec, indenter
        self._sim = TactileSimulator(spec)
        self.reset()

    @property
    def deepest_m(self) -> float:
        """Deepest indentation that the layer allows."""
        return 0.999 * DEEPEST * self.spec.gel.thickness_m

    @property
    def half_view_m(self) -> tuple[float, float]:
        """Half the view (x, y)."""
        H, W = self.spec.image_shape
        return W * self.spec.camera.pixel_pitch_m / 2, H * self.spec.camera.pixel_pitch_m / 2

    @property
    def most_n(self) -> float:
        """Largest force that may be wished for."""
        return self.spec.working_range.normal_force_n[1]

    def first_wish(self) -> Wish:
        """A gentle press in the middle."""
        shallow, deep = self.spec.working_range.indent_depth_m
        return Wish(depth_m=(shallow + deep) / 2)

    def reset(self) -> None:
        """Lift the indenter and forget what was."""
        self._sim.reset(self.indenter, seed=0)
        self._at = Wish(depth_m=-_HIGHEST_M / 4)

    def kept(self, wish: Wish) -> Wish:
        """The wish inside the view and what the layer allows."""
        half_x, half_y = self.half_view_m
        force = wish.force_n if wish.force_n is None else float(np.clip(wish.force_n, 0, self.most_n))
        return Wish(
            x_m=float(np.clip(wish.x_m, -half_x, half_x)),
            y_m=float(np.clip(wish.y_m, -half_y, half_y)),
            yaw_rad=wish.yaw_rad,
            depth_m=float(np.clip(wish.depth_m, -_HIGHEST_M, self.deepest_m)),
            force_n=force,
        )

    def step(self, wish: Wish, dt_s: float) -> tuple[TactileFrame, Reading]:
        """Follow the wish for `dt_s`; raise `SimtouchError` where the gel cannot, and stay where it was."""
        dt_s = min(max(dt_s, _SHORTEST_S), _LONGEST_S)
        at = self._follow(self.kept(wish), 1 - math.exp(-dt_s / _FOLLOWS_S))
        gel_T_indenter = pose((at.x_m, at.y_m, 0.0), rotation_z(at.yaw_rad))
        if at.force_n is None:
            frame = self._sim.step_depth(gel_T_indenter, at.depth_m, dt_s)
        else:
            frame = self._sim.step_force(gel_T_indenter, at.force_n, dt_s)
            at = replace(at, depth_m=frame.indent_depth_m)  # from where a wish for a depth goes on
        self._at, self._frame = at, frame
        return frame, reading_of_frame(frame, self._sim.background)

    def _follow(self, wish: Wish, share: float) -> Wish:
        at = self._at
        force = None
        if wish.force_n is not None:
            before = at.force_n
            if before is None:
                before = max(0.0, float(self._frame.normal_force_n)) if at.depth_m > 0 else 0.0
            force = before + (wish.force_n - before) * share
        return Wish(
            x_m=at.x_m + (wish.x_m - at.x_m) * share,
            y_m=at.y_m + (wish.y_m - at.y_m) * share,
            yaw_rad=at.yaw_rad + (wish.yaw_rad - at.yaw_rad) * share,
            depth_m=at.depth_m + (wish.depth_m - at.depth_m) * share,
            force_n=force,
        )


def on_the_plane(eye: np.ndarray, seen: np.ndarray, height: float) -> np.ndarray | None:
    """Where the line from `eye` through `seen` meets the plane z = height (x, y), (2,); None if it runs beside or away from it.

    Args:
        eye, seen: Two points, (3,).
        height: Of the plane, in the points' unit.
    """
    way = seen - eye
    if abs(way[2]) < 1e-6 * float(np.linalg.norm(way)) or (reach := (height - eye[2]) / way[2]) <= 0:
        return None
    return (eye + reach * way)[:2]
