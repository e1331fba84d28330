"""The gels of a gripper: where the held object lies and how hard MuJoCo presses it in, two tactile readings out.

Coupling: the springs of a pad *are* the gel, and what the camera shows is seen from the housing that they hang in. Touch takes the lateral
and angular motion of the object relative to the housing, and the indentation at which the layer carries MuJoCo's normal force. So normal
forces agree by construction; shear and torque are the test of the coupling.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from simtouch import SensorSpec, TactileFrame, TactileSimulator
from simtouch._checks import ArgumentError, pick
from simtouch.gel import LayerConfig
from simtouch.geometry.gap_map import Indenter
from simtouch.scenes.gel_bushing import Bushing, bushing_of
from simtouch.sensors import SENSORS
from simtouch.sensors.sizes import shrink
from simtouch.simulator import SavedTouch
from simtouch_envs.gripper import SIDES, Pads

ImageSize = Literal["160x120", "full"]
IMAGE_SIZES: tuple[ImageSize, ...] = ("160x120", "full")
_LONG_SIDE = 160
_WORKING_SHARE = 0.35
"""Of the friction limit: where springs are measured. The touch of a maze is 10 to 50 % of it."""
_RIM_M = 3e-3  # reach of a contact from its middle: what of it lies over the view carries the force
_LIGHTEST_N = 2e-3  # below it a contact is none


@dataclass(frozen=True, kw_only=True)
class FingertipConfig:
    """Size and accuracy of what is felt."""

    image_size: ImageSize = "160x120"
    """Rows by columns of the longer by the shorter side, or the sensor's own."""
    cells: int = 80
    """Cells of the gel grid along the longer side: 80 for the accuracy of the sensor, 40 for speed."""
    gel: LayerConfig = LayerConfig(tolerance=3e-3, friction_tolerance=3e-3)
    """The gel's solver; at 3e-3 shear forces are within .1 % and pictures within .005 grey levels of far tighter ones."""

    def __post_init__(self):
        if self.image_size not in IMAGE_SIZES:
            raise ArgumentError(f"`image_size` must be one of {', '.join(IMAGE_SIZES)}; got {self.image_size!r}.")


def sensor_of(sensor: str | SensorSpec, config: FingertipConfig = FingertipConfig()) -> SensorSpec:
    """The sensor at the size of the config.

    Raises:
        UnknownNameError: No such sensor; the message lists them.
        ArgumentError: It has no optics: neither a colour response nor lamps.
    """
    spec = pick("sensor", sensor, SENSORS) if isinstance(sensor, str) else sensor
    if not isinstance(spec, SensorSpec):
        raise ArgumentError(f"`sensor` must be a name or a SensorSpec; got {type(sensor).__name__}.")
    if spec.response is None and not spec.lights:
        raise ArgumentError(
            f"`sensor` {spec.name} has no optics, neither a colour response nor lamps, so it has no image; "
            f"sensors with optics: {', '.join(SENSORS)}."
        )
    factor = max(1, max(spec.image_shape) // _LONG_SIDE) if config.image_size == "160x120" else 1
    return shrink(spec, factor, cells=config.cells)


@lru_cache(maxsize=16)
def _springs(spec: SensorSpec, radius_m: float, normal_force_n: float) -> Bushing:
    """Springs of a gel under a ball."""
    from simtouch import indenters

    return bushing_of(
        TactileSimulator(spec), indenters.sphere(radius_m=radius_m), np.eye(4), normal_force_n, share=_WORKING_SHARE
    )


def pads_for_ball(sensor: str | SensorSpec, radius_m: float, normal_force_n: float) -> Pads:
    """Gel pads that hold a ball of this radius by this force: the size of the whole gel, springs of the layer."""
    spec = sensor_of(sensor)
    half = spec.gel.size_m[0] / 2, spec.gel.size_m[1] / 2, spec.gel.thickness_m / 2
    return Pads(half_size_m=half, springs=_springs(spec, radius_m, normal_force_n))


class Fingertips:
    """Both sensors of a gripper, as one batch of two contacts: left, right."""

    def __init__(self, sensor: str | SensorSpec, config: FingertipConfig = FingertipConfig()):
        self.spec = sensor_of(sensor, config)
        self._sim = TactileSimulator(self.spec, gel=config.gel, batch=len(SIDES))
        rows, cols = self.spec.image_shape
        self._half_view_m = np.array([cols, rows]) * self.spec.camera.pixel_pitch_m / 2
        self.frame: TactileFrame | None = None
        """The last reading, leading axis (left, right); None before the first."""

    @property
    def background(self) -> np.ndarray:
        """The resting gel without noise, uint8, (H, W, 3): the same for both sides."""
        return self._sim.background

    def reset(self, held: Indenter | list[Indenter], *, seed: int) -> None:
        """Let go; `held` is what will be touched (one for both sides, or one each)."""
        self._sim.reset(held, seed=seed)
        self.frame = None

    def save(self) -> SavedTouch:
        """What the gels remember now, for `restore`."""
        return self._sim.save()

    def restore(self, saved: SavedTouch, gel_T_held: np.ndarray) -> None:
        """Have been pressed as at `save`, by what lay at these poses then, (2, 4, 4), z aside; call it after `reset`."""
        self._sim.restore(saved, gel_T_held)

    def feel(self, gel_T_held: np.ndarray, normal_force_n: np.ndarray, dt_s: float, *, look: bool = True) -> TactileFrame:
        """The next reading.

        Args:
            gel_T_held: Pose of the object in the gel frame of each housing, (2, 4, 4); z is not read.
            normal_force_n: How hard MuJoCo presses it on each pad [N], (2,).
            dt_s: Time since the last reading [s].
            look: Take a picture; without it only the gel moves on.
        """
        over = np.clip((self._half_view_m - np.abs(gel_T_held[:, :2, 3]) + _RIM_M) / (2 * _RIM_M), 0, 1).prod(1)
        force = np.where(normal_force_n > _LIGHTEST_N, normal_force_n * over, 0.0)
        frame = self._sim.step_force(gel_T_held, force, dt_s, look=look)
        if look:
            self.frame = frame
        return frame
