"""Maps of one frame as bytes: an array in SI units in, packed bytes out, and back.

A float map is stored as f16 in the unit of its column (kPa, um), in five steps that `decode` undoes:

    x -> f16(x scale / (2^24 step)) -> int16 -> differences along y, then x -> + 128, byte shuffle -> zstd            (1)

f16 has 11 bits, and below 2^-14 the fixed spacing 2^-24, which the division makes `step`: 2^-6 um = 16 nm, below any
camera, where f16 in um would still spend all its bits; for tractions f16's own. The int16 is the bit pattern of |f16|, with
the sign of f16: it grows with x, in proportion near zero, so a smooth map has small differences (modulo 2^16, each channel
below the one before, each row right of the row before); + 128 leaves their high byte 0. All this loses nothing but the f16.
Rounding to f16 moves a value by at most 2^-11 of itself, or half a step, so

    |sum(stored) - sum(x)| <= 2^-11 sum|x| + 2^-25 kPa per cell                                                     (2)

which is half of what a sum may be off by, for any sign pattern, with no correction of the sum.
A mask is stored as packed bits, row by row, in zstd.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import pyarrow as pa

from simtouch._checks import ArgumentError, ShapeError, SimtouchError

_ZSTD = pa.Codec("zstd", compression_level=1)
_INFINITE = 0x7C00  # f16: the bits of infinity; NaNs are above
_F16_MAX = float(np.finfo(np.float16).max)
_F16_STEP = 2.0**-24
_MIDDLE = np.uint16(128)
_TOGETHER = 1 << 17  # values that are worked on at once: they stay in a core's cache


@dataclass(frozen=True, kw_only=True)
class FloatMap:
    """A column of float maps."""

    column: str
    attribute: str
    """Name in `TactileFrame`."""
    grid: Literal["image", "gel"]
    channels: int | None
    """Length of the last axis; None where there is none."""
    unit: str
    scale: float
    """Stored value = SI value x scale."""
    step: float
    """Spacing of small values in the stored unit; large ones have 11 bits."""

    def shape(self, image_shape: tuple[int, int], gel_shape: tuple[int, int]) -> tuple[int, ...]:
        """Shape of the array of one frame."""
        rows, cols = image_shape if self.grid == "image" else gel_shape
        return (rows, cols) if self.channels is None else (rows, cols, self.channels)

    def metadata(self, shape: tuple[int, ...]) -> dict[str, str]:
        """What a reader without this code needs to know."""
        return {
            "name": self.attribute,
            "shape": " ".join(map(str, shape)),
            "dtype": "float16",
            "unit": self.unit,
            "scale": f"{self.scale:g}",
            "step": f"{self.step!r}",
            "coding": "f16 of value / (step 2^24) as int16, the bits of its magnitude with its sign; channels first; "
            "differences along y, then x, of uint16; + 128; byte shuffle; zstd",
        }

    def encode(self, array: np.ndarray, shape: tuple[int, ...]) -> bytes:
        """Return one map as bytes; raise if it has another shape or does not fit f16."""
        return self.encode_all([array], shape)[0]

    def encode_all(self, arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> list[bytes]:
        """Return several maps as bytes, each as `encode` does; small ones are worked on together, which saves half of the time."""
        for array in arrays:
            _check_shape(self.attribute, array, shape)
        filled = [bool(array[array.shape[0] // 2].any() or array.any()) for array in arrays]  # most have something in the middle
        some = [array for array, holds in zip(arrays, filled, strict=True) if holds]
        together, packed = max(1, _TOGETHER // math.prod(shape)), []
        for first in range(0, len(some), together):
            few = some[first : first + together]
            packed += self._packed(few[0][None] if len(few) == 1 else np.stack(few), shape)
        rest, empty = iter(packed), self._empty(shape)
        return [next(rest) if holds else empty for holds in filled]

    def _packed(self, arrays: np.ndarray, shape: tuple[int, ...]) -> list[bytes]:
        """(1) on maps of shape (n, *shape)."""
        code = _f16_bits(arrays, self.scale * _F16_STEP / self.step).reshape(arrays.shape)
        sign = code >> 15  # 0 or -1
        code &= 0x7FFF
        if code.max(initial=0) >= _INFINITE:
            raise ArgumentError(self._too_large(arrays))
        code ^= sign
        code -= sign
        if self.channels is not None:
            code = np.ascontiguousarray(np.moveaxis(code, -1, 1))
        along_y = code.reshape(len(arrays), -1, shape[1]).view(np.uint16)
        along_y[:, 1:] -= along_y[:, :-1].copy()
        along_y = along_y.reshape(len(arrays), -1)
        change = along_y + _MIDDLE
        change[:, 1:] -= along_y[:, :-1]
        return [_ZSTD.compress(planes, asbytes=True) for planes in _shuffle(change)]

    @lru_cache(maxsize=8)  # noqa: B019 - maps are constants of this module
    def _empty(self, shape: tuple[int, ...]) -> bytes:
        """A map of zeros."""
        return self._packed(np.zeros((1, *shape), np.float32), shape)[0]

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the map in SI units, float32."""
        rows, cols, channels = *shape[:2], self.channels or 1
        change = _unshuffle(_decompress(data, 2 * rows * cols * channels, self.column))
        change -= _MIDDLE
        along_y = np.cumsum(change, dtype=np.uint16).reshape(-1, cols)
        code = np.cumsum(along_y, axis=0, dtype=np.uint16)
        values = np.take(_values(self.step / _F16_STEP / self.scale), code, mode="clip").reshape(channels, rows, cols)
        return values[0] if self.channels is None else np.ascontiguousarray(np.moveaxis(values, 0, -1))

    def _too_large(self, array: np.ndarray) -> str:
        limit, found = _F16_MAX * self.step / _F16_STEP, np.abs(array).max() * self.scale
        return (
            f"`{self.attribute}` must be finite and within ±{limit:g} {self.unit} to be stored; got up to {found:g} {self.unit}."
        )


@dataclass(frozen=True, kw_only=True)
class MaskMap:
    """A column of masks on the gel grid."""

    column: str
    attribute: str

    def shape(self, image_shape: tuple[int, int], gel_shape: tuple[int, int]) -> tuple[int, ...]:
        """Shape of the array of one frame."""
        return gel_shape

    def metadata(self, shape: tuple[int, ...]) -> dict[str, str]:
        """What a reader without this code needs to know."""
        return {"name": self.attribute, "shape": " ".join(map(str, shape)), "dtype": "bool", "coding": "packed bits; zstd"}

    def encode(self, array: np.ndarray, shape: tuple[int, ...]) -> bytes:
        """Return one mask as bytes."""
        _check_shape(self.attribute, array, shape)
        if array.dtype != np.bool_:
            raise ArgumentError(f"`{self.attribute}` must be bool; got {array.dtype}.")
        return _ZSTD.compress(np.packbits(array), asbytes=True)

    def encode_all(self, arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> list[bytes]:
        """Return several masks as bytes."""
        return [self.encode(array, shape) for array in arrays]

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the mask, bool."""
        count = math.prod(shape)
        packed = _decompress(data, (count + 7) // 8, self.column)
        return np.unpackbits(packed, count=count).view(np.bool_).reshape(shape)


_LENGTH = {"unit": "um", "scale": 1e6, "step": 2.0**-6}
_SPEED = {"unit": "mm/s", "scale": 1e3, "step": 2.0**-16}
_TRACTION = {"unit": "kPa", "scale": 1e-3, "step": _F16_STEP}

MAPS: dict[str, FloatMap | MaskMap] = {
    m.attribute: m
    for m in (
        FloatMap(column="height_um", attribute="height_m", grid="image", channels=None, **_LENGTH),
        FloatMap(column="displacement_um", attribute="displacement_m", grid="gel", channels=3, **_LENGTH),
        FloatMap(column="normal_traction_kpa", attribute="normal_traction_pa", grid="gel", channels=None, **_TRACTION),
        FloatMap(column="shear_traction_kpa", attribute="shear_traction_pa", grid="gel", channels=2, **_TRACTION),
        FloatMap(column="slip_um", attribute="slip_m", grid="gel", channels=2, **_LENGTH),
        FloatMap(column="slip_rate_mm_s", attribute="slip_rate_m_s", grid="gel", channels=2, **_SPEED),
        MaskMap(column="contact_mask", attribute="contact_mask"),
        MaskMap(column="stick_mask", attribute="stick_mask"),
    )
}
"""Every map that is stored, by its name in `TactileFrame`."""


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise ShapeError(f"`{name}` must have shape {shape} in every frame of a stream; got {np.shape(array)}.")


def _f16_bits(array: np.ndarray, factor: float) -> np.ndarray:
    """Bits of f16(array x factor), int16, (n, m) for (n, m, ...). OpenCV converts eight times as fast as NumPy."""
    x = np.ascontiguousarray(array, np.float32).reshape(len(array), -1)
    if hasattr(cv2, "convertFp16"):  # OpenCV 4
        return cv2.convertFp16(x * np.float32(factor))
    return cv2.addWeighted(x, factor, x, 0, 0, dtype=cv2.CV_16F).view(np.int16)


@lru_cache(maxsize=8)
def _values(factor: float) -> np.ndarray:
    """What each int16 of (1) stands for, float32, (65536,), by its bits; NaN where it stands for nothing."""
    magnitude = np.arange(_INFINITE, dtype=np.uint16).view(np.float16) * np.float64(factor)
    values = np.full(1 << 16, np.nan, np.float32)
    values[: len(magnitude)] = magnitude
    values[-1 : -len(magnitude) : -1] = -magnitude[1:]
    return values


def _shuffle(values: np.ndarray) -> np.ndarray:
    """All low bytes, then all high bytes, for each of n rows: (n, m) to (n, 2, m)."""
    parts = np.empty((len(values), 2, values.shape[1]), np.uint8)
    np.copyto(parts[:, 0], values, casting="unsafe")
    np.copyto(parts[:, 1], values >> 8, casting="unsafe")
    return parts


def _unshuffle(raw: np.ndarray) -> np.ndarray:
    low, high = raw.reshape(2, -1)
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    return values


def _decompress(data: bytes, size: int, column: str) -> np.ndarray:
    """Exactly `size` bytes, or an error: nothing beyond `size` is ever allocated."""
    try:
        return np.frombuffer(_ZSTD.decompress(data, decompressed_size=size), np.uint8)
    except (OSError, ValueError) as error:
        raise SimtouchError(f"column `{column}` holds a map that does not unpack to {size} bytes ({error}).") from error
