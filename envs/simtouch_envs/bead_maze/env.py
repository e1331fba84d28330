"""Bead maze: slide a bead along a bent wire by touch alone. The page of the environment is the docstring of `BeadMazeEnv`."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simtouch import SensorSpec
from simtouch._checks import as_number
from simtouch.geometry.pose import rotation_z
from simtouch.indenters.solid import Solid
from simtouch_envs.bead_maze.choices import ball_of, check_choices, maze_of
from simtouch_envs.bead_maze.mazes import END_M, FAMILIES, START_M, Bead, Maze, maze
from simtouch_envs.bead_maze.model import MazePhysics, maze_mjcf
from simtouch_envs.bead_maze.rules import reward_terms, why_lost
from simtouch_envs.fingertips import FingertipConfig, pads_for_ball
from simtouch_envs.gripper_env import GripperEnv
from simtouch_envs.numbered import PER_SPLIT, numbers_of
from simtouch_envs.robots import STEP_M_S, YAW_RAD_S, make_robot
from simtouch_envs.worlds import Worlds

_NOISE_M = 1e-3


class BeadMazeEnv(GripperEnv):
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

    kind, noise_size = "maze", 3

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
        numbers = numbers_of("mazes", mazes)
        self.pads = pads_for_ball(sensor, bead.radius_m, physics.grip_force_n)
        carried = make_robot(robot, action_mode, control_hz, yaw=FAMILIES[family].yaw, grip_force_n=physics.grip_force_n)
        super().__init__(
            sensor,
            fingertips,
            worlds=Worlds(
                lambda one: maze_mjcf(one, bead, self.pads, carried, physics), carried, held="bead", timestep_s=physics.timestep_s
            ),
            robot=carried,
            numbers=numbers,
            timestep_s=physics.timestep_s,
            control_hz=control_hz,
            state_limits=carried.state_limits,
            action_size=carried.action_size,
            obs_type=obs_type,
            render_mode=render_mode,
        )
        self._reach_m = min(self.pads.half_size_m[:2])
        self._ball, self._smooth = ball_of(bead, bead_texture), bead_texture is None

    @property
    def maze(self) -> Maze:
        """The maze that is played."""
        return self._world.played

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

    def action_of_hand(self, action: np.ndarray) -> np.ndarray:
        """The action that comes nearest to one of `delta_xyz`: the same, or that of the arm's joints."""
        return self._robot.action_of_hand(self._fields, action)

    def save(self) -> dict[str, Any]:
        """The present state, for `reset(options={"state": ...})`. The gel's memory is not in it: it begins anew from the springs."""
        return self._saved(self.maze.name) | {"s_m": self._s_m}

    def controls_for(self, action: np.ndarray) -> np.ndarray:
        """MuJoCo's controls for an action within the box; the hand's target moves on."""
        return self._robot.command(self._fields, action)

    def _chosen(self, chosen: int | str | Maze) -> Maze:
        return maze_of(chosen, self.family, self.split, self._bead)

    def _solid(self, played: Maze) -> Solid:
        return self._ball

    def _grasped_alike(self, played: Maze) -> Maze:
        # The hand stands upright wherever the wire leads: only a pattern lies otherwise in every maze.
        return maze(self.family, self.split, 0, self._bead) if self._smooth else played

    def _first_controls(self, noise: np.ndarray) -> np.ndarray:
        return self._robot.begin(self._data, _NOISE_M * noise * (1, 0, 1))

    def _begin_rules(self, saved: dict[str, Any] | None) -> None:
        self._s_m = self._begun_m = float(saved["s_m"]) if saved else START_M

    def _observe(self, held_m: np.ndarray) -> None:
        self._before_m = self._s_m
        self._s_m, self._off_wire_m = self.maze.wire.project(held_m, self._s_m)

    def _judge(self) -> tuple[dict[str, float], bool]:
        net = self._held.force_n[0] + self._held.force_n[1]
        net_n = math.sqrt(net.dot(net))
        self._peak_n = max(self._peak_n, net_n)
        self._lost = why_lost(
            slip_m=self._slip_m, reach_m=self._reach_m, off_wire_m=self._off_wire_m, net_n=net_n, budget_n=self.force_budget_n
        )
        won, lost = self._won(), bool(self._lost)
        terms = reward_terms(self.reward_type, gained_m=self._s_m - self._before_m, net_n=net_n, won=won, lost=lost)
        return terms, won or lost

    def _won(self) -> bool:
        return bool(self._s_m >= self.maze.wire.length_m - END_M and not self._lost)

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        force = self._held.force_n
        if yaw := self._robot.yaw_rad(self._fields):
            force = force @ rotation_z(-yaw).T
        return self._robot.state(self._fields), force.ravel()

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {
            "progress": min(max((self._s_m - START_M) / self.maze.travel_m, 0.0), 1.0),
            "distance_m": self._s_m - self._begun_m,
        }
