"""Optics of a sensor: gel surface in, tactile image out.

    I = clip(B + D)                                                                          (1)

D is the change against the resting gel, exactly 0 at rest: that of the calibrated colour table (`table_response.py`) where the sensor has
one, else E(surface) - E(rest) of its lamps (`lamps.py`). B is the resting picture of the sensor, without its dots, where it has one,
else E(rest) as the camera sees it. Marks of the coating (`blemishes.py`) take their share of B + D, and so do dots (`dots.py`), printed
in front of the coating. Lens and chip (`camera.py`) come last; the table holds the blur of the lens already, so in its mode only dots
are blurred, and a given picture never is. Cast shadows on top of the table darken B + D by the share that the lamps' shadows leave,
equation (1) of `lamps.py`.

Under lamps a gel that is flat to the eye shows its resting light, kept from the start. Flat: |height| <= t everywhere, which tilts
it by at most 2 sqrt(2) t per pixel pitch and so changes no pixel by more than a fiftieth of a grey level:

    255 sum_k c_k max(a_k) (1 - g + g m) 2 sqrt(2) t / pitch <= 1/50                         (2)

with the symbols of `response.py`, whose slope in the normal is at most 1 - g + g m. t is a fraction of a nanometre. A motion of less
than 1e-4 px is none: it changes a pixel by less than that too. The table passes over single tiles instead.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, ShapeError, as_array
from simtouch.optics.blemishes import surface_gain
from simtouch.optics.camera import Exposure, drifted_exposure, noise_key
from simtouch.optics.dots import Dots
from simtouch.optics.lamps import Lamps
from simtouch.optics.lights import vignetting
from simtouch.optics.planes import PAD, Planes
from simtouch.optics.table_response import Pictures, TableResponse
from simtouch.sensors.spec import SensorSpec

UNSEEN_SHEAR_PX = 1e-4


@dataclass(frozen=True, kw_only=True)
class OpticsConfig:
    """Switches of the optical model; everything else is in the `SensorSpec`."""

    response: Literal["auto", "table", "lights"] = "auto"
    """`table`: the calibrated colours of the sensor; `lights`: its lamps; `auto`: the table where the sensor has one."""
    noise: bool = True
    """Pixel noise and exposure drift of the camera."""
    shadows: bool | None = None
    """Cast shadows; None: with lamps, and not with a table, whose presses hold their own."""
    blur: bool = True
    """Blur of the lens: of light from lamps, and of dots."""
    bounce: bool = False
    """One bounce of light between parts of the gel; lamps only."""


class Renderer:
    """Turns the gel surface into what the camera sees. Not to be shared between threads: it reuses its buffers."""

    background: np.ndarray
    """The sensor at rest, noise off, RGB, uint8, shape (H, W, 3)."""

    def __init__(self, spec: SensorSpec, config: OpticsConfig = OpticsConfig()):
        self.spec, self.config = spec, config
        self._planes = planes = Planes(*spec.image_shape)
        with_table = _with_table(spec, config)
        shadows = not with_table if config.shadows is None else config.shadows
        self._shadows_on_table = with_table and shadows
        needs_lamps = not with_table or shadows or spec.background is None
        self._lamps = Lamps(spec, planes, shadows=shadows, bounce=config.bounce and not with_table) if needs_lamps else None
        self._dots = Dots(spec, planes) if spec.markers else None
        self._rest_light = self._lamps.light(np.zeros(spec.image_shape, np.float32)).copy() if self._lamps else None
        self._exposure = self._lamp_camera()
        self._table = self._table_response() if with_table else None
        self._surface, self._all_light = planes.new(1), np.ones_like(planes.new(3))
        self._touched = np.zeros((1, planes.rows, planes.stride - 2 * PAD), np.uint8)
        self._one = self.pictures(self._touched)
        self.background = self.render_clean(np.zeros(spec.image_shape, np.float32))
        self.background.flags.writeable = False

    def render(self, height_m, shear_m=None, *, touched=None, seed: int = 0, frame_index: int = 0) -> np.ndarray:
        """Return the tactile image (1), RGB, uint8, shape (H, W, 3).

        Args:
            height_m: Gel surface [m], shape (H, W); 0 at rest, negative where pressed in.
            shear_m: Motion of the surface [m] on the gel grid, (x, y, z), shape (h, w, 3), or (x, y) alone, shape (h, w, 2), H / h = W / w;
                None for none. It moves the dots. Between cells it is taken as linear: see `dots.py`.
            touched: Where the gel is touched, bool or uint8, shape (H, W), which the colour table asks; None for everywhere.
            seed, frame_index: Key of the noise: the same key gives the same noise.
        """
        if not self.config.noise:
            return self._image(height_m, shear_m, touched, None, 1.0)
        exposure = drifted_exposure(self.spec.camera.exposure_drift, seed, frame_index)
        return self._image(height_m, shear_m, touched, noise_key(seed, frame_index), exposure)

    def render_clean(self, height_m, shear_m=None, *, touched=None) -> np.ndarray:
        """As `render`, without noise and drift."""
        return self._image(height_m, shear_m, touched, None, 1.0)

    @property
    def stride(self) -> int:
        """Length of the rows that `take` reads."""
        return self._planes.stride

    def pictures(self, touched: np.ndarray) -> Pictures | None:
        """What `take` needs to take B pictures at once of surfaces that are touched there, uint8, shape (B, H, stride - 2 PAD).

        None for a sensor without a table, or with dots or shadows: `render` draws those.
        """
        if self._table is None or self._dots is not None or self._shadows_on_table:
            return None
        return Pictures(self._table, touched, 1 / self.spec.camera.pixel_pitch_m)

    def take(self, pictures: Pictures, surface_m: np.ndarray, keys: list[tuple[int, int]]) -> np.ndarray:
        """Return what `render` does of B surfaces, uint8, shape (B, H, W, 3).

        Args:
            pictures: Made by `pictures`.
            surface_m: Gel surfaces [m], planes extended linearly, float32, shape (B, H, stride).
            keys: Seed and frame index of each.
        """
        if not self.config.noise:
            return pictures.take(surface_m, 1.0, None)
        exposures = [drifted_exposure(self.spec.camera.exposure_drift, *key) for key in keys]
        return pictures.take(surface_m, exposures, [noise_key(*key) for key in keys])

    def _image(self, height_m, shear_m, touched, key: int | None, exposure: float) -> np.ndarray:
        height, highest = self._checked_height(height_m)
        motion = self._checked_motion(shear_m)
        if self._table is None:
            return self._image_by_lamps(height, highest, motion, key, exposure)
        zones = self._checked_zones(touched)
        planes = self._planes
        if self._one is not None:
            planes.inner(self._surface)[0] = height
            planes.extend_linearly(self._surface)
            self._touched[0, :, : planes.cols] = 1 if zones is None else zones
            return self._one.take(self._surface, exposure, None if key is None else key)[0]
        np.multiply(height, np.float32(1 / self.spec.camera.pixel_pitch_m), out=planes.inner(self._surface[0]))
        planes.extend_linearly(self._surface)
        levels = self._table.levels(self._surface, zones)
        if self._shadows_on_table:
            self._lamps.darken(height, levels)
        return self._behind_dots(levels, motion, key, exposure)

    def _image_by_lamps(self, height, highest: float, motion, key: int | None, exposure: float) -> np.ndarray:
        flat = highest <= self._lamps.unseen_m
        light = self._rest_light.copy() if flat else self._lamps.light(height)
        if self._dots is None:
            return self._exposure.image(light, key, exposure=exposure)
        if self.spec.background is not None:
            return self._behind_dots(self._exposure.levels(light), motion, key, exposure)
        self._dots.print_on(light, motion)
        return self._exposure.image(light, key, exposure=exposure)

    def _behind_dots(self, levels: np.ndarray, motion, key: int | None, exposure: float) -> np.ndarray:
        """What is left of grey levels, planes, behind dots, which the lens blurs."""
        if self._dots is None:
            return self._exposure.image(self._all_light, key, gain=levels, blurred=False, exposure=exposure)
        light = self._all_light.copy()
        self._dots.print_on(light, motion)
        return self._exposure.image(light, key, gain=levels, exposure=exposure)

    def _checked_height(self, height_m) -> tuple[np.ndarray, float]:
        """Float32, shape (H, W), and its largest magnitude."""
        (H, W), height = self.spec.image_shape, np.asarray(height_m)
        highest = np.nan if height.shape != (H, W) else max(height.max(), -height.min())  # NaN goes through both
        if height.dtype != np.float32 or not np.isfinite(highest):
            height = as_array("height_m", height, "H W", H=H, W=W)
        return height, highest

    def _checked_motion(self, shear_m) -> np.ndarray | None:
        """Float32, shape (h, w, 2 or 3); None if no dot is seen to move."""
        if shear_m is None:
            return None
        h, w = self.spec.gel.grid_shape
        motion = np.asarray(shear_m)
        axes = motion.shape[2] if motion.ndim == 3 and motion.shape[2] in (2, 3) else 2
        motion = as_array("shear_m", motion, f"h w {axes}", h=h, w=w)
        moved = self._dots and np.abs(motion).max() > UNSEEN_SHEAR_PX * self.spec.camera.pixel_pitch_m
        return motion if moved else None

    def _checked_zones(self, touched) -> np.ndarray | None:
        """Contiguous bool, shape (H, W), or None."""
        if touched is None:
            return None
        zones, (H, W) = np.asarray(touched), self.spec.image_shape
        if zones.shape != (H, W) or zones.dtype not in (np.bool_, np.uint8):
            raise ShapeError(f"`touched` must be bool or uint8 of shape (H, W), H={H}, W={W}; got {zones.dtype} {zones.shape}.")
        return np.ascontiguousarray(zones if zones.dtype == np.bool_ else zones > 0)

    def _lamp_camera(self) -> Exposure:
        """The camera that sees the lamps' light, and dots before a given picture."""
        spec, planes, camera = self.spec, self._planes, self.spec.camera
        marks = surface_gain(spec)
        gain = 255 * vignetting(spec.image_shape, camera.vignetting) * marks
        made = {"blur_px": camera.blur_px * self.config.blur, "noise_std": camera.noise_std, "gain": gain}
        if spec.background is None or self._rest_light is None:
            return Exposure(planes, **made)
        rest = Exposure(planes, **made).levels(self._rest_light.copy())
        given = spec.background.levels(spec.image_shape) * marks[..., None]
        return Exposure(planes, **made, offset=given - np.moveaxis(planes.inner(rest), 0, 2))

    def _table_response(self) -> TableResponse:
        spec, marks = self.spec, surface_gain(self.spec)
        if spec.background is None:
            rest = np.moveaxis(self._planes.inner(self._exposure.levels(self._rest_light.copy())), 0, 2)
        else:
            rest = spec.background.levels(spec.image_shape) * marks[..., None]
        return TableResponse(spec.response, self._planes, rest=rest, gain=marks, noise_std=spec.camera.noise_std)


def _with_table(spec: SensorSpec, config: OpticsConfig) -> bool:
    if config.response not in ("auto", "table", "lights"):
        raise ArgumentError(f"`response` must be auto, table or lights; got {config.response!r}.")
    if config.response == "table" and spec.response is None:
        raise ArgumentError(
            f"`response` is table, but the sensor {spec.name} has no calibrated colour table; use auto or lights."
        )
    return spec.response is not None and config.response != "lights"
