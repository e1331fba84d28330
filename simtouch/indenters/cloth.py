"""Cloth over a backing: a swatch that repeats in two directions in, the lowest z of its face over each cell out.

A swatch is a picture of heights, so a cloth of any size costs two look-ups a cell where a mesh of its threads would have a
million faces. The face of the body lies at

    z = (u^2 + v^2) / 2 Q - h(u, v)                                                        (1)

u along x and v along y of the body, Q the radius of the backing and h >= 0 the swatch. Over a cell the line o + z d, d the gel's
own z seen from the body, meets (1) where z = ((u^2 + v^2) / 2 Q - h(u, v) - o_z) / d_z with (u, v) on the line: a fixed
point that is reached at once when the face looks at the gel, and the only side there is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from simtouch._checks import ArgumentError, as_array, as_number
from simtouch.geometry.gap_map import Grid

_STEEPEST = 0.9  # least cosine between the face and the gel
_CORNERS = (np.s_[0, [0, -1]], np.s_[-1, [0, -1]])
_NEAR_M = 1e-3  # of the cloth's rim: by this the inside of a grid may lie further out than its corners


@dataclass(frozen=True, eq=False, kw_only=True)
class Swatch:
    """One repeat of a cloth."""

    height_m: np.ndarray
    """Height over the backing [m], float32, (R, C), rows along v and columns along u; the last row is followed by the first."""
    pixel_m: tuple[float, float]
    """Distance between columns and between rows [m]."""

    def __post_init__(self):
        object.__setattr__(self, "height_m", as_array("height_m", self.height_m, "R C"))
        for length in self.pixel_m:
            as_number("pixel_m", length, above=0)

    @property
    def size_m(self) -> tuple[float, float]:
        """Extent of the repeat along u and along v [m]."""
        rows, cols = self.height_m.shape
        return cols * self.pixel_m[0], rows * self.pixel_m[1]


@dataclass(frozen=True, eq=False)
class Cloth:
    """A part: a square of cloth on a rounded backing, built when first asked for.

    Args:
        build: Returns the swatch, with no arguments: a `functools.partial` of a module's function, so that it pickles small.
        backing_radius_m: Q of (1) [m].
        half_width_m: Half the side of the square [m].
    """

    build: Callable[[], Swatch]
    backing_radius_m: float
    half_width_m: float

    @cached_property
    def swatch(self) -> Swatch:
        return self.build()

    @cached_property
    def _padded(self) -> np.ndarray:
        """The repeat and the first row and column of the next."""
        return np.pad(self.swatch.height_m, ((0, 1), (0, 1)), mode="wrap")

    def height_m(self, u_m: np.ndarray, v_m: np.ndarray) -> np.ndarray:
        """Height of the cloth [m], float32, at body coordinates of equal shape (h, w)."""
        (rows, cols), (width, length) = self.swatch.height_m.shape, self.swatch.size_m
        across, down = np.multiply(u_m, 1 / width, dtype=np.float32), np.multiply(v_m, 1 / length, dtype=np.float32)
        for place, pixels in ((across, cols), (down, rows)):
            place -= np.floor(place)
            place *= np.float32(pixels)
        return cv2.remap(self._padded, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        turn, place = gel_T_body[:3, :3], gel_T_body[:3, 3]
        du, dv, dz = turn[2]
        if dz < _STEEPEST:
            raise ArgumentError(
                f"`gel_T_indenter` turns a cloth's face away from the gel: its cosine is {dz:.2f}, {_STEEPEST} at least."
            )
        x, y = (grid.x_m - place[0]).astype(np.float32)[None, :], (grid.y_m - place[1]).astype(np.float32)[:, None]
        shift = -place[2] * turn[2]
        u0, v0, z0 = (np.float32(turn[0, k]) * x + np.float32(turn[1, k]) * y + np.float32(shift[k]) for k in range(3))
        curve, slant = np.float32(0.5 / self.backing_radius_m), np.float32(1 / dz)
        # From the plane of the face without its threads, then with them.
        z = -z0 * slant
        u, v = u0 + z * np.float32(du), v0 + z * np.float32(dv)
        rest = (u * u + v * v) * curve - z0
        z = (rest - np.float32(self.swatch.height_m.mean())) * slant
        # A leaning thread of this height is seen this far from where it stands; within half a pixel it need not be asked twice.
        aside = (abs(du) + abs(dv)) * float(self.swatch.height_m.max())
        for _ in range(1 if aside < min(self.swatch.pixel_m) / 2 else 2):
            u, v = u0 + z * np.float32(du), v0 + z * np.float32(dv)
            rest = (u * u + v * v) * curve - z0
            z = (rest - self.height_m(u, v)) * slant
        half = self.half_width_m
        if max(float(np.abs(axis[corners]).max()) for axis in (u, v) for corners in _CORNERS) > half - _NEAR_M:
            z = np.where((np.abs(u) <= half) & (np.abs(v) <= half), z, np.inf)
        np.minimum(out, z.reshape(-1), out=out)

    def support_m(self, direction: np.ndarray) -> float:
        """Of a face as high everywhere as the cloth is at its highest."""
        line = np.linspace(-self.half_width_m, self.half_width_m, 81)
        u, v = np.meshgrid(line, line)
        z = (u * u + v * v) / (2 * self.backing_radius_m) - float(self.swatch.height_m.max())
        return float((direction[0] * u + direction[1] * v + direction[2] * z).max())

    def __getstate__(self) -> dict:
        return {"build": self.build, "backing_radius_m": self.backing_radius_m, "half_width_m": self.half_width_m}
