"""Bead maze: slide a bead along a bent wire by touch alone. The page of the environment is the docstring of `BeadMazeEnv`."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simtouch import SensorSpec
from simtouch._checks import as_number
from simtouch.geometry.pose import rotation_z
from simtouch_envs.bead_maze.choices import ball_of, check_choices, check_options, maze_of, numbers_of
from simtouch_envs.bead_maze.mazes import END_M, FAMILIES, PER_SPLIT, START_M, Bead, Maze
from simtouch_envs.bead_maze.model import MazePhysics
from simtouch_envs.bead_maze.rules import reward_terms, why_lost
from simtouch_envs.bead_maze.worlds import World, Worlds
from simtouch_envs.coupling import Held, held_by
from simtouch_envs.fingertips import FingertipConfig, Fingertips, pads_for_ball, sensor_of
from simtouch_envs.gripper import SIDES
from simtouch_envs.physics import SceneCamera, import_mujoco
from simtouch_envs.robots import STEP_M_S, YAW_RAD_S, make_robot
from simtouch_envs.touch_env import SCENE_SHAPE, Spaces, TouchEnv, box

_MOST_FORCE_N = 20.0
_NOISE_M = 1e-3
_NOISE_STEPS = 2  # of MuJoCo, after which the first observation is made


class BeadMazeEnv(TouchEnv):
    """A gripper holds a bead on a bent wire and moves it to the wire's end; it neither sees nor knows the wire.

    ## Description
    The hand is compliant and pulls: along the wire the bead moves, across it the gels shear and the wire answers. The episode is lost when
    that answer exceeds a budget of 2.5 N, so the wire has to be followed by touch. Physics by MuJoCo (a ball on a free joint, its hole a
    ring of contacts around a chain of capsules), touch by simtouch: the pads' springs are the layer's, the images come from its gel and
    optics. Mazes are numbered, certified to let the bead pass, and split into train, validation and test.

    ## Action Space
    `Box(-1, 1, (3,), float32)`, and a fourth for the family `3d`. 20 Hz (or 10).

    | Num | Action | Min | Max | Name | Joint | Unit |
    |---|---|---|---|---|---|---|
    | 0 | motion of the hand's target along x (away from the start) | -1 | 1 | hand_x | slide | 3 mm (6 at 10 Hz) |
    | 1 | along y (the direction of the grip) | -1 | 1 | hand_y | slide | 3 mm (6 at 10 Hz) |
    | 2 | along z (up) | -1 | 1 | hand_z | slide | 3 mm (6 at 10 Hz) |
    | 3 | turn about z; family `3d` only | -1 | 1 | hand_yaw | hinge | 0.1 rad (.2 at 10 Hz) |

    The target leads the hand by at most 10 mm, which the servo (400 N/m) turns into at most 4 N. With `robot="franka"` the same hand is
    carried by an arm on soft servos; its `action_mode="delta_joint"` has `Box(-1, 1, (7,), float32)`: 0 to 6 move the targets of the hinges
    arm_1 to arm_7 by 0.02 rad (.04 at 10 Hz), and `state` is target minus angle (0-6, 0.1 rad) and speed (7-13, 2 rad/s) of each.

    ## Observation Space
    `Dict`, its keys by `obs_type`: `state` {state}; `force` {state, force}; `tactile` {tactile_left, tactile_right}; `tactile_state`
    {state, tactile_left, tactile_right}. There is no absolute position in any of them.

    | Key | Num | Observation | Min | Max | Unit |
    |---|---|---|---|---|---|
    | state | 0-2 | target minus hand, x y z (and yaw) | -0.01 | 0.01 | m |
    | state | 3-5 | velocity of the hand, x y z (and yaw) | -0.5 | 0.5 | m/s |
    | force | 0-2 | what the bead does to the left pad, axes of the hand | -20 | 20 | N |
    | force | 3-5 | the same of the right pad | -20 | 20 | N |
    | tactile_left | (H, W, 3) | tactile image of the left sensor, RGB | 0 | 255 | uint8 |
    | tactile_right | (H, W, 3) | of the right sensor | 0 | 255 | uint8 |

    ## Rewards
    The sum of `info["reward_terms"]`. `reward_type="dense"`: `progress` 100 per metre of wire, `force` -0.02 per newton between wire and
    hand, `time` -0.01 a step, `success` 5 at the goal, `lost` -5. `"sparse"`: `success` 1 at the goal.

    ## Starting State
    The bead is held 2 cm from the wire's begin, at rest; the target is up to 1 mm off along x and z. `reset(options=...)` takes `maze`, a
    number of the split or a name as `snake/test/7`, or `state`, what `save()` gave.

    ## Episode End
    Terminated: the bead is within 2 cm of the wire's end (`is_success`), or lost: it slipped to the rim of the pads (`slip`), came more
    than 8 mm off the wire (`off_wire`), or the force between wire and hand exceeded the budget (`force`). Truncated: 300 steps.

    ## Arguments
    See `__init__`.

    ## Version History
    * v0: first version.
    """

    def __init__(
        self,
        sensor: str | SensorSpec = "digit",
        *,
        obs_type: Literal["state", "force", "tactile", "tactile_state"] = "tactile_state",
        family: str = "snake",
        split: Literal["train", "validation", "test"] = "train",
        mazes: int | Sequence[int] = PER_SPLIT,
        robot: Literal["floating", "franka"] = "floating",
        action_mode: Literal["delta_xyz", "delta_joint"] = "delta_xyz",
        control_hz: Literal[20, 10] = 20,
        reward_type: Literal["dense", "sparse"] = "dense",
        force_budget_n: float = 2.5,
        bead: Bead = Bead(),
        bead_texture: str | None = None,
        physics: MazePhysics = MazePhysics(),
        fingertips: FingertipConfig = FingertipConfig(),
        render_mode: Literal["rgb_array", "human"] | None = None,
    ):
        """Make the environment.

        Args:
            sensor: Of both fingers: a preset's name or a SensorSpec.
            obs_type: What is observed.
            family: Kind of maze: straight, lbend, snake or 3d.
            split: Which mazes are drawn.
            mazes: How many of the split's mazes are drawn (numbers 0 to mazes - 1), or which.
            robot: What carries the gripper.
            action_mode: What an action moves: the hand's target, or the joints of an arm.
            control_hz: Actions a second.
            reward_type: dense or sparse.
            force_budget_n: Largest force between wire and hand [N].
            bead: Sizes of bead, hole and wire.
            bead_texture: Pattern on the bead: None for a smooth one, dimples, ribs or knurl.
            physics: How the world moves.
            fingertips: Size and accuracy of touch.
            render_mode: None, rgb_array or human.
        """
        check_choices(
            family=family, split=split, robot=robot, action_mode=action_mode, control_hz=control_hz, reward_type=reward_type
        )
        self.reward_type = reward_type
        self.force_budget_n = as_number("force_budget_n", force_budget_n, above=0)
        self.family, self.split, self._bead = family, split, bead
        self._numbers_drawn = numbers_of(mazes)
        spec = sensor_of(sensor, fingertips)
        self.physics_steps = round(1 / (control_hz * physics.timestep_s))
        self.dt_s = self.physics_steps * physics.timestep_s
        self._robot = make_robot(robot, action_mode, control_hz, yaw=FAMILIES[family].yaw, grip_force_n=physics.grip_force_n)
        self.pads = pads_for_ball(sensor, bead.radius_m, physics.grip_force_n)
        self._reach_m = min(self.pads.half_size_m[:2])
        self._worlds = Worlds(bead, self.pads, self._robot, physics)
        images = dict.fromkeys(("tactile_left", "tactile_right"), spec.image_shape)
        limits = self._robot.state_limits
        super().__init__(
            Spaces(state=box(limits), force=box(_MOST_FORCE_N, (6,)), images=images, action=box(1.0, (self._robot.action_size,))),
            obs_type=obs_type,
            render_mode=render_mode,
        )
        self.touch = Fingertips(sensor, fingertips) if self.looks else None
        self._ball = ball_of(bead, bead_texture)
        self._camera: SceneCamera | None = None
        self.episode = 0

    @property
    def maze(self) -> Maze:
        """The maze that is played."""
        return self._world.maze

    @property
    def model(self) -> Any:
        """MuJoCo's model of the maze."""
        return self._world.model

    @property
    def held(self) -> Held:
        """What the pads hold, as MuJoCo knows it."""
        return self._held

    @property
    def start_tangent(self) -> np.ndarray:
        """Unit tangent of the wire at the start, (3,): all that an expert is told."""
        return self.maze.wire.tangent(START_M)

    @property
    def full_step_m(self) -> float:
        """How far a full action moves the hand's target."""
        return STEP_M_S * self.dt_s

    @property
    def full_turn_rad(self) -> float:
        """How far a full action turns it."""
        return YAW_RAD_S * self.dt_s

    def hand_m(self) -> np.ndarray:
        """The hand from where it began, (3,)."""
        return self._robot.place_m(self._fields)

    def action_of_hand(self, action: np.ndarray) -> np.ndarray:
        """The action that comes nearest to one of `delta_xyz`: the same, or that of the arm's joints."""
        return self._robot.action_of_hand(self._fields, action)

    def save(self) -> dict[str, Any]:
        """The present state, for `reset(options={"state": ...})`. The gel's memory is not in it: it begins anew from the springs."""
        return {"maze": self.maze.name, "physics": self.physics_state(), "target": self._robot.save(), "s_m": self._s_m}

    def close(self) -> None:
        """Close windows and pictures."""
        super().close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _begin(self, options: dict) -> None:
        check_options(options)
        saved = options.get("state")
        drawn = int(self._numbers_drawn[self.np_random.integers(len(self._numbers_drawn))])
        noise = _NOISE_M * self.np_random.uniform(-1, 1, 3) * (1, 0, 1)
        seed = int(self.np_random.integers(2**31))
        self._enter(maze_of(saved["maze"] if saved else options.get("maze", drawn), self.family, self.split, self._bead))
        if saved:
            self._worlds.restore(self._world, np.asarray(saved["physics"], float))
            self._robot.load(saved["target"])
        else:
            self._worlds.restore(self._world, self._world.grasped)
            self._data.ctrl[:] = self._robot.begin(self._data, noise)
            import_mujoco().mj_step(self._world.model, self._data, _NOISE_STEPS)
        self._s_m = float(saved["s_m"]) if saved else START_M
        self._peak_n, self._lost, self._begun_m = 0.0, False, self._s_m
        self._moved, self.episode = None, self.episode + 1
        self._observe_physics(self._data)
        if self.touch is not None:
            self.touch.reset(self._ball, seed=seed)
            self.touch.feel(self._held.unsheared(), self._held.normal_force_n, self.dt_s, look=False)
            self._feel()

    def _enter(self, chosen: Maze) -> None:
        """Play this maze from now on."""
        self._world: World = self._worlds[chosen]
        self._data = self._world.data
        self._places = self._world.places
        self._robot.bind(self._world.model)

    def _advance(self, action: np.ndarray) -> tuple[dict[str, float], bool]:
        fields, self._moved = self._moved, None
        if fields is None:
            self._data.ctrl[:] = self.controls_for(action)
            import_mujoco().mj_step(self._world.model, self._data, self.physics_steps)
            fields = self._data
        return self._sense(fields)

    def controls_for(self, action: np.ndarray) -> np.ndarray:
        """MuJoCo's controls for an action within the box; the hand's target moves on."""
        return self._robot.command(self._fields, action)

    def moved_by_others(self, fields, state: np.ndarray) -> None:
        """Take it that the physics of the next step is done: `fields` as of MuJoCo's data, `state` as `physics_state` gives it."""
        self._moved = fields
        self._worlds.set_state(self._world, state)

    def physics_state(self) -> np.ndarray:
        """MuJoCo's state now (mjSTATE_INTEGRATION)."""
        return self._worlds.state_of(self._world.model, self._data)

    def _sense(self, fields) -> tuple[dict[str, float], bool]:
        """What became of an action: reward terms, and whether the episode ends."""
        before = self._s_m
        self._observe_physics(fields)
        if self.touch is not None:
            self._feel()
        net_n = float(np.linalg.norm(self._held.force_n.sum(0)))
        self._peak_n = max(self._peak_n, net_n)
        self._lost = why_lost(
            slip_m=self._slip_m, reach_m=self._reach_m, off_wire_m=self._off_wire_m, net_n=net_n, budget_n=self.force_budget_n
        )
        lost = bool(self._lost)
        won = not lost and bool(self._s_m >= self.maze.wire.length_m - END_M)
        return reward_terms(self.reward_type, gained_m=self._s_m - before, net_n=net_n, won=won, lost=lost), won or lost

    def _observe_physics(self, fields) -> None:
        self._fields = fields
        bead_m = np.array(fields.xpos[self._places.held])
        self._held = held_by(fields, self._places)
        self._s_m, self._off_wire_m = self.maze.wire.project(bead_m, self._s_m)
        apart = bead_m - self.maze.wire.at(START_M) - self._robot.place_m(fields)
        self._slip_m = float(np.linalg.norm(apart - self._world.hand_from_bead_m))

    def _feel(self) -> None:
        self.touch.feel(self._held.gel_T_held, self._held.normal_force_n, self.dt_s)

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        force = self._held.force_n
        if yaw := self._robot.yaw_rad(self._fields):
            force = force @ rotation_z(-yaw).T
        return self._robot.state(self._fields), force.ravel()

    def _images(self) -> dict[str, np.ndarray]:
        return {f"tactile_{side}": image for side, image in zip(SIDES, self.touch.frame.image, strict=True)}

    def _facts(self) -> dict[str, Any]:
        return {
            "progress": float(np.clip((self._s_m - START_M) / self.maze.travel_m, 0, 1)),
            "distance_m": float(self._s_m - self._begun_m),
            "is_success": bool(self._s_m >= self.maze.wire.length_m - END_M and not self._lost),
            "lost": self._lost,
            "peak_force_n": self._peak_n,
            "slip_m": self._slip_m,
            "maze": self.maze.name,
        }

    def _scene(self) -> np.ndarray:
        if self._camera is None or self._camera.model is not self._world.model:
            if self._camera is not None:
                self._camera.close()
            self._camera = SceneCamera(self._world.model, "side", SCENE_SHAPE)
        import_mujoco().mj_kinematics(self._world.model, self._data)  # places now; the state and the next step stay as they are
        return self._camera.shoot(self._data)
