"""Grasp outcome: a stage in, what two fingers feel before, during and after a grasp that succeeds or fails out. The task T4 of TacBench.

before: nothing is touched yet; during: the grip is closed, the object still stands; after: the hand comes up. A grasp succeeds
where at the end both fingers hold the object and it has come up with the hand by more than half of the lift.
The outcome shows in `after`: a fair probe reads `before` and `during` only.
"""

from simtouch.scenes.gripper import PHYSICS_LABELS, SIDES, Grip, physics_labels, take, touch_of
from simtouch.scenes.stage import SceneKind, Stage, Touch

_USE = (0.45, 2.2)  # largest load over what friction carries, log-uniform


def grasp_phase(grip: Grip, frame: int) -> str:
    """before, during or after."""
    time = grip.time_s[frame]
    if time >= grip.plan.load_s[0]:
        return "after"
    return "during" if any(grip.touches(side, frame) for side in SIDES) else "before"


def grasp_success(grip: Grip) -> bool:
    """Whether the hand has it in the end."""
    return all(grip.touches(side) for side in SIDES) and grip.lifted_m() > 0.5 * grip.plan.lift_m


def _play(stage: Stage) -> list[Touch]:
    grip = take(stage, use=_USE, shake=False)
    outcome = {"grasp_success": grasp_success(grip), "phase": [grasp_phase(grip, t) for t in range(stage.frames)]}
    return [touch_of(grip, side, "grasp", physics_labels(grip, side) | outcome) for side in stage.sides]


GRASP_OUTCOME = SceneKind(play=_play, sides=SIDES, labels={**PHYSICS_LABELS, "grasp_success": bool, "phase": str}, needs="envs")
"""A gripper takes an object and lifts it, with success or without."""
