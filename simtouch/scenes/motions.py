"""Who touches what, when: a sensor, a clip length and a random generator in, a `Path` out. No reward, no policy.

Speeds and depths come from `SensorSpec.working_range`; the caller limits the depth by force (`motion_scene.py`). The plan of every
motion is a function of time in seconds, so a clip at another frame rate shows the same kind of contact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simtouch.geometry.pose import from_rotvec
from simtouch.scenes.path import Path, depth_at_rate
from simtouch.sensors.spec import SensorSpec

_RIM_M = 3.5e-3  # contacts keep this far from the edge of the view


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a motion may use."""

    spec: SensorSpec
    frames: int
    deepest_m: float
    """Depth that keeps the force in the working range."""
    reach_m: float
    """How far the indenter's lowest point lies below its origin."""
    attitude: np.ndarray
    """How the indenter is held before any turn, (3, 3)."""
    rng: np.random.Generator

    @property
    def time_s(self) -> np.ndarray:
        """Time of each frame, (T,)."""
        return np.arange(self.frames) / self.spec.camera.fps

    @property
    def room_m(self) -> np.ndarray:
        """How far from the centre a contact may lie (x, y)."""
        grid = self.spec.image_grid
        return np.maximum(np.array([grid.cols, grid.rows]) * grid.spacing_m / 2 - _RIM_M, 0.5e-3)

    def place(self) -> np.ndarray:
        """A random place (x, y), (2,)."""
        return self.rng.uniform(-self.room_m, self.room_m)

    def speed(self) -> float:
        """A sliding speed of the working range [m/s], log-uniform."""
        slow, fast = self.spec.working_range.slide_speed_m_s
        return float(np.exp(self.rng.uniform(np.log(slow), np.log(fast))))

    def turn(self, tilt_rad: float = 0.04) -> np.ndarray:
        """The attitude, turned at random about z and tilted a little, (3, 3)."""
        tilt = self.rng.uniform(-tilt_rad, tilt_rad, 2)
        return from_rotvec((*tilt, 0)) @ from_rotvec((0, 0, self.rng.uniform(-np.pi, np.pi))) @ self.attitude

    def press(self, release: bool = True) -> np.ndarray:
        """Depth of a press (T,)."""
        return depth_at_rate(self.rng, self.spec, self.frames, self.deepest_m, release=release)


def press(plan: Plan) -> Path:
    """Straight down, hold, straight up."""
    return _path(plan, plan.place(), plan.press(), plan.turn())


def slide(plan: Plan) -> Path:
    """Down, then along a straight line at a constant speed: stick, incipient slip, slip."""
    depth = plan.press(release=False)
    start, heading, distance = _line(plan, plan.speed() * plan.time_s[-1])
    moving = np.clip((plan.time_s - _touched_at(plan, depth)) / max(plan.time_s[-1] - _touched_at(plan, depth), 1e-9), 0, 1)
    return _path(plan, start + heading * (distance * moving)[:, None], depth, plan.turn())


def twist(plan: Plan) -> Path:
    """Down, then a turn about z and part of the way back."""
    depth = plan.press(release=False)
    angle = plan.rng.uniform(0.15, 0.7) * plan.rng.choice([-1, 1]) * _there_and_back(plan, depth)
    turn = plan.turn()
    return _path(plan, plan.place(), depth, np.stack([from_rotvec((0, 0, a)) @ turn for a in angle]))


def roll(plan: Plan) -> Path:
    """Down, then roll without gross slip: the origin moves by reach times angle."""
    depth = plan.press(release=False)
    start, heading, distance = _line(plan, plan.speed() * plan.time_s[-1])
    return _rolling(plan, start, heading, distance * _ramp(plan, depth), depth)


def rock(plan: Plan) -> Path:
    """Down, then tilt to and fro about the contact."""
    depth = plan.press(release=False)
    heading = _heading(plan.rng)
    angle = plan.rng.uniform(0.06, 0.2) * np.sin(2 * np.pi * plan.rng.uniform(1.0, 2.0) * _ramp(plan, depth))
    return _rolling(plan, plan.place(), heading, plan.reach_m * angle, depth)


def tap(plan: Plan) -> Path:
    """Two or three quick presses, each at a place near the last."""
    taps = int(plan.rng.integers(2, 4))
    first, shift = plan.place(), plan.rng.normal(0, 1e-3, (taps, 2))
    pieces = np.array_split(np.arange(plan.frames), taps)
    depth, place = np.empty(plan.frames), np.empty((plan.frames, 2))
    for piece, move in zip(pieces, shift, strict=True):
        peak = plan.rng.uniform(0.3, 1.0) * plan.deepest_m
        depth[piece] = peak * np.sin(np.pi * (np.arange(len(piece)) + 0.5) / len(piece)) * 1.3 - 0.3 * peak
        place[piece] = np.clip(first + move, -plan.room_m, plan.room_m)
    return _path(plan, place, depth, plan.turn())


def drag(plan: Plan) -> Path:
    """Down, then a slow steady pull. Jerks come from friction that falls with speed (`LayerConfig.stribeck_speed_m_s`), not from here."""
    depth = plan.press(release=False)
    slow = plan.spec.working_range.slide_speed_m_s[0]
    start, heading, distance = _line(plan, plan.rng.uniform(1, 2) * slow * plan.time_s[-1])
    return _path(plan, start + heading * (distance * _ramp(plan, depth))[:, None], depth, plan.turn())


def explore(plan: Plan) -> Path:
    """Everything at once: a smooth random walk in place, depth, turn and tilt."""
    duration = max(plan.time_s[-1], 1e-9)
    wave = _smooth_noise(plan.rng, plan.time_s / duration, 6)
    span = np.minimum(plan.room_m, plan.speed() * duration / 4)
    place = np.clip(plan.place() + span * wave[:, :2], -plan.room_m, plan.room_m)
    depth = plan.deepest_m * np.clip(0.55 + 0.45 * wave[:, 2], -0.05, 1.0)
    tilt, yaw, turn = 0.08 * wave[:, 3:5], 0.5 * wave[:, 5], plan.turn()
    return _path(plan, place, depth, np.stack([from_rotvec((*t, y)) @ turn for t, y in zip(tilt, yaw, strict=True)]))


MOTIONS: dict[str, Callable[[Plan], Path]] = {m.__name__: m for m in (press, slide, twist, roll, rock, tap, drag, explore)}


def _path(plan: Plan, place: np.ndarray, depth: np.ndarray, rotation: np.ndarray) -> Path:
    T = plan.frames
    return Path(place_m=np.broadcast_to(place, (T, 2)), depth_m=depth, rotation=np.broadcast_to(rotation, (T, 3, 3)))


def _heading(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(-np.pi, np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _line(plan: Plan, distance_m: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Start, heading and length of a line that stays in the view and in the sensor's shear travel times three."""
    start, heading = plan.place(), _heading(plan.rng)
    if start @ heading > 0:  # towards the middle, not out of the picture
        heading = -heading
    with np.errstate(divide="ignore"):
        room = np.min(np.where(heading != 0, (plan.room_m - np.sign(heading) * start) / np.abs(heading), np.inf))
    return start, heading, float(min(distance_m, room, 3 * plan.spec.working_range.shear_travel_m[1]))


def _touched_at(plan: Plan, depth: np.ndarray) -> float:
    """Time at which the press has reached its full depth."""
    return float(plan.time_s[int(np.argmax(depth >= depth.max() - 1e-12))])


def _ramp(plan: Plan, depth: np.ndarray) -> np.ndarray:
    """0 until the press is down, then evenly to 1 at the end, (T,)."""
    begin, end = _touched_at(plan, depth), plan.time_s[-1]
    return np.clip((plan.time_s - begin) / max(end - begin, 1e-9), 0, 1)


def _there_and_back(plan: Plan, depth: np.ndarray) -> np.ndarray:
    """0 to 1 and back to somewhere below, (T,): reversal shows the memory of friction."""
    turning, back = plan.rng.uniform(0.5, 0.8), plan.rng.uniform(-0.5, 0.5)
    return np.interp(_ramp(plan, depth), (0, turning, 1), (0, 1, back))


def _rolling(plan: Plan, start: np.ndarray, heading: np.ndarray, travel_m: np.ndarray, depth: np.ndarray) -> Path:
    """Turn about the in-plane axis across `heading` while the origin moves along it: the lowest point stands still."""
    axis = np.array([-heading[1], heading[0], 0])  # z x heading: a turn about it moves the underside against the heading
    turn = plan.turn(0.0)
    rotation = np.stack([from_rotvec(axis * s / plan.reach_m) @ turn for s in travel_m])
    return _path(plan, start + heading * travel_m[:, None], depth, rotation)


def _smooth_noise(rng: np.random.Generator, phase: np.ndarray, channels: int) -> np.ndarray:
    """Smooth noise of unit size in [-1, 1], (T, channels): three sines of random frequency and phase."""
    frequency, offset = rng.uniform(0.3, 2.0, (3, channels)), rng.uniform(0, 2 * np.pi, (3, channels))
    return np.sin(2 * np.pi * phase[:, None, None] * frequency + offset).mean(1)
