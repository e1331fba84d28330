"""How images lie in memory between kernels: rows of float32, padded so that no tap and no tile needs a test.

Kernels work on tiles of a row: they compute a tile into a local vector, then copy it out. Taichi reads the address of an array
anew after every store into one, and that keeps the compiler from using vector instructions; a local vector does not. `PAD` and every
stride are multiples of 8, as is `TILE`, so tiles never straddle a row.
"""

from dataclasses import dataclass

import numpy as np

from simtouch._taichi import ti

PAD = 8
TILE = 32
"""Columns a kernel computes at once."""

Tile = ti.types.vector(TILE, ti.f32)


@ti.func
def store_tile(values: ti.template(), eighth, out: ti.template()):
    """Copy a local tile into an array, from index 8 `eighth` on."""
    for q in ti.static(range(TILE // 8)):
        for c in ti.static(range(8)):
            out[(eighth + q) * 8 + c] = values[8 * q + c]


@ti.func
def positive(x):
    """max(0, x) for a number. By comparison: `ti.max` must also get NaN right, and takes three instructions for it."""
    return ti.select(x > 0.0, x, 0.0)


@ti.func
def within(x, top):
    """x held to 0..top, as `positive` does it."""
    low = positive(x)
    return ti.select(low < top, low, top)


@dataclass(frozen=True)
class Planes:
    """Layout of planes of H rows: `PAD` columns, the W columns of the image filled up to whole tiles, `PAD` more."""

    rows: int
    cols: int

    @property
    def stride(self) -> int:
        """Floats from one row to the next."""
        return -(-self.cols // TILE) * TILE + 2 * PAD

    def new(self, count: int) -> np.ndarray:
        """Planes of zeros, float32, shape (count, H, stride)."""
        return np.zeros((count, self.rows, self.stride), np.float32)

    def inner(self, planes: np.ndarray) -> np.ndarray:
        """View of the image part, shape (..., H, W)."""
        return planes[..., PAD : PAD + self.cols]

    def extend(self, planes: np.ndarray) -> None:
        """Repeat the first and last column into the padding."""
        last = PAD + self.cols
        planes[..., :PAD] = planes[..., PAD : PAD + 1]
        planes[..., last:] = planes[..., last - 1 : last]

    def extend_linearly(self, planes: np.ndarray) -> None:
        """Go on with the slope at the rim in the columns next to the image, and level from there to the end of the last tile."""
        last = PAD + self.cols
        if self.cols % TILE:
            planes[..., last:] = planes[..., last - 1 : last]
        planes[..., PAD - 1] = planes[..., PAD] + (planes[..., PAD] - planes[..., PAD + 1])
        planes[..., last] = planes[..., last - 1] + (planes[..., last - 1] - planes[..., last - 2])

    def padded(self, maps: np.ndarray) -> np.ndarray:
        """Copy maps, shape (..., H, W), into new planes with repeated rims, shape (count, H, stride)."""
        maps = np.asarray(maps, np.float32).reshape(-1, self.rows, self.cols)
        planes = self.new(len(maps))
        self.inner(planes)[:] = maps
        self.extend(planes)
        return planes
