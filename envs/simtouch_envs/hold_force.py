"""Hold force: press a sensor onto a ball in a shaky hand, as hard as asked, by touch alone. `HoldForceEnv` is the environment's page."""

from dataclasses import dataclass
from typing import ClassVar

import gymnasium as gym
import numpy as np

from simtouch import SensorSpec, TactileSimulator, indenters
from simtouch._checks import as_number


@dataclass(frozen=True, kw_only=True)
class HoldForceConfig:
    """Sizes of the task; the force range should lie within what `max_indent_depth_m` reaches on the sensor."""

    ball_radius_m: float = 4e-3
    target_force_n: tuple[float, float] = (0.5, 2.5)
    """Drawn uniformly at reset; `reset(options={"target_force_n": 1.0})` sets one in this range."""
    tolerance: float = 0.15
    """Share of the target within which the force counts as held."""
    hold_steps: int = 20
    """Steps in a row within tolerance that make a success."""
    max_step_m: float = 60e-6
    """Motion of the sensor in one step at full action."""
    tremor_m: tuple[float, float, float] = (400e-6, 400e-6, 150e-6)
    """Standard deviation of the hand's drift along x, y, z."""
    tremor_time_s: float = 0.8
    """How long the hand remembers where it was."""
    max_indent_depth_m: float = 1.2e-3
    max_gap_m: float = 1e-3


class HoldForceEnv(gym.Env):
    """A sensor presses on a ball in a shaky hand, as hard as it is asked to.

    ## Description
    The hand drifts up, down and sideways; the sensor moves along z only. Kinematic: nothing but the gel gives way. Sideways drift shears
    the gel, so the same force looks different every time.

    ## Action Space
    `Box(-1, 1, (1,), float32)`

    | Num | Action | Min | Max | Name | Joint | Unit |
    |---|---|---|---|---|---|---|
    | 0 | motion of the sensor towards the ball | -1 | 1 | sensor_z | none (kinematic) | `max_step_m`, 60 um |

    ## Observation Space
    | Key | Num | Observation | Min | Max | Unit |
    |---|---|---|---|---|---|
    | tactile | (H, W, 3) | tactile image, RGB | 0 | 255 | uint8 |
    | target_force_n | 0 | normal force to hold | 0.5 | 2.5 | N |

    ## Rewards
    The sum of `info["reward_terms"]`: `error` minus the relative error (at most 2), `held` 1 within tolerance, `effort` -0.05 times the
    action squared, `over` -10 where touch is lost or too deep.

    ## Starting State
    A light touch, the ball a little off the middle; `reset(options={"target_force_n": 1.0})` sets the target.

    ## Episode End
    Terminated: touch is lost by `max_gap_m`, or the ball sinks in past `max_indent_depth_m`. Truncated: 200 steps. It does not end at
    success: the task is to hold, and `is_success` says whether the last 20 steps were within tolerance.

    ## Arguments
    `sensor`: name of a sensor or a SensorSpec; `config`: sizes of the task; `render_mode`: None or rgb_array (the tactile image).

    ## Version History
    * v0: first version.
    """

    metadata: ClassVar = {"render_modes": ["rgb_array"], "render_fps": 60}

    def __init__(self, sensor: str | SensorSpec = "digit", config: HoldForceConfig | None = None, render_mode: str | None = None):
        self.config, self.render_mode = config or HoldForceConfig(), render_mode
        self._touch = TactileSimulator(sensor)
        self._ball = indenters.sphere(radius_m=self.config.ball_radius_m)
        image = gym.spaces.Box(0, 255, (*self._touch.spec.image_shape, 3), np.uint8)
        target = gym.spaces.Box(*self.config.target_force_n, (1,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = gym.spaces.Dict(tactile=image, target_force_n=target)
        self.metadata = self.metadata | {"render_fps": round(self._touch.spec.camera.fps)}

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """Start at a light touch with a new target; `options["target_force_n"]` sets the target."""
        super().reset(seed=seed)
        c = self.config
        drawn = self.np_random.uniform(*c.target_force_n)
        wanted = (options or {}).get("target_force_n", drawn)
        self._target_n = as_number("target_force_n", wanted, at_least=c.target_force_n[0], at_most=c.target_force_n[1])
        self._hand_m = np.array([*self.np_random.normal(0.0, c.tremor_m[:2]), 0.0])
        self._sensor_m, self._held_steps = float(self.np_random.uniform(0.1e-3, 0.3e-3)), 0
        self._touch.reset(self._ball, seed=int(self.np_random.integers(2**31)))
        return self._observe(), self._info({})

    def step(self, action):
        """Move the sensor, let the hand drift, touch."""
        c = self.config
        push = float(np.clip(action[0], -1.0, 1.0))
        self._sensor_m += c.max_step_m * push
        self._hand_m = self._drifted()
        observation = self._observe()
        error = abs(self._frame.normal_force_n - self._target_n) / self._target_n
        self._held_steps = self._held_steps + 1 if error <= c.tolerance else 0
        depth_m = self._sensor_m - self._hand_m[2]
        over = bool(depth_m > c.max_indent_depth_m or depth_m < -c.max_gap_m)
        held = float(self._held_steps > 0)
        terms = {"error": -min(float(error), 2.0), "held": held, "effort": -0.05 * push**2, "over": -10.0 * over}
        return observation, sum(terms.values()), over, False, self._info(terms)

    def render(self) -> np.ndarray | None:
        """The tactile image, RGB uint8, shape (H, W, 3)."""
        return self._frame.image if self.render_mode == "rgb_array" else None

    @property
    def missing_share(self) -> float:
        """Of the target force; negative where it is exceeded."""
        return 1.0 - float(self._frame.normal_force_n) / self._target_n

    def _drifted(self) -> np.ndarray:
        """One step of an Ornstein-Uhlenbeck walk, which forgets in `tremor_time_s` and stays within 3 deviations."""
        keep = np.exp(-1.0 / (self._touch.spec.camera.fps * self.config.tremor_time_s))
        spread = np.array(self.config.tremor_m)
        moved = keep * self._hand_m + np.sqrt(1.0 - keep**2) * spread * self.np_random.standard_normal(3)
        return np.clip(moved, -3.0 * spread, 3.0 * spread)

    def _observe(self) -> dict[str, np.ndarray]:
        c = self.config
        depth_m = np.clip(self._sensor_m - self._hand_m[2], -c.max_gap_m, c.max_indent_depth_m)
        gel_T_ball = np.eye(4)
        gel_T_ball[:3, 3] = self._hand_m[0], self._hand_m[1], c.ball_radius_m - depth_m
        self._frame = self._touch.step(gel_T_ball)
        return {"tactile": self._frame.image, "target_force_n": np.array([self._target_n], np.float32)}

    def _info(self, terms: dict[str, float]) -> dict:
        return {
            "reward_terms": terms,
            "normal_force_n": float(self._frame.normal_force_n),
            "slip_ratio": float(self._frame.slip_ratio),
            "is_success": self._held_steps >= self.config.hold_steps,
        }


class HoldForceExpert:
    """Presses on by the share of the target that is missing: what the sensor would tell of the force, and nothing else."""

    _GAIN = 5.0

    def __init__(self, env):
        self._env: HoldForceEnv = env.unwrapped

    def reset(self) -> None:
        """After the environment's own reset."""

    def act(self) -> np.ndarray:
        """The next action, (1,)."""
        return np.clip([self._GAIN * self._env.missing_share], -1.0, 1.0)
