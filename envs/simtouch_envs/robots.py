"""What carries the gripper: an action in, controls of MuJoCo out; and how the hand moves, without where it is.

A robot is asked for its MJCF once, bound to the compiled model, and then reads the fields of MuJoCo's data (`qpos`, `qvel`, ...): of one
simulation, or of one row of a batch.
"""

import math
from typing import Protocol

import numpy as np

from simtouch_envs.gripper import SIDES, Hand, Pads, drives_mjcf, hand_mjcf

MOST_SPEED_M_S = 0.5
STEP_M_S = 0.06
"""Speed of the target at full action: 3 mm a step at 20 Hz."""
YAW_RAD_S = 2.0
MOST_YAW_RAD, MOST_YAW_SPEED_RAD_S = 1.2, 10.0


class Robot(Protocol):
    """One way to carry the gripper."""

    action_size: int
    state_limits: np.ndarray
    """Largest absolute value of each entry of the state, (K,)."""

    def world(self, pads: Pads, place_m: np.ndarray, half_width_m: float) -> str:
        """MJCF of bodies inside the world, the hand open at a place around something of that half width."""
        ...

    def drives(self, held_geom: str) -> str:
        """MJCF of actuators, equalities and sensors."""
        ...

    def bind(self, model) -> None:
        """Learn the model's addresses."""
        ...

    def pose(self, fields) -> None:
        """Put the joints where the hand was built: once, before the first step of a new world."""
        ...

    def begin(self, fields, noise_m: np.ndarray) -> np.ndarray:
        """Set the target to where the hand was built, moved by `noise_m` (3,); the controls."""
        ...

    def command(self, fields, action: np.ndarray) -> np.ndarray:
        """Move the target by an action within the box; the controls."""
        ...

    def action_of_hand(self, fields, action: np.ndarray) -> np.ndarray:
        """The action that comes nearest to an action of the hand, (3,) or (4,) with yaw."""
        ...

    def place_m(self, fields) -> np.ndarray:
        """Of the hand from where it was built, (3,)."""
        ...

    def yaw_rad(self, fields) -> float:
        """Of the hand about the vertical."""
        ...

    def state(self, fields) -> np.ndarray:
        """Servo error, then velocity, (K,)."""
        ...

    def save(self) -> np.ndarray:
        """The target, to be given to `load`."""
        ...

    def load(self, target: np.ndarray) -> None:
        """Take a target back."""
        ...


def lead(target: np.ndarray, place: np.ndarray, action: np.ndarray, hand: Hand, dt_s: float) -> None:
    """Move a hand's target, (3,) or (4,) with yaw, by an action. Further from the hand's place than the leash it is pulled back to it."""
    target[:3] += action[:3] * STEP_M_S * dt_s
    ahead = target[:3] - place[:3]
    if (far := math.sqrt(ahead.dot(ahead))) > hand.leash_m:
        target[:3] = place[:3] + ahead * (hand.leash_m / far)
    if hand.yaw:
        target[3] = np.clip(target[3] + action[3] * YAW_RAD_S * dt_s, -MOST_YAW_RAD, MOST_YAW_RAD)


class FloatingHand:
    """The hand alone, on slides: compliant, held back by a leash."""

    def __init__(self, hand: Hand = Hand(), *, grip_force_n: float, control_hz: float):
        self._hand, self._grip_n, self._dt_s = hand, grip_force_n, 1 / control_hz
        self.action_size = 4 if hand.yaw else 3
        turning = ([MOST_YAW_RAD], [MOST_YAW_SPEED_RAD_S]) if hand.yaw else ([], [])
        self.state_limits = np.array([*[hand.leash_m] * 3, *turning[0], *[MOST_SPEED_M_S] * 3, *turning[1]])

    def world(self, pads: Pads, place_m: np.ndarray, half_width_m: float) -> str:
        """See `Robot`."""
        return hand_mjcf(pads, self._hand, place_m, half_width_m)

    def drives(self, held_geom: str) -> str:
        """See `Robot`."""
        return drives_mjcf(self._hand, held_geom)

    def bind(self, model) -> None:
        """See `Robot`."""
        names = [f"hand_{n}" for n in ("x", "y", "z", *(("yaw",) if self._hand.yaw else ()))]
        self._at = slice(model.joint(names[0]).qposadr[0], model.joint(names[-1]).qposadr[0] + 1)
        self._speed_at = slice(model.joint(names[0]).dofadr[0], model.joint(names[-1]).dofadr[0] + 1)

    def pose(self, fields) -> None:
        """See `Robot`: it is there."""

    def begin(self, fields, noise_m: np.ndarray) -> np.ndarray:
        """See `Robot`."""
        self._target = np.zeros(self.action_size)
        self._target[:3] = noise_m
        return self._controls()

    def command(self, fields, action: np.ndarray) -> np.ndarray:
        """See `Robot`."""
        lead(self._target, fields.qpos[self._at], action, self._hand, self._dt_s)
        return self._controls()

    def action_of_hand(self, fields, action: np.ndarray) -> np.ndarray:
        """See `Robot`: the same."""
        return action

    def place_m(self, fields) -> np.ndarray:
        """See `Robot`."""
        return np.array(fields.qpos[self._at][:3])

    def yaw_rad(self, fields) -> float:
        """See `Robot`."""
        return float(fields.qpos[self._at][3]) if self._hand.yaw else 0.0

    def state(self, fields) -> np.ndarray:
        """See `Robot`."""
        return np.concatenate([self._target - fields.qpos[self._at], fields.qvel[self._speed_at]])

    def save(self) -> np.ndarray:
        """The target, to be given to `load`."""
        return self._target.copy()

    def load(self, target: np.ndarray) -> None:
        """Take a target back."""
        self._target = np.array(target, float)

    def _controls(self) -> np.ndarray:
        controls = np.full(self.action_size + len(SIDES), self._grip_n)
        controls[: self.action_size] = self._target
        return controls


def make_robot(name: str, action_mode: str, control_hz: float, *, yaw: bool, grip_force_n: float) -> Robot:
    """What carries the gripper, by name: floating or franka; `delta_joint` moves the joints of an arm.

    Raises:
        MissingExtraError: The arm's model is not installed.
    """
    hand = Hand(yaw=yaw)
    if name == "floating":
        return FloatingHand(hand, grip_force_n=grip_force_n, control_hz=control_hz)
    from simtouch_envs.franka import FrankaArm

    return FrankaArm(hand, grip_force_n=grip_force_n, control_hz=control_hz, joints=action_mode == "delta_joint")
