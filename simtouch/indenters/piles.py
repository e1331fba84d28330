"""Cloth with a pile or deep cells: sizes and a generator in, a `Swatch` out."""

import numpy as np

from simtouch.indenters.cloth import Swatch
from simtouch.indenters.weaves import Yarns, plain, weave

_PIXEL_M = 0.03e-3


def corduroy(wale_m: float, depth: float, rng: np.random.Generator) -> Swatch:
    """Wales of cut pile along v between channels of plain ground; `depth` is the pile's height in wales."""
    cols, rows = _pixels(4 * wale_m), _pixels(4.5e-3)
    x = np.arange(cols) * 4 / cols
    offset = x - np.floor(x) - 0.5
    cord = np.sqrt(np.maximum(1 - (offset / 0.4) ** 2, 0))
    tufts = _noise((rows, cols), (0.05e-3, 0.22e-3), rng)
    ground = np.cos(2 * np.pi * np.arange(rows) / rows * 24)[:, None] * np.cos(2 * np.pi * x * 6)
    height = wale_m * depth * cord * (1 + 0.13 * tufts) + 0.02e-3 * (1 + ground)
    return Swatch(height_m=height, pixel_m=(4 * wale_m / cols, 4.5e-3 / rows))


def velvet(tuft_m: float, depth: float, rng: np.random.Generator) -> Swatch:
    """Short dense pile: tips of tufts at random heights, laid over in strokes; `depth` is its unevenness in tufts."""
    size = 30 * tuft_m
    count = _pixels(size)
    tips = _noise((count, count), (0.28 * tuft_m, 0.36 * tuft_m), rng)
    nap = _noise((count, count), (3.5 * tuft_m, 5 * tuft_m), rng)
    height = tuft_m * depth * (0.6 * tips + 0.5 * nap)
    return Swatch(height_m=height - height.min(), pixel_m=(size / count, size / count))


def terry(loop_m: float, thickness: float, rng: np.random.Generator) -> Swatch:
    """Loops of soft yarn that stand up in rows and lean at random; `thickness` is the yarn's radius in loops."""
    side = 8
    count = _pixels(side * loop_m, most=200)
    pitch = side / count
    height = np.zeros((count, count))
    angle = np.linspace(0, np.pi, 11)
    for row in range(side):
        for col in range(side):
            turn, lean = rng.uniform(-np.pi, np.pi), rng.uniform(-0.9, 0.9)
            wide, tall = rng.uniform(0.55, 0.95), rng.uniform(0.7, 1.3)
            foot = np.array([col + (row % 2) / 2, row]) + rng.uniform(-0.2, 0.2, 2)
            along, up = wide * np.cos(angle), tall * np.sin(angle)
            x = foot[0] + along * np.cos(turn) - lean * up * np.sin(turn)
            y = foot[1] + along * np.sin(turn) + lean * up * np.cos(turn)
            z = 0.22 * up * np.sqrt(max(1 - lean**2, 0.1)) + 0.1
            for point in zip(x, y, z, strict=True):
                _drop_ball(height, point, thickness, pitch)
    return Swatch(height_m=loop_m * height, pixel_m=(loop_m * pitch, loop_m * pitch))


def waffle(cell_m: float, depth: float, rng: np.random.Generator) -> Swatch:
    """Honeycomb weave: floats get longer towards the rims of square cells, whose middles lie `depth` cells lower."""
    yarns = Yarns(pitch_m=(cell_m / 8, cell_m / 8), width=(0.47, 0.47), twist=0.03)
    ground = weave(np.kron(np.ones((8, 8), int), plain()), yarns, rng)
    rows, cols = ground.height_m.shape
    x, y = np.meshgrid(np.arange(cols) / cols * 2, np.arange(rows) / rows * 2)
    # Two cells each way; warp floats make the rims along v, weft floats those along u.
    away_x, away_y = np.abs(x - np.floor(x + 0.5)), np.abs(y - np.floor(y + 0.5))
    hollow = np.minimum(away_x, away_y) * 2
    return Swatch(height_m=ground.height_m + cell_m * depth * (1 - hollow) ** 1.3, pixel_m=ground.pixel_m)


def _drop_ball(height: np.ndarray, point: tuple[float, float, float], radius: float, pitch: float) -> None:
    """Raise a repeat to a ball at (x, y, z), all in units of which `pitch` are a pixel."""
    count = height.shape[0]
    reach = int(np.ceil(radius / pitch))
    col, row = round(point[0] / pitch), round(point[1] / pitch)
    cols, rows = np.arange(col - reach, col + reach + 1), np.arange(row - reach, row + reach + 1)
    dx, dy = cols * pitch - point[0], rows * pitch - point[1]
    inside = radius**2 - dx[None, :] ** 2 - dy[:, None] ** 2
    place = np.ix_(rows % count, cols % count)
    height[place] = np.maximum(height[place], np.where(inside > 0, point[2] + np.sqrt(np.maximum(inside, 0)), 0))


def _noise(shape: tuple[int, int], length_m: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of unit deviation that repeats, with correlation lengths along u and v [m]."""
    white = np.fft.rfft2(rng.standard_normal(shape))
    fv, fu = np.fft.fftfreq(shape[0], _PIXEL_M)[:, None], np.fft.rfftfreq(shape[1], _PIXEL_M)[None, :]
    smooth = np.fft.irfft2(white * np.exp(-((np.pi * length_m[0] * fu) ** 2 + (np.pi * length_m[1] * fv) ** 2) / 2), s=shape)
    return (smooth - smooth.mean()) / smooth.std()


def _pixels(length_m: float, most: int = 400) -> int:
    return int(np.clip(np.ceil(length_m / _PIXEL_M), 16, most))
