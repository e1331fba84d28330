"""The scripted expert of each environment: an environment in, what plays it well by touch and its own motion alone out."""

from typing import Protocol

import numpy as np

from simtouch._checks import pick


class Expert(Protocol):
    """Plays one environment; it reads touch and the hand's own motion from it, and nothing a sensor would not tell."""

    def reset(self) -> None:
        """After the environment's own reset."""
        ...

    def act(self) -> np.ndarray:
        """The next action, within the box."""
        ...


def expert_for(env) -> Expert:
    """The expert of an environment made by `gymnasium.make`.

    Raises:
        UnknownNameError: There is none for it.
    """
    return pick("environment with an expert", env.spec.id, EXPERTS)(env)


def _bead_maze(env) -> Expert:
    from simtouch_envs.bead_maze.expert import BeadMazeExpert

    return BeadMazeExpert(env)


def _edge_follow(env) -> Expert:
    from simtouch_envs.edge_follow.expert import EdgeFollowExpert

    return EdgeFollowExpert(env)


def _grasp_lift(env) -> Expert:
    from simtouch_envs.grasp_lift.expert import GraspLiftExpert

    return GraspLiftExpert(env)


def _hold_force(env) -> Expert:
    from simtouch_envs.hold_force import HoldForceExpert

    return HoldForceExpert(env)


EXPERTS = {
    "simtouch/BeadMaze-v0": _bead_maze,
    "simtouch/EdgeFollow-v0": _edge_follow,
    "simtouch/GraspLift-v0": _grasp_lift,
    "simtouch/HoldForce-v0": _hold_force,
}
"""Every environment with an expert, by id."""
