"""From MuJoCo to touch: fields of the simulation in; how the held object lies over each gel, and what it does to it, out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simtouch.geometry.pose import pose, rotation_z


class HeldPlaces(Protocol):
    """Addresses in the model of a gripper that holds something; each side left, then right."""

    held: int
    sites: tuple[int, ...]
    felt: tuple[int, ...]
    springs: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Held:
    """An object between two pads."""

    gel_T_held: np.ndarray
    """Pose of the object in the gel frame of each housing, (2, 4, 4)."""
    force_n: np.ndarray
    """What it does to each pad, world axes, (2, 3)."""
    gel_force_n: np.ndarray
    """The same in the gel frame, (2, 3): a press has z < 0."""
    springs: np.ndarray
    """How far each pad is off its rest: x, y [m], turn about z [rad], (2, 3)."""

    @property
    def normal_force_n(self) -> np.ndarray:
        """How hard each pad is pressed, (2,)."""
        return np.maximum(0.0, -self.gel_force_n[:, 2])

    def unsheared(self) -> np.ndarray:
        """Poses from which the springs came to where they are: the object before it sheared the gels, (2, 4, 4)."""
        return np.stack(
            [
                pose((-x, -y, 0.0)) @ _turned(gel_T_held, -turn)
                for (x, y, turn), gel_T_held in zip(self.springs, self.gel_T_held, strict=True)
            ]
        )


def held_by(fields, places: HeldPlaces) -> Held:
    """Read it from MuJoCo's fields, those of one simulation or of one row of a batch."""
    # Written out, without checks of what MuJoCo hands over: this runs at every step.
    held_m, world_R_held = fields.xpos[places.held], fields.xmat[places.held].reshape(3, 3)
    gel_T_held = np.zeros((len(places.sites), 4, 4))
    gel_T_held[:, 3, 3] = 1.0
    force, gel_force = np.empty((2, len(places.sites), 3))
    for side, (site, at) in enumerate(zip(places.sites, places.felt, strict=True)):
        gel_R_world = fields.site_xmat[site].reshape(3, 3).T
        gel_T_held[side, :3, :3] = gel_R_world @ world_R_held
        gel_T_held[side, :3, 3] = gel_R_world @ (held_m - fields.site_xpos[site])
        force[side] = -fields.sensordata[at + 1 : at + 4]  # found, then the force of the pad on the object
        gel_force[side] = gel_R_world @ force[side]
    springs = np.array([[fields.qpos[at] for at in side] for side in places.springs])
    return Held(gel_T_held=gel_T_held, force_n=force, gel_force_n=gel_force, springs=springs)


def _turned(gel_T_held: np.ndarray, angle_rad: float) -> np.ndarray:
    """The object turned about its own place, along z of the gel."""
    out = gel_T_held.copy()
    out[:3, :3] = rotation_z(angle_rad) @ gel_T_held[:3, :3]
    return out
