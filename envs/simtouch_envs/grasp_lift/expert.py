"""The scripted expert of grasp and lift: forces on both pads in, an action out. It knows the gel's friction, and nothing of the jar.

    u = max over the pads of T / (mu N)          T along the pad, N into it: how much of the cone is used                (1)
    grip <- max(grip, T / (mu `use`))            tightens where u passes `use`, and never lets go                       (2)
    lift = k (mu N `most_use` - T)               while the load grows: as fast as the cone has room                    (3)

Once the hand comes up and the load grows no more, the jar hangs, and is lifted at `speed`.
"""

from dataclasses import dataclass

import numpy as np

from simtouch._checks import ArgumentError
from simtouch_envs.grasp_lift.env import GRIP_N_S, LIFT_M_S, GraspLiftEnv

FEELS = ("touch", "nothing")
_STIFFNESS_N_M = 400.0
_CARRIED_STEPS = 4


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """Gains."""

    feels: str = "touch"
    """`touch`, or `nothing`: keeps `grip_n`, the baseline that cannot win."""
    grip_n: float = 1.0
    """Of `nothing`."""
    use: float = 0.72
    most_use: float = 0.9
    least_grip_n: float = 0.2
    speed: float = 0.8
    """Share of the full speed once the jar hangs."""


class GraspLiftExpert:
    """Lifts the jar of one environment."""

    def __init__(self, env, config: ExpertConfig = ExpertConfig()):
        self._env: GraspLiftEnv = env.unwrapped
        if config.feels not in FEELS:
            raise ArgumentError(f"`feels` must be one of {', '.join(FEELS)}; got {config.feels!r}.")
        self.config = config

    def reset(self) -> None:
        """After the environment's own reset."""
        self._load_n, self._carried = np.inf, 0

    def act(self) -> np.ndarray:
        """The next action, (2,), within the box."""
        c, env = self.config, self._env
        if c.feels == "nothing":
            change = c.grip_n - env.grip_n
            return self._action(change, c.speed / 2 if abs(change) < 1e-6 else 0.0)
        load, pressed = self._felt()
        wanted = max(load / (env.friction * c.use), c.least_grip_n)
        room_n = max(0.0, env.friction * pressed * c.most_use - load)
        grows, self._load_n = load - self._load_n, load
        hangs = load > 0.1 and abs(grows) < 0.02 * load
        self._carried = self._carried + 1 if hangs else 0
        lift = 2 * room_n / (_STIFFNESS_N_M * LIFT_M_S * env.dt_s)
        if self._carried >= _CARRIED_STEPS:
            lift = c.speed
        return self._action(max(0.0, wanted - env.grip_n), min(lift, c.speed))

    def _felt(self) -> tuple[float, float]:
        """Load along a pad and force into it [N], of the pad that is nearer to its cone."""
        env = self._env
        along, pressed = np.hypot(*env.held.gel_force_n[:, :2].T), env.held.normal_force_n
        worst = int(np.argmax(along / np.maximum(pressed, 1e-6)))
        return float(along[worst]), float(pressed[worst])

    def _action(self, grip_change_n: float, lift: float) -> np.ndarray:
        return np.clip([grip_change_n / (GRIP_N_S * self._env.dt_s), lift], -1, 1)
