"""Physical optics of a sensor: gel surface in, tactile image out.

    I = clip(B + D),   D = E(surface, shear) - E(rest)                                       (1)

Both E come from the same kernels, so D is exactly 0 at rest. The order is that of the light: shadows (`shadow.py`), colour
response (`response.py`), dots (`dots.py`), then lens and chip (`camera.py`); 8 bits last.

A gel that is flat to the eye shows its resting light, kept from the start. Flat: |height| <= t everywhere, which tilts it by at
most 2 sqrt(2) t per pixel pitch and so changes no pixel by more than a fiftieth of a grey level:

    255 sum_k c_k max(a_k) (1 - g + g m) 2 sqrt(2) t / pitch <= 1/50                         (2)

with the symbols of `response.py`, whose slope in the normal is at most 1 - g + g m. t is a fraction of a nanometre. A shear of less
than 1e-4 px is none: it changes a pixel by less than that too.
"""

from dataclasses import dataclass

import numpy as np

from simtouch._checks import as_array
from simtouch.optics.camera import Exposure, noise_key
from simtouch.optics.dots import Dots
from simtouch.optics.lights import LightField, light_field, vignetting
from simtouch.optics.planes import Planes
from simtouch.optics.response import Response
from simtouch.optics.shadow import Shadows
from simtouch.sensors.spec import SensorSpec

UNSEEN_LEVELS = 0.02
UNSEEN_SHEAR_PX = 1e-4


@dataclass(frozen=True, kw_only=True)
class OpticsConfig:
    """Switches of the optical model; everything else is in the `SensorSpec`."""

    noise: bool = True
    """Pixel noise of the camera."""
    shadows: bool = True
    """Cast shadows; off, every lamp sees every pixel."""
    blur: bool = True
    """Blur of the lens."""


class Renderer:
    """Turns the gel surface into what the camera sees. Not to be shared between threads: it reuses its buffers."""

    background: np.ndarray
    """The sensor at rest, noise off, RGB, uint8, shape (H, W, 3)."""

    def __init__(self, spec: SensorSpec, config: OpticsConfig = OpticsConfig()):
        self.spec, self.config = spec, config
        self._planes = planes = Planes(*spec.image_shape)
        self._field = field = light_field(spec, planes)
        self._surface = planes.new(1)
        self._response = Response(field, planes)
        self._unshadowed = np.ones_like(field.strength)
        ramp = spec.coating.penumbra_m / spec.camera.pixel_pitch_m
        self._shadows = Shadows(field.places_px[1:], planes, depth=spec.coating.shadow_depth, penumbra_px=ramp)
        self._dots = Dots(spec, planes) if spec.markers else None
        camera = spec.camera
        gain = 255 * vignetting(spec.image_shape, camera.vignetting)
        self._exposure = Exposure(planes, blur_px=camera.blur_px * config.blur, noise_std=camera.noise_std, gain=gain)
        self._unseen_m = _unseen_height_m(spec, field)
        rest = np.zeros(spec.image_shape, np.float32)
        self._rest_light = self._light(rest, None).copy()
        self.background = self.render_clean(rest)
        self.background.flags.writeable = False

    def render(self, height_m, shear_m=None, *, seed: int = 0, frame_index: int = 0) -> np.ndarray:
        """Return the tactile image (1), RGB, uint8, shape (H, W, 3).

        Args:
            height_m: Gel surface [m], shape (H, W); 0 at rest, negative where pressed in.
            shear_m: In-plane displacement (x, y) of the surface [m] on the gel grid, shape (h, w, 2), H / h = W / w; None for
                none. It moves the dots. Between cells it is taken as linear: see `dots.py`.
            seed, frame_index: Key of the noise: the same key gives the same noise.
        """
        key = noise_key(seed, frame_index) if self.config.noise else None
        return self._exposure.image(self._seen(height_m, shear_m), key)

    def render_clean(self, height_m, shear_m=None) -> np.ndarray:
        """As `render`, without noise."""
        return self._exposure.image(self._seen(height_m, shear_m), None)

    def _seen(self, height_m, shear_m) -> np.ndarray:
        """Light from the gel, planes, shape (3, H, stride); that of the resting gel if nothing can be seen."""
        (H, W), (h, w) = self.spec.image_shape, self.spec.gel.grid_shape
        shear = None if shear_m is None else as_array("shear_m", shear_m, "h w 2", h=h, w=w)
        height = np.asarray(height_m)
        highest = np.nan if height.shape != (H, W) else max(height.max(), -height.min())  # NaN goes through both
        if height.dtype != np.float32 or not np.isfinite(highest):
            height = as_array("height_m", height, "H W", H=H, W=W)
        still = shear is None or np.abs(shear).max() <= UNSEEN_SHEAR_PX * self.spec.camera.pixel_pitch_m
        if highest <= self._unseen_m and (still or not self._dots):
            return self._rest_light
        return self._light(height, shear)

    def _light(self, height: np.ndarray, shear: np.ndarray | None) -> np.ndarray:
        """Light from the gel, planes, shape (3, H, stride)."""
        planes, inner = self._planes, self._planes.inner(self._surface[0])
        np.multiply(height, np.float32(1 / self.spec.camera.pixel_pitch_m), out=inner)
        inner += planes.inner(self._field.rest_px[0])
        planes.extend_linearly(self._surface)
        lit = self._shadows.lit(self._surface) if self.config.shadows else self._unshadowed
        light = self._response.light(self._surface, lit)
        if self._dots:
            self._dots.print_on(light, shear)
        return light


def _unseen_height_m(spec: SensorSpec, field: LightField) -> float:
    """t of (2)."""
    steepest = 1 - spec.coating.specular * (1 - field.shininess)
    level = 255 * (field.colors * field.strength.max((1, 2))[:, None]).sum(0).max() * steepest
    return float(UNSEEN_LEVELS * spec.camera.pixel_pitch_m / (2 * np.sqrt(2) * max(level, 1.0)))
