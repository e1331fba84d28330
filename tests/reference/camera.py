"""NumPy twin of `simtouch.optics.camera`."""

import numpy as np


def blur(planes: np.ndarray, half_taps: np.ndarray) -> np.ndarray:
    """Rows and columns of taps over (3, H, W), rims repeated."""
    taps = np.concatenate([half_taps[:0:-1], half_taps])
    radius = len(half_taps) - 1
    for axis in (1, 2):
        pad = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        wide = np.pad(planes, pad, mode="edge")
        size = planes.shape[axis]
        planes = sum(t * np.take(wide, range(k, k + size), axis=axis) for k, t in enumerate(taps))
    return planes


def hash32(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def noise(shape: tuple[int, int], key: int, a: float, b: float) -> np.ndarray:
    """Noise of unit strength, shape (H, W, 3)."""
    H, W = shape
    row_key = hash32(hash32(np.arange(H, dtype=np.uint32) ^ np.uint32(key)) + np.uint32(key))
    bits = hash32(row_key[:, None] + np.arange(W, dtype=np.uint32))
    channels = []
    for factor in (1, 0x9E3779B1, 0x85EBCA77):
        word = bits * np.uint32(factor)
        word = word if factor == 1 else word ^ (word >> np.uint32(15))
        channels.append(sum((word >> np.uint32(8 * k)) & np.uint32(255) for k in range(4)).astype(float) - 510)
    z = np.stack(channels, axis=-1)
    return a * z + b * z**3


def as_bytes(level: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(level + 0.5, 0, 255)).astype(np.uint8)
