"""Edge following: once around a plate by touch alone. The page of the environment is the docstring of `EdgeFollowEnv`."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simtouch import SensorSpec, TactileFrame, TactileSimulator
from simtouch._checks import ArgumentError, as_number, pick
from simtouch.geometry.pose import inverse, pose, rotation_z
from simtouch_envs.edge_follow.drawing import draw_scene
from simtouch_envs.edge_follow.plate import plate_of
from simtouch_envs.edge_follow.shapes import FAMILIES, Shape, named, shape
from simtouch_envs.fingertips import FingertipConfig, sensor_of
from simtouch_envs.numbered import PER_SPLIT, SPLITS, numbers_of
from simtouch_envs.touch_env import Spaces, TouchEnv, box

FULL_STEP_M, FULL_TURN_RAD = 1e-3, 0.15
"""What a full action moves and turns the sensor by."""
REACH_M = 5e-3
"""How far the sensor's centre may be off the edge: beyond, the rim leaves the view of the smallest sensor."""
_DT_S = 0.05
_OFF_M, _AWRY_RAD = 1e-3, 0.3  # largest offset and turn at the start
_DRIFT_S = 2.0  # how long the plate's height remembers
_UNTOUCHED_N = 2e-3


class EdgeFollowEnv(TouchEnv):
    """A sensor lies lightly on the rim of a flat plate and goes once around it; it neither sees nor knows the plate's shape.

    ## Description
    The plate's face is hollow, so that it bears along its rim, which is rounded; how deep the rim is pressed in drifts slowly. The sensor
    moves in the plane of the plate and turns; the gel alone gives way (kinematic). The plate lies on the side of the sensor's +y, the way
    is along its +x. Shapes are numbered and split into train, validation and test; they bend by 6 mm radius or more to either side, are
    14 mm wide or more, and none is near to a circle, so that no fixed turn goes around them.

    ## Action Space
    `Box(-1, 1, (3,), float32)` at 20 Hz.

    | Num | Action | Min | Max | Name | Joint | Unit |
    |---|---|---|---|---|---|---|
    | 0 | motion along the sensor's own x (columns of the image, to the right) | -1 | 1 | sensor_x | slide | 1 mm |
    | 1 | motion along its own y (rows, down) | -1 | 1 | sensor_y | slide | 1 mm |
    | 2 | turn about its z, from x to y | -1 | 1 | sensor_yaw | hinge | 0.15 rad |

    ## Observation Space
    `Dict`, its keys by `obs_type`: `state` {state}; `force` {state, force}; `tactile` {tactile}; `tactile_state` {state, tactile}. There is
    no absolute position in any of them.

    | Key | Num | Observation | Min | Max | Unit |
    |---|---|---|---|---|---|
    | state | 0-1 | velocity along the sensor's own x, y | -0.02 | 0.02 | m/s |
    | state | 2 | turning rate | -3 | 3 | rad/s |
    | force | 0-2 | what the plate does to the gel, x y z of the gel frame | -10 | 10 | N |
    | force | 3-5 | torque of it about the gel's centre, x y z | -0.1 | 0.1 | N m |
    | force | 6-7 | centre of pressure, x y | -0.02 | 0.02 | m |
    | tactile | (H, W, 3) | tactile image, RGB | 0 | 255 | uint8 |

    ## Rewards
    The sum of `info["reward_terms"]`. `reward_type="dense"`: `progress` 100 per metre of edge, `offset` -20 per metre between the sensor's
    centre and the edge, `time` -0.01 a step, `success` 5 once around, `lost` -5. `"sparse"`: `success` 1 once around.

    ## Starting State
    The sensor is pressed onto a random place of the edge, up to 1 mm off and 0.3 rad awry. `reset(options={"shape": ...})` takes a number
    of the split or a name as `blob/test/7`.

    ## Episode End
    Terminated: the sensor has gone around (`is_success`), or lost the edge (`lost` is "edge"): it is more than 5 mm off, where it
    leaves the view, or touches nothing. Truncated: 300 steps.

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
        family: Literal["oval", "blob"] = "blob",
        split: Literal["train", "validation", "test"] = "train",
        shapes: int | Sequence[int] = PER_SPLIT,
        indent_depth_m: float = 0.3e-3,
        drift_m: float = 30e-6,
        reward_type: Literal["dense", "sparse"] = "dense",
        fingertip: FingertipConfig = FingertipConfig(),
        render_mode: Literal["rgb_array", "human"] | None = None,
    ):
        """Make the environment.

        Args:
            sensor: A preset's name or a SensorSpec.
            obs_type: What is observed.
            family: Kind of shape: oval is convex, blob has hollows.
            split: Which shapes are drawn.
            shapes: How many of the split's shapes are drawn (numbers 0 to shapes - 1), or which.
            indent_depth_m: How deep the rim would lie below the gel's apex [m].
            drift_m: Standard deviation of that depth [m]; it stays within 3 of them.
            reward_type: dense or sparse.
            fingertip: Size and accuracy of touch.
            render_mode: None, rgb_array or human.
        """
        pick("family", family, FAMILIES)
        for name, value, known in (("split", split, SPLITS), ("reward_type", reward_type, ("dense", "sparse"))):
            if value not in known:
                raise ArgumentError(f"`{name}` must be one of {', '.join(known)}; got {value!r}.")
        self.family, self.split, self.reward_type, self.dt_s = family, split, reward_type, _DT_S
        self._numbers_drawn = numbers_of("shapes", shapes)
        spec = sensor_of(sensor, fingertip)
        self._drift_most_m = as_number("drift_m", drift_m, at_least=0)
        deepest = spec.gel.thickness_m / 4 - 3 * self._drift_most_m
        self._depth_m = as_number("indent_depth_m", indent_depth_m, above=3 * self._drift_most_m, at_most=deepest)
        rows, cols = spec.image_shape
        self.view_m = cols * spec.camera.pixel_pitch_m, rows * spec.camera.pixel_pitch_m
        super().__init__(
            Spaces(
                state=box((FULL_STEP_M / _DT_S, FULL_STEP_M / _DT_S, FULL_TURN_RAD / _DT_S)),
                force=box((10.0,) * 3 + (0.1,) * 3 + (0.02,) * 2),
                images={"tactile": spec.image_shape},
                action=box(1.0, (3,)),
            ),
            obs_type=obs_type,
            render_mode=render_mode,
        )
        self.touch = TactileSimulator(spec, gel=fingertip.gel)

    @property
    def shape(self) -> Shape:
        """The shape that is played."""
        return self._shape

    @property
    def frame(self) -> TactileFrame:
        """The last reading; its image is empty where none is wanted."""
        return self._frame

    @property
    def motion(self) -> np.ndarray:
        """The sensor's own last motion: x, y [m], turn [rad], (3,)."""
        return self._motion

    def _begin(self, options: dict) -> None:
        unknown = set(options) - {"shape"}
        if unknown:
            raise ArgumentError(f"`options` may hold shape; got {', '.join(sorted(map(str, unknown)))}.")
        drawn = int(self._numbers_drawn[self.np_random.integers(len(self._numbers_drawn))])
        around, off, awry = self.np_random.uniform(0, 1), *self.np_random.uniform(-1, 1, 2)
        seed, self._drift_m = int(self.np_random.integers(2**31)), self._drift_most_m * self._deviate()
        chosen = options.get("shape", drawn)
        self._shape = named(chosen) if isinstance(chosen, str) else shape(self.family, self.split, chosen)
        contour = self._shape.contour
        self._s_m = self._begun_m = around * contour.length_m
        heading = contour.heading_rad(self._s_m)
        inwards = np.array([-np.sin(heading), np.cos(heading)])
        self._sensor_m = contour.at(self._s_m) + off * _OFF_M * inwards
        self._yaw_rad = heading + awry * _AWRY_RAD
        self._motion, self._peak_n, self._lost, self._path = np.zeros(3), 0.0, False, []
        self.touch.reset(plate_of(self._shape), seed=seed)
        self._feel()

    def _advance(self, action: np.ndarray) -> tuple[dict[str, float], bool]:
        self._motion = action * (FULL_STEP_M, FULL_STEP_M, FULL_TURN_RAD)
        self._sensor_m = self._sensor_m + rotation_z(self._yaw_rad)[:2, :2] @ self._motion[:2]
        self._yaw_rad += self._motion[2]
        keep = np.exp(-_DT_S / _DRIFT_S)
        drifted = keep * self._drift_m + np.sqrt(1 - keep**2) * self._drift_most_m * self._deviate()
        self._drift_m = float(np.clip(drifted, -3 * self._drift_most_m, 3 * self._drift_most_m))
        before = self._s_m
        self._feel()
        self._lost = "edge" if abs(self._inside_m) > REACH_M or self._frame.normal_force_n < _UNTOUCHED_N else False
        won = self._around
        if self.reward_type == "sparse":
            return {"success": float(won)}, won or bool(self._lost)
        terms = {
            "progress": 100.0 * (self._s_m - before),
            "offset": -20.0 * abs(self._inside_m),
            "time": -0.01,
            "success": 5.0 * won,
            "lost": -5.0 * bool(self._lost),
        }
        return terms, won or bool(self._lost)

    @property
    def _around(self) -> bool:
        return bool(self._s_m - self._begun_m >= self._shape.contour.length_m and not self._lost)

    def _deviate(self) -> float:
        return float(np.clip(self.np_random.standard_normal(), -3, 3))

    def _feel(self) -> None:
        """Where the sensor is along the edge, and what it feels there."""
        self._s_m, self._inside_m = self._shape.contour.project(self._sensor_m, self._s_m)
        self._path.append(self._sensor_m)
        gel_T_plate = inverse(self._sensor_pose())
        gel_T_plate[2, 3] = -(self._depth_m + self._drift_m)
        self._frame = self.touch.step(gel_T_plate, _DT_S, look=self.looks)
        self._peak_n = max(self._peak_n, float(self._frame.normal_force_n))

    def _sensor_pose(self) -> np.ndarray:
        return pose((*self._sensor_m, 0.0), rotation_z(self._yaw_rad))

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        frame = self._frame
        return self._motion / _DT_S, np.concatenate([frame.force_n, frame.torque_nm, frame.centre_of_pressure_m])

    def _images(self) -> dict[str, np.ndarray]:
        return {"tactile": self._frame.image}

    def _facts(self) -> dict[str, Any]:
        gone_m = self._s_m - self._begun_m
        return {
            "progress": float(np.clip(gone_m / self._shape.contour.length_m, 0, 1)),
            "distance_m": float(gone_m),
            "is_success": self._around,
            "lost": self._lost,
            "peak_force_n": self._peak_n,
            "offset_m": float(self._inside_m),
            "shape": self._shape.name,
        }

    def _scene(self) -> np.ndarray:
        said = f"{self._shape.name}  {self._facts()['progress']:.0%}  {self._frame.normal_force_n:.2f} N"
        return draw_scene(self._shape.contour, self._sensor_pose(), self._path, self.view_m, said)
