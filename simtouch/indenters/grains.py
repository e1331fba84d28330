"""Textures by chance: sizes and a seed in, a relief (see `relief.py`) out. The same seed gives the same body.

Leather and sandpaper scatter points at random and look at the distances F_1 <= F_2 <= ... to the nearest ones
(Worley, "A cellular texture basis function", SIGGRAPH 1996). Rough is a Gaussian random surface.
"""

import numpy as np
from scipy.spatial import cKDTree

from simtouch._checks import as_number
from simtouch.indenters.relief import relief
from simtouch.indenters.solid import Solid

_PATCH = (14e-3, 14e-3)


def leather(
    cell_m: float = 1.2e-3, depth_m: float = 0.25e-3, *, seed: int = 0, size_m=_PATCH, carrier="flat", carrier_radius_m=12e-3
) -> Solid:
    """Pebbled leather: rounded cells of about `cell_m` between creases."""
    shape = _shape(seed, cell_m=cell_m, depth_m=depth_m)
    return relief("leather", _leather, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def sandpaper(
    grain_m: float = 0.5e-3, depth_m: float = 0.3e-3, *, seed: int = 0, size_m=_PATCH, carrier="flat", carrier_radius_m=12e-3
) -> Solid:
    """Coarse abrasive: pointed grains of about `grain_m`, of different heights."""
    shape = _shape(seed, grain_m=grain_m, depth_m=depth_m)
    return relief("sandpaper", _sandpaper, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def rough(
    length_m: float = 1.5e-3, depth_m: float = 0.4e-3, *, seed: int = 0, size_m=_PATCH, carrier="sphere", carrier_radius_m=15e-3
) -> Solid:
    """Smooth hills and hollows at random: a Gaussian surface of correlation length `length_m`, mostly within `depth_m`."""
    shape = _shape(seed, length_m=length_m, depth_m=depth_m)
    return relief("rough", _rough, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def _shape(seed: int, **lengths_m: float) -> dict:
    shape = {name: as_number(name, value, above=1e-4, at_most=0.1) for name, value in lengths_m.items()}
    return shape | {"seed": int(as_number("seed", seed, at_least=0, at_most=2**63))}


def _scattered(u: np.ndarray, v: np.ndarray, cell_m: float, rng: np.random.Generator) -> np.ndarray:
    """One point at random in every cell of a net that covers the patch and a margin, shape (N, 2)."""
    counts = [int(np.ceil((axis.max() - axis.min()) / cell_m)) + 6 for axis in (u, v)]
    first = np.stack(np.meshgrid(*(np.arange(n) - n / 2 for n in counts), indexing="ij"), axis=-1).reshape(-1, 2)
    return (first + rng.uniform(0.1, 0.9, first.shape)) * cell_m


def _leather(u: np.ndarray, v: np.ndarray, cell_m: float, depth_m: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    seeds = _scattered(u, v, cell_m, rng)
    bend = 0.12 * cell_m * np.sin(2 * np.pi * np.stack([v, u], axis=-1) / (1.7 * cell_m) + rng.uniform(0, 2 * np.pi, 2))
    distance, nearest = cKDTree(seeds).query(np.stack([u, v], axis=-1) + bend, k=2)
    to_crease = (distance[..., 1] - distance[..., 0]) / cell_m
    level = rng.uniform(0.75, 1.0, len(seeds))[nearest[..., 0]]
    rise = 1 - np.exp(-4 * to_crease)
    return depth_m * (level * rise + 0.15 * (1 - rise))


def _sandpaper(u: np.ndarray, v: np.ndarray, grain_m: float, depth_m: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    seeds = _scattered(u, v, grain_m, rng)
    top, turn = depth_m * rng.uniform(0.4, 1.0, len(seeds)), rng.uniform(0, np.pi / 2, len(seeds))
    points = np.stack([u, v], axis=-1)
    _, nearest = cKDTree(seeds).query(points, k=4)
    height = np.zeros_like(u)
    for k in range(4):
        grain = nearest[..., k]
        du, dv = np.moveaxis(points - seeds[grain], -1, 0)
        c, s = np.cos(turn[grain]), np.sin(turn[grain])
        away = np.maximum(np.abs(c * du + s * dv), np.abs(c * dv - s * du))  # grains are blunt four-sided pyramids
        height = np.maximum(height, top[grain] - depth_m * np.maximum(away / (0.6 * grain_m) - 0.15, 0))
    return height


def _rough(u: np.ndarray, v: np.ndarray, length_m: float, depth_m: float, seed: int) -> np.ndarray:
    """Filter white noise by exp(-(pi f L)^2 / 2) on the net itself; the net's spacing takes part in the noise."""
    rng = np.random.default_rng(seed)
    pitch_u, pitch_v = u[0, 1] - u[0, 0], v[1, 0] - v[0, 0]
    margin_u, margin_v = int(np.ceil(2 * length_m / pitch_u)), int(np.ceil(2 * length_m / pitch_v))
    white = rng.standard_normal((u.shape[0] + margin_v, u.shape[1] + margin_u))
    f2 = np.fft.fftfreq(white.shape[0], pitch_v)[:, None] ** 2 + np.fft.rfftfreq(white.shape[1], pitch_u) ** 2
    smooth = np.fft.irfft2(np.fft.rfft2(white) * np.exp(-((np.pi * length_m) ** 2) * f2 / 2), s=white.shape)
    smooth = smooth[: u.shape[0], : u.shape[1]]
    return depth_m * (0.5 + smooth / (4 * smooth.std()))
