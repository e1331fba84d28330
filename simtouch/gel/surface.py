"""What a gel model hands on: tractions on the surface and how it moved; and what follows from these by sums alone.

Everything here is SI, on the gel grid (h, w), in the gel frame.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simtouch.geometry.gap_map import Grid


@dataclass(frozen=True, eq=False, kw_only=True)
class GelSurface:
    """One state of the surface."""

    normal_traction_pa: np.ndarray
    """-z component of the traction on the gel, >= 0, float32, (h, w)."""
    shear_traction_pa: np.ndarray
    """(x, y) components, float32, (h, w, 2)."""
    displacement_m: np.ndarray
    """(x, y, z) motion of the surface, float32, (h, w, 3)."""
    slides: np.ndarray
    """Touched and sliding, bool, (h, w)."""
    follows_indenter: bool = True
    """Whether the touched surface takes the indenter's shape between the cells too; a blurred map does not."""

    @property
    def contact_mask(self) -> np.ndarray:
        """Touched cells, bool, (h, w)."""
        return self.normal_traction_pa > 0


class GelModel(Protocol):
    """Mechanics of a gel pad; it remembers friction between calls."""

    def reset(self) -> None:
        """Forget all contact."""
        ...

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray) -> GelSurface:
        """Move on to the next state.

        Args:
            overlap_m: How deep the indenter would lie below the resting surface [m], (h, w); negative where it is away.
            motion_m: In-plane motion of the indenter's surface over each cell since the last call [m], (h, w, 2).
        """
        ...

    def normal_force_n(self, overlap_m: np.ndarray) -> float:
        """Normal force that `step` would give for this overlap [N]; changes nothing."""
        ...

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """Normal force of this overlap on a gel that nothing has touched before [N]; changes nothing."""
        ...


def wrench(surface: GelSurface, grid: Grid, rest_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Force [N] and torque about the origin [N m] on the gel, float64, (3,) each: sums of the tractions over the cells.

    Args:
        surface: State of the gel.
        grid: Cells of the gel.
        rest_m: Resting height of the surface [m], (h, w).
    """
    area = grid.spacing_m**2
    f_x, f_y = (np.float64(area) * surface.shear_traction_pa[..., axis] for axis in (0, 1))
    f_z = -np.float64(area) * surface.normal_traction_pa
    x, y = grid.x_m[None, :], grid.y_m[:, None]
    z = rest_m + surface.displacement_m[..., 2]
    torque = (y * f_z - z * f_y, z * f_x - x * f_z, x * f_y - y * f_x)
    return np.array([f_x.sum(), f_y.sum(), f_z.sum()]), np.array([t.sum() for t in torque])
