"""Frozen arrays inside frozen specs: compared and hashed by value, written to JSON as text."""

import base64
import math
import zlib

import numpy as np

from simtouch._checks import ArgumentError

MOST_NUMBERS = 4_000_000
"""More than any sensor needs: an image of 1200 x 1100 in three channels."""


class Numbers:
    """An immutable float32 array."""

    __slots__ = ("array",)

    def __init__(self, values):
        array = np.array(values, np.float32)
        if not np.isfinite(array).all():
            raise ArgumentError("the numbers of a sensor must be finite.")
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    def __setattr__(self, name, value):
        raise AttributeError("Numbers cannot be changed.")

    def __reduce__(self):
        return Numbers, (np.asarray(self.array),)

    def __deepcopy__(self, memo) -> "Numbers":
        return self

    def __eq__(self, other) -> bool:
        return isinstance(other, Numbers) and self.shape == other.shape and self.array.tobytes() == other.array.tobytes()

    def __hash__(self) -> int:
        return hash((self.shape, self.array.tobytes()))

    def __repr__(self) -> str:
        return f"Numbers(shape={self.shape})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def to_plain(self) -> dict:
        """As JSON values: shape, and little-endian float32 bytes, deflated, in base 64."""
        packed = zlib.compress(self.array.astype("<f4").tobytes(), 9)
        return {"shape": list(self.shape), "float32": base64.b64encode(packed).decode("ascii")}

    @classmethod
    def from_plain(cls, value, where: str) -> "Numbers":
        """Inverse of `to_plain`; nothing is unpacked beyond the size that the shape promises."""
        wanted = f"`{where}` must hold a shape and as many float32 numbers"
        if not isinstance(value, dict) or set(value) != {"shape", "float32"}:
            raise ArgumentError(f"{wanted}.")
        shape = value["shape"]
        if not isinstance(shape, list) or not all(isinstance(n, int) and 0 < n <= MOST_NUMBERS for n in shape):
            raise ArgumentError(f"{wanted}; its shape is {shape!r}.")
        count = math.prod(shape)
        if count > MOST_NUMBERS:
            raise ArgumentError(f"{wanted}; {count} are more than the {MOST_NUMBERS} a sensor may have.")
        try:
            unpacked = zlib.decompressobj().decompress(base64.b64decode(value["float32"], validate=True), 4 * count + 1)
        except (TypeError, ValueError, zlib.error) as error:
            raise ArgumentError(f"{wanted}; they cannot be unpacked: {error}.") from error
        if len(unpacked) != 4 * count:
            raise ArgumentError(f"{wanted}; shape {tuple(shape)} wants {4 * count} bytes.")
        return cls(np.frombuffer(unpacked, "<f4").reshape(shape))
