"""The camera: light from the gel in, 8-bit image out.

    I = floor(255 (B + v (G * E - G * E_rest)) + noise + 1/2), held to 0..255                (1)
    noise = std_c q(h(pixel, key)),   key from (seed, frame)                                 (2)

B image of the resting gel, v vignetting, G the Gaussian blur (a product of two short rows of taps that sum to 1, rims
repeated), h a 32-bit counter-based hash and q quantiles of the normal distribution: 10 bits of the hash per channel. The
change is exactly 0 where E = E_rest. Hash: C. Wellons' `lowbias32`, published constants.
"""

import numpy as np
from scipy.special import ndtri

from simtouch._taichi import Flat, FlatInt, ensure_runtime, ti
from simtouch.optics.planes import PAD, TILE, Planes, Tile

LEVELS = 1024
IntTile = ti.types.vector(TILE, ti.i32)


def gaussian_taps(sigma_px: float) -> np.ndarray:
    """Half of a Gaussian row of taps, from the middle outwards, to 2.5 sigma; the whole row sums to 1. Float32."""
    radius = max(round(2.5 * sigma_px), 1) if sigma_px > 0 else 0
    x = np.arange(min(radius, PAD) + 1)
    taps = np.exp(-0.5 * (x / max(sigma_px, 1e-6)) ** 2)
    return (taps / (taps[0] + 2 * taps[1:].sum())).astype(np.float32)


def normal_quantiles() -> np.ndarray:
    """Middles of 1024 equally likely slices of the normal distribution, mean 0, std 1, float32, shape (1024,)."""
    q = ndtri((np.arange(LEVELS) + 0.5) / LEVELS)
    return (q / q.std()).astype(np.float32)


def noise_key(seed: int, frame_index: int) -> int:
    """One 32-bit key for a frame."""
    return int(np.random.SeedSequence((seed, frame_index)).generate_state(1)[0])


@ti.func
def hash32(x):
    """Every bit of the result depends on every bit of x."""
    a = (x ^ ti.bit_shr(x, ti.u32(16))) * ti.u32(0x7FEB352D)
    b = (a ^ ti.bit_shr(a, ti.u32(15))) * ti.u32(0x846CA68B)
    return b ^ ti.bit_shr(b, ti.u32(16))


@ti.func
def draw(bits, channel: ti.template()):
    """Ten bits of the hash, another ten for each channel."""
    return ti.cast(ti.bit_shr(bits, ti.u32(2 + 10 * channel)) & ti.u32(LEVELS - 1), ti.i32)


@ti.func
def as_byte(level):
    """Round half up and hold to 0..255."""
    return ti.cast(ti.min(ti.max(level + 0.5, 0.0), 255.0), ti.i32)


@ti.func
def blurred_column(light: ti.template(), taps: ti.template(), radius: ti.template(), plane, i, column, rows, stride):
    """Taps along one column, around row i; rims repeated."""
    total = light[(plane * rows + i) * stride + column] * taps[0]
    for r in ti.static(range(1, radius + 1)):
        above, below = plane * rows + ti.max(i - r, 0), plane * rows + ti.min(i + r, rows - 1)
        total += (light[above * stride + column] + light[below * stride + column]) * taps[r]
    return total


@ti.func
def blurred_at(light: ti.template(), taps: ti.template(), radius: ti.template(), plane, i, column, rows, stride):
    """Both rows of taps. The columns' sums are found anew for each pixel: in registers that is faster than storing them."""
    total = blurred_column(light, taps, radius, plane, i, column, rows, stride) * taps[0]
    for r in ti.static(range(1, radius + 1)):
        left = blurred_column(light, taps, radius, plane, i, column - r, rows, stride)
        right = blurred_column(light, taps, radius, plane, i, column + r, rows, stride)
        total += (left + right) * taps[r]
    return total


@ti.kernel
def _blur(light: Flat, taps: Flat, radius: ti.template(), rows: int, stride: int, out: Flat):
    """Three planes, columns first, as `_expose` does it: the same sums in the same order."""
    for line in range(3 * rows):
        plane, i = line // rows, line % rows
        blurred = Tile(0.0)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                blurred[e] = blurred_at(light, taps, radius, plane, i, start + e, rows, stride)
            for e in range(TILE):
                out[line * stride + start + e] = blurred[e]


@ti.func
def store_pixels(packed: ti.template(), first, out: ti.template()):
    """Write a tile of 24-bit pixels as bytes r, g, b: four pixels in three words."""
    for quad in range(TILE // 4):
        p0, p1, p2, p3 = packed[4 * quad], packed[4 * quad + 1], packed[4 * quad + 2], packed[4 * quad + 3]
        to = first + 3 * quad
        out[to] = p0 | (p1 << 24)
        out[to + 1] = (p1 >> 8) | (p2 << 16)
        out[to + 2] = (p2 >> 16) | (p3 << 8)


@ti.kernel
def _expose(
    light: Flat, rest: Flat, base: Flat, gain: Flat, taps: Flat, radius: ti.template(), rows: int, stride: int, out: FlatInt
):
    """`base` and `gain` in grey levels; `out` holds whole tiles, so it may be wider than the image."""
    for i in range(rows):
        size = rows * stride
        packed = IntTile(0)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                at = i * stride + start + e
                r = base[at] + gain[at] * (blurred_at(light, taps, radius, 0, i, start + e, rows, stride) - rest[at])
                g = base[size + at] + gain[at] * (
                    blurred_at(light, taps, radius, 1, i, start + e, rows, stride) - rest[size + at]
                )
                b = base[2 * size + at] + gain[at] * (
                    blurred_at(light, taps, radius, 2, i, start + e, rows, stride) - rest[2 * size + at]
                )
                packed[e] = as_byte(r) | (as_byte(g) << 8) | (as_byte(b) << 16)
            store_pixels(packed, (i * (stride - 2 * PAD) + tile * TILE) // 4 * 3, out)


@ti.kernel
def _expose_noisy(
    light: Flat, rest: Flat, base: Flat, gain: Flat, quantiles: Flat, std: Flat, key: ti.u32, taps: Flat, radius: ti.template(),
    rows: int, stride: int, out: FlatInt,
):  # fmt: skip
    """As `_expose`, with noise (2)."""
    for i in range(rows):
        size = rows * stride
        packed = IntTile(0)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                at = i * stride + start + e
                bits = hash32(hash32(ti.cast(at, ti.u32) ^ key) + key)
                r = base[at] + gain[at] * (blurred_at(light, taps, radius, 0, i, start + e, rows, stride) - rest[at])
                g = base[size + at] + gain[at] * (
                    blurred_at(light, taps, radius, 1, i, start + e, rows, stride) - rest[size + at]
                )
                b = base[2 * size + at] + gain[at] * (
                    blurred_at(light, taps, radius, 2, i, start + e, rows, stride) - rest[2 * size + at]
                )
                r8 = as_byte(r + std[0] * quantiles[draw(bits, 0)])
                g8 = as_byte(g + std[1] * quantiles[draw(bits, 1)])
                b8 = as_byte(b + std[2] * quantiles[draw(bits, 2)])
                packed[e] = r8 | (g8 << 8) | (b8 << 16)
            store_pixels(packed, (i * (stride - 2 * PAD) + tile * TILE) // 4 * 3, out)


class Exposure:
    """The camera of one sensor; owns the picture of the resting gel."""

    def __init__(self, planes: Planes, *, blur_px: float, noise_std: tuple[float, float, float], gain: np.ndarray):
        """`gain` is vignetting times 255, shape (H, W)."""
        ensure_runtime()
        self._planes, self._taps = planes, gaussian_taps(blur_px)
        self._std, self._quantiles = np.array(noise_std, np.float32), normal_quantiles()
        self._gain = planes.padded(gain)
        self._rest = self._base = planes.new(3)

    def set_rest(self, light: np.ndarray, glow: np.ndarray | float = 0.0) -> None:
        """Fix the resting gel: its light, planes (3, H, stride), and light that no press changes, shape (3, H, W)."""
        planes = self._planes
        self._rest = self.blurred(light)
        self._base = planes.padded(planes.inner(self._gain) * (planes.inner(self._rest) + glow))

    def blurred(self, light: np.ndarray) -> np.ndarray:
        """Light through the lens, planes, shape (3, H, stride)."""
        planes, radius = self._planes, len(self._taps) - 1
        out = planes.new(3)
        _blur(light.reshape(-1), self._taps, radius, planes.rows, planes.stride, out.reshape(-1))
        return out

    def image(self, light: np.ndarray, key: int | None) -> np.ndarray:
        """Tactile image (1), uint8, shape (H, W, 3); `key` of the noise, None for none."""
        planes, radius = self._planes, len(self._taps) - 1
        out = np.empty((planes.rows, planes.stride - 2 * PAD, 3), np.uint8)
        flat = [a.reshape(-1) for a in (light, self._rest, self._base, self._gain)]
        tail = (self._taps, radius, planes.rows, planes.stride, out.reshape(-1).view(np.int32))
        if key is None:
            _expose(*flat, *tail)
        else:
            _expose_noisy(*flat, self._quantiles, self._std, key, *tail)
        return np.ascontiguousarray(out[:, : planes.cols])
