"""The default gel: an elastic layer bonded to its window, with Coulomb friction that remembers. Overlap and motion in, surface out.

Each frame solves the normal problem (`normal.py`) and the frictional one (`friction.py`) on the linear layer of `compliance.py`.
Pressing and shear are coupled by sweeps: the normal problem sees the sink that the last shear causes, d - w(tau), and the frictional
one the spread that the pressure causes, w - u(p). With w what a cell must show in-plane if it sticks:

    w <- w + motion of the indenter;   solve;   w <- u where a cell slides or is free                                (1)

A crowned gel enters by its resting height, in the overlap. The layer is linear, of constant thickness and without edges.
SI outside; mm and MPa inside.
"""

from dataclasses import dataclass

import numpy as np

from simtouch._checks import as_array
from simtouch.gel.cells import CellCompliance
from simtouch.gel.compliance import Compliance, layer_on_grid
from simtouch.gel.friction import StepSize, solve_friction
from simtouch.gel.normal import solve_normal
from simtouch.gel.surface import GelSurface
from simtouch.sensors.spec import SensorSpec

_MM = 1e3  # mm in a metre
_PA = 1e6  # pascal in a MPa
_FEW_CELLS = 400  # below, products of matrices are faster than transforms


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """Accuracy of the layer."""

    tolerance: float = 1e-3
    """On the gap, as a share of the largest overlap."""
    friction_tolerance: float = 2e-4
    """On the shear traction, as a share of the largest limit."""
    coupling_sweeps: int = 1
    """Sweeps between pressing and shear a frame; 0 leaves them uncoupled."""
    margin_m: float = 20e-6
    """The gel may touch where it bulges to meet an indenter this far above its rest; points beyond are checked, not trusted."""
    double_precision: bool = False


class LayerGel:
    """Bonded elastic layer of one sensor with its contact state."""

    def __init__(self, spec: SensorSpec, config: LayerConfig = LayerConfig()):
        self.config = config
        self._friction = spec.gel.friction
        self._compliance = layer_on_grid(
            spec.gel.grid_shape,
            spec.gel_grid.spacing_m * _MM,
            spec.gel.thickness_m * _MM,
            spec.gel.youngs_modulus_pa / _PA,
            spec.gel.poisson_ratio,
            dtype=np.float64 if config.double_precision else np.float32,
        )
        self._cell_area = spec.gel_grid.spacing_m**2
        self.reset()

    def reset(self) -> None:
        """Forget all contact."""
        h, w = self._compliance.shape
        dtype = self._compliance.dtype
        self._pressure, self._shear = np.zeros((h, w), dtype), np.zeros((2, h, w), dtype)
        self._target, self._sink_by_shear = np.zeros((2, h, w), dtype), np.zeros((h, w), dtype)
        self._step_size = StepSize()

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray) -> GelSurface:
        """See `GelModel.step`."""
        d, motion = self._inputs(overlap_m, motion_m)
        target = self._target + motion
        pressure, shear, slides = self._pressure, self._shear, np.zeros(d.shape, bool)
        by_shear = self._sink_by_shear
        for sweep in range(max(1, self.config.coupling_sweeps)):
            if sweep:
                by_shear = self._compliance.sink_by_shear(shear)
            pressure, by_pressure = self._press(d - by_shear, pressure)
            shear, slides = self._slide(target, pressure, shear)
        displacement = self._displace(pressure, shear)
        moved = displacement[:2] if self._coupled else self._compliance.drag(shear)
        self._target = np.where((pressure > 0) & ~slides, target, moved)
        self._pressure, self._shear = pressure, shear
        self._sink_by_shear = displacement[2] - by_pressure if self._coupled else np.zeros_like(pressure)
        return GelSurface(
            normal_traction_pa=(pressure * _PA).astype(np.float32),
            shear_traction_pa=np.moveaxis(shear * _PA, 0, -1).astype(np.float32),
            displacement_m=np.stack([displacement[0], displacement[1], -displacement[2]], -1).astype(np.float32)
            / np.float32(_MM),
            slides=slides,
        )

    def normal_force_n(self, overlap_m: np.ndarray) -> float:
        """See `GelModel.normal_force_n`."""
        return self._force_n(overlap_m, self._sink_by_shear, self._pressure)

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """See `GelModel.fresh_force_n`."""
        return self._force_n(overlap_m, np.zeros_like(self._pressure), np.zeros_like(self._pressure))

    def _force_n(self, overlap_m: np.ndarray, by_shear: np.ndarray, start: np.ndarray) -> float:
        d = as_array("overlap_m", overlap_m, "h w", self._compliance.dtype) * self._compliance.dtype.type(_MM)
        return float(self._press(d - by_shear, start)[0].sum(dtype=np.float64)) * _PA * self._cell_area

    def _inputs(self, overlap_m, motion_m) -> tuple[np.ndarray, np.ndarray]:
        dtype, (h, w) = self._compliance.dtype, self._compliance.shape
        d = as_array("overlap_m", overlap_m, "h w", dtype, h=h, w=w) * dtype.type(_MM)
        motion = as_array("motion_m", motion_m, "h w 2", dtype, h=h, w=w) * dtype.type(_MM)
        return d, np.moveaxis(motion, -1, 0)

    @property
    def _coupled(self) -> bool:
        return self.config.coupling_sweeps > 0

    def _displace(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        return self._compliance.displace(pressure, shear) if pressure.any() else np.zeros((3, *pressure.shape), pressure.dtype)

    def _press(self, d: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pressure for the overlap `d` [mm] and the sink it causes: solved where the two may meet, then checked on the whole grid."""
        deepest = float(d.max())
        if not deepest > 0:
            return np.zeros_like(start), np.zeros_like(start)
        candidates = d > -self.config.margin_m * _MM
        while True:
            where, part = self._part(candidates)
            pressure = np.zeros_like(start)
            pressure[where] = solve_normal(part, d[where], start[where], tolerance=self.config.tolerance).pressure
            sink = self._compliance.sink(pressure)
            pierced = sink < d - d.dtype.type(self.config.tolerance * deepest)
            pierced &= ~candidates
            pierced[where] = False
            if not pierced.any():
                return pressure, sink
            candidates |= pierced

    def _slide(self, target: np.ndarray, pressure: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shear traction and the sliding cells."""
        shear, slides = np.zeros_like(start), np.zeros(pressure.shape, bool)
        if self._friction == 0 or not pressure.any():
            return shear, pressure > 0
        where, part = self._part(pressure > 0)
        p, w = pressure[where], target[:, *where]
        if self._coupled:
            w = w - part.spread(p)
        solved = solve_friction(
            part,
            w,
            p * p.dtype.type(self._friction),
            start[:, *where],
            step_size=self._step_size,
            tolerance=self.config.friction_tolerance,
        )
        shear[:, *where], slides[where] = solved.shear, solved.slides
        return shear, slides

    def _part(self, cells: np.ndarray) -> tuple[tuple, Compliance | CellCompliance]:
        """An index of the grid that holds `cells`, and the compliance there: between the cells if they are few, else on a window."""
        if np.count_nonzero(cells) <= _FEW_CELLS:
            return np.nonzero(cells), CellCompliance(self._compliance, cells)
        spans = [np.flatnonzero(cells.any(axis)) for axis in (1, 0)]
        rows, cols = (_span(s[0], s[-1] + 1, n) for s, n in zip(spans, cells.shape, strict=True))
        return (rows, cols), self._compliance.window((rows.stop - rows.start, cols.stop - cols.start))


def _span(first: int, stop: int, size: int, quantum: int = 8) -> slice:
    """A slice of a multiple of `quantum` cells (or all `size`) that holds first..stop."""
    length = min(size, -(-(stop - first) // quantum) * quantum)
    start = min(first, size - length)
    return slice(int(start), int(start + length))
