"""A grid on the gel and what an indenter looks like from it: a shape and a pose in, one height per cell out."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Cell centres on the plane z = 0 of the gel frame, centred on its origin; row i runs along y, column j along x."""

    rows: int
    cols: int
    spacing_m: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.cols

    @cached_property
    def x_m(self) -> np.ndarray:
        """Column coordinates [m], shape (cols,)."""
        return (np.arange(self.cols) - (self.cols - 1) / 2) * self.spacing_m

    @cached_property
    def y_m(self) -> np.ndarray:
        """Row coordinates [m], shape (rows,)."""
        return (np.arange(self.rows) - (self.rows - 1) / 2) * self.spacing_m


class Indenter(Protocol):
    """Whatever presses on the gel: a rigid body that can say how low it reaches above each cell."""

    name: str

    def underside_m(self, gel_T_indenter: np.ndarray, grid: Grid) -> np.ndarray:
        """Lowest z of the body over each cell centre [m], float32, shape (rows, cols); +inf where there is no body.

        Args:
            gel_T_indenter: Pose of the body in the gel frame, shape (4, 4).
            grid: Cells to look from.
        """
        ...


def gap_map(indenter: Indenter, gel_T_indenter: np.ndarray, grid: Grid, rest_m: np.ndarray | float = 0.0) -> np.ndarray:
    """Distance from the resting gel to the indenter [m], shape (rows, cols); negative where they would overlap."""
    return indenter.underside_m(gel_T_indenter, grid) - rest_m
