"""Mazes ready to play: a maze in, its compiled model and the state in which the hand has just grasped the bead out; kept for later."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from simtouch_envs.bead_maze.mazes import START_M, Bead, Maze
from simtouch_envs.bead_maze.model import MazePhysics, maze_mjcf
from simtouch_envs.gripper import SIDES, Pads
from simtouch_envs.physics import import_mujoco
from simtouch_envs.robots import Robot

_SETTLE_S = 0.3
_KEPT = 128
"""Worlds kept; one is about half a megabyte."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are in the model: the same for every maze."""

    held: int
    sites: tuple[int, ...]
    """Gel frames, left and right."""
    felt: tuple[int, ...]
    """First number of each contact sensor."""
    springs: tuple[tuple[int, int, int], ...]
    """Places in qpos of x, y and turn of each pad."""


@dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """One maze in MuJoCo."""

    maze: Maze
    model: Any
    data: Any
    """Of whoever plays it."""
    grasped: np.ndarray
    """State (mjSTATE_INTEGRATION) with the bead held and everything at rest."""
    hand_from_bead_m: np.ndarray
    """Where the bead then is, from where the hand was built, (3,)."""
    places: Places


class Worlds:
    """Compiles mazes and settles the grasp; the last 128 are kept."""

    def __init__(self, bead: Bead, pads: Pads, robot: Robot, physics: MazePhysics):
        self._mj = import_mujoco()
        self._bead, self._pads, self._robot, self._physics = bead, pads, robot, physics
        self._kept: OrderedDict[str, World] = OrderedDict()

    def __getitem__(self, maze: Maze) -> World:
        """The world of a maze, in whatever state it was left."""
        if maze.name not in self._kept:
            self._kept[maze.name] = self._settled(maze)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(maze.name)
        return self._kept[maze.name]

    def state_of(self, model, data) -> np.ndarray:
        """The present state of a world (mjSTATE_INTEGRATION)."""
        out = np.empty(self._mj.mj_stateSize(model, self._mj.mjtState.mjSTATE_INTEGRATION))
        self._mj.mj_getState(model, data, out, self._mj.mjtState.mjSTATE_INTEGRATION)
        return out

    def set_state(self, world: World, state: np.ndarray) -> None:
        """Put a world into a state; what follows from it is not worked out."""
        self._mj.mj_setState(world.model, world.data, state, self._mj.mjtState.mjSTATE_INTEGRATION)

    def restore(self, world: World, state: np.ndarray) -> None:
        """Put a world into a state, with all that follows from it."""
        self.set_state(world, state)
        self._mj.mj_forward(world.model, world.data)

    def _settled(self, maze: Maze) -> World:
        mj = self._mj
        model = mj.MjModel.from_xml_string(maze_mjcf(maze, self._bead, self._pads, self._robot, self._physics))
        data = mj.MjData(model)
        self._robot.bind(model)
        self._robot.pose(data)
        mj.mj_forward(model, data)
        data.ctrl[:] = self._robot.begin(data, np.zeros(3))
        mj.mj_step(model, data, round(_SETTLE_S / self._physics.timestep_s))
        moved = data.body("bead").xpos - self._robot.place_m(data) - maze.wire.at(START_M)
        grasped = self.state_of(model, data)
        return World(maze=maze, model=model, data=data, grasped=grasped, hand_from_bead_m=moved, places=places_in(model))


def places_in(model) -> Places:
    """Addresses of what the environment reads."""
    return Places(
        held=model.body("bead").id,
        sites=tuple(model.site(f"gel_{side}").id for side in SIDES),
        felt=tuple(int(model.sensor(f"{side}_felt").adr[0]) for side in SIDES),
        springs=tuple(tuple(int(model.joint(f"{side}_{n}").qposadr[0]) for n in ("x", "y", "turn")) for side in SIDES),
    )
