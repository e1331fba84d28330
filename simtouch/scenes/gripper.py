"""Grasp, lift, shake: a stage in, what two fingers of a gripper feel of an object that they hold or lose out. Bodies by MuJoCo.

Grip force, mass and shaking are drawn so that about half of the objects slip. Labels carry MuJoCo's own contact wrench and sliding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simtouch.geometry.pose import pose, rotation_x
from simtouch.scenes.gel_bushing import Bushing
from simtouch.scenes.gripper_model import MOST_GRIP_N, GripPlan, draw_plan, gripper_mjcf
from simtouch.scenes.gripper_objects import OBJECTS, GraspObject, object_of
from simtouch.scenes.mujoco_scene import Felt, MujocoScene
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.sensors.spec import SensorSpec
from simtouch.simulator import TactileSimulator

SIDES = ("left", "right")
_USE = (0.4, 1.8)  # largest load over what friction carries, log-uniform
_WRENCH = ("mujoco_fx_n", "mujoco_fy_n", "mujoco_fz_n", "mujoco_tx_nm", "mujoco_ty_nm", "mujoco_tz_nm")


@dataclass(frozen=True, eq=False, kw_only=True)
class Grip:
    """One trial: what was taken, how, and what both sides felt, frame by frame."""

    thing: GraspObject
    plan: GripPlan
    felt: Mapping[str, list[Felt]]
    time_s: np.ndarray
    """Of each frame, (T,)."""
    bushings: Mapping[str, Bushing]
    """Springs that the pads had, and the reach of friction."""

    def lifted_m(self, frame: int = -1) -> float:
        """How high the object then is above where it stood."""
        return float(self.felt[SIDES[0]][frame].world_T_object[2, 3] - self.felt[SIDES[0]][0].world_T_object[2, 3])

    def touches(self, side: str, frame: int = -1) -> bool:
        """Whether a finger then feels it."""
        return bool(self.felt[side][frame].force_n[2] < 0)


def take(stage: Stage, *, use: tuple[float, float], shake: bool, **coupling) -> Grip:
    """Draw an object and a plan, and play it. See `draw_plan` for `use` and `shake`, `MujocoScene` for how it may be coupled."""
    sims = {side: _sensor(stage, side) for side in SIDES}
    spec = sims[SIDES[0]].spec
    thing = _thing(stage, sims[SIDES[0]])
    plan = draw_plan(stage.rng, spec, thing, stage.frames / spec.camera.fps, use=use, shake=shake)
    return play_grip(sims, thing, plan, stage.frames, seed=int(stage.rng.integers(2**31)), **coupling)


def play_grip(
    sims: Mapping[str, TactileSimulator],
    thing: GraspObject,
    plan: GripPlan,
    frames: int,
    *,
    seed: int = 0,
    **coupling,
) -> Grip:
    """Play a plan: `frames` frames of the sensors `left` and `right`, which are reset; `seed` is that of the cameras.

    See `MujocoScene` for `follow_gel` and `coupling_hz`.
    """
    mjcf, force = gripper_mjcf(thing, plan), plan.grip_force_n
    scene = MujocoScene(mjcf, sims.__getitem__, touched=thing.name, working_force_n=force, **coupling)
    scene.reset(seed=seed)
    felt: dict[str, list[Felt]] = {side: [] for side in SIDES}
    for _ in range(frames):
        for side, one in scene.step(plan.control).items():
            felt[side].append(one)
    return Grip(thing=thing, plan=plan, felt=felt, time_s=np.arange(1, frames + 1) / scene.fps, bushings=scene.bushings)


def physics_labels(grip: Grip, side: str) -> dict:
    """Columns of one side: MuJoCo's contact wrench on the gel, its sliding, the grip, the mass."""
    felt = grip.felt[side]
    wrench = np.array([[*one.force_n, *one.torque_nm] for one in felt])
    slips = [one.gross_slip for one in felt]
    return {
        **{name: wrench[:, k].tolist() for k, name in enumerate(_WRENCH)},
        "gross_slip": slips,
        "slip_speed_m_s": [one.slip_speed_m_s for one in felt],
        "slip_onset_frame": slips.index(True) if any(slips) else -1,
        "grip_force_n": [grip.plan.grip_n(t) for t in grip.time_s],
        "object_mass_kg": grip.plan.mass_kg,
    }


PHYSICS_LABELS = {
    **dict.fromkeys((*_WRENCH, "slip_speed_m_s", "grip_force_n", "object_mass_kg"), float),
    "gross_slip": bool,
    "slip_onset_frame": int,
}
"""Kinds of `physics_labels`."""


def touch_of(grip: Grip, side: str, motion: str, labels: dict) -> Touch:
    """One side as a clip."""
    felt = grip.felt[side]
    return Touch(
        frames=[one.frame for one in felt],
        indenter=grip.thing.name,
        motion=motion,
        side=side,
        labels=labels,
        world_T_gel=np.stack([one.world_T_gel for one in felt]),
        world_T_indenter=np.stack([one.world_T_object for one in felt]),
    )


def _thing(stage: Stage, sim: TactileSimulator) -> GraspObject:
    """The stage's own object where the user gave it, or when its turn comes, and it can be gripped; else one of ours."""
    if stage.any_side or stage.in_turn((*OBJECTS, "stage"), 1) == "stage":
        own, deepest = object_of(stage.indenter), sim.spec.working_range.indent_depth_m[1]
        # Its left and right side, as they look at the gel: a tip cannot be held as hard as a face.
        sides = (np.eye(3), rotation_x(np.pi))
        if own and all(
            sim.depth_for_force(stage.indenter, pose((0, 0, 0), side), MOST_GRIP_N, deepest) < deepest for side in sides
        ):
            return own
    return OBJECTS[stage.in_turn(tuple(OBJECTS))](stage.rng)


def _play(stage: Stage) -> list[Touch]:
    grip = take(stage, use=_USE, shake=True)
    phases = {"phase": [grip.plan.phase(t) for t in grip.time_s]}
    return [touch_of(grip, side, "grasp_lift_shake", physics_labels(grip, side) | phases) for side in stage.sides]


def _sensor(stage: Stage, side: str) -> TactileSimulator:
    """The stage's own, or one like it where the stage wants the other side only: the object needs both fingers."""
    return stage.simulator(side) if side in stage.sides else _other_sensor(stage.simulator(stage.sides[0]).spec)


@lru_cache(maxsize=4)
def _other_sensor(spec: SensorSpec) -> TactileSimulator:
    return TactileSimulator(spec)


GRIPPER = SceneKind(play=_play, sides=SIDES, labels={**PHYSICS_LABELS, "phase": str}, needs="envs")
"""A gripper grasps, lifts and shakes an object, which holds or slips."""
