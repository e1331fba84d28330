"""The scripted expert of edge following: the gel's pressure field in, an action out. It knows on which side the plate lies, no more.

With weights w = p exp(-r^2 / (2 s^2)) over the cells (p pressure, r from the view's centre), centre c and covariance C,

    a = atan2(2 C_xy, C_xx - C_yy) / 2           direction of the edge, from the sensor's x                          (1)
    motion = v (cos a, sin a) + k_c (-sin a, cos a) ((-sin a, cos a).c)                                               (2)
    turn = k_a a                                                                                                     (3)
"""

from dataclasses import dataclass

import numpy as np

from simtouch._checks import ArgumentError
from simtouch_envs.edge_follow.env import FULL_STEP_M, FULL_TURN_RAD, EdgeFollowEnv


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """Gains."""

    feels: str = "touch"
    """`touch`; `straight` goes on ahead without touch; `circle` turns as if every shape were a circle of the usual length."""
    speed_m: float = 0.6e-3
    """v: along the edge, a step."""
    window_m: float = 2.5e-3
    """s."""
    centre_gain: float = 0.4
    """k_c."""
    turn_gain: float = 0.6
    """k_a."""
    usual_length_m: float = 0.107
    """Around the shapes, on average over blobs."""


class EdgeFollowExpert:
    """Follows the edge of one environment."""

    def __init__(self, env, config: ExpertConfig = ExpertConfig()):
        self._env: EdgeFollowEnv = env.unwrapped
        if config.feels not in ("touch", "straight", "circle"):
            raise ArgumentError(f"`feels` must be one of touch, straight, circle; got {config.feels!r}.")
        self.config = config

    def reset(self) -> None:
        """After the environment's own reset; nothing is remembered."""

    def act(self) -> np.ndarray:
        """The next action, (3,), within the box."""
        c = self.config
        motion, turn = np.array([c.speed_m, 0.0]), 0.0
        if c.feels == "circle":
            turn = 2 * np.pi * c.speed_m / c.usual_length_m
        elif c.feels == "touch":
            angle, off_m = edge_in(self._env.frame.normal_traction_pa, self._env.frame.cell_size_m, c.window_m)
            along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
            motion, turn = c.speed_m * along + c.centre_gain * off_m * across, c.turn_gain * angle
        motion *= min(1.0, FULL_STEP_M / max(float(np.linalg.norm(motion)), 1e-12))
        return np.append(motion / FULL_STEP_M, np.clip(turn / FULL_TURN_RAD, -1, 1))


def edge_in(pressure_pa: np.ndarray, cell_m: float, window_m: float) -> tuple[float, float]:
    """(direction from x by (1) [rad], offset of the edge across it from the view's centre [m]); zeros where nothing is touched.

    Args:
        pressure_pa: Normal traction, (h, w).
        cell_m: Spacing of the cells.
        window_m: How far from the centre it looks.
    """
    rows, cols = np.nonzero(pressure_pa)
    if not rows.size:
        return 0.0, 0.0
    places = (np.stack([cols, rows], axis=1) - (np.array(pressure_pa.shape[::-1]) - 1) / 2) * cell_m
    weights = pressure_pa[rows, cols].astype(float) * np.exp(-np.square(places / window_m).sum(1) / 2)
    if weights.sum() <= 0:
        return 0.0, 0.0
    weights /= weights.sum()
    centre = weights @ places
    apart = places - centre
    (xx, xy), (_, yy) = (weights[:, None] * apart).T @ apart
    angle = float(np.arctan2(2 * xy, xx - yy) / 2)
    return angle, float(centre @ (-np.sin(angle), np.cos(angle)))
