"""From MuJoCo to touch: fields of the simulation in; how the held object lies over each gel, and what it does to it, out."""

from functools import cached_property
from typing import Protocol

import numpy as np

from simtouch.geometry.pose import pose, rotation_z


class HeldPlaces(Protocol):
    """Addresses in the model of a gripper that holds something; each side left, then right."""

    held: int
    sites: np.ndarray
    felt: np.ndarray
    springs: np.ndarray


class Held:
    """An object between two pads, from MuJoCo's fields: those of one simulation or of one row of a batch.

    The fields are read at once; poses and forces in the gel frames are worked out when somebody asks.
    """

    def __init__(self, fields, places: HeldPlaces):
        # Few calls of NumPy, and no checks of what MuJoCo hands over: this runs at every step.
        self.force_n = -fields.sensordata.take(places.felt)  # there it is what the pad does to the object
        """What it does to each pad, world axes, (2, 3)."""
        self.springs = fields.qpos.take(places.springs)
        """How far each pad is off its rest: x, y [m], turn about z [rad], (2, 3)."""
        self._world_R_gel = fields.site_xmat.take(places.sites, 0)
        self._world_R_held = fields.xmat[places.held].copy()
        self._apart_m = fields.xpos[places.held] - fields.site_xpos.take(places.sites, 0)

    @cached_property
    def _in_gel(self) -> np.ndarray:
        """Axes and place of the object, and its force, seen from each gel: columns of (2, 3, 5)."""
        turned = np.empty((len(self._world_R_gel), 3, 5))
        turned[:, :, :3] = self._world_R_held.reshape(3, 3)
        turned[:, :, 3], turned[:, :, 4] = self._apart_m, self.force_n
        return self._world_R_gel.reshape(-1, 3, 3).transpose(0, 2, 1) @ turned

    @cached_property
    def gel_T_held(self) -> np.ndarray:  # noqa: N802
        """Pose of the object in the gel frame of each housing, (2, 4, 4)."""
        out = np.zeros((len(self._in_gel), 4, 4))
        out[:, :3], out[:, 3, 3] = self._in_gel[:, :, :4], 1.0
        return out

    @property
    def gel_force_n(self) -> np.ndarray:
        """What it does to each pad, in the gel frame, (2, 3): a press has z < 0."""
        return self._in_gel[:, :, 4]

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


def _turned(gel_T_held: np.ndarray, angle_rad: float) -> np.ndarray:
    """The object turned about its own place, along z of the gel."""
    out = gel_T_held.copy()
    out[:3, :3] = rotation_z(angle_rad) @ gel_T_held[:3, :3]
    return out
