"""Maps of one frame as bytes: an array in SI units in, packed bytes out, and back.

A float map is stored as f16 in the unit of its column (kPa, um), in five steps that `decode` undoes:

    x -> round(x scale / step) step -> f16 -> differences along x of the 16-bit patterns -> byte shuffle -> zstd     (1)

Differences and shuffle lose nothing; they make smooth maps small. `step` (2^-6 um = 16 nm; none for tractions) drops
what is below any camera, where f16 would still spend all its bits. Rounding to f16 moves a value by at most 2^-11 of itself, so

    |sum(stored) - sum(x)| <= 2^-11 sum|x| + 2^-25 kPa per cell                                                     (2)

which is half of what a sum may be off by, for any sign pattern, with no correction of the sum.
A mask is stored as packed bits, row by row, in zstd.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from simtouch._checks import ArgumentError, ShapeError, SimtouchError

_ZSTD = pa.Codec("zstd", compression_level=1)
_F16_MAX = float(np.finfo(np.float16).max)


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
    step: float = 0.0
    """Resolution in the stored unit; 0 = that of f16."""

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
            "coding": "channels first; uint16 differences along x; byte shuffle; zstd",
        }

    def encode(self, array: np.ndarray, shape: tuple[int, ...]) -> bytes:
        """Return one map as bytes; raise if it has another shape or does not fit f16."""
        _check_shape(self.attribute, array, shape)
        stored = np.multiply(array, np.float32(self.scale), dtype=np.float32)
        if not np.abs(stored).max(initial=0) <= _F16_MAX:
            raise ArgumentError(
                f"`{self.attribute}` must be finite and within ±{_F16_MAX:g} {self.unit} to be stored; "
                f"got up to {np.abs(stored).max():g} {self.unit}."
            )
        if self.step:
            stored *= np.float32(1 / self.step)
            np.rint(stored, out=stored)
            stored *= np.float32(self.step)
        stored += np.float32(0)  # -0 becomes 0, which packs better
        bits = _channels_first(stored, self.channels).astype(np.float16, order="C").view(np.uint16)
        change = bits.copy()
        change[..., 1:] -= bits[..., :-1]
        return _ZSTD.compress(_shuffle(change), asbytes=True)

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the map in SI units, float32."""
        rows, cols, channels = *shape[:2], self.channels or 1
        raw = _decompress(data, 2 * rows * cols * channels, self.column)
        change = _unshuffle(raw).reshape(channels, rows, cols)
        stored = np.cumsum(change, axis=-1, dtype=np.uint16).view(np.float16).astype(np.float32)
        stored *= np.float32(1 / self.scale)
        return stored[0] if self.channels is None else np.ascontiguousarray(np.moveaxis(stored, 0, -1))


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

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the mask, bool."""
        count = math.prod(shape)
        packed = _decompress(data, (count + 7) // 8, self.column)
        return np.unpackbits(packed, count=count).view(np.bool_).reshape(shape)


_LENGTH = {"unit": "um", "scale": 1e6, "step": 2.0**-6}
_TRACTION = {"unit": "kPa", "scale": 1e-3}

MAPS: dict[str, FloatMap | MaskMap] = {
    m.attribute: m
    for m in (
        FloatMap(column="height_um", attribute="height_m", grid="image", channels=None, **_LENGTH),
        FloatMap(column="displacement_um", attribute="displacement_m", grid="gel", channels=3, **_LENGTH),
        FloatMap(column="normal_traction_kpa", attribute="normal_traction_pa", grid="gel", channels=None, **_TRACTION),
        FloatMap(column="shear_traction_kpa", attribute="shear_traction_pa", grid="gel", channels=2, **_TRACTION),
        MaskMap(column="contact_mask", attribute="contact_mask"),
        MaskMap(column="stick_mask", attribute="stick_mask"),
    )
}
"""Every map that is stored, by its name in `TactileFrame`."""


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise ShapeError(f"`{name}` must have shape {shape} in every frame of a stream; got {np.shape(array)}.")


def _channels_first(array: np.ndarray, channels: int | None) -> np.ndarray:
    return array[None] if channels is None else np.moveaxis(array, -1, 0)


def _shuffle(values: np.ndarray) -> np.ndarray:
    """All low bytes, then all high bytes."""
    values = values.reshape(-1)
    parts = np.empty((2, values.size), np.uint8)
    np.copyto(parts[0], values, casting="unsafe")
    np.copyto(parts[1], values >> 8, casting="unsafe")
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
