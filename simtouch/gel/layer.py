"""The default gel: an elastic layer bonded to its window, with Coulomb friction that remembers. Overlap and motion in, surface out.

Each frame solves the normal problem and the frictional one (`solver.py`) on the linear layer of `compliance.py`. Pressing and shear are
coupled by sweeps: the normal problem sees the sink that the last shear causes, d - w(tau), and the frictional one the spread that the
pressure causes, w - u(p). With w what a cell must show in-plane if it sticks:

    w <- w + motion of the indenter;   solve;   w <- u where a cell slides or is free                                (1)

and w - u there is how far the indenter slipped over the gel. Time enters by two options, off by default: creep (`viscous.py`) and
friction that depends on the rate (`stick_slip.py`). A crowned gel enters by its resting height, in the overlap. The layer is linear, of
constant thickness and without edges. SI outside; mm and MPa inside.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, as_array, as_number
from simtouch.gel.auto import AutoSolver
from simtouch.gel.compliance import Compliance, layer_on_grid
from simtouch.gel.dense import DenseSolver
from simtouch.gel.fft import FftSolver
from simtouch.gel.layer_surface import MM, PA, from_maps, from_turns
from simtouch.gel.solver import ContactSolver
from simtouch.gel.stick_slip import RateFriction
from simtouch.gel.surface import AWAY_M, GelSurface, rectangle_around
from simtouch.gel.viscous import MaxwellMemory, Recall
from simtouch.gel.window_slide import STATE
from simtouch.gel.windows import WindowSolver
from simtouch.sensors.spec import SensorSpec

_STATE = ("_pressure", "_state", "_slip_speed")


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """Accuracy and options of the layer."""

    tolerance: float = 1e-3
    """On the gap, as a share of the largest overlap."""
    friction_tolerance: float = 2e-4
    """On the shear traction, as a share of the largest limit."""
    coupling_sweeps: int = 1
    """Sweeps between pressing and shear a frame; 0 leaves them uncoupled."""
    margin_m: float = 20e-6
    """The gel may touch where it bulges to meet an indenter this far above its rest; points beyond are checked, not trusted."""
    back_end: Literal["auto", "dense", "fft", "torch"] = "auto"
    """`dense` (Taichi, small contacts) or `fft` (SciPy, large ones), by size; `torch` solves the whole batch at once on `device`."""
    device: str = "cpu"
    """Of the back end `torch`, for instance `cuda`."""
    stribeck_speed_m_s: float | None = None
    """Slip speed at which friction has fallen from static to kinetic (`GelPad.kinetic_friction_ratio`); None: Coulomb's one coefficient."""
    double_precision: bool = False
    """Also picks the back end `fft`: Taichi kernels are in single precision."""

    def __post_init__(self):
        if self.back_end not in ("auto", "dense", "fft", "torch"):
            raise ArgumentError(f"`back_end` must be auto, dense, fft or torch; got {self.back_end!r}.")
        for name in ("tolerance", "friction_tolerance"):
            as_number(name, getattr(self, name), above=0, below=1)
        as_number("margin_m", self.margin_m, at_least=0)
        as_number("coupling_sweeps", self.coupling_sweeps, at_least=0)
        if self.stribeck_speed_m_s is not None:
            as_number("stribeck_speed_m_s", self.stribeck_speed_m_s, above=0)


class LayerGel:
    """Bonded elastic layer of one sensor with the state of its B contacts."""

    def __init__(self, spec: SensorSpec, config: LayerConfig = LayerConfig(), *, batch: int = 1):
        self.config, self.batch = config, batch
        self._compliance = compliance_of(spec, np.float64 if config.double_precision else np.float32)
        self._solver = make_solver(self._compliance, config)
        self._friction = spec.gel.friction
        self._rate = None
        if config.stribeck_speed_m_s is not None and spec.gel.kinetic_friction_ratio != 1:
            kinetic = spec.gel.friction * spec.gel.kinetic_friction_ratio
            speed = config.stribeck_speed_m_s * MM
            self._rate = RateFriction(static=spec.gel.friction, kinetic=kinetic, stribeck_speed=speed)
        self._memory = MaxwellMemory(batch, self._compliance, spec.gel.relaxation)
        self._cell_area = spec.gel_grid.spacing_m**2
        self._windows = self._make_windows(spec) if isinstance(self._solver, AutoSolver) else None
        self.reset()

    def reset(self) -> None:
        """Forget all contact."""
        shape, dtype = (self.batch, *self._compliance.shape), self._compliance.dtype
        self._pressure, self._slip_speed = np.zeros(shape, dtype), np.zeros(shape, dtype)
        self._state = np.zeros((self.batch, STATE, *self._compliance.shape), dtype)
        self._carried: tuple[np.ndarray, float, np.ndarray, np.ndarray] | None = None
        self._memory.reset()

    def save(self) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """See `GelModel.save`."""
        return {name: getattr(self, name).copy() for name in _STATE}, self._memory.save()

    def restore(self, saved: tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> None:
        """See `GelModel.restore`."""
        maps, memory = saved
        for name, value in maps.items():
            setattr(self, name, value.copy())
        self._carried = None
        self._memory.restore(memory)

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray, dt_s: float) -> GelSurface:
        """See `GelModel.step`."""
        overlap, recall = self._maps(overlap_m), self._memory.recall(dt_s)
        pressure = self._first_press(overlap, dt_s, recall)
        if self._windows is not None:
            self._state, surface, slides = self._windows.slide(pressure, self._motion(motion_m), self._state)
            self._pressure = pressure
            return from_turns(surface, slides)
        target = np.ascontiguousarray(np.moveaxis(self._motion(motion_m), -1, 1)) * pressure.dtype.type(MM) + self._state[:, 2:4]
        d, stick = _plus(self._overlap(overlap), recall.sink), _plus(target, recall.drag)
        shear, by_shear = self._state[:, :2], self._sink_by_shear
        for sweep in range(max(1, self.config.coupling_sweeps)):
            pressure = self._solver.press(d - by_shear, pressure) if sweep else pressure
            elastic = _minus(pressure, recall.normal)
            shear, slides = self._slide(stick, elastic if self._coupled else np.zeros_like(elastic), pressure, shear)
            drawn = _minus(shear, recall.shear)
            fields = self._solver.fields(elastic, drawn)
            by_shear = fields[:, 3] if self._coupled else by_shear
        moved = fields[:, :2] if self._coupled else self._solver.fields(np.zeros_like(elastic), drawn)[:, :2]
        self._memory.remember(elastic, drawn, dt_s)
        self._pressure = pressure
        touched = pressure > 0
        where = rectangle_around(touched[0] if self.batch == 1 else touched.any(0))
        held, slip = self._hold_on((..., *where), target, moved, touched, slides)
        self._state = np.concatenate([shear, held, by_shear[:, None]], 1)
        if self._rate is not None:
            self._slip_speed = np.hypot(slip[:, 0], slip[:, 1]) / slip.dtype.type(dt_s)
        return from_maps(recall.gain * PA, where, pressure, shear, fields, slides, slip)

    def _hold_on(
        self, where: tuple, target: np.ndarray, moved: np.ndarray, touched: np.ndarray, slides: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The last line of (1), and how far the indenter slipped over the gel [mm], (B, 2, h, w) each; slip is within `where`."""
        held, slip = moved.copy(), np.zeros_like(target)
        loose = slides[where][:, None]
        np.copyto(held[where], target[where], where=touched[where][:, None] & ~loose)
        np.subtract(target[where], moved[where], out=slip[where], where=loose)
        return held, slip

    def lowering_m(self, overlap_m: np.ndarray, normal_force_n: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.lowering_m`; the pressure that goes with it is kept for the step to that place."""
        nowhere = np.full(self.batch, np.nan)
        if not hasattr(self._solver, "carry") or not self._pressure.any():
            return nowhere
        recall, pressed = self._memory.recall(dt_s), normal_force_n > 0
        load = np.where(pressed, normal_force_n, 1.0) / (PA * self._cell_area * float(recall.gain))
        if self._windows is not None:
            pressure, lowering = self._windows.carry(self._maps(overlap_m), self._state, self._pressure, load)
            open_ = pressed & np.isnan(lowering)
        else:
            pressure, lowering, open_ = np.empty_like(self._pressure), np.empty(self.batch, np.float32), np.ones(self.batch, bool)
        if open_.any():
            d = _plus(self._overlap(overlap_m) - self._sink_by_shear, recall.sink)
            pressure[open_], lowering[open_] = self._solver.carry(d[open_], self._pressure[open_], load[open_])
        lowering = np.where(pressed, lowering.astype(float) / MM, nowhere)
        found = ~np.isnan(lowering)
        self._carried = lower_cells(overlap_m, np.where(found, lowering, 0)), dt_s, pressure, found
        return lowering

    def _first_press(self, overlap_m: np.ndarray, dt_s: float, recall: Recall) -> np.ndarray:
        """Pressure for an overlap; that of the last `lowering_m` where that led to the same overlap, to the bit, at the same time."""
        carried, self._carried = self._carried, None
        known, pressure = np.zeros(self.batch, bool), np.empty_like(self._pressure)
        if carried is not None and carried[1] == dt_s:
            known, pressure = carried[3] & (carried[0] == overlap_m).all((1, 2)), carried[2]
        if not known.all():
            d = _plus(self._overlap(overlap_m) - self._sink_by_shear, recall.sink)[~known]
            pressure = pressure.copy()
            pressure[~known] = self._solver.press(d, self._pressure[~known])
        return pressure

    def normal_force_n(self, overlap_m: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.normal_force_n`."""
        recall = self._memory.recall(dt_s)
        d = _plus(self._overlap(overlap_m) - self._sink_by_shear, recall.sink)
        pressure = self._solver.press(d, self._pressure)
        return np.array([self._force_n(p) for p in pressure * recall.gain])

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """See `GelModel.fresh_force_n`; on a gel that creeps, its force in the end."""
        d = as_array("overlap_m", overlap_m, "h w", self._compliance.dtype) * self._compliance.dtype.type(MM)
        return self._force_n(self._solver.press(d[None], np.zeros_like(d)[None])[0])

    def _force_n(self, pressure: np.ndarray) -> float:
        return float(pressure.sum(dtype=np.float64)) * PA * self._cell_area

    def _maps(self, overlap_m) -> np.ndarray:
        """Overlap [m], (B, h, w)."""
        dtype, (h, w) = self._compliance.dtype, self._compliance.shape
        return as_array("overlap_m", overlap_m, "B h w", dtype, B=self.batch, h=h, w=w)

    def _overlap(self, overlap_m) -> np.ndarray:
        """d [mm], (B, h, w)."""
        return self._maps(overlap_m) * self._compliance.dtype.type(MM)

    def _motion(self, motion_m) -> np.ndarray:
        """Motion [m], (B, h, w, 2)."""
        dtype, (h, w) = self._compliance.dtype, self._compliance.shape
        return as_array("motion_m", motion_m, "B h w 2", dtype, B=self.batch, h=h, w=w)

    def _make_windows(self, spec: SensorSpec) -> WindowSolver | None:
        """What presses with a load, and does all that comes after pressing; it knows Coulomb's friction, in float32 and without memory."""
        plain = self._rate is None and not self._memory.branches and self._friction > 0 and self.config.coupling_sweeps == 1
        if not plain or self._compliance.dtype != np.float32:
            return None
        wide = (spec.gel.thickness_m / spec.gel_grid.spacing_m) ** 2
        accuracy = {"tolerance": self.config.tolerance, "friction_tolerance": self.config.friction_tolerance}
        return WindowSolver(self._compliance, **accuracy, friction=self._friction, wide=wide, units=(1 / MM, PA))

    @property
    def _sink_by_shear(self) -> np.ndarray:
        return self._state[:, 4]

    @property
    def _coupled(self) -> bool:
        return self.config.coupling_sweeps > 0

    def _slide(
        self, target: np.ndarray, elastic: np.ndarray, pressure: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Shear traction and the sliding cells; `elastic` is the pressure that moves the surface in-plane."""
        if self._friction == 0:
            return np.zeros_like(start), pressure > 0
        if self._rate is not None:
            return self._rate.slide(self._solver, target, elastic, pressure, start, self._slip_speed)
        return self._solver.slide(target, elastic, pressure * pressure.dtype.type(self._friction), start)


def lower_cells(overlap_m: np.ndarray, by_m: np.ndarray) -> np.ndarray:
    """Overlaps (B, h, w) of indenters that go down by `by_m` [m], (B,); where there is no indenter there is still none."""
    return np.where(overlap_m > AWAY_M, overlap_m + by_m.astype(np.float32)[:, None, None], overlap_m)


def compliance_of(spec: SensorSpec, dtype=np.float32, *, youngs_modulus_pa: float | None = None) -> Compliance:
    """The layer of a sensor on its gel grid, mm and MPa; its modulus is the sensor's unless another is given."""
    gel = spec.gel
    spacing, thickness = spec.gel_grid.spacing_m * MM, gel.thickness_m * MM
    modulus = (gel.youngs_modulus_pa if youngs_modulus_pa is None else youngs_modulus_pa) / PA
    return layer_on_grid(gel.grid_shape, spacing, thickness, modulus, gel.poisson_ratio, dtype=dtype)


def make_solver(compliance: Compliance, config: LayerConfig) -> ContactSolver:
    """The back end that `config` names."""
    accuracy = {"tolerance": config.tolerance, "friction_tolerance": config.friction_tolerance}
    if config.back_end == "torch":
        from simtouch.gel.torch_layer import TorchSolver  # an extra

        return TorchSolver(compliance, **accuracy, device=config.device)
    back_end = "fft" if config.double_precision else config.back_end
    kind = {"auto": AutoSolver, "dense": DenseSolver, "fft": FftSolver}[back_end]
    return kind(compliance, **accuracy, margin_mm=config.margin_m * MM)


def _plus(a: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    return a if b is None else a + b


def _minus(a: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    return a if b is None else a - b
