"""What a gel model hands on: tractions on the surface and how it moved; and what follows from these by sums alone.

Everything here is SI, on the gel grid (h, w), in the gel frame. A model advances B contacts at once, each for itself.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from simtouch.geometry.gap_map import Grid
from simtouch.sensors.spec import SensorSpec


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

    @property
    def contact_mask(self) -> np.ndarray:
        """Touched cells, bool, (B, h, w)."""
        return self.normal_traction_pa > 0

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
    area = grid.spacing_m**2
    f_x, f_y = (np.float64(area) * surface.shear_traction_pa[..., axis] for axis in (0, 1))
    f_z = -np.float64(area) * surface.normal_traction_pa
    x, y = grid.x_m[None, :], grid.y_m[:, None]
    z = rest_m + surface.displacement_m[..., 2]
    torque = (y * f_z - z * f_y, z * f_x - x * f_z, x * f_y - y * f_x)
    return np.array([f_x.sum(), f_y.sum(), f_z.sum()]), np.array([t.sum() for t in torque])


def centre_of_pressure(surface: GelSurface, grid: Grid) -> np.ndarray:
    """Where (x, y) the normal force acts [m], float64, (2,); the origin without contact."""
    p = surface.normal_traction_pa.astype(np.float64)
    total = p.sum()
    if not total > 0:
        return np.zeros(2)
    return np.array([(p * grid.x_m[None, :]).sum(), (p * grid.y_m[:, None]).sum()]) / total


def torsion(force_n: np.ndarray, torque_nm: np.ndarray, centre_m: np.ndarray) -> float:
    """Torque about z through the centre of pressure [N m]: the part that twists the gel and that no shear force explains."""
    return float(torque_nm[2] - (centre_m[0] * force_n[1] - centre_m[1] * force_n[0]))
