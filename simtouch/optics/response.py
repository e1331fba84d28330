"""Colour response of the coating: gel surface and lit share of every lamp in, light towards the camera out.

    E = A + sum_k c_k a_k V_k [(1 - g) f(n . l_k) + g max(0, n . b_k)^m]                         (1)
    f(t) = max(0, t - s) + clamp(t + s, 0, 2 s)^2 / 4 s                                      (2)
    n . b_k = (n . l_k + n . v) / sqrt(2 + 2 l_k . v)                                        (3)

n normal of the surface towards the camera, l_k towards lamp k, v towards the camera, b_k halfway between (Blinn); A ambient
light, c_k colour, a_k strength over the gel (`lights.py`), V_k lit share (`shadow.py`), g share and m exponent of the
highlight. (2) is Lambert's law with the soft foot of half-width s that a lamp of finite size gives. Lamps and camera are near:
l_k, b_k and v differ from pixel to pixel; their lengths are taken from the resting surface, once. Refs: Johnson and Adelson, "Retrographic
sensing", CVPR 2009; Blinn, SIGGRAPH 1977.
"""

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, ti, vec3
from simtouch.optics.lights import LightField
from simtouch.optics.planes import PAD, TILE, Planes, Tile, positive, store_tile, within


@ti.func
def power(base, exponent: ti.template()):
    """`base` to a whole number from 1 to 255, by squaring."""
    result, square = ti.cast(1.0, ti.f32), base
    for bit in ti.static(range(8)):
        if ti.static((exponent >> bit) & 1):
            result = result * square
        if ti.static(exponent >> (bit + 1)):
            square = square * square
    return result


@ti.func
def soft_positive(t, softness):
    """Equation (2)."""
    foot = within(t + softness, 2.0 * softness)
    return positive(t - softness) + foot * foot * (0.25 / softness)


@ti.func
def lamp_light(n_l, n_v, halfway_scale, gloss, softness, shininess: ti.template()):
    """Bracket of (1): light towards the camera per light that arrives; halfway_scale is 1 / sqrt(2 + 2 l . v)."""
    highlight = power(positive((n_l + n_v) * halfway_scale), shininess)
    return (1.0 - gloss) * soft_positive(n_l, softness) + gloss * highlight


@ti.kernel
def _respond(
    surface: Flat, lit: Flat, numbers: Flat, lamps: ti.template(), shininess: ti.template(), rows: int, stride: int, out: Flat,
):  # fmt: skip
    """Planes follow one another. `numbers`: planes of 1 / distance to the camera, then 1 / distance and halfway scale of each lamp, then
    the strength of each lamp; x, y, z of the camera, then of each lamp; the colours; ambient rgb, g, s. One array, because each
    costs a launch 20 us."""
    for i in range(rows):
        size = rows * stride
        above, below = ti.max(i - 1, 0) * stride, ti.min(i + 1, rows - 1) * stride
        per_row = 1.0 / ti.max(ti.min(i + 1, rows - 1) - ti.max(i - 1, 0), 1)
        strength, places = (1 + 2 * lamps) * size, (1 + 3 * lamps) * size
        colors = places + 3 * (1 + lamps)
        coating = colors + 3 * lamps
        gloss, softness = numbers[coating + 3], numbers[coating + 4]
        eye_x, eye_y, eye_z = numbers[places], numbers[places + 1], numbers[places + 2]
        red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                j = start + e
                at = i * stride + j
                slope_x = (surface[at + 1] - surface[at - 1]) * 0.5
                slope_y = (surface[below + j] - surface[above + j]) * per_row
                scale = 1.0 / ti.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
                n_x, n_y = slope_x * scale, slope_y * scale
                x, y, z = ti.cast(j - PAD, ti.f32), ti.cast(i, ti.f32), surface[at]
                n_v = (n_x * (eye_x - x) + n_y * (eye_y - y) - scale * (eye_z - z)) * numbers[at]
                light = vec3(numbers[coating], numbers[coating + 1], numbers[coating + 2])
                for k in ti.static(range(lamps)):
                    lamp, color = places + 3 * k + 3, colors + 3 * k
                    to_x, to_y, to_z = numbers[lamp] - x, numbers[lamp + 1] - y, numbers[lamp + 2] - z
                    n_l = (n_x * to_x + n_y * to_y - scale * to_z) * numbers[(2 * k + 1) * size + at]
                    gain = lamp_light(n_l, n_v, numbers[(2 * k + 2) * size + at], gloss, softness, shininess)
                    gain *= numbers[strength + k * size + at] * lit[k * size + at]
                    light += gain * vec3(numbers[color], numbers[color + 1], numbers[color + 2])
                red[e], green[e], blue[e] = light.x, light.y, light.z
            eighth = i * (stride // 8) + start // 8
            store_tile(red, eighth, out)
            store_tile(green, eighth + size // 8, out)
            store_tile(blue, eighth + size // 4, out)


class Response:
    """Equation (1) for one sensor; owns the plane it writes."""

    def __init__(self, field: LightField, planes: Planes):
        ensure_runtime()
        self._planes, self._lamps, self._shininess = planes, len(field.colors), field.shininess
        parts = (field.scales, field.strength, field.places_px, field.colors, field.coating)
        self._numbers = np.concatenate([np.ravel(part) for part in parts])
        self._out = planes.new(3)

    def light(self, surface_px: np.ndarray, lit: np.ndarray) -> np.ndarray:
        """Light towards the camera (1), overwritten by the next call, planes, shape (3, H, stride); padding is left as it is.

        Args:
            surface_px: Gel surface in pixels, plane extended linearly, shape (1, H, stride).
            lit: Share of each lamp that is not cast into shadow, planes, shape (K, H, stride).
        """
        planes = self._planes
        flat = (surface_px.reshape(-1), lit.reshape(-1), self._numbers)
        _respond(*flat, self._lamps, self._shininess, planes.rows, planes.stride, self._out.reshape(-1))
        return self._out
