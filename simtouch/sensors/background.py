"""The resting picture of a sensor as numbers: a smooth part of few cosines, or the measured picture of one unit.

    B_c(x, y) = sum_ij a_cij cos(pi i (y + 1) / 2) cos(pi j (x + 1) / 2)      [grey levels, RGB]                (1)

x and y run from -1 to 1 over the columns and rows of the image, whatever its resolution (`colour_table.py`).
"""

from dataclasses import dataclass

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.sensors.numbers import Numbers


@dataclass(frozen=True, kw_only=True)
class Background:
    """Equation (1), or the picture itself."""

    cosines: Numbers | None = None
    """a of (1), float32, (3, I, J)."""
    picture: Numbers | None = None
    """This unit at rest [grey levels], float32, (H, W, 3) RGB; goes before `cosines`."""

    def __post_init__(self):
        if self.cosines is None and self.picture is None:
            raise ArgumentError("a background needs `cosines` or a `picture`.")
        if self.cosines is not None and (len(self.cosines.shape) != 3 or self.cosines.shape[0] != 3):
            raise ArgumentError(f"`cosines` must have shape (3, I, J); got {self.cosines.shape}.")
        if self.picture is not None and (len(self.picture.shape) != 3 or self.picture.shape[2] != 3):
            raise ArgumentError(f"`picture` must have shape (H, W, 3); got {self.picture.shape}.")

    def levels(self, shape: tuple[int, int]) -> np.ndarray:
        """The resting picture [grey levels], float32, (H, W, 3); a measured picture must have this shape already."""
        if self.picture is not None:
            if self.picture.shape[:2] != tuple(shape):
                raise ArgumentError(
                    f"the background picture has shape {self.picture.shape[:2]}, the sensor's image {tuple(shape)}."
                )
            return self.picture.array
        along = [
            np.cos(np.pi * np.arange(n)[None] * ((np.arange(size) + 0.5) / size)[:, None])
            for n, size in zip(self.cosines.shape[1:], shape, strict=True)
        ]
        rows = np.einsum("hi,cij->hjc", along[0], self.cosines.array)  # one axis after the other: a hundredth of the products
        return np.ascontiguousarray(np.einsum("hjc,wj->hwc", rows, along[1]), np.float32)
