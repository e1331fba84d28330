"""What a gripper plays, ready to play: a maze or a jar in, its compiled model and the state in which it has just been grasped out; kept
for later."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simtouch.simulator import SavedTouch
from simtouch_envs.coupling import Held
from simtouch_envs.gripper import SIDES
from simtouch_envs.physics import import_mujoco
from simtouch_envs.robots import Robot

_SETTLE_S = 0.3
_KEPT = 128
"""Worlds kept; one is about half a megabyte, and as much again with its touch."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Places:
    """Where things are in the model: the same for all that one environment plays. Arrays have the left side first."""

    held: int
    """Body."""
    pads: np.ndarray
    """Bodies, (2,)."""
    sites: np.ndarray
    """Gel frames, (2,)."""
    felt: np.ndarray
    """In sensordata: the force of each contact sensor, (2, 3)."""
    springs: np.ndarray
    """In qpos: x, y and turn of each pad, (2, 3)."""
    closing: int
    """In qvel: the left finger's slide; the right one moves as much."""


@dataclass(eq=False, kw_only=True)
class World:
    """One thing to play in MuJoCo."""

    played: Any
    model: Any
    data: Any
    """Of whoever plays it."""
    places: Places
    grasped: np.ndarray
    """State (mjSTATE_INTEGRATION) with the thing held and everything at rest."""
    grasp: Held
    """What the pads then hold."""
    hand_from_held_m: np.ndarray
    """Where it then is, from where the hand is, (3,)."""
    touch: SavedTouch | None = None
    """The gels as that grasp has pressed them; None until somebody needs it."""


class Worlds:
    """Compiles what is played and settles the grasp; the last 128 are kept."""

    def __init__(self, mjcf: Callable[[Any], str], robot: Robot, *, held: str, timestep_s: float):
        """Take what makes the model of a thing to play, a hashable one, and the name of the body in it that is held."""
        self._mj = import_mujoco()
        self._mjcf, self._robot, self._held, self._timestep_s = mjcf, robot, held, timestep_s
        self._kept: OrderedDict[Any, World] = OrderedDict()

    def __getitem__(self, played: Any) -> World:
        """The world of a thing to play, in whatever state it was left. The robot may be bound to its model then, and forget its target."""
        if played not in self._kept:
            self._kept[played] = self._settled(played)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(played)
        return self._kept[played]

    def state_of(self, world: World) -> np.ndarray:
        """The present state of a world (mjSTATE_INTEGRATION)."""
        out = np.empty(self._mj.mj_stateSize(world.model, self._mj.mjtState.mjSTATE_INTEGRATION))
        self._mj.mj_getState(world.model, world.data, out, self._mj.mjtState.mjSTATE_INTEGRATION)
        return out

    def set_state(self, world: World, state: np.ndarray) -> None:
        """Put a world into a state; what follows from it is not worked out."""
        self._mj.mj_setState(world.model, world.data, state, self._mj.mjtState.mjSTATE_INTEGRATION)

    def restore(self, world: World, state: np.ndarray) -> None:
        """Put a world into a state, with all that follows from it."""
        self.set_state(world, state)
        self._mj.mj_forward(world.model, world.data)

    def _settled(self, played: Any) -> World:
        mj, robot = self._mj, self._robot
        model = mj.MjModel.from_xml_string(self._mjcf(played))
        data = mj.MjData(model)
        robot.bind(model)
        robot.pose(data)
        mj.mj_forward(model, data)
        data.ctrl[:] = robot.begin(data, np.zeros(3))
        mj.mj_step(model, data, round(_SETTLE_S / self._timestep_s))
        places = places_in(model, self._held)
        world = World(
            played=played,
            model=model,
            data=data,
            places=places,
            grasped=np.empty(0),
            grasp=Held(data, places),
            hand_from_held_m=data.xpos[places.held] - robot.place_m(data),
        )
        world.grasped = self.state_of(world)
        return world


def places_in(model, held: str) -> Places:
    """Addresses of what an environment reads; `held` is the body between the pads."""
    felt = [int(model.sensor(f"{side}_felt").adr[0]) for side in SIDES]
    return Places(
        held=model.body(held).id,
        pads=np.array([model.body(f"{side}_pad").id for side in SIDES]),
        sites=np.array([model.site(f"gel_{side}").id for side in SIDES]),
        felt=np.array([[at + 1, at + 2, at + 3] for at in felt]),  # after whether there is a contact at all
        springs=np.array([[int(model.joint(f"{side}_{n}").qposadr[0]) for n in ("x", "y", "turn")] for side in SIDES]),
        closing=int(model.joint("left_close").dofadr[0]),
    )
