"""A Franka arm that carries the gripper: an action of its hand, or of its joints, in; angles for seven soft servos out.

Servos of stiffness K hold the joints at q + d. Of all d that move the hand by e = (motion, turn), the one they hold with least energy is

    d = K^-1 J^T (J K^-1 J^T)^-1 e                                                                                   (1)

whose torques are those of a force on the hand, so that no load makes the elbow drift; what is left of the redundancy goes home. The
hand's compliance is the block of J K^-1 J^T that belongs to its motion.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simtouch.geometry.pose import rotation_z
from simtouch_envs.franka_model import FLANGE_M, JOINTS, Chain, arm_mjcf, meshes_mjcf
from simtouch_envs.gripper import PALM_TOP_M, SIDES, Hand, Pads, grip_mjcf, palm_mjcf
from simtouch_envs.robots import MOST_SPEED_M_S, MOST_YAW_RAD, MOST_YAW_SPEED_RAD_S, lead

JOINT_RAD_S = 0.4
"""Speed of a joint's target at full action: 0.02 rad a step at 20 Hz."""
_HAND = f'pos="0 0 {FLANGE_M + PALM_TOP_M:.9g}" quat="0 0.3826834324 -0.9238795325 0"'  # upside down; joint 7 at 0 where the arm is at home
_BASE = 'pos="0.13 0.5 -0.02" euler="0 0 -1.5707963268"'  # behind the wire, on the table
_STAND = '<geom type="box" size=".3 .26 .01" pos=".1 .46 -.03" rgba=".72 .6 .45 1" contype="0" conaffinity="0"/>'
_HOME_RAD = np.array([0.0, 0.16, 0.0, -2.4, 0.0, 0.98, 0.0])
_HOMEWARDS = 0.1  # share of the way home that the redundancy takes in a step
_TORQUE_NM = (87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0)  # the arm's limits, data sheet of the Franka Emika robot


@dataclass(frozen=True, kw_only=True)
class Servos:
    """Of the seven joints."""

    stiffness_nm: tuple[float, ...] = (120.0, 240.0, 400.0, 400.0, 100.0, 60.0, 100.0)
    """At the hand, in the middle of the workspace: 345, 730 and 650 N/m along x, y and z."""
    damping_nms: tuple[float, ...] = (10.0, 18.0, 18.0, 16.0, 2.0, 1.5, 1.5)
    """.4 of critical for the arm in the air: damped critically, it lags so far behind its target that bends cost twice the force."""
    armature: float = 0.02
    leash_rad: float = 0.1
    """How far a joint's target may run ahead, beside the leash of the hand."""
    most_speed_rad_s: float = 2.0


class FrankaArm:
    """Seven joints, compliant, held back by the same leash as the hand alone. See `Robot`."""

    def __init__(self, hand: Hand = Hand(), servos: Servos = Servos(), *, grip_force_n: float, control_hz: float, joints: bool):
        self._hand, self._servos, self._grip_n, self._dt_s, self._by_joint = hand, servos, grip_force_n, 1 / control_hz, joints
        self._soft = np.diag(1 / np.array(servos.stiffness_nm))
        self._chain = Chain(_BASE, _HAND)
        self._built = lru_cache(maxsize=256)(self._reach)
        turning = ([MOST_YAW_RAD], [MOST_YAW_SPEED_RAD_S]) if hand.yaw else ([], [])
        of_hand = [*[hand.leash_m] * 3, *turning[0], *[MOST_SPEED_M_S] * 3, *turning[1]]
        of_joints = [servos.leash_rad] * 7 + [servos.most_speed_rad_s] * 7
        self._axes = 4 if hand.yaw else 3
        self.action_size = len(JOINTS) if joints else self._axes
        self.state_limits = np.array(of_joints if joints else of_hand)

    def world(self, pads: Pads, place_m: np.ndarray, half_width_m: float) -> str:
        """See `Robot`."""
        hand = f'<body name="hand" {_HAND} gravcomp="1">{palm_mjcf(pads, self._hand, half_width_m)}</body>'
        where = " ".join(f"{v:.17g}" for v in place_m)
        built = f'<site name="hand_built" pos="{where}" rgba="0 0 0 0"/>'
        return _STAND + arm_mjcf(hand, _BASE, armature=self._servos.armature) + built

    def drives(self, held_geom: str) -> str:
        """See `Robot`."""
        s = self._servos
        each = zip(JOINTS, s.stiffness_nm, s.damping_nms, _TORQUE_NM, strict=True)
        servos = "".join(
            f'<position joint="{n}" kp="{k:.9g}" kv="{v:.9g}" forcerange="{-most:.9g} {most:.9g}"/>' for n, k, v, most in each
        )
        return meshes_mjcf() + f"<actuator>{servos}</actuator>" + grip_mjcf(held_geom)

    def bind(self, model) -> None:
        """See `Robot`."""
        first, last = model.joint(JOINTS[0]), model.joint(JOINTS[-1])
        self._at = slice(first.qposadr[0], last.qposadr[0] + 1)
        self._speed_at = slice(first.dofadr[0], last.dofadr[0] + 1)
        self._origin_m = model.site("hand_built").pos.copy()

    def pose(self, fields) -> None:
        """See `Robot`."""
        fields.qpos[self._at] = self._built(tuple(self._origin_m))

    def begin(self, fields, noise_m: np.ndarray) -> np.ndarray:
        """See `Robot`."""
        self._target = np.zeros(self._axes)
        self._target[:3] = noise_m
        self._joints = self._towards(fields.qpos[self._at], self._target)
        return self._controls()

    def command(self, fields, action: np.ndarray) -> np.ndarray:
        """See `Robot`. A target further away than the leash is pulled back to it."""
        angles = fields.qpos[self._at]
        if self._by_joint:
            self._joints = self._held_back(angles, self._joints + action * JOINT_RAD_S * self._dt_s)
        else:
            lead(self._target, self.place_m(fields), action, self._hand, self._dt_s)
            self._joints = self._towards(angles, self._target)
        return self._controls()

    def action_of_hand(self, fields, action: np.ndarray) -> np.ndarray:
        """See `Robot`: by the joints, (7,), clipped to the box."""
        if not self._by_joint:
            return action
        angles = fields.qpos[self._at]
        place, axes, jacobian = self._chain.at(angles)
        ahead = jacobian @ (self._joints - angles)
        here = np.append(place - self._origin_m, [_yaw(axes)])[: self._axes]
        target = here + ahead[[0, 1, 2, 5]][: self._axes]
        lead(target, here, action, self._hand, self._dt_s)
        wanted = self._towards(angles, target) - self._joints
        return np.clip(wanted / (JOINT_RAD_S * self._dt_s), -1, 1)

    def place_m(self, fields) -> np.ndarray:
        """See `Robot`."""
        return self._chain.at(fields.qpos[self._at])[0] - self._origin_m

    def yaw_rad(self, fields) -> float:
        """See `Robot`: none where nothing can turn the hand."""
        if not (self._hand.yaw or self._by_joint):
            return 0.0
        return _yaw(self._chain.at(fields.qpos[self._at])[1])

    def state(self, fields) -> np.ndarray:
        """See `Robot`: of the hand, or of the joints."""
        angles, speeds = fields.qpos[self._at], fields.qvel[self._speed_at]
        if self._by_joint:
            return np.concatenate([self._joints - angles, speeds])
        place, axes, jacobian = self._chain.at(angles)
        here, moving = place - self._origin_m, jacobian @ speeds
        if self._hand.yaw:
            return np.concatenate([self._target - np.append(here, _yaw(axes)), moving[:3], moving[5:]])
        return np.concatenate([self._target - here, moving[:3]])

    def save(self) -> np.ndarray:
        """The targets of hand and joints, to be given to `load`."""
        return np.concatenate([self._target, self._joints])

    def load(self, target: np.ndarray) -> None:
        """Take targets back."""
        self._target, self._joints = np.split(np.array(target, float), [self._axes])

    def compliance_m_n(self, angles_rad: np.ndarray) -> np.ndarray:
        """How far a force moves the hand, (3, 3): the soft servos seen through the arm."""
        jacobian = self._chain.at(angles_rad)[2][:3]
        return jacobian @ self._soft @ jacobian.T

    def _controls(self) -> np.ndarray:
        return np.concatenate([self._joints, np.full(len(SIDES), self._grip_n)])

    def _towards(self, angles: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Angles that bring the hand to a target from where it was built, upright: (1), and some way home."""
        place, axes, jacobian = self._chain.at(angles)
        turned = rotation_z(target[3]) @ axes.T if self._hand.yaw else axes.T
        error = np.concatenate([target[:3] + self._origin_m - place, _turn(turned)])
        soft = self._soft @ jacobian.T
        back = soft @ np.linalg.inv(jacobian @ soft)
        home = _HOMEWARDS * (_HOME_RAD - angles)
        return angles + back @ (error - jacobian @ home) + home

    def _held_back(self, angles: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Targets of the joints within the leashes of joints and hand."""
        most = self._servos.leash_rad
        ahead = np.clip(wanted - angles, -most, most)
        far = float(np.linalg.norm(self._chain.at(angles)[2][:3] @ ahead))
        return angles + ahead * min(1.0, self._hand.leash_m / max(far, 1e-12))

    def _reach(self, place_m: tuple[float, float, float]) -> np.ndarray:
        """Angles with the hand upright at a place."""
        self._origin_m, angles = np.array(place_m), _HOME_RAD
        for _ in range(100):
            angles = np.clip(self._towards(angles, np.zeros(4)), *self._chain.ranges_rad.T)
        return angles


def _yaw(axes: np.ndarray) -> float:
    return float(np.arctan2(axes[1, 0], axes[0, 0]))


def _turn(rotation: np.ndarray) -> np.ndarray:
    """Axis times angle of a small rotation: the sine stands for the angle."""
    return 0.5 * (rotation - rotation.T)[[2, 0, 1], [1, 2, 0]]
