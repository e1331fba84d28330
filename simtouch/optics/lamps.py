"""Light of a sensor's own lamps: gel surface in, light towards the camera out; light field, shadows and bounce under one roof.

    E = (response.py) of the surface under the lit shares of shadow.py, and one bounce (bounce.py) if wanted
    Q = (E_V / E_1) / (the same at rest),   E_V with cast shadows, E_1 without                         (1)

(1) is the shape of the shadows alone, per pixel and channel: what is left of the light. It darkens pictures of other origin, and is
exactly 1 at rest.
"""

import numpy as np

from simtouch.optics.bounce import Bounce
from simtouch.optics.lights import light_field
from simtouch.optics.planes import Planes
from simtouch.optics.response import Response
from simtouch.optics.shadow import Shadows
from simtouch.sensors.spec import SensorSpec

UNSEEN_LEVELS = 0.02
LEAST_LIGHT = 1e-3


class Lamps:
    """The lamps of one sensor; owns the planes it writes."""

    def __init__(self, spec: SensorSpec, planes: Planes, *, shadows: bool, bounce: bool = False):
        self._planes, self._per_pixel = planes, np.float32(1 / spec.camera.pixel_pitch_m)
        self._field = field = light_field(spec, planes)
        self._surface = planes.new(1)
        self._response = Response(field, planes)
        self._unshadowed = np.ones_like(field.strength)
        ramp = spec.coating.penumbra_m / spec.camera.pixel_pitch_m
        depth = spec.coating.shadow_depth
        self._shadows = Shadows(field.places_px[1:], planes, depth=depth, penumbra_px=ramp) if shadows else None
        self._bounce = Bounce(planes) if bounce else None
        self._rest_left: np.ndarray | None = None
        self.unseen_m = _unseen_height_m(spec, self._field)
        """Heights below it change no pixel by more than a fiftieth of a grey level."""

    def light(self, height_m: np.ndarray) -> np.ndarray:
        """E, overwritten by the next call, planes, shape (3, H, stride); `height_m` is float32, (H, W)."""
        self._lift(height_m)
        light = self._response.light(self._surface, self._lit())
        if self._bounce:
            self._bounce.add(self._surface, light)
        return light

    def left_by_shadows(self, height_m: np.ndarray) -> np.ndarray:
        """Q of (1), planes, shape (3, H, stride)."""
        if self._rest_left is None:
            self._rest_left = self._share_left(np.zeros_like(height_m))
        return self._share_left(height_m) / self._rest_left

    def _share_left(self, height_m: np.ndarray) -> np.ndarray:
        self._lift(height_m)
        free = np.maximum(self._response.light(self._surface, self._unshadowed), np.float32(LEAST_LIGHT))
        return np.maximum(self._response.light(self._surface, self._lit()), np.float32(LEAST_LIGHT)) / free

    def _lift(self, height_m: np.ndarray) -> None:
        inner = self._planes.inner(self._surface[0])
        np.multiply(height_m, self._per_pixel, out=inner)
        inner += self._planes.inner(self._field.rest_px[0])
        self._planes.extend_linearly(self._surface)

    def _lit(self) -> np.ndarray:
        return self._shadows.lit(self._surface) if self._shadows else self._unshadowed


def _unseen_height_m(spec: SensorSpec, field) -> float:
    """t of (2) of `renderer.py`."""
    steepest = 1 - spec.coating.specular * (1 - field.shininess)
    level = 255 * (field.colors * field.strength.max((1, 2))[:, None]).sum(0).max() * steepest
    return float(UNSEEN_LEVELS * spec.camera.pixel_pitch_m / (2 * np.sqrt(2) * max(level, 1.0)))
