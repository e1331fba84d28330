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

from simtouch._taichi import Flat, ensure_runtime, launched, ti, vec3
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
def at_least(x, least):
    """As `positive`."""
    return ti.select(x > least, x, least)


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


@ti.func
def normal_towards(surface: ti.template(), at, below, above, per_row):
    """Normal towards the camera, x and y of it and minus z, at index `at` of a plane; `below`, `above`: the pixels in those rows."""
    slope_x = (surface[at + 1] - surface[at - 1]) * 0.5
    slope_y = (surface[below] - surface[above]) * per_row
    scale = 1.0 / ti.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    return vec3(slope_x * scale, slope_y * scale, scale)


@ti.func
def lamp_gain(
    numbers: ti.template(), normal, n_v, x, y, z, at, size, places, coating, lamps: ti.template(), k: ti.template(),
    shininess: ti.template(),
):  # fmt: skip
    """What of (1) stands behind c_k a_k V_k. `numbers` as in `_respond`."""
    lamp = places + 3 * k + 3
    to_x, to_y, to_z = numbers[lamp] - x, numbers[lamp + 1] - y, numbers[lamp + 2] - z
    n_l = (normal.x * to_x + normal.y * to_y - normal.z * to_z) * numbers[(2 * k + 1) * size + at]
    return lamp_light(n_l, n_v, numbers[(2 * k + 2) * size + at], numbers[coating + 3], numbers[coating + 4], shininess)


@launched
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
        eye_x, eye_y, eye_z = numbers[places], numbers[places + 1], numbers[places + 2]
        red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                j = start + e
                at = i * stride + j
                n = normal_towards(surface, at, below + j, above + j, per_row)
                x, y, z = ti.cast(j - PAD, ti.f32), ti.cast(i, ti.f32), surface[at]
                n_v = (n.x * (eye_x - x) + n.y * (eye_y - y) - n.z * (eye_z - z)) * numbers[at]
                light = vec3(numbers[coating], numbers[coating + 1], numbers[coating + 2])
                for k in ti.static(range(lamps)):
                    color = colors + 3 * k
                    gain = lamp_gain(numbers, n, n_v, x, y, z, at, size, places, coating, lamps, k, shininess)
                    gain *= numbers[strength + k * size + at] * lit[k * size + at]
                    light += gain * vec3(numbers[color], numbers[color + 1], numbers[color + 2])
                red[e], green[e], blue[e] = light.x, light.y, light.z
            eighth = i * (stride // 8) + start // 8
            store_tile(red, eighth, out)
            store_tile(green, eighth + size // 8, out)
            store_tile(blue, eighth + size // 4, out)


@launched
@ti.kernel
def _share(
    surface: Flat, lit: Flat, numbers: Flat, lamps: ti.template(), shininess: ti.template(), least: float, top: int, bottom: int,
    left: int, right: int, rows: int, stride: int, out: Flat,
):  # fmt: skip
    """(1) over what it is with V = 1, neither less than `least`, in rows `top` to `bottom` and tiles `left` to `right`."""
    for line in range(bottom + 1 - top):
        i, size = top + line, rows * stride
        above, below = ti.max(i - 1, 0) * stride, ti.min(i + 1, rows - 1) * stride
        per_row = 1.0 / ti.max(ti.min(i + 1, rows - 1) - ti.max(i - 1, 0), 1)
        strength, places = (1 + 2 * lamps) * size, (1 + 3 * lamps) * size
        colors = places + 3 * (1 + lamps)
        coating = colors + 3 * lamps
        eye_x, eye_y, eye_z = numbers[places], numbers[places + 1], numbers[places + 2]
        red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
        for tile in range(left, right + 1):
            start = PAD + tile * TILE
            for e in range(TILE):
                j = start + e
                at = i * stride + j
                n = normal_towards(surface, at, below + j, above + j, per_row)
                x, y, z = ti.cast(j - PAD, ti.f32), ti.cast(i, ti.f32), surface[at]
                n_v = (n.x * (eye_x - x) + n.y * (eye_y - y) - n.z * (eye_z - z)) * numbers[at]
                light = vec3(numbers[coating], numbers[coating + 1], numbers[coating + 2])
                free = light
                for k in ti.static(range(lamps)):
                    color = colors + 3 * k
                    gain = lamp_gain(numbers, n, n_v, x, y, z, at, size, places, coating, lamps, k, shininess)
                    gain *= numbers[strength + k * size + at]
                    free += gain * vec3(numbers[color], numbers[color + 1], numbers[color + 2])
                    gain *= lit[k * size + at]
                    light += gain * vec3(numbers[color], numbers[color + 1], numbers[color + 2])
                red[e] = at_least(light.x, least) / at_least(free.x, least)
                green[e] = at_least(light.y, least) / at_least(free.y, least)
                blue[e] = at_least(light.z, least) / at_least(free.z, least)
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
        self._left = np.ones_like(self._out)

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

    def share(self, surface_px: np.ndarray, lit: np.ndarray, box: tuple[int, int, int, int], least: float) -> np.ndarray:
        """(1) over what it is with V = 1, neither less than `least`; right in the box only, overwritten by the next call.

        Args:
            surface_px, lit: As for `light`.
            box: First and last row, first and last tile.
            least: Light.

        Returns:
            Planes, shape (3, H, stride).
        """
        planes = self._planes
        flat = (surface_px.reshape(-1), lit.reshape(-1), self._numbers)
        scalars = (self._lamps, self._shininess, least, *box, planes.rows, planes.stride)
        _share(*flat, *scalars, self._left.reshape(-1))
        return self._left
