"""Grasp, lift and shake: a stage in, what one of two fingers feels of an object that it holds or loses out.

A prescribed hand and an object that hangs on the gel, without a physics engine. In the plane of the pad the object pulls with

    L(t) = u(t) m (g e - a(t))                                                              (1)

m the mass that this finger carries, e the direction of gravity in the pad, a the acceleration of the hand and u the share of the
weight that has left the table. While the contact holds, the object is moved over the pad until the gel answers with L:

    s' = s + (L - S) / k                                                                    (2)

with S the shear force of the last frame and k its stiffness, told by the last two frames. Once all of the contact slides, what
friction does not carry speeds it up, m v' = L - S, to the sensor's fastest slide at most; what slides out of the pad is lost.
Grip and load are drawn so that some objects are held, some slip and some fall.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simtouch.frame import TactileFrame
from simtouch.geometry.pose import from_quaternion, from_rotvec, pose
from simtouch.scenes.force_follower import ForceFollower
from simtouch.scenes.force_protocol import FORCE_LABELS, force_labels
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.sensors.spec import SensorSpec

PHASES = ("approach", "grasp", "lift", "hold", "shake", "lost")
OUTCOMES = ("held", "slipped", "lost")
GRAVITY_M_S2 = 9.81

_ENDS = (0.16, 0.40, 0.52)  # of grasp, lift and hold, as shares of a clip; shaking is the rest
_GRIP_SHARE = (0.06, 0.5)  # of the largest working force, log-uniform
_REACH_SHARE = 0.85  # of the force foretold for the largest depth
_USE = (0.35, 1.7)  # largest load over mu times grip, log-uniform: beyond 1 it slips
_SHAKE_G, _SHAKE_HZ = (0.2, 1.0), (2.0, 6.0)
_LIFT_G = 0.25  # largest acceleration of the lift
_SLACKENS, _SLACK = 0.35, (0.45, 0.9)  # chance that the grip loosens while shaking, and what is left of it
_SLIPPED_M = 0.3e-3  # slip that counts
_RIM_M = 3.0e-3
_STEP_S = 1e-3  # of the differences that give the hand's acceleration


@dataclass(frozen=True, eq=False, kw_only=True)
class Hand:
    """How the hand moves, in the pad's plane, and when."""

    down: np.ndarray
    """Direction of gravity in the pad (x, y), (2,)."""
    duration_s: float
    lift_m: float
    shake_m: np.ndarray
    """Amplitude (x, y), (2,)."""
    shake_hz: float

    def place_m(self, time_s: float) -> np.ndarray:
        """Where the hand is (x, y) [m], (2,)."""
        _, begin, hold, shake = (share * self.duration_s for share in (0, *_ENDS))
        rise = np.clip((time_s - begin) / (hold - begin), 0, 1)
        rise = rise**3 * (10 - 15 * rise + 6 * rise**2)  # least jerk
        since = max(time_s - shake, 0.0)
        swell = np.clip(since * self.shake_hz, 0, 1) ** 3
        return -self.down * self.lift_m * rise + self.shake_m * swell * np.sin(2 * np.pi * self.shake_hz * since)

    def acceleration_m_s2(self, time_s: float) -> np.ndarray:
        """(x, y), (2,)."""
        before, now, after = (self.place_m(time_s + k * _STEP_S) for k in (-1, 0, 1))
        return (before - 2 * now + after) / _STEP_S**2

    def share_lifted(self, time_s: float) -> float:
        """u of (1): the weight leaves the table in the first third of the lift."""
        begin, end = _ENDS[0] * self.duration_s, _ENDS[1] * self.duration_s
        return float(np.clip(3 * (time_s - begin) / (end - begin), 0, 1))

    def pull(self, time_s: float) -> np.ndarray:
        """Load (1) per mass [m/s^2], (2,)."""
        return self.share_lifted(time_s) * (GRAVITY_M_S2 * self.down - self.acceleration_m_s2(time_s))

    def phase(self, time_s: float) -> str:
        """One of `PHASES`."""
        return PHASES[1 + int(np.searchsorted(np.array(_ENDS) * self.duration_s, time_s, side="right"))]

    def pad(self, time_s: float) -> np.ndarray:
        """world_T_gel of the pad held upright in a world with z up, (4, 4)."""
        up, out = np.array([*-self.down, 0.0]), np.array([0.0, 0.0, 1.0])
        rotation = np.stack([out, np.cross(up, out), up])
        return pose(rotation @ np.array([*self.place_m(time_s), 0.0]), rotation)


class Hanging:
    """The object on the pad, in its plane: (2) and what follows it."""

    def __init__(self, spec: SensorSpec, mass_kg: float):
        self._gel, self._mass_kg, self._dt_s = spec.gel, mass_kg, 1 / spec.camera.fps
        self._fastest_m_s = spec.working_range.slide_speed_m_s[1]
        self.moved_m, self._speed_m_s = np.zeros(2), np.zeros(2)
        self._before: tuple[np.ndarray, np.ndarray] | None = None  # place and shear force
        self._stiffness_n_m = 0.0

    def follow(self, frame: TactileFrame, load_n: np.ndarray) -> None:
        """Move on to where the object is a frame later, under a load (x, y) [N]."""
        if not frame.contact_mask.any():
            return
        shear = frame.shear_force_n
        self._learn(frame, shear)
        excess = load_n - shear
        if frame.slip_state == "slip":
            self._speed_m_s = self._limited(self._speed_m_s + excess / self._mass_kg * self._dt_s)
            if self._speed_m_s @ shear < 0:
                self._speed_m_s = np.zeros(2)  # friction has stopped it; it does not push back
            self.moved_m = self.moved_m + self._speed_m_s * self._dt_s
        else:
            self._speed_m_s = self._limited(excess / self._stiffness_n_m / self._dt_s)
            self.moved_m = self.moved_m + self._speed_m_s * self._dt_s
            self._speed_m_s = np.zeros(2)

    def _learn(self, frame: TactileFrame, shear: np.ndarray) -> None:
        """Stiffness k: at first a disc on a bonded layer, then what the last step met."""
        shear_modulus = self._gel.youngs_modulus_pa / (2 * (1 + self._gel.poisson_ratio))
        radius = np.sqrt(frame.contact_area_m2 / np.pi)
        disc = shear_modulus * (8 * radius / (2 - self._gel.poisson_ratio) + frame.contact_area_m2 / self._gel.thickness_m)
        met = self._stiffness_n_m or disc
        if self._before is not None and frame.slip_ratio < 0.6:
            step = self.moved_m - self._before[0]
            if (length2 := float(step @ step)) > 1e-12:
                met = float((shear - self._before[1]) @ step) / length2
        self._stiffness_n_m = float(np.clip(met, disc / 3, 3 * disc))
        self._before = self.moved_m, shear

    def _limited(self, speed_m_s: np.ndarray) -> np.ndarray:
        return speed_m_s * min(1.0, self._fastest_m_s / max(float(np.hypot(*speed_m_s)), 1e-12))


def lift_and_shake(stage: Stage) -> list[Touch]:
    """Grasp `stage.indenter`, lift it and shake it."""
    sim, rng = stage.simulator(), stage.rng
    spec, follower = sim.spec, ForceFollower(sim, stage.indenter, seed=int(rng.integers(2**31)))
    attitude = from_quaternion(rng.normal(size=4)) if stage.any_side else np.eye(3)
    turn = from_rotvec((0, 0, rng.uniform(-np.pi, np.pi))) @ attitude
    room, start, hand, time_s = *_start(spec, rng), _draw_hand(spec, stage.frames, rng), np.arange(stage.frames) / spec.camera.fps
    grip = _draw_grip(follower, pose((*start, 0), turn), hand, time_s, rng)
    largest = max(float(np.hypot(*hand.pull(t))) for t in time_s)
    mass = float(np.exp(rng.uniform(*np.log(_USE)))) * spec.gel.friction * grip.max() / largest
    hanging, frames, loads, phases, lost = Hanging(spec, mass), [], [], [], False
    for t, force in zip(time_s, grip, strict=True):
        load = np.zeros(2) if lost else mass * hand.pull(t)
        if frames and not lost:
            hanging.follow(frames[-1], load)
        place = start + hanging.moved_m
        lost = lost or bool((np.abs(place) > room).any())
        frames.append(follower.step(pose((*place, 0), turn), 0.0 if lost else float(force)))
        loads.append(np.zeros(2) if lost else load)
        phases.append("lost" if lost else "approach" if not frames[-1].contact_mask.any() else hand.phase(t))
    world_T_gel = np.stack([hand.pad(t) for t in time_s])
    labels = {"phase": phases, "outcome": _outcome(frames, phases), "mass_kg": mass, **force_labels(frames)}
    labels |= {f"load_{axis}_n": np.array(loads)[:, k].tolist() for k, axis in enumerate("xy")}
    return [
        Touch(
            frames=frames,
            indenter=stage.indenter.name,
            motion="lift_shake",
            labels=labels,
            world_T_gel=world_T_gel,
            world_T_indenter=world_T_gel @ np.stack([frame.gel_T_indenter for frame in frames]),
        )
    ]


def _start(spec: SensorSpec, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How far from the middle an object is still held (x, y) [m], and where it is grasped."""
    grid = spec.image_grid
    room = np.maximum(np.array([grid.cols, grid.rows]) * grid.spacing_m / 2 - _RIM_M, 1e-3)
    return room, rng.uniform(-0.5, 0.5, 2) * room


def _draw_hand(spec: SensorSpec, frames: int, rng: np.random.Generator) -> Hand:
    duration = frames / spec.camera.fps
    angle, across = rng.uniform(-np.pi, np.pi), rng.normal(0, 0.5)
    hz, lift_s = rng.uniform(*_SHAKE_HZ), (_ENDS[1] - _ENDS[0]) * duration
    reach = rng.uniform(*_SHAKE_G) * GRAVITY_M_S2 / (2 * np.pi * hz) ** 2
    return Hand(
        down=np.array([np.cos(angle), np.sin(angle)]),
        duration_s=duration,
        lift_m=_LIFT_G * GRAVITY_M_S2 * lift_s**2 / 5.77,  # 5.77: largest acceleration of a least-jerk unit step
        shake_m=reach * np.array([np.cos(angle + across), np.sin(angle + across)]),
        shake_hz=hz,
    )


def _draw_grip(follower: ForceFollower, held: np.ndarray, hand: Hand, time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal force wanted in each frame [N], (T,)."""
    low, high = (share * follower.sim.spec.working_range.normal_force_n[1] for share in _GRIP_SHARE)
    high = min(high, _REACH_SHARE * follower.most_n(held))
    level = float(np.exp(rng.uniform(np.log(min(low, high / 2)), np.log(high))))
    slack = rng.uniform(*_SLACK) if rng.random() < _SLACKENS else 1.0
    grasp, _, shake = (share * hand.duration_s for share in _ENDS)
    squeeze = np.clip((np.arange(len(time_s)) - 1) / max(round(0.75 * grasp / hand.duration_s * len(time_s)), 1), 0, 1)
    return level * squeeze * np.interp(time_s, (shake, hand.duration_s), (1.0, slack))


def _outcome(frames: list[TactileFrame], phases: list[str]) -> str:
    """One of `OUTCOMES`: lost out of the pad; slipped, if the whole contact slid by more than 0.3 mm; held."""
    if "lost" in phases:
        return "lost"
    slipped = 0.0
    for before, now in pairwise(frames):
        if now.slip_state == "slip":
            slipped += float(np.hypot(*(now.gel_T_indenter - before.gel_T_indenter)[:2, 3]))
    return "slipped" if slipped > _SLIPPED_M else "held"


LIFT_SHAKE = SceneKind(
    play=lift_and_shake,
    labels={"phase": str, "outcome": str, "mass_kg": float, "load_x_n": float, "load_y_n": float, **FORCE_LABELS},
)
"""Labels beside those of `force_labels`: `phase`, one of `PHASES`; `outcome` of the clip, one of `OUTCOMES`; `mass_kg` on this finger;
`load_x_n`, `load_y_n`, what the object pulls with in the pad's plane [N], equation (1)."""
