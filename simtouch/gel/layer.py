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
from simtouch.gel.solver import ContactSolver
from simtouch.gel.stick_slip import RateFriction
from simtouch.gel.surface import AWAY_M, GelSurface, rectangle_around
from simtouch.gel.viscous import MaxwellMemory
from simtouch.sensors.spec import SensorSpec

_MM = 1e3  # mm in a metre
_PA = 1e6  # pascal in a MPa


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
        if config.stribeck_speed_m_s is not None:
            kinetic = spec.gel.friction * spec.gel.kinetic_friction_ratio
            speed = config.stribeck_speed_m_s * _MM
            self._rate = RateFriction(static=spec.gel.friction, kinetic=kinetic, stribeck_speed=speed)
        self._memory = MaxwellMemory(batch, self._compliance, spec.gel.relaxation)
        self._cell_area = spec.gel_grid.spacing_m**2
        self.reset()

    def reset(self) -> None:
        """Forget all contact."""
        shape, dtype = (self.batch, *self._compliance.shape), self._compliance.dtype
        plane = (self.batch, 2, *self._compliance.shape)
        self._pressure, self._shear = np.zeros(shape, dtype), np.zeros(plane, dtype)
        self._target, self._sink_by_shear = np.zeros(plane, dtype), np.zeros(shape, dtype)
        self._slip_speed = np.zeros(shape, dtype)
        self._carried: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._memory.reset()

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray, dt_s: float) -> GelSurface:
        """See `GelModel.step`."""
        d, target = self._overlap(overlap_m), self._motion(motion_m)
        target += self._target
        recall = self._memory.recall(dt_s)
        d, stick = _plus(d, recall.sink), _plus(target, recall.drag)
        pressure, shear, by_shear = self._pressure, self._shear, self._sink_by_shear
        for sweep in range(max(1, self.config.coupling_sweeps)):
            pressure = self._press(d - by_shear, pressure, by_load=sweep == 0)
            elastic = _minus(pressure, recall.normal)
            shear, slides = self._slide(stick, elastic if self._coupled else np.zeros_like(elastic), pressure, shear)
            drawn = _minus(shear, recall.shear)
            fields = self._solver.fields(elastic, drawn)
            by_shear = fields[:, 3] if self._coupled else by_shear
        moved = fields[:, :2] if self._coupled else self._solver.fields(np.zeros_like(elastic), drawn)[:, :2]
        self._memory.remember(elastic, drawn, dt_s)
        self._pressure, self._shear, self._sink_by_shear = pressure, shear, by_shear
        touched = pressure > 0
        where = rectangle_around(touched[0] if self.batch == 1 else touched.any(0))
        slip = self._hold_on((..., *where), target, moved, touched, slides)
        if self._rate is not None:
            self._slip_speed = np.hypot(slip[:, 0], slip[:, 1]) / slip.dtype.type(dt_s)
        return _surface(recall.gain * _PA, where, pressure, shear, fields, slides, slip)

    def _hold_on(
        self, where: tuple, target: np.ndarray, moved: np.ndarray, touched: np.ndarray, slides: np.ndarray
    ) -> np.ndarray:
        """The last line of (1); how far the indenter slipped over the gel [mm], (B, 2, h, w). All of it happens within `where`."""
        self._target, slip = moved.copy(), np.zeros_like(target)
        loose = slides[where][:, None]
        np.copyto(self._target[where], target[where], where=touched[where][:, None] & ~loose)
        np.subtract(target[where], moved[where], out=slip[where], where=loose)
        return slip

    def lowering_m(self, overlap_m: np.ndarray, normal_force_n: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.lowering_m`; the pressure that goes with it is kept for the step to that place."""
        nowhere = np.full(self.batch, np.nan)
        if not hasattr(self._solver, "carry") or not self._pressure.any():
            return nowhere
        recall, overlap = self._memory.recall(dt_s), self._overlap(overlap_m)
        load = normal_force_n / (_PA * self._cell_area * float(recall.gain))
        pressed = normal_force_n > 0
        pressure, lowering = self._solver.carry(
            _plus(overlap - self._sink_by_shear, recall.sink), self._pressure, np.where(pressed, load, 1.0)
        )
        lowering = np.where(pressed, lowering.astype(float) / _MM, nowhere)
        # Where the step will find the indenter, to the bit.
        lowered = lower_cells(overlap_m, np.nan_to_num(lowering)) * overlap.dtype.type(_MM)
        self._carried = _plus(lowered - self._sink_by_shear, recall.sink), pressure, ~np.isnan(lowering)
        return lowering

    def _press(self, d: np.ndarray, start: np.ndarray, *, by_load: bool) -> np.ndarray:
        """Pressure for an overlap; that of the last `lowering_m` where that led to the same overlap."""
        carried, self._carried = self._carried, None
        if carried is None or not by_load:
            return self._solver.press(d, start)
        known = carried[2] & (carried[0] == d).all((1, 2))
        if known.all():
            return carried[1]
        pressure = carried[1].copy()
        pressure[~known] = self._solver.press(d[~known], start[~known])
        return pressure

    def normal_force_n(self, overlap_m: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.normal_force_n`."""
        recall = self._memory.recall(dt_s)
        d = _plus(self._overlap(overlap_m) - self._sink_by_shear, recall.sink)
        pressure = self._solver.press(d, self._pressure)
        return np.array([self._force_n(p) for p in pressure * recall.gain])

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """See `GelModel.fresh_force_n`; on a gel that creeps, its force in the end."""
        d = as_array("overlap_m", overlap_m, "h w", self._compliance.dtype) * self._compliance.dtype.type(_MM)
        return self._force_n(self._solver.press(d[None], np.zeros_like(d)[None])[0])

    def _force_n(self, pressure: np.ndarray) -> float:
        return float(pressure.sum(dtype=np.float64)) * _PA * self._cell_area

    def _overlap(self, overlap_m) -> np.ndarray:
        """d [mm], (B, h, w)."""
        dtype, (h, w) = self._compliance.dtype, self._compliance.shape
        return as_array("overlap_m", overlap_m, "B h w", dtype, B=self.batch, h=h, w=w) * dtype.type(_MM)

    def _motion(self, motion_m) -> np.ndarray:
        """Motion [mm], (B, 2, h, w)."""
        dtype, (h, w) = self._compliance.dtype, self._compliance.shape
        motion = as_array("motion_m", motion_m, "B h w 2", dtype, B=self.batch, h=h, w=w)
        out = np.empty((self.batch, 2, h, w), dtype)
        for axis in (0, 1):
            np.multiply(motion[..., axis], dtype.type(_MM), out=out[:, axis])
        return out

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
    spacing, thickness = spec.gel_grid.spacing_m * _MM, gel.thickness_m * _MM
    modulus = (gel.youngs_modulus_pa if youngs_modulus_pa is None else youngs_modulus_pa) / _PA
    return layer_on_grid(gel.grid_shape, spacing, thickness, modulus, gel.poisson_ratio, dtype=dtype)


def make_solver(compliance: Compliance, config: LayerConfig) -> ContactSolver:
    """The back end that `config` names."""
    accuracy = {"tolerance": config.tolerance, "friction_tolerance": config.friction_tolerance}
    if config.back_end == "torch":
        from simtouch.gel.torch_layer import TorchSolver  # an extra

        return TorchSolver(compliance, **accuracy, device=config.device)
    back_end = "fft" if config.double_precision else config.back_end
    kind = {"auto": AutoSolver, "dense": DenseSolver, "fft": FftSolver}[back_end]
    return kind(compliance, **accuracy, margin_mm=config.margin_m * _MM)


def _surface(pascal, where, pressure, shear, fields, slides, slip) -> GelSurface:
    """SI again: tractions times `pascal`, within `where`; `fields` as those of `ContactSolver`."""
    shape = pressure.shape
    surface = GelSurface(
        normal_traction_pa=np.multiply(pressure, pressure.dtype.type(pascal)).astype(np.float32, copy=False),
        shear_traction_pa=np.zeros((*shape, 2), np.float32),
        displacement_m=np.empty((*shape, 3), np.float32),
        slides=slides,
        slip_m=np.zeros((*shape, 2), np.float32),
    )
    everywhere = (slice(None), slice(None))
    _store(surface.shear_traction_pa, where, pascal, shear)
    _store(surface.slip_m, where, 1 / _MM, slip)
    _store(surface.displacement_m, everywhere, 1 / _MM, fields[:, :2])
    _store(surface.displacement_m[..., 2:], everywhere, -1 / _MM, fields[:, 2:3] + fields[:, 3:])
    return surface


def _store(out: np.ndarray, where: tuple[slice, slice], factor: float, channels: np.ndarray) -> None:
    """C maps (B, C, h, w) times a factor into (B, h, w, C), on some rows and columns."""
    for c in range(channels.shape[1]):
        np.multiply(channels[:, c, *where], channels.dtype.type(factor), out=out[:, *where, c], casting="same_kind")


def _plus(a: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    return a if b is None else a + b


def _minus(a: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    return a if b is None else a - b
