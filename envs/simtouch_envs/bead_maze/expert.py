"""The scripted expert of the bead maze: forces on both pads in, an action out. It knows the wire's first direction, and nothing else of it.

    f <- .5 f + .5 F           F: what bead and wire do to the hand                                                   (1)
    g = f - (f.v) v            across the heading v                                                                  (2)
    v <- (v + k g + m d) / |.| the wire pushes the heading aside, and the hand's own motion d (unit) draws it along   (3)
    action = v speed dt + c g  and the hand gives way                                                                (4)

Without m the heading goes stale where somebody else moves the hand, as in DAgger: who follows the wire well feels no push. In a plane,
v has no y. In the family `3d` the hand turns about z with v.
"""

import math
from dataclasses import dataclass

import numpy as np

from simtouch._checks import ArgumentError
from simtouch_envs.bead_maze.env import BeadMazeEnv
from simtouch_envs.bead_maze.mazes import FAMILIES

_PLANE = np.array([1.0, 0.0, 1.0])
_STANDS_M = 0.3e-3  # a hand that moves less in a step says nothing of the way


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """Gains."""

    feels: str = "touch"
    """`touch`; `motion` reads the hand's own drift instead of touch; `blind` goes straight on."""
    speed_m_s: float = 0.03
    keeps: float = 0.5
    """Of f in (1)."""
    turn_per_n: float = 0.1
    """k of (3)."""
    give_m_n: float = 0.6e-3
    """c of (4)."""
    motion_share: float = 0.3
    """m of (3)."""


class BeadMazeExpert:
    """Follows the wire of one environment."""

    def __init__(self, env, config: ExpertConfig = ExpertConfig()):
        self._env: BeadMazeEnv = env.unwrapped
        if config.feels not in ("touch", "motion", "blind"):
            raise ArgumentError(f"`feels` must be one of touch, motion, blind; got {config.feels!r}.")
        self.config = config
        self._spatial = FAMILIES[self._env.family].yaw

    def reset(self) -> None:
        """After the environment's own reset."""
        self._heading, self._force = self._env.start_tangent.copy(), np.zeros(3)
        self._last_m, self._yaw_rad = self._env.hand_m(), 0.0

    def act(self) -> np.ndarray:
        """The next action, within the box."""
        c, v = self.config, self._heading
        left, right = self._env.held.force_n
        self._force = c.keeps * self._force + (1 - c.keeps) * (left + right)
        across = self._force - self._force.dot(v) * v
        here = self._env.hand_m()
        moved, self._last_m = here - self._last_m, here
        if c.feels == "touch":
            v = v + c.turn_per_n * across
        if c.feels != "blind" and (size := _length(moved)) > _STANDS_M:
            v = v + c.motion_share * moved / size
        if not self._spatial:
            v = v * _PLANE
        self._heading = v = v / _length(v)
        target = v * c.speed_m_s * self._env.dt_s + (c.give_m_n * across if c.feels == "touch" else 0.0)
        most = self._env.full_step_m
        target *= min(1.0, most / max(_length(target), 1e-12))
        return self._env.action_of_hand(np.append(target / most, self._turn()) if self._spatial else target / most)

    def _turn(self) -> float:
        wanted = np.arctan2(self._heading[1], abs(self._heading[0]))
        turn = float(np.clip((wanted - self._yaw_rad) / self._env.full_turn_rad, -1, 1))
        self._yaw_rad += turn * self._env.full_turn_rad
        return turn


def _length(vector: np.ndarray) -> float:
    return math.sqrt(vector.dot(vector))
