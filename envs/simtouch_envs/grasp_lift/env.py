"""Grasp and lift: carry a jar of unknown weight by a fragile knob. The page of the environment is the docstring of `GraspLiftEnv`."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simtouch import SensorSpec
from simtouch._checks import ArgumentError
from simtouch.indenters.solid import Solid
from simtouch_envs.fingertips import FingertipConfig, sensor_of
from simtouch_envs.grasp_lift.jars import Jar, jar, jar_of
from simtouch_envs.grasp_lift.model import LiftPhysics, jar_mjcf, pads_for
from simtouch_envs.gripper import SIDES, Hand
from simtouch_envs.gripper_env import GripperEnv
from simtouch_envs.numbered import PER_SPLIT, numbers_of
from simtouch_envs.robots import MOST_SPEED_M_S, STEP_M_S, FloatingHand
from simtouch_envs.worlds import Worlds

GRIP_N_S = 5.0
"""Change of the grip at full action."""
LIFT_M_S = 0.03
"""Speed of the hand's target at full action."""
MOST_GRIP_N = 8.0
_HEIGHT_M = 0.03
_HOLD_S = 0.5
_SLID_M = 6e-3
_NOISE_M, _NOISE_N = 0.3e-3, 0.03


class GraspLiftEnv(GripperEnv):
    """A gripper takes a jar by its knob and lifts it; it knows neither how heavy the jar nor how fragile the knob is.

    ## Description
    A knob breaks at 1.7 to 2.6 times the grip that just carries its jar, and jars weigh 40 to 320 g: a constant grip suits a third of
    them at best. The grip has to follow the load that is felt while the hand comes up. Physics by MuJoCo (a jar on a table, fingers with
    motors), touch by simtouch: the pads' springs are the layer's, the images come from its gel and optics, and one coefficient of
    friction, the gel's, rules both: what slides at the rim of the contact shows in the image before the knob slides in the hand. Jars are
    numbered and split into train, validation and test.

    ## Action Space
    `Box(-1, 1, (2,), float32)`, 20 Hz (or 10).

    | Num | Action | Min | Max | Name | Joint | Unit |
    |---|---|---|---|---|---|---|
    | 0 | change of the closing force of each finger | -1 | 1 | left_close, right_close | slide | 0.25 N (0.5 at 10 Hz) |
    | 1 | motion of the hand's target up | -1 | 1 | hand_z | slide | 1.5 mm (3 at 10 Hz) |

    The closing force stays within 0 and 8 N. The target leads the hand by at most 10 mm, which the servo (400 N/m) turns into at most 4 N.

    ## Observation Space
    `Dict`, its keys by `obs_type`: `state` {state}; `force` {state, force}; `tactile` {tactile_left, tactile_right}; `tactile_state`
    {state, tactile_left, tactile_right}. How far the hand lags its target is not in them: at rest, that would weigh the jar.

    | Key | Num | Observation | Min | Max | Unit |
    |---|---|---|---|---|---|
    | state | 0 | closing force of each motor | -8 | 8 | N |
    | state | 1 | velocity of the hand, up | -0.5 | 0.5 | m/s |
    | state | 2 | closing velocity of a finger | -0.5 | 0.5 | m/s |
    | force | 0-2 | what the knob does to the left pad, x y z of the world | -20 | 20 | N |
    | force | 3-5 | the same of the right pad | -20 | 20 | N |
    | tactile_left | (H, W, 3) | tactile image of the left sensor, RGB | 0 | 255 | uint8 |
    | tactile_right | (H, W, 3) | of the right sensor | 0 | 255 | uint8 |

    ## Rewards
    The sum of `info["reward_terms"]`. `reward_type="dense"`: `lift` 100 per metre of height gained, up to the goal; `held` 0.1 a step at
    the goal's height; `slide` -100 per metre that the knob slides in the hand; `time` -0.01 a step; `success` 5; `lost` -5.
    `"sparse"`: `success` 1.

    ## Starting State
    The jar stands, its knob between the pads at 0.2 N; that force is up to 0.03 N off, the target up to 0.3 mm.
    `reset(options=...)` takes `jar`, a number of the split or a name as `mixed/test/7`, or `state`, what `save()` gave.

    ## Episode End
    Terminated: the jar has been held 3 cm up for half a second (`is_success`), or lost: the knob slid 6 mm in the hand (`dropped`), or was
    pressed harder than it can bear (`crushed`). Truncated: 300 steps.

    ## Arguments
    See `__init__`.

    ## Version History
    * v0: first version.
    """

    kind, noise_size = "jar", 2

    def __init__(
        self,
        sensor: str | SensorSpec = "digit",
        *,
        obs_type: Literal["state", "force", "tactile", "tactile_state"] = "tactile_state",
        family: str = "mixed",
        split: Literal["train", "validation", "test"] = "train",
        jars: int | Sequence[int] = PER_SPLIT,
        control_hz: Literal[20, 10] = 20,
        reward_type: Literal["dense", "sparse"] = "dense",
        physics: LiftPhysics = LiftPhysics(),
        fingertips: FingertipConfig = FingertipConfig(),
        render_mode: Literal["rgb_array", "human"] | None = None,
    ):
        """Make the environment.

        Args:
            sensor: Of both fingers: a preset's name or a SensorSpec.
            obs_type: What is observed.
            family: Kind of knob: ball, egg, rod, block or mixed.
            split: Which jars are drawn.
            jars: How many of the split's jars are drawn (numbers 0 to jars - 1), or which.
            control_hz: Actions a second.
            reward_type: dense or sparse.
            physics: How the world moves.
            fingertips: Size and accuracy of touch.
            render_mode: None, rgb_array or human.
        """
        for name, value, known in (("control_hz", control_hz, (20, 10)), ("reward_type", reward_type, ("dense", "sparse"))):
            if value not in known:
                raise ArgumentError(f"`{name}` must be one of {', '.join(map(str, known))}; got {value!r}.")
        self.reward_type, self.family, self.split = reward_type, family, split
        numbers = numbers_of("jars", jars)
        jar(family, split, 0)  # refuses what is not known
        spec = sensor_of(sensor, fingertips)
        robot = FloatingHand(Hand(), grip_force_n=physics.first_grip_n, control_hz=control_hz)
        self._first_grip_n = physics.first_grip_n
        super().__init__(
            sensor,
            fingertips,
            worlds=Worlds(
                lambda one: jar_mjcf(one, pads_for(spec, one), robot, physics), robot, held="jar", timestep_s=physics.timestep_s
            ),
            robot=robot,
            numbers=numbers,
            timestep_s=physics.timestep_s,
            control_hz=control_hz,
            state_limits=[MOST_GRIP_N, MOST_SPEED_M_S, MOST_SPEED_M_S],
            action_size=2,
            obs_type=obs_type,
            render_mode=render_mode,
        )

    @property
    def jar(self) -> Jar:
        """The jar that is played."""
        return self._world.played

    @property
    def friction(self) -> float:
        """Coefficient of the gel."""
        return self.sensor.gel.friction

    @property
    def crush_n(self) -> float:
        """Force of a finger that breaks the knob."""
        return self.jar.crush_n(self.friction)

    @property
    def grip_n(self) -> float:
        """What the motor of each finger closes with."""
        return self._grip_n

    def save(self) -> dict[str, Any]:
        """The present state, for `reset(options={"state": ...})`. The gel's memory is not in it: it begins anew from the springs."""
        return self._saved(self.jar) | {"grip_n": self._grip_n, "held_steps": self._held_steps}

    def controls_for(self, action: np.ndarray) -> np.ndarray:
        """MuJoCo's controls for an action within the box; the grip and the hand's target move on."""
        self._grip_n = min(max(self._grip_n + action[0] * GRIP_N_S * self.dt_s, 0.0), MOST_GRIP_N)
        return self._gripping(self._robot.command(self._fields, np.array([0, 0, action[1] * LIFT_M_S / STEP_M_S])))

    def _chosen(self, chosen: int | str | Jar) -> Jar:
        return jar_of(chosen, self.family, self.split)

    def _solid(self, played: Jar) -> Solid:
        return played.solid()

    def _first_controls(self, noise: np.ndarray) -> np.ndarray:
        self._grip_n = self._first_grip_n + _NOISE_N * noise[0]
        return self._gripping(self._robot.begin(self._data, np.array([0, 0, _NOISE_M * noise[1]])))

    def _gripping(self, controls: np.ndarray) -> np.ndarray:
        """Controls with the closing force of now."""
        controls[-len(SIDES) :] = self._grip_n
        return controls

    def _begin_rules(self, saved: dict[str, Any] | None) -> None:
        self._grip_n = float(saved["grip_n"]) if saved else self._grip_n
        self._held_steps = int(saved["held_steps"]) if saved else 0
        self._height_m, self._slide_m, self._on_pads_m = 0.0, np.zeros(len(SIDES)), None

    def _observe(self, held_m: np.ndarray) -> None:
        fields, pads = self._fields, self._places.pads
        self._before_m, self._height_m = min(self._height_m, _HEIGHT_M), float(held_m[2]) - self.jar.stands_m
        turns = fields.xmat[pads].reshape(-1, 3, 3)
        on_pads = np.einsum("sij,si->sj", turns, held_m - fields.xpos[pads])[:, :2]
        if self._on_pads_m is not None:
            self._slide_m = np.linalg.norm(on_pads - self._on_pads_m, axis=1)
        self._on_pads_m = on_pads

    def _judge(self) -> tuple[dict[str, float], bool]:
        hardest = float(self._held.normal_force_n.max())
        self._peak_n = max(self._peak_n, hardest)
        self._lost = "crushed" if hardest > self.crush_n else "dropped" if self._slip_m > _SLID_M else False
        up = self._height_m >= _HEIGHT_M and not self._lost
        self._held_steps = self._held_steps + 1 if up else 0
        won, lost = self._won(), bool(self._lost)
        if self.reward_type == "sparse":
            return {"success": float(won)}, won or lost
        terms = {
            "lift": 100.0 * (min(self._height_m, _HEIGHT_M) - self._before_m),
            "held": 0.1 * up,
            "slide": -100.0 * float(self._slide_m.mean()),
            "time": -0.01,
            "success": 5.0 * won,
            "lost": -5.0 * lost,
        }
        return terms, won or lost

    def _won(self) -> bool:
        return self._held_steps * self.dt_s >= _HOLD_S - 1e-9 and not self._lost

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        up, closing = self._robot.state(self._fields)[5], self._fields.qvel[self._places.closing]
        return np.array([self._grip_n, up, closing]), self._held.force_n.ravel()

    def _facts(self) -> dict[str, Any]:
        felt = self.touch.frame if self.touch is not None else None
        seen = {} if felt is None else {"slip_ratio": np.array(felt.slip_ratio), "slip_state": tuple(map(str, felt.slip_state))}
        own = {
            "progress": float(np.clip(self._height_m / _HEIGHT_M, 0, 1)),
            "height_m": self._height_m,
            "crush_force_n": self.crush_n,
            "slide_m_s": self._slide_m / self.dt_s,
        }
        return super()._facts() | own | seen
