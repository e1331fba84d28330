"""Textures with a rule: sizes in, a relief (see `relief.py`) on a flat, cylindrical or spherical carrier out.

Every height function takes mesh coordinates u, v [m] and returns heights [m] between 0 and about `depth_m`.
"""

import numpy as np

from simtouch._checks import as_number
from simtouch.indenters.relief import relief
from simtouch.indenters.solid import Solid

_PATCH = (14e-3, 14e-3)


def wave(
    wavelength_m: float = 2.5e-3, depth_m: float = 0.5e-3, *, size_m=_PATCH, carrier="flat", carrier_radius_m=12e-3
) -> Solid:
    """Sine ridges along y."""
    shape = _shape(wavelength_m=wavelength_m, depth_m=depth_m)
    return relief("wave", _wave, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def textile(pitch_m: float = 1.2e-3, depth_m: float = 0.35e-3, *, size_m=_PATCH, carrier="flat", carrier_radius_m=12e-3) -> Solid:
    """Plain weave: threads along x and y that pass over and under each other."""
    shape = _shape(pitch_m=pitch_m, depth_m=depth_m)
    return relief("textile", _textile, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def knit(pitch_m: float = 1.8e-3, depth_m: float = 0.5e-3, *, size_m=_PATCH, carrier="flat", carrier_radius_m=12e-3) -> Solid:
    """Stockinette: columns of V-shaped stitches, the points of the V down the image."""
    shape = _shape(pitch_m=pitch_m, depth_m=depth_m)
    return relief("knit", _knit, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def corduroy(pitch_m: float = 2e-3, depth_m: float = 0.6e-3, *, size_m=_PATCH, carrier="flat", carrier_radius_m=12e-3) -> Solid:
    """Round cords along y with sharp valleys between."""
    shape = _shape(pitch_m=pitch_m, depth_m=depth_m)
    return relief("corduroy", _corduroy, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def knurl(
    pitch_m: float = 1.3e-3, depth_m: float = 0.4e-3, *, size_m=(14e-3, 12e-3), carrier="cylinder", carrier_radius_m=6e-3
) -> Solid:
    """Diamond knurling, as on a tool's grip: two families of V grooves at 30 degrees to either side of y."""
    shape = _shape(pitch_m=pitch_m, depth_m=depth_m)
    return relief("knurl", _knurl, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def fingerprint(
    pitch_m: float = 0.6e-3,
    depth_m: float = 0.15e-3,
    *,
    seed: int = 0,
    size_m=(13e-3, 14e-3),
    carrier="sphere",
    carrier_radius_m=10e-3,
) -> Solid:
    """A whorl of ridges on a fingertip; the seed bends it."""
    shape = _shape(pitch_m=pitch_m, depth_m=depth_m) | {"seed": int(as_number("seed", seed, at_least=0))}
    return relief("fingerprint", _fingerprint, shape, size_m=size_m, carrier=carrier, carrier_radius_m=carrier_radius_m)


def _shape(**lengths_m: float) -> dict[str, float]:
    return {name: as_number(name, value, above=0, at_most=0.1) for name, value in lengths_m.items()}


def _wave(u: np.ndarray, v: np.ndarray, wavelength_m: float, depth_m: float) -> np.ndarray:
    return depth_m / 2 * (1 + np.cos(2 * np.pi * u / wavelength_m))


def _arch(across: np.ndarray) -> np.ndarray:
    """Round back of a thread: 1 in its middle, 0 at a distance of 1 and beyond."""
    return np.sqrt(np.maximum(1 - across**2, 0))


def _textile(u: np.ndarray, v: np.ndarray, pitch_m: float, depth_m: float) -> np.ndarray:
    x, y = u / pitch_m, v / pitch_m
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    flip_x, flip_y = 1 - 2 * (column % 2), 1 - 2 * (row % 2)
    upright = 0.5 * _arch((x - column) / 0.47) + 0.25 * flip_x * np.cos(np.pi * y)
    level = 0.5 * _arch((y - row) / 0.47) - 0.25 * flip_y * np.cos(np.pi * x)
    return depth_m * np.clip(np.maximum(upright, level) + 0.25, 0, None)


def _knit(u: np.ndarray, v: np.ndarray, pitch_m: float, depth_m: float) -> np.ndarray:
    x, y = u / pitch_m, v / (0.75 * pitch_m)
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    height = np.zeros_like(u)
    for side in (-1, 1):
        for over in (-1, 0, 1):  # legs are longer than a course and overlap
            du, dv = (x - column) - side * 0.24, (y - row) - over
            # Legs lean outwards towards -v, so that two of them make a V that opens up the image.
            across, along = du + side * 0.22 * dv, dv
            height = np.maximum(height, _arch(np.hypot(across / 0.25, along / 0.85)) * (1 + 0.2 * dv))
    return depth_m * height


def _corduroy(u: np.ndarray, v: np.ndarray, pitch_m: float, depth_m: float) -> np.ndarray:
    x = u / pitch_m
    return depth_m * _arch((x - np.floor(x + 0.5)) / 0.5)


def _knurl(u: np.ndarray, v: np.ndarray, pitch_m: float, depth_m: float) -> np.ndarray:
    def groove(phase):
        return np.minimum(4 * np.abs(phase - np.floor(phase + 0.5)), 1.0)  # V grooves, lands half as wide as the pitch

    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    return depth_m * np.minimum(groove((c * u + s * v) / pitch_m), groove((c * u - s * v) / pitch_m))


def _fingerprint(u: np.ndarray, v: np.ndarray, pitch_m: float, depth_m: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # Ridges are the level lines, one pitch apart, of the distance to a core in bent coordinates.
    core_u, core_v = rng.uniform(-1e-3, 1e-3, 2)
    x, y = u - core_u, v - core_v
    for wave_m in (9e-3, 5e-3):
        turn, phase_x, phase_y = rng.uniform(0, 2 * np.pi, 3)
        a = 2 * np.pi / wave_m * (np.cos(turn) * u + np.sin(turn) * v)
        x, y = x + 0.05 * wave_m * np.sin(a + phase_x), y + 0.05 * wave_m * np.sin(a + phase_y)
    radius = np.hypot(x * 1.25, y * 0.85)
    return depth_m / 2 * (1 + np.cos(2 * np.pi * radius / pitch_m))
