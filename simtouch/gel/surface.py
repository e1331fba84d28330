"""What a gel model hands on: tractions on the surface and how it moved; and what follows from these by sums alone.

Everything here is SI, on the gel grid (h, w), in the gel frame. A model advances B contacts at once, each for itself.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from simtouch.geometry.gap_map import Grid
from simtouch.sensors.spec import SensorSpec

AWAY_M = -1.0
"""Overlap where there is no indenter above a cell; any large negative length does."""


@dataclass(frozen=True, eq=False, kw_only=True)
class GelSurface:
    """One state of the surfaces of B contacts; of one, without the axis B, from `at`."""

    normal_traction_pa: np.ndarray
    """-z component of the traction on the gel, >= 0, float32, (B, h, w)."""
    shear_traction_pa: np.ndarray
    """(x, y) components, float32, (B, h, w, 2)."""
    displacement_m: np.ndarray
    """(x, y, z) motion of the surface, float32, (B, h, w, 3)."""
    slides: np.ndarray
    """Touched and sliding, bool, (B, h, w)."""
    slip_m: np.ndarray
    """In-plane motion of the indenter over the gel since the state before, 0 where it does not slide, float32, (B, h, w, 2)."""
    follows_indenter: bool = True
    """Whether the touched surface takes the indenter's shape between the cells too; a blurred map does not."""

    @cached_property
    def contact_mask(self) -> np.ndarray:
        """Touched cells, bool, (B, h, w)."""
        return self.normal_traction_pa > 0

    @cached_property
    def where(self) -> tuple[slice, slice]:
        """`rectangle_around` the touched cells of one contact."""
        return rectangle_around(self.contact_mask)

    def at(self, index: int) -> "GelSurface":
        """The surface of one contact."""
        names = ("normal_traction_pa", "shear_traction_pa", "displacement_m", "slides", "slip_m")
        return replace(self, **{name: getattr(self, name)[index] for name in names})


class GelModel(Protocol):
    """Mechanics of the gel pads of B contacts on one type of sensor; it remembers friction between calls."""

    def __init__(self, spec: SensorSpec, *, batch: int = 1): ...

    def reset(self) -> None:
        """Forget all contact."""
        ...

    def save(self) -> Any:
        """All that is remembered, to be given to `restore`; later calls do not change it."""
        ...

    def restore(self, saved: Any) -> None:
        """Be again as at `save`."""
        ...

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray, dt_s: float) -> GelSurface:
        """Move on to the next state.

        Args:
            overlap_m: How deep the indenter would lie below the resting surface [m], (B, h, w); negative where it is away.
            motion_m: In-plane motion of the indenter's surface over each cell since the last call [m], (B, h, w, 2).
            dt_s: Time since the last call [s]; read by materials and friction that know of time.
        """
        ...

    def normal_force_n(self, overlap_m: np.ndarray, dt_s: float) -> np.ndarray:
        """Normal force that `step` would give for this overlap [N], (B,); changes nothing."""
        ...

    def lowering_m(self, overlap_m: np.ndarray, normal_force_n: np.ndarray, dt_s: float) -> np.ndarray:
        """How far down each indenter presses with a force >= 0 [N], (B,), at the next `step`: [m], (B,).

        NaN where the model cannot tell at once, or without a force; a search by `normal_force_n` then finds it. Changes nothing but what
        the next step costs.
        """
        ...

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """Normal force of the overlap (h, w) on a gel that nothing has touched before [N]; changes nothing."""
        ...


def wrench(surface: GelSurface, grid: Grid, rest_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Force [N] and torque about the origin [N m] on the gel, float64, (3,) each: sums of the tractions over the cells.

    Args:
        surface: State of the gel.
        grid: Cells of the gel.
        rest_m: Resting height of the surface [m], (h, w).
    """
    rows, cols = where = surface.where
    x, y = grid.x_m[cols], grid.y_m[rows]
    z = np.broadcast_to(rest_m, grid.shape)[where] + surface.displacement_m[*where, 2]
    f = np.empty((3, *z.shape))
    f[0], f[1] = (surface.shear_traction_pa[*where, axis] for axis in (0, 1))
    np.negative(surface.normal_traction_pa[where], out=f[2])
    of_rows, of_cols = f.sum(2), f.sum(1)
    torque = (
        (y * of_rows[2]).sum() - (z * f[1]).sum(),
        (z * f[0]).sum() - (x * of_cols[2]).sum(),
        (x * of_cols[1]).sum() - (y * of_rows[0]).sum(),
    )
    area = grid.spacing_m**2
    return area * of_rows.sum(1), area * np.array(torque)


def centre_of_pressure(surface: GelSurface, grid: Grid) -> np.ndarray:
    """Where (x, y) the normal force acts [m], float64, (2,); the origin without contact."""
    rows, cols = where = surface.where
    p = surface.normal_traction_pa[where]
    of_rows, of_cols = p.sum(1, dtype=np.float64), p.sum(0, dtype=np.float64)
    total = of_rows.sum()
    return np.array([(of_cols * grid.x_m[cols]).sum(), (of_rows * grid.y_m[rows]).sum()]) / total if total > 0 else np.zeros(2)


def torsion(force_n: np.ndarray, torque_nm: np.ndarray, centre_m: np.ndarray) -> float:
    """Torque about z through the centre of pressure [N m]: the part that twists the gel and that no shear force explains."""
    return float(torque_nm[2] - (centre_m[0] * force_n[1] - centre_m[1] * force_n[0]))


def rectangle_around(contact: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest rectangle that holds the touched cells, bool, (h, w); no shear acts on the others."""
    rows = np.flatnonzero(contact.any(1))
    if not rows.size:
        return slice(0), slice(0)
    cols = np.flatnonzero(contact[rows[0] : rows[-1] + 1].any(0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
