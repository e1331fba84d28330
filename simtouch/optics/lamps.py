"""Light of a sensor's own lamps: gel surface in, light towards the camera out; light field, shadows and bounce under one roof.

    E = (response.py) of the surface under the lit shares of shadow.py, and one bounce (bounce.py) if wanted
    Q = (E_V / E_1) / (the same at rest),   E_V with cast shadows, E_1 without                         (1)

(1) is the shape of the shadows alone, per pixel and channel: what is left of the light. It darkens pictures of other origin, is exactly
1 at rest, and is not computed outside the shadows, where it is 1 as well.
"""

import numpy as np

from simtouch.optics.bounce import Bounce
from simtouch.optics.lights import light_field
from simtouch.optics.planes import PAD, TILE, Planes
from simtouch.optics.response import Response
from simtouch.optics.shadow import NOWHERE, Shadows, joined
from simtouch.sensors.spec import SensorSpec

UNSEEN_LEVELS = 0.02
LEAST_LIGHT = 1e-3


class Lamps:
    """The lamps of one sensor; owns the planes it writes."""

    def __init__(self, spec: SensorSpec, planes: Planes, *, shadows: bool, bounce: bool = False):
        self._planes, self._per_pixel = planes, np.float32(1 / spec.camera.pixel_pitch_m)
        self._field = field = light_field(spec, planes)
        self._surface, self._domed = planes.new(1), bool(field.rest_px.any())
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

    def darken(self, height_m: np.ndarray, levels_out: np.ndarray) -> None:
        """Multiply grey levels, planes, shape (3, H, stride), by Q of (1), in place; `height_m` is float32, (H, W)."""
        if self._rest_left is None:
            rest, box = self._share_left(np.zeros_like(height_m))
            self._rest_left, self._rest_box = rest.copy(), box
        left, (top, bottom, first, last) = self._share_left(height_m, self._rest_box)
        if top <= bottom:
            where = np.s_[:, top : bottom + 1, PAD + first * TILE : PAD + (last + 1) * TILE]
            share = left[where]
            if self._rest_box[0] <= self._rest_box[1]:
                share = share / self._rest_left[where]  # first: x / x is exactly 1, (y x) / x may not be y
            levels_out[where] *= share

    def _share_left(self, height_m: np.ndarray, box: tuple[int, int, int, int] = NOWHERE) -> tuple[np.ndarray, tuple]:
        """E_V / E_1 in the box around `box` and all shadows, and that box; what lies outside it is not meant."""
        self._lift(height_m)
        lit = self._lit()
        box = joined(box, self._shadows.box)
        return self._response.share(self._surface, lit, box, LEAST_LIGHT), box

    def _lift(self, height_m: np.ndarray) -> None:
        inner = self._planes.inner(self._surface[0])
        np.multiply(height_m, self._per_pixel, out=inner)
        if self._domed:
            inner += self._planes.inner(self._field.rest_px[0])
        self._planes.extend_linearly(self._surface)

    def _lit(self) -> np.ndarray:
        return self._shadows.lit(self._surface) if self._shadows else self._unshadowed


def _unseen_height_m(spec: SensorSpec, field) -> float:
    """t of (2) of `renderer.py`."""
    steepest = 1 - spec.coating.specular * (1 - field.shininess)
    level = 255 * (field.colors * field.strength.max((1, 2))[:, None]).sum(0).max() * steepest
    return float(UNSEEN_LEVELS * spec.camera.pixel_pitch_m / (2 * np.sqrt(2) * max(level, 1.0)))
