"""Grasp and lift: carry a jar of unknown weight by a fragile knob. The page of the environment is the docstring of `GraspLiftEnv`."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simtouch import SensorSpec
from simtouch._checks import ArgumentError
from simtouch_envs.coupling import Held, held_by
from simtouch_envs.fingertips import FingertipConfig, Fingertips, sensor_of
from simtouch_envs.grasp_lift.jars import PER_SPLIT, Jar, jar, jar_of, numbers_of
from simtouch_envs.grasp_lift.model import LiftPhysics, World, Worlds, places_in
from simtouch_envs.gripper import SIDES, Hand
from simtouch_envs.physics import SceneCamera, import_mujoco
from simtouch_envs.robots import MOST_SPEED_M_S, STEP_M_S, FloatingHand
from simtouch_envs.touch_env import SCENE_SHAPE, Spaces, TouchEnv, box

GRIP_N_S = 5.0
"""Change of the grip at full action."""
LIFT_M_S = 0.03
"""Speed of the hand's target at full action."""
MOST_GRIP_N = 8.0
_HEIGHT_M = 0.03
_HOLD_S = 0.5
_SLID_M = 6e-3
_MOST_FORCE_N = 20.0
_NOISE_M, _NOISE_N = 0.3e-3, 0.03
_NOISE_STEPS = 2  # of MuJoCo, after which the first observation is made


class GraspLiftEnv(TouchEnv):
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

    metadata = TouchEnv.metadata

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
        self._numbers_drawn = numbers_of(jars)
        jar(family, split, 0)  # refuses what is not known
        self.sensor = sensor_of(sensor, fingertips)
        self.physics_steps = round(1 / (control_hz * physics.timestep_s))
        self.dt_s = self.physics_steps * physics.timestep_s
        self._robot = FloatingHand(Hand(), grip_force_n=physics.first_grip_n, control_hz=control_hz)
        self._physics = physics
        self._worlds = Worlds(self.sensor, self._robot, physics, _gripping)
        images = dict.fromkeys(("tactile_left", "tactile_right"), self.sensor.image_shape)
        state = box([MOST_GRIP_N, MOST_SPEED_M_S, MOST_SPEED_M_S])
        super().__init__(
            Spaces(state=state, force=box(_MOST_FORCE_N, (6,)), images=images, action=box(1.0, (2,))),
            obs_type=obs_type,
            render_mode=render_mode,
        )
        self.touch = Fingertips(sensor, fingertips) if self.looks else None
        self._camera: SceneCamera | None = None

    @property
    def jar(self) -> Jar:
        """The jar that is played."""
        return self._world.jar

    @property
    def held(self) -> Held:
        """What the pads hold, as MuJoCo knows it."""
        return self._held

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
        state = self._worlds.state_of(self._world)
        motors = {"target": self._robot.save(), "grip_n": self._grip_n}
        return {"jar": self.jar, "physics": state, **motors, "held_steps": self._held_steps}

    def close(self) -> None:
        """Close windows and pictures."""
        super().close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _begin(self, options: dict) -> None:
        unknown = set(options) - {"jar", "state"}
        if unknown:
            raise ArgumentError(f"`options` may hold jar or state; got {', '.join(sorted(map(str, unknown)))}.")
        saved = options.get("state")
        drawn = int(self._numbers_drawn[self.np_random.integers(len(self._numbers_drawn))])
        noise, seed = self.np_random.uniform(-1, 1, 2), int(self.np_random.integers(2**31))
        self._enter(jar_of(saved["jar"] if saved else options.get("jar", drawn), self.family, self.split))
        if saved:
            self._worlds.restore(self._world, np.asarray(saved["physics"], float))
            self._robot.load(saved["target"])
            self._grip_n = float(saved["grip_n"])
        else:
            self._worlds.restore(self._world, self._world.grasped)
            self._grip_n = self._physics.first_grip_n + _NOISE_N * noise[0]
            self._data.ctrl[:] = _gripping(self._robot.begin(self._data, np.array([0, 0, _NOISE_M * noise[1]])), self._grip_n)
            import_mujoco().mj_step(self._world.model, self._data, _NOISE_STEPS)
        self._held_steps = int(saved["held_steps"]) if saved else 0
        self._peak_n, self._lost, self._slide_m = 0.0, False, np.zeros(len(SIDES))
        self._on_pads_m = None
        self._observe_physics(self._data)
        if self.touch is not None:
            self.touch.reset(self.jar.solid(), seed=seed)
            self.touch.feel(self._held.unsheared(), self._held.normal_force_n, self.dt_s, look=False)
            self._feel()

    def _enter(self, chosen: Jar) -> None:
        """Play this jar from now on."""
        self._world: World = self._worlds[chosen]
        self._data = self._world.data
        self._places = places_in(self._world.model)
        self._robot.bind(self._world.model)

    def _advance(self, action: np.ndarray) -> tuple[dict[str, float], bool]:
        self._data.ctrl[:] = self._controls_for(action)
        import_mujoco().mj_step(self._world.model, self._data, self.physics_steps)
        return self._sense(self._data)

    def _controls_for(self, action: np.ndarray) -> np.ndarray:
        self._grip_n = float(np.clip(self._grip_n + action[0] * GRIP_N_S * self.dt_s, 0, MOST_GRIP_N))
        return _gripping(self._robot.command(self._fields, np.array([0, 0, action[1] * LIFT_M_S / STEP_M_S])), self._grip_n)

    def _sense(self, fields) -> tuple[dict[str, float], bool]:
        """After MuJoCo has moved on: reward terms, and whether the episode ends."""
        before_m = min(self._height_m, _HEIGHT_M)
        self._observe_physics(fields)
        if self.touch is not None:
            self._feel()
        hardest = float(self._held.normal_force_n.max())
        self._peak_n = max(self._peak_n, hardest)
        self._lost = "crushed" if hardest > self.crush_n else "dropped" if self._slip_m > _SLID_M else False
        up = self._height_m >= _HEIGHT_M and not self._lost
        self._held_steps = self._held_steps + 1 if up else 0
        won, lost = self._won(), bool(self._lost)
        if self.reward_type == "sparse":
            return {"success": float(won)}, won or lost
        terms = {
            "lift": 100.0 * (min(self._height_m, _HEIGHT_M) - before_m),
            "held": 0.1 * up,
            "slide": -100.0 * float(self._slide_m.mean()),
            "time": -0.01,
            "success": 5.0 * won,
            "lost": -5.0 * lost,
        }
        return terms, won or lost

    def _won(self) -> bool:
        return self._held_steps * self.dt_s >= _HOLD_S - 1e-9 and not self._lost

    def _observe_physics(self, fields) -> None:
        self._fields, places = fields, self._places
        knob_m = np.array(fields.xpos[places.held])
        self._held = held_by(fields, places)
        self._height_m = float(knob_m[2]) - self.jar.stands_m
        apart = knob_m - self._robot.place_m(fields) - self._world.hand_from_knob_m
        self._slip_m = float(np.linalg.norm(apart))
        turns = fields.xmat[list(places.pads)].reshape(-1, 3, 3)
        on_pads = np.einsum("sij,si->sj", turns, knob_m - fields.xpos[list(places.pads)])[:, :2]
        if self._on_pads_m is not None:
            self._slide_m = np.linalg.norm(on_pads - self._on_pads_m, axis=1)
        self._on_pads_m = on_pads

    def _feel(self) -> None:
        self.touch.feel(self._held.gel_T_held, self._held.normal_force_n, self.dt_s)

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        up, closing = self._robot.state(self._fields)[5], self._fields.qvel[self._places.closing]
        return np.array([self._grip_n, up, closing]), self._held.force_n.ravel()

    def _images(self) -> dict[str, np.ndarray]:
        return {f"tactile_{side}": image for side, image in zip(SIDES, self.touch.frame.image, strict=True)}

    def _facts(self) -> dict[str, Any]:
        felt = self.touch.frame if self.touch is not None else None
        seen = {} if felt is None else {"slip_ratio": np.array(felt.slip_ratio), "slip_state": tuple(map(str, felt.slip_state))}
        return {
            "progress": float(np.clip(self._height_m / _HEIGHT_M, 0, 1)),
            "height_m": self._height_m,
            "is_success": self._won(),
            "lost": self._lost,
            "peak_force_n": self._peak_n,
            "crush_force_n": self.crush_n,
            "slip_m": self._slip_m,
            "slide_m_s": self._slide_m / self.dt_s,
            "jar": self.jar.name,
            **seen,
        }

    def _scene(self) -> np.ndarray:
        if self._camera is None or self._camera.model is not self._world.model:
            if self._camera is not None:
                self._camera.close()
            self._camera = SceneCamera(self._world.model, "side", SCENE_SHAPE)
        return self._camera.shoot(self._data)


def _gripping(controls: np.ndarray, grip_n: float) -> np.ndarray:
    """Controls of a hand with another closing force."""
    return np.concatenate([controls[: -len(SIDES)], np.full(len(SIDES), grip_n)])
