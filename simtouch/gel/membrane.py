"""The baseline to compare with: a blurred height map, what simulators without mechanics call a gel. Overlap in, surface out.

    z = -blur(max(d, 0)), with the touched surface put back after each of a pyramid of Gaussian blurs                (1)
    p = k max(d, 0),   k = E (1 - nu) / ((1 + nu)(1 - 2 nu) t)                                                       (2)

d is the overlap. (1) has no bulge, no shear and no memory; (2) is a bed of springs with the layer's oedometric stiffness, which for
small indenters gives the wrong force by -2 to +287 % against the elastic layer. Use it for comparisons only.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from simtouch._checks import as_array
from simtouch.gel.surface import GelSurface
from simtouch.sensors.spec import SensorSpec


@dataclass(frozen=True, kw_only=True)
class MembraneConfig:
    """Shape of the blur."""

    blur_m: tuple[float, ...] = (1.2e-3, 0.6e-3, 0.3e-3)
    """Standard deviations of the pyramid, wide to narrow [m]."""


class MembraneGel:
    """Blurred height map of one sensor; it has no state."""

    def __init__(self, spec: SensorSpec, config: MembraneConfig = MembraneConfig(), *, batch: int = 1):
        gel, nu = spec.gel, spec.gel.poisson_ratio
        self._stiffness_pa_m = gel.youngs_modulus_pa * (1 - nu) / ((1 + nu) * (1 - 2 * nu) * gel.thickness_m)
        self._blur_cells = [blur / spec.gel_grid.spacing_m for blur in config.blur_m]
        self._cell_area = spec.gel_grid.spacing_m**2
        self.batch, self._shape = batch, (batch, *spec.gel.grid_shape)

    def reset(self) -> None:
        """Nothing to forget."""

    def save(self) -> None:
        """See `GelModel.save`: nothing."""

    def restore(self, saved: None) -> None:
        """See `GelModel.restore`."""

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray, dt_s: float) -> GelSurface:
        """See `GelModel.step`; only the overlap matters."""
        B, h, w = self._shape
        d = np.maximum(as_array("overlap_m", overlap_m, "B h w", np.float32, B=B, h=h, w=w), 0)
        displacement = np.zeros((B, h, w, 3), np.float32)
        displacement[..., 2] = [-self._blurred(one) for one in d]
        still = np.zeros((B, h, w, 2), np.float32)
        return GelSurface(
            normal_traction_pa=(d * self._stiffness_pa_m).astype(np.float32),
            shear_traction_pa=still,
            displacement_m=displacement,
            slides=np.zeros((B, h, w), bool),
            slip_m=still,
            follows_indenter=False,
        )

    def normal_force_n(self, overlap_m: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.normal_force_n`: the sum of (2)."""
        return np.array([self.fresh_force_n(one) for one in overlap_m])

    def lowering_m(self, overlap_m: np.ndarray, normal_force_n: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.lowering_m`; left to a search."""
        return np.full(len(overlap_m), np.nan)

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """See `GelModel.fresh_force_n`: springs remember nothing."""
        return float(np.maximum(overlap_m, 0).sum(dtype=np.float64)) * self._stiffness_pa_m * self._cell_area

    def _blurred(self, d: np.ndarray) -> np.ndarray:
        depth = d
        for sigma in self._blur_cells:
            depth = np.where(d > 0, d, gaussian_filter(depth, sigma, mode="nearest"))
        return gaussian_filter(depth, self._blur_cells[-1] / 2, mode="nearest")
