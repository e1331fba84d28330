"""A plate whose rim is felt: a contour in, an indenter out, in closed form of the distance to the contour.

The plate's face is hollow by an angle a, so that it bears along its rim; the rim is rounded by a radius r. Over a cell d inside the contour
the face lies

    z(d) = r - sqrt(r^2 - (d - r)^2)                       0 <= d <= r (1 + sin a)                                   (1)
    z(d) = r (1 - cos a) + (d - r (1 + sin a)) tan a       d beyond, to `HOLLOW_M`                                  (2)

above the rim's crest, which is z = 0; there is nothing outside, d < 0. d is tabulated every 0.1 mm and read bilinearly: with bends of 6 mm
and more it is true to h^2 / 8 / 6 mm = 0.2 um on the rim.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import cv2
import numpy as np

from simtouch._checks import ArgumentError, as_array
from simtouch.geometry.gap_map import Grid
from simtouch_envs.edge_follow.contour import Contour
from simtouch_envs.edge_follow.shapes import Shape

HOLLOW_M = 4e-3
"""How far inside the face stops to sink."""
_PITCH_M = 0.1e-3
_OUTSIDE_M = 0.3e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Plate:
    """A plate, lying flat: it looks at the gel along -z of its own frame, and the rim's crest is at z = 0."""

    name: str
    contour: Contour = field(repr=False)
    rim_radius_m: float = 0.5e-3
    hollow_rad: float = 0.12

    @cached_property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """How far inside places lie, within [-0.3, 4] mm, float32, (R, C); and the first of them (x, y) [m]."""
        contour = self.contour.points_m
        low = np.floor((contour.min(0) - 2 * _OUTSIDE_M) / _PITCH_M) * _PITCH_M
        cols, rows = np.ceil((contour.max(0) + 2 * _OUTSIDE_M - low) / _PITCH_M).astype(int) + 1
        drawn = [np.round((contour - low) / _PITCH_M).astype(np.int32)]
        # Exact near the edge; far from it only the side counts, and that is drawn.
        filled, near = np.zeros((2, rows, cols), np.uint8)
        cv2.fillPoly(filled, drawn, 1)
        cv2.polylines(near, drawn, True, 1, 2 * round(HOLLOW_M / _PITCH_M) + 4)
        cv2.polylines(filled, drawn, True, 1, 2 * round(_OUTSIDE_M / _PITCH_M) + 4)
        table = np.where(filled, HOLLOW_M, -_OUTSIDE_M).astype(np.float32)
        i, j = np.nonzero(near & filled)
        table[i, j] = np.clip(self.contour.inside_m(low + _PITCH_M * np.stack([j, i], axis=1)), -_OUTSIDE_M, HOLLOW_M)
        return table, low

    def inside_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """The table read at places in the plate's frame, float32, of their shape."""
        table, low = self.table
        rows, cols = table.shape
        x = np.clip((x_m - low[0]) / _PITCH_M, 0, cols - 1.001, dtype=np.float32)
        y = np.clip((y_m - low[1]) / _PITCH_M, 0, rows - 1.001, dtype=np.float32)
        j, i = x.astype(np.int32), y.astype(np.int32)
        x -= j
        y -= i
        first = i * cols + j
        a, b, c, d = (table.ravel().take(first + step) for step in (0, 1, cols, cols + 1))
        upper, lower = a + (b - a) * x, c + (d - c) * x
        return upper + (lower - upper) * y

    def underside_m(self, gel_T_indenter: np.ndarray, grid: Grid) -> np.ndarray:
        """Lowest z of the plate over each cell centre [m], float32, shape (rows, cols); +inf where there is none.

        Args:
            gel_T_indenter: Pose of the plate in the gel frame, shape (4, 4); turned about z only.
            grid: Cells to look from.
        """
        gel_T_indenter = as_array("gel_T_indenter", gel_T_indenter, "4 4", np.float64)
        turn, place = gel_T_indenter[:3, :3], gel_T_indenter[:3, 3]
        if turn[2, 2] < 1 - 1e-9:
            raise ArgumentError("`gel_T_indenter` must turn the plate about z only: it lies flat on the gel.")
        x, y = (grid.x_m - place[0]).astype(np.float32), (grid.y_m - place[1]).astype(np.float32)[:, None]
        (xx, xy), (yx, yy) = turn[:2, :2].astype(np.float32)
        return self.face_m(self.inside_m(xx * x + yx * y, xy * x + yy * y)) + np.float32(place[2])

    def face_m(self, inside_m: np.ndarray) -> np.ndarray:
        """Height of the face above the crest by (1) and (2), so far inside; +inf outside."""
        r, slope = np.float32(self.rim_radius_m), np.float32(np.tan(self.hollow_rad))
        begins = r * np.float32(1 + np.sin(self.hollow_rad))
        rim = r - np.sqrt(np.maximum(r * r - np.square(np.minimum(inside_m, begins) - r), 0))
        return np.where(inside_m >= 0, rim + slope * np.maximum(inside_m - begins, 0), np.float32(np.inf))


@lru_cache(maxsize=64)
def plate_of(shape: Shape) -> Plate:
    """The plate of a numbered shape, kept with its table."""
    return Plate(name=shape.name, contour=shape.contour)
