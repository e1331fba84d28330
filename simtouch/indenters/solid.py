"""The one kind of indenter: a rigid body of a few parts; a pose and a grid in, the lowest z of the body over each cell out.

A part is a group of smooth surfaces with a closed form (`quadrics.py`, `torus.py`) or a triangle mesh (`Shell` below).
Parts may overlap: the lowest one is what the gel meets. A body reaches

    h(u) = max over its points p of u . p                                            (1)

along a unit vector u of its own frame, so below its origin by reach_m(R) = h(-R^T e_z) when it is turned by R.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from simtouch._checks import as_array
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.raster import TriangleMesh, rasterise_onto


class Part(Protocol):
    """One piece of a body, in the body's frame."""

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        """Lower the map `out` [m], float32, shape (rows * cols,), to the piece where the piece is lower."""
        ...

    def support_m(self, direction: np.ndarray) -> float:
        """How far the piece reaches from the body's origin along a unit vector [m], equation (1)."""
        ...


@dataclass(frozen=True, eq=False)
class Shell:
    """A part made of triangles, built when first asked for; a copy sent to another process is built there again.

    Args:
        build: Returns the mesh, with no arguments: a `functools.partial` of a module's function, so that it pickles small.
    """

    build: Callable[[], TriangleMesh]

    @cached_property
    def mesh(self) -> TriangleMesh:
        return self.build()

    def lower(self, gel_T_body: np.ndarray, grid: Grid, out: np.ndarray) -> None:
        rasterise_onto(self.mesh, gel_T_body, grid, out)

    def support_m(self, direction: np.ndarray) -> float:
        return self.mesh.support_m(direction)

    def __getstate__(self) -> dict:
        return {"build": self.build}


@dataclass(frozen=True)
class Solid:
    """A rigid body that presses on the gel. Make one with the functions of `simtouch.indenters`.

    Args:
        name: Its name in the catalogue, or its file.
        parameters: Sizes and choices that describe it, as plain numbers and words, for manifests.
        parts: What it is made of.
    """

    name: str
    parameters: dict = field(hash=False)
    parts: tuple[Part, ...] = field(compare=False, repr=False)

    def underside_m(self, gel_T_indenter: np.ndarray, grid: Grid) -> np.ndarray:
        """Lowest z of the body over each cell centre [m], float32, shape (rows, cols); +inf where there is no body.

        Args:
            gel_T_indenter: Pose of the body in the gel frame, shape (4, 4).
            grid: Cells to look from.
        """
        gel_T_indenter = as_array("gel_T_indenter", gel_T_indenter, "4 4", np.float64)
        out = np.full(grid.rows * grid.cols, np.inf, np.float32)
        for part in self.parts:
            part.lower(gel_T_indenter, grid, out)
        return out.reshape(grid.shape)

    def reach_m(self, rotation=None) -> float:
        """How far the lowest point lies below the origin [m] when turned by `rotation`, shape (3, 3).

        At the height z = reach_m - indent_depth_m the body is pressed into a flat gel by exactly indent_depth_m.
        """
        rotation = np.eye(3) if rotation is None else as_array("rotation", rotation, "3 3", np.float64)
        return self._support_m(-rotation[2])

    @cached_property
    def bounds_m(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners (low, high) of the bounding box in the body's own frame [m], each of shape (3,)."""
        axes = np.eye(3)
        return np.array([-self._support_m(-a) for a in axes]), np.array([self._support_m(a) for a in axes])

    def _support_m(self, direction: np.ndarray) -> float:
        return max(part.support_m(direction) for part in self.parts)

    def __getstate__(self) -> dict:
        return {"name": self.name, "parameters": self.parameters, "parts": self.parts}
