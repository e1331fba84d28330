"""A gripper of two fingers with a sensor each, and what it does to an object: a body and a plan in, MJCF and its controls in time out.

World: x along the grip, z up, the object's middle at the origin. The left finger feels along +x, the right one along -x; both images
have gravity downwards. The hand is two stiff servos (up and across), the fingers are coupled motors, the object stands on a post.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.scenes.gripper_objects import GraspObject
from simtouch.sensors.spec import SensorSpec

GRAVITY_M_S2 = 9.81
LEAST_GRIP_N, MOST_GRIP_N = 0.5, 2.5
_CLEARANCE_M = 0.8e-3  # between pad and object before the grip
_LIFT_M_S2 = 2.5  # most acceleration of the lift
_MOST_LIFT_M = 30e-3
_LOAD_M = 1.2e-3  # more than a gel gives way under any load it can hold
_PARTS = ((0.04, 0.2), (0.22, 0.44), (0.44, 0.62), (0.66, 1.0))  # of a clip: squeeze, load, lift, shake
_SHAKE = 0.6  # most amplitude of the shake, of the lift: nothing is knocked against the post
_SLOWEST_FRAMES = 6  # a shake to and fro takes at least so many frames

_MJCF = """<mujoco model="gripper">
  <asset>{assets}</asset>
  <worldbody>
    <geom name="post" type="box" size="0.002 0.03 0.05" pos="0 0 {post:.9g}" friction="0.5 0.005 0.0001"/>
    <body name="hand" pos="0 {y:.9g} {z:.9g}">
      <inertial mass="2" pos="0 0 0" diaginertia="0.01 0.01 0.01"/>
      <joint name="up" type="slide" axis="0 0 1"/>
      <joint name="across" type="slide" axis="0 1 0"/>
      <body name="left" pos="-{x:.9g} 0 0" gravcomp="1">
        <inertial mass="0.1" pos="0 0 0" diaginertia="0.0001 0.0001 0.0001"/>
        <joint name="close_left" type="slide" axis="1 0 0" damping="{damping:.9g}"/>
        <site name="gel_left" xyaxes="0 -1 0 0 0 -1"/>
      </body>
      <body name="right" pos="{x:.9g} 0 0" gravcomp="1">
        <inertial mass="0.1" pos="0 0 0" diaginertia="0.0001 0.0001 0.0001"/>
        <joint name="close_right" type="slide" axis="-1 0 0" damping="{damping:.9g}"/>
        <site name="gel_right" xyaxes="0 1 0 0 0 -1"/>
      </body>
    </body>
    <body name="{name}"><freejoint/>{geoms}</body>
  </worldbody>
  <equality><joint joint1="close_left" joint2="close_right" solref="0.004 1"/></equality>
  <actuator>
    <position joint="up" kp="200000" kv="1300"/>
    <position joint="across" kp="200000" kv="1300"/>
    <motor joint="close_left"/>
    <motor joint="close_right"/>
  </actuator>
</mujoco>
"""


@dataclass(frozen=True, kw_only=True)
class GripPlan:
    """What a hand does in one clip."""

    grip_force_n: float
    mass_kg: float
    place_m: tuple[float, float]
    """Where the hand takes the object, from its middle (across, up)."""
    duration_s: float
    squeeze_s: tuple[float, float]
    """When the grip grows to its full force."""
    load_s: tuple[float, float]
    """When the hand comes up by `_LOAD_M`, slowly: the weight passes from the post to the gels."""
    lift_s: tuple[float, float]
    lift_m: float
    shake_s: tuple[float, float]
    shake_m: tuple[float, float]
    """Amplitude (across, up)."""
    shake_hz: float
    slack: float = 1.0
    """Share of the grip force that is left at the end of the shake."""

    def grip_n(self, time_s: float) -> float:
        """Force of each finger's motor."""
        loose = (1 - self.slack) * _eased(time_s, *self.shake_s)
        return self.grip_force_n * _eased(time_s, *self.squeeze_s) * (1 - loose)

    def hand_m(self, time_s: float) -> tuple[float, float]:
        """Where the hand is (across, up)."""
        begin, end = self.shake_s
        ramp = _eased(time_s, begin, begin + 0.25 * (end - begin))
        wave = ramp * np.sin(2 * np.pi * self.shake_hz * max(0.0, time_s - begin))
        up = _LOAD_M * _eased(time_s, *self.load_s) + self.lift_m * _eased(time_s, *self.lift_s)
        return self.shake_m[0] * wave, up + self.shake_m[1] * wave

    def phase(self, time_s: float) -> str:
        """approach, squeeze, load, lift, hold or shake."""
        if time_s >= self.shake_s[0] and any(self.shake_m):
            return "shake"
        begun = (("hold", self.lift_s[1]), ("lift", self.lift_s[0]), ("load", self.load_s[0]), ("squeeze", self.squeeze_s[0]))
        return next((name for name, begin in begun if time_s >= begin), "approach")

    def control(self, data) -> None:
        """Set the controls of the gripper's model."""
        across, up = self.hand_m(data.time)
        data.ctrl[:] = up, across, self.grip_n(data.time), self.grip_n(data.time)


def gripper_mjcf(thing: GraspObject, plan: GripPlan) -> str:
    """The gripper open around an object that stands on its post."""
    assets, geoms = thing.mjcf(plan.mass_kg)
    y, z = plan.place_m
    return _MJCF.format(
        assets=assets, geoms=geoms, name=thing.name, x=thing.half_width_m + _CLEARANCE_M, y=y, z=z,
        post=-0.05 - thing.half_height_m, damping=12 * plan.grip_force_n,
    )  # fmt: skip


def draw_plan(
    rng: np.random.Generator, spec: SensorSpec, thing: GraspObject, duration_s: float, *, use: tuple[float, float], shake: bool
) -> GripPlan:
    """Draw a plan whose largest load is a share `use` (log-uniform) of what friction carries; past 1 it slips.

    Args:
        rng: Source of every choice.
        spec: Of the sensors: friction, working range, frame rate.
        thing: What is taken.
        duration_s: Of the clip.
        use: Range of load over mu times grip.
        shake: Shake it after the lift, else hold it.
    """
    low, high = spec.working_range.normal_force_n
    grip = _log_uniform(rng, max(LEAST_GRIP_N, low), min(MOST_GRIP_N, 0.7 * high))
    squeeze, load, lift, shaking = (tuple(share * duration_s for share in part) for part in _PARTS)
    lift_m = min(_MOST_LIFT_M, _LIFT_M_S2 * (lift[1] - lift[0]) ** 2 / 5.77)  # of the smooth step's peak
    hz, acceleration = rng.uniform(2.0, 6.0), rng.uniform(2.0, 6.0) if shake else 0.0
    heading, furthest = rng.uniform(0, 2 * np.pi), _SHAKE * lift_m
    hz = min(max(hz, float(np.sqrt(acceleration / furthest)) / (2 * np.pi)), spec.camera.fps / _SLOWEST_FRAMES)
    amplitude = float(min(acceleration / (2 * np.pi * hz) ** 2, furthest))
    acceleration = amplitude * (2 * np.pi * hz) ** 2
    slack = rng.uniform(0.5, 0.9) if shake and rng.random() < 0.35 else 1.0
    most = GRAVITY_M_S2 + max(acceleration, lift_m * 5.77 / (lift[1] - lift[0]) ** 2)
    mass = 2 * spec.gel.friction * grip * slack * _log_uniform(rng, *use) / most
    across = thing.grip_y_m + thing.reach_y_m * rng.uniform(-1, 1) + rng.uniform(-1, 1) * 1e-3
    return GripPlan(
        grip_force_n=grip, mass_kg=mass, place_m=(float(across), float(rng.uniform(-1, 1) * 1e-3)), duration_s=duration_s,
        squeeze_s=squeeze, load_s=load, lift_s=lift, lift_m=lift_m, shake_s=shaking, shake_hz=hz, slack=slack,
        shake_m=(float(amplitude * np.cos(heading)), float(amplitude * np.sin(heading))),
    )  # fmt: skip


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _eased(time: float, begin: float, end: float) -> float:
    """0 before, 1 after, smooth to the second derivative between."""
    s = min(max((time - begin) / (end - begin), 0.0), 1.0)
    return s**3 * (10 - 15 * s + 6 * s**2)
