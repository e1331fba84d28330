"""What environments with a gripper share: a numbered thing to play in, MuJoCo's physics and two gels that feel it out.

An environment says what is played (`_chosen`, `_solid`), how it begins (`_first_controls`, `_begin_rules`), what an action does
(`controls_for`) and what becomes of it (`_judge`); worlds, touch, saving and pictures are done once, here.
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from simtouch import SensorSpec
from simtouch._checks import ArgumentError
from simtouch.geometry.gap_map import Indenter
from simtouch_envs.coupling import Held
from simtouch_envs.fingertips import FingertipConfig, Fingertips, sensor_of
from simtouch_envs.gripper import SIDES
from simtouch_envs.physics import SceneCamera, import_mujoco
from simtouch_envs.robots import Robot
from simtouch_envs.touch_env import SCENE_SHAPE, Spaces, TouchEnv, box
from simtouch_envs.worlds import World, Worlds

_MOST_FORCE_N = 20.0
_NOISE_STEPS = 2  # of MuJoCo, after which the first observation is made


class GripperEnv(TouchEnv):
    """Two pads hold something; which, and what for, says the environment."""

    kind: ClassVar[str]
    """What is played, as the option of `reset` and the entry of `info` are called: maze, jar."""
    noise_size: ClassVar[int]
    """How many numbers from -1 to 1 make one start unlike another."""

    def __init__(
        self,
        sensor: str | SensorSpec,
        fingertips: FingertipConfig,
        *,
        worlds: Worlds,
        robot: Robot,
        numbers: np.ndarray,
        timestep_s: float,
        control_hz: float,
        state_limits,
        action_size: int,
        obs_type: str,
        render_mode: str | None,
    ):
        self._worlds, self._robot, self._numbers_drawn = worlds, robot, numbers
        self.sensor = sensor_of(sensor, fingertips)
        self.physics_steps = round(1 / (control_hz * timestep_s))
        self.dt_s = self.physics_steps * timestep_s
        images = {f"tactile_{side}": self.sensor.image_shape for side in SIDES}
        force, action = box(_MOST_FORCE_N, (6,)), box(1.0, (action_size,))
        spaces = Spaces(state=box(state_limits), force=force, images=images, action=action)
        super().__init__(spaces, obs_type=obs_type, render_mode=render_mode)
        self.touch = Fingertips(sensor, fingertips) if self.looks else None
        self._camera: SceneCamera | None = None
        self.episode = 0

    @property
    def model(self) -> Any:
        """MuJoCo's model of what is played."""
        return self._world.model

    @property
    def held(self) -> Held:
        """What the pads hold, as MuJoCo knows it."""
        return self._held

    def hand_m(self) -> np.ndarray:
        """The hand from where it began, (3,)."""
        return self._robot.place_m(self._fields)

    def close(self) -> None:
        """Close windows and pictures."""
        super().close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    @abstractmethod
    def controls_for(self, action: np.ndarray) -> np.ndarray:
        """MuJoCo's controls for an action within the box; the hand's target moves on."""

    def moved_by_others(self, fields, state: np.ndarray) -> None:
        """Take it that the physics of the next step is done: `fields` as of MuJoCo's data, `state` as `physics_state` gives it."""
        self._moved = fields
        self._worlds.set_state(self._world, state)

    def physics_state(self) -> np.ndarray:
        """MuJoCo's state now (mjSTATE_INTEGRATION)."""
        return self._worlds.state_of(self._world)

    @abstractmethod
    def _chosen(self, chosen: Any) -> Any:
        """What to play, by number, by name or as it is."""

    @abstractmethod
    def _solid(self, played: Any) -> Indenter:
        """What the gels touch of it."""

    def _grasped_alike(self, played: Any) -> Any:
        """Of all that one grasps as this, always the same one: its touch is where an episode begins."""
        return played

    @abstractmethod
    def _first_controls(self, noise: np.ndarray) -> np.ndarray:
        """MuJoCo's controls at the start, from `noise_size` numbers from -1 to 1."""

    @abstractmethod
    def _begin_rules(self, saved: dict[str, Any] | None) -> None:
        """Begin to count, from what the environment's own `save` said if it is given."""

    @abstractmethod
    def _observe(self, held_m: np.ndarray) -> None:
        """Take in where the held thing now is in the world; `_fields`, `_held` and `_slip_m` are new already."""

    @abstractmethod
    def _judge(self) -> tuple[dict[str, float], bool]:
        """What the last step is worth in named terms, and whether it ends the episode."""

    @abstractmethod
    def _won(self) -> bool:
        """Whether the goal is reached."""

    def _begin(self, options: dict) -> None:
        if unknown := set(options) - {self.kind, "state"}:
            raise ArgumentError(f"`options` may hold {self.kind} or state; got {', '.join(sorted(map(str, unknown)))}.")
        saved = options.get("state")
        drawn = int(self._numbers_drawn[self.np_random.integers(len(self._numbers_drawn))])
        noise, seed = self.np_random.uniform(-1, 1, self.noise_size), int(self.np_random.integers(2**31))
        alike = self._enter(self._chosen(saved[self.kind] if saved else options.get(self.kind, drawn)))
        if saved:
            self._worlds.restore(self._world, np.asarray(saved["physics"], float))
            self._robot.load(saved["target"])
        else:
            self._worlds.restore(self._world, self._world.grasped)
            self._data.ctrl[:] = self._first_controls(noise)
            import_mujoco().mj_step(self._world.model, self._data, _NOISE_STEPS)
        self._peak_n, self._lost, self._moved, self.episode = 0.0, False, None, self.episode + 1
        self._begin_rules(saved)
        self._observe_physics(self._data)
        self._touch_anew(seed, None if saved else alike)

    def _enter(self, chosen: Any) -> World:
        """Play this from now on; the world whose grasp it is grasped by."""
        alike = self._worlds[chosen if self.touch is None else self._grasped_alike(chosen)]
        self._world: World = self._worlds[chosen]
        self._data, self._places = self._world.data, self._world.places
        self._robot.bind(self._world.model)
        return alike

    def _touch_anew(self, seed: int, alike: World | None) -> None:
        """Feel for the first time: after the grasp of a world, or after a press out of nothing."""
        if self.touch is None:
            return
        if alike is not None and alike.touch is None:
            self._press(alike.played, alike.grasp, seed=0)
            alike.touch = self.touch.save()
        if alike is None:
            self._press(self._world.played, self._held, seed)
        else:
            self.touch.reset(self._solid(self._world.played), seed=seed)
            self.touch.restore(alike.touch, self._held.unsheared())
        self._feel()

    def _press(self, played: Any, held: Held, seed: int) -> None:
        """Press it on fresh gels, before it sheared them."""
        self.touch.reset(self._solid(played), seed=seed)
        self.touch.feel(held.unsheared(), held.normal_force_n, self.dt_s, look=False)

    def _advance(self, action: np.ndarray) -> tuple[dict[str, float], bool]:
        fields, self._moved = self._moved, None
        if fields is None:
            fields = self._data
            fields.ctrl[:] = self.controls_for(action)
            import_mujoco().mj_step(self._world.model, fields, self.physics_steps)
        self._observe_physics(fields)
        self._feel()
        return self._judge()

    def _observe_physics(self, fields) -> None:
        self._fields = fields
        held_m = np.array(fields.xpos[self._places.held])
        self._held = Held(fields, self._places)
        apart = held_m - self._robot.place_m(fields) - self._world.hand_from_held_m
        self._slip_m = math.sqrt(apart.dot(apart))
        self._observe(held_m)

    def _feel(self) -> None:
        if self.touch is not None:
            self.touch.feel(self._held.gel_T_held, self._held.normal_force_n, self.dt_s)

    def _images(self) -> dict[str, np.ndarray]:
        return {f"tactile_{side}": image for side, image in zip(SIDES, self.touch.frame.image, strict=True)}

    def _facts(self) -> dict[str, Any]:
        return {
            "is_success": self._won(),
            "lost": self._lost,
            "peak_force_n": self._peak_n,
            "slip_m": self._slip_m,
            self.kind: self._world.played.name,
        }

    def _saved(self, played: Any) -> dict[str, Any]:
        """What is to be saved whatever the rules, `played` under its name."""
        return {self.kind: played, "physics": self.physics_state(), "target": self._robot.save()}

    def _scene(self) -> np.ndarray:
        if self._camera is None or self._camera.model is not self._world.model:
            if self._camera is not None:
                self._camera.close()
            self._camera = SceneCamera(self._world.model, "side", SCENE_SHAPE)
        import_mujoco().mj_kinematics(self._world.model, self._data)  # places now; the state and the next step stay as they are
        return self._camera.shoot(self._data)
