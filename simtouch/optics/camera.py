"""The camera: light from the gel in, 8-bit image out.

    I = floor(f (g (G * E) + o) + noise + 1/2), held to 0..255                               (1)
    noise = std_c q(s),   s sum of the four bytes of h_c(pixel, key),   key from (seed, frame)   (2)
    q(s) = a (s - 510) + b (s - 510)^3                                                       (3)

g grey levels of full light (one map, with vignetting, or one a channel), o an offset in grey levels, f the exposure of the frame,
G the Gaussian blur (a product of two short rows of taps that sum to 1, rims
repeated), h_c 32-bit counter-based hashes. Four equally likely bytes sum to nearly a normal distribution; the cubic gives it
mean 0, variance 1 and the normal's fourth moment. It needs no table, hence no gather. Equal light gives equal
bytes. Hash: C. Wellons' `lowbias32`, published constants.
"""

import math

import numpy as np
from scipy.optimize import root_scalar

from simtouch._taichi import Flat, FlatInt, ensure_runtime, launched, ti
from simtouch.optics.planes import PAD, TILE, Planes, Tile, store_tile, within

BYTE_MEAN_SUM = 510.0
TAPS = 6
"""Where the taps begin in the numbers of a camera."""
IntTile = ti.types.vector(TILE, ti.i32)


def gaussian_taps(sigma_px: float) -> np.ndarray:
    """Half of a Gaussian row of taps, from the middle outwards, to 2.5 sigma; the whole row sums to 1. Float32."""
    radius = max(round(2.5 * sigma_px), 1) if sigma_px > 0 else 0
    x = np.arange(min(radius, PAD) + 1)
    taps = np.exp(-0.5 * (x / max(sigma_px, 1e-6)) ** 2)
    return (taps / (taps[0] + 2 * taps[1:].sum())).astype(np.float32)


def noise_cubic() -> tuple[float, float]:
    """a and b of (3), from the exact distribution of the sum of four bytes."""
    share = np.ones(1)
    for _ in range(4):
        share = np.convolve(share, np.full(256, 1 / 256))
    z = np.arange(len(share)) - BYTE_MEAN_SUM
    z_std = np.sqrt(share @ z**2)
    z = z / z_std

    def too_heavy(b: float) -> float:
        q = z + b * z**3
        return float(share @ q**4 - 3 * (share @ q**2) ** 2)

    b = float(root_scalar(too_heavy, bracket=(0.0, 0.1), method="brentq").root)
    std = np.sqrt(share @ (z + b * z**3) ** 2)
    return float(1 / (std * z_std)), float(b / (std * z_std**3))


def noise_key(seed: int, frame_index: int) -> int:
    """One 32-bit key for a frame."""
    return int(np.random.SeedSequence((seed, frame_index)).generate_state(1)[0])


def drifted_exposure(std: float, seed: int, frame_index: int) -> float:
    """f of (1): normal about 1, never below a half; its key is that of the noise, its numbers are others."""
    if std == 0:
        return 1.0
    _, *words = np.random.SeedSequence((seed, frame_index)).generate_state(3)
    radius = math.sqrt(-2 * math.log((int(words[0]) + 1) / 2**32))  # Box and Muller
    return max(1 + std * radius * math.cos(2 * math.pi * int(words[1]) / 2**32), 0.5)


@ti.func
def hash32(x):
    """Every bit of the result depends on every bit of x."""
    a = (x ^ ti.bit_shr(x, ti.u32(16))) * ti.u32(0x7FEB352D)
    b = (a ^ ti.bit_shr(a, ti.u32(15))) * ti.u32(0x846CA68B)
    return b ^ ti.bit_shr(b, ti.u32(16))


@ti.func
def rehash(bits, factor):
    """Another 32 bits from those of a hash: one odd factor a channel."""
    a = bits * factor
    return a ^ ti.bit_shr(a, ti.u32(15))


@ti.func
def grain(bits, a, b):
    """Equation (3) of the bytes of a hash."""
    pairs = (bits & ti.u32(0xFF00FF)) + (ti.bit_shr(bits, ti.u32(8)) & ti.u32(0xFF00FF))
    z = ti.cast(ti.cast((pairs & ti.u32(0xFFFF)) + ti.bit_shr(pairs, ti.u32(16)), ti.i32) - 510, ti.f32)
    return z * (a + b * (z * z))


@ti.func
def find_noise(
    numbers: ti.template(), at, row_key, tile, red_out: ti.template(), green_out: ti.template(), blue_out: ti.template()
):
    """Noise of a tile, whose strengths begin at `at`."""
    for e in range(TILE):
        bits = hash32(row_key + ti.cast(tile * TILE + e, ti.u32))
        red_out[e] = grain(bits, numbers[at], numbers[at + 1])
        green_out[e] = grain(rehash(bits, ti.u32(0x9E3779B1)), numbers[at + 2], numbers[at + 3])
        blue_out[e] = grain(rehash(bits, ti.u32(0x85EBCA77)), numbers[at + 4], numbers[at + 5])


@ti.func
def as_byte(level):
    """Round half up and hold to 0..255."""
    return ti.cast(within(level + 0.5, 255.0), ti.i32)


@ti.func
def mirrored_sum(light: ti.template(), lines: ti.template(), radius: ti.template(), at, a: ti.template(), b: ti.template()):
    """The pixels `a` rows and `b` columns away on all sides; `lines` are the rows around."""
    total = light[lines[radius + a] + at + b]
    if ti.static(b > 0):
        total += light[lines[radius + a] + at - b]
    if ti.static(a > 0):
        total += light[lines[radius - a] + at + b]
    if ti.static(a > 0 and b > 0):
        total += light[lines[radius - a] + at - b]
    return total


@ti.func
def blurred_at(light: ti.template(), lines: ti.template(), taps: ti.template(), first: ti.template(), radius: ti.template(), at):
    """Both rows of taps, from `first` on, at once: pixels that share a weight are summed first, and nothing goes through memory."""
    total = light[lines[radius] + at] * (taps[first] * taps[first])
    for b in ti.static(range(1, radius + 1)):
        for a in ti.static(range(b + 1)):
            ring = mirrored_sum(light, lines, radius, at, a, b)
            if ti.static(a < b):
                ring += mirrored_sum(light, lines, radius, at, b, a)
            total += ring * (taps[first + a] * taps[first + b])
    return total


@ti.func
def lines_around(radius: ti.template(), i, first, rows, stride):
    """Where the 2 radius + 1 rows around row i of the plane at `first` begin; rims repeated."""
    lines = ti.Vector([0 for _ in ti.static(range(2 * radius + 1))])
    for r in ti.static(range(-radius, radius + 1)):
        lines[radius + r] = first + ti.min(ti.max(i + r, 0), rows - 1) * stride
    return lines


@launched
@ti.kernel
def _blur(light: Flat, taps: Flat, radius: ti.template(), rows: int, stride: int, out: Flat):
    """Three planes."""
    for line in range(3 * rows):
        plane, i = line // rows, line % rows
        blurred = Tile(0.0)
        lines = lines_around(radius, i, plane * rows * stride, rows, stride)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                blurred[e] = blurred_at(light, lines, taps, 0, radius, start + e)
            store_tile(blurred, (line * stride + start) // 8, out)


@ti.func
def store_pixels(packed: ti.template(), tile, out: ti.template()):
    """Write the tile-th tile of 24-bit pixels as bytes r, g, b: four pixels in three words."""
    for word in ti.static(range(TILE // 4 * 3)):
        first, shift = word // 3 * 4 + word % 3, 8 * (word % 3)
        out[tile * (TILE // 4 * 3) + word] = ti.bit_shr(packed[first], shift) | (packed[first + 1] << (24 - shift))


@ti.func
def store_row_pixels(packed: ti.template(), word, fours, out: ti.template()):
    """Write `fours` times four 24-bit pixels of a tile as bytes r, g, b, from a word on: four pixels in three words."""
    for q in range(fours):
        for w in ti.static(range(3)):
            first, shift = 4 * q + w, 8 * w
            out[word + 3 * q + w] = ti.bit_shr(packed[first], shift) | (packed[first + 1] << (24 - shift))


@launched
@ti.kernel
def _expose(
    light: Flat, gain: Flat, offset: Flat, numbers: Flat, key: ti.u32, exposure: float, gains: ti.template(), with_offset: ti.template(),
    radius: ti.template(), rows: int, stride: int, out: FlatInt,
):  # fmt: skip
    """`gain` and `offset` in grey levels; `gains`: its planes, 1 or 3. `numbers`: a and b of (2) of each
    channel, times its std, 0 for no noise, then the taps: one array, because each costs a launch 20 us. `out` holds whole tiles."""
    for i in range(rows):
        size = rows * stride
        row_key = hash32(hash32(ti.cast(i, ti.u32) ^ key) + key)
        packed = IntTile(0)
        reds, greens = lines_around(radius, i, 0, rows, stride), lines_around(radius, i, size, rows, stride)
        blues = lines_around(radius, i, 2 * size, rows, stride)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            for e in range(TILE):
                at = i * stride + start + e
                red = blurred_at(light, reds, numbers, TAPS, radius, start + e)
                green = blurred_at(light, greens, numbers, TAPS, radius, start + e)
                blue = blurred_at(light, blues, numbers, TAPS, radius, start + e)
                bits = hash32(row_key + ti.cast(tile * TILE + e, ti.u32))
                noise_r = grain(bits, numbers[0], numbers[1])
                noise_g = grain(rehash(bits, ti.u32(0x9E3779B1)), numbers[2], numbers[3])
                noise_b = grain(rehash(bits, ti.u32(0x85EBCA77)), numbers[4], numbers[5])
                own = size * ti.static(gains // 2)
                red, green, blue = gain[at] * red, gain[at + own] * green, gain[at + 2 * own] * blue
                if ti.static(with_offset):
                    red, green, blue = red + offset[at], green + offset[at + size], blue + offset[at + 2 * size]
                r8 = as_byte(exposure * red + noise_r)
                g8 = as_byte(exposure * green + noise_g)
                b8 = as_byte(exposure * blue + noise_b)
                packed[e] = r8 | (g8 << 8) | (b8 << 16)
            store_pixels(packed, i * ((stride - 2 * PAD) // TILE) + tile, out)


class Exposure:
    """The camera of one sensor."""

    def __init__(
        self,
        planes: Planes,
        *,
        blur_px: float,
        noise_std: tuple[float, float, float],
        gain: np.ndarray,
        offset: np.ndarray | None = None,
    ):
        """`gain` is g of (1), shape (H, W); `offset` is o, shape (H, W, 3), None for 0."""
        ensure_runtime()
        self._planes, self._taps = planes, gaussian_taps(blur_px)
        cubics = np.outer(noise_std, noise_cubic()).astype(np.float32).ravel()
        self._grainy = np.concatenate([cubics, self._taps])
        # Without noise the cubics are 0: a kernel of its own would take two seconds to compile.
        self._clean = np.concatenate([np.zeros_like(cubics), self._taps])
        self._gain = planes.padded(gain)
        self._offset = None if offset is None else planes.padded(np.moveaxis(offset, 2, 0))

    def blurred(self, light: np.ndarray) -> np.ndarray:
        """Light through the lens, planes, shape (3, H, stride)."""
        planes, radius = self._planes, len(self._taps) - 1
        planes.extend(light)
        out = planes.new(3)
        _blur(light.reshape(-1), self._taps, radius, planes.rows, planes.stride, out.reshape(-1))
        return out

    def levels(self, light: np.ndarray) -> np.ndarray:
        """g (G * E) + o of (1), planes, shape (3, H, stride)."""
        levels = self._gain * self.blurred(light)
        return levels if self._offset is None else levels + self._offset

    def image(
        self, light: np.ndarray, key: int | None, *, gain: np.ndarray | None = None, blurred: bool = True, exposure: float = 1.0
    ) -> np.ndarray:
        """Tactile image (1), uint8, shape (H, W, 3). Writes the padding of `light`.

        Args:
            light: Light, planes, shape (3, H, stride).
            key: Key of the noise; None for none.
            gain: Another g, one a channel, planes, shape (3, H, stride), and no o; None for those of the camera.
            blurred: Whether the lens blurs the light.
            exposure: f.
        """
        planes, radius = self._planes, (len(self._taps) - 1) * blurred
        planes.extend(light)
        out = np.empty((planes.rows, planes.stride - 2 * PAD, 3), np.uint8)
        given, offset = (self._gain, self._offset) if gain is None else (gain, None)
        numbers = self._clean if key is None else self._grainy
        numbers = numbers if blurred else np.append(numbers[:TAPS], np.float32(1))
        flat = (light.reshape(-1), given.reshape(-1), (given if offset is None else offset).reshape(-1), numbers)
        tail = (key or 0, exposure, len(given), int(offset is not None), radius, planes.rows, planes.stride)
        _expose(*flat, *tail, out.reshape(-1).view(np.int32))
        return np.ascontiguousarray(out[:, : planes.cols])
