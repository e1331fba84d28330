"""The elastic layer in torch: B contacts at once on a CPU or a GPU, and a gel that is differentiable from overlap to traction.

`TorchSolver` solves the problems of `normal.py` and `friction.py` for many contacts, NumPy in and out. `TorchLayer` is the layer of
one sensor, tensors in and out, coupled as in `layer.py` with one sweep. Compliance goes with 1 / E at fixed Poisson ratio, so with
E = 1 the layer solves for P = p / E and T = tau / E, from the overlap d, the motion and mu alone:

    C_zz P = d - w(T_before) where P > 0,   C_t T = target - u(P) where |T| < mu P,   p = E P,   tau = E T           (1)

Gradients are those of the solution, by one adjoint system for each of the two problems. SI outside; mm inside.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from simtouch._checks import ArgumentError, ShapeError
from simtouch.gel.compliance import Compliance
from simtouch.gel.layer import compliance_of
from simtouch.gel.torch_compliance import TorchCompliance, linear
from simtouch.gel.torch_friction import Slide, slide
from simtouch.gel.torch_normal import Press, press
from simtouch.sensors.spec import SensorSpec

_MM = 1e3  # mm in a metre
_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


class TorchSolver:
    """A `ContactSolver` (see `solver.py`) in torch; on a CPU equal bytes for any split of a batch."""

    def __init__(
        self,
        compliance: Compliance,
        *,
        tolerance: float = 1e-3,
        friction_tolerance: float = 2e-4,
        max_iterations: int = 400,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
    ):
        """Take a layer to a device.

        Args:
            compliance: Of the layer on this grid.
            tolerance: On the gap, as a share of the largest overlap.
            friction_tolerance: On the shear traction, as a share of the largest limit.
            max_iterations: Most iterations of either problem.
            device: Where to compute.
            dtype: `torch.float32` or `torch.float64`, of the results too; None is that of the compliance.
        """
        dtype = {np.dtype(known): name for name, known in _NUMPY.items()}[compliance.dtype] if dtype is None else _known(dtype)
        self._compliance = TorchCompliance(compliance, device=device, dtype=dtype)
        self._press = {"tolerance": tolerance, "max_iterations": max_iterations}
        self._slide = {"tolerance": friction_tolerance, "max_iterations": max_iterations}

    def press(self, overlap: np.ndarray, start: np.ndarray) -> np.ndarray:
        """See `ContactSolver.press`."""
        with torch.no_grad():
            return _array(press(self._compliance, self._tensor(overlap), self._tensor(start), **self._press)[0])

    def slide(
        self, target: np.ndarray, pressure: np.ndarray, limit: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `ContactSolver.slide`."""
        w, p, most, tau = (self._tensor(array) for array in (target, pressure, limit, start))
        with torch.no_grad():
            w = w - self._compliance.spread(p) if pressure.any() else w
            shear, slides, _ = slide(self._compliance, w, most, tau, **self._slide)
        return _array(shear), _array(slides)

    def fields(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """See `ContactSolver.fields`."""
        with torch.no_grad():
            return _array(self._compliance.fields(torch.cat([self._tensor(shear), self._tensor(pressure)[:, None]], 1)))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.as_tensor(np.array(array, order="C")).to(self._compliance.device, self._compliance.dtype)


class TorchSurface(NamedTuple):
    """One state of the surface of B gels, as `GelSurface`; all but `slides` carry gradients."""

    normal_traction_pa: Tensor
    """>= 0, (B, h, w)."""
    shear_traction_pa: Tensor
    """(x, y) components, (B, h, w, 2)."""
    displacement_m: Tensor
    """(x, y, z) motion of the surface, (B, h, w, 3)."""
    force_n: Tensor
    """What the indenter does to the gel, (B, 3)."""
    slides: Tensor
    """Touched and sliding, bool, (B, h, w)."""
    slip_m: Tensor
    """How far the indenter slid over the gel in this step, (B, h, w, 2); 0 where it did not."""

    @property
    def contact_mask(self) -> Tensor:
        """Touched cells, bool, (B, h, w)."""
        return self.normal_traction_pa > 0


class TorchState(NamedTuple):
    """What B gels remember between steps; it carries gradients until it is detached. In units of E = 1 and mm."""

    pressure: Tensor
    """P, (B, h, w)."""
    shear: Tensor
    """T, (B, 2, h, w)."""
    target: Tensor
    """Displacement that a cell must show if it sticks, (B, 2, h, w)."""

    def detach(self) -> "TorchState":
        """The same numbers without their history."""
        return TorchState(*(tensor.detach() for tensor in self))


class TorchLayer:
    """Bonded elastic layer of one sensor, differentiable; its memory is passed in and out.

    >>> layer = TorchLayer(DIGIT, dtype=torch.float64)
    >>> surface, state = layer.step(overlap_m, motion_m)
    >>> surface.force_n[:, 2].sum().backward()

    Creep and friction that depends on the rate are not in it: E is that of slow loads, mu the static one.

    Where a cell is just about to touch, to slip or to stick, the gradient is one of two one-sided ones. With float32 and the default
    tolerances gradients are good to about a percent; for more use float64 and tighter tolerances.
    """

    def __init__(
        self,
        spec: SensorSpec,
        *,
        tolerance: float = 1e-3,
        friction_tolerance: float = 2e-4,
        max_iterations: int = 400,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        """Make a gel; arguments as in `TorchSolver`. `tolerance` is also that of both adjoint systems."""
        self.spec = spec
        unit = compliance_of(spec, _NUMPY[_known(dtype)], youngs_modulus_pa=1e6)  # 1 MPa
        self._compliance = TorchCompliance(unit, device=device, dtype=dtype)
        self._tolerances, self._max_iterations = (tolerance, friction_tolerance), max_iterations
        self._cell_area = spec.gel_grid.spacing_m**2

    def step(
        self,
        overlap_m: Tensor,
        motion_m: Tensor | None = None,
        state: TorchState | None = None,
        *,
        youngs_modulus_pa: Tensor | float | None = None,
        friction: Tensor | float | None = None,
    ) -> tuple[TorchSurface, TorchState]:
        """Move on to the next state of B gels.

        Args:
            overlap_m: How deep the indenter would lie below the resting surface [m], (B, h, w); finite, negative where it is away.
            motion_m: In-plane motion of the indenter's surface over each cell since the last step [m], (B, h, w, 2); None = none.
            state: What the last step returned, or None for gels that nothing has touched. Gradients flow through it into the steps
                before; `state.detach()` cuts them.
            youngs_modulus_pa: Young's modulus [Pa], a number or (B,); None is the sensor's.
            friction: Coulomb coefficient, a number or (B,); None is the sensor's.
        """
        d = self._overlap(overlap_m) * _MM
        state = self._fresh(len(d)) if state is None else state
        target = state.target if motion_m is None else state.target + self._motion(motion_m, len(d)) * _MM
        mu = self._each("friction", friction, self.spec.gel.friction, len(d))
        modulus = self._each("youngs_modulus_pa", youngs_modulus_pa, self.spec.gel.youngs_modulus_pa, len(d))
        C = self._compliance
        if bool(state.shear.detach().any()):
            d = d - linear(state.shear, C.sink_by_shear, C.spread)
        P = self._press(d, state.pressure)
        T, slides = self._slide(target - linear(P, C.spread, C.sink_by_shear), mu[:, None, None] * P, state.shear)
        moved = linear(torch.cat([T, P[:, None]], 1), C.displace, C.displace)
        slides = slides | ((P > 0) & (mu == 0)[:, None, None])
        sticks = ((P > 0) & ~slides)[:, None]
        kept = TorchState(P, T, torch.where(sticks, target, moved[:, :2]))
        slip = torch.where(slides[:, None], target - moved[:, :2], 0)
        return self._surface(P, T, moved, modulus, slides, slip), kept

    def _press(self, d: Tensor, start: Tensor) -> Tensor:
        return Press.apply(d, start.detach(), self._compliance, self._tolerances[0], self._max_iterations)

    def _slide(self, target: Tensor, limit: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        return Slide.apply(target, limit, start.detach(), self._compliance, *self._tolerances, self._max_iterations)

    def _surface(self, P: Tensor, T: Tensor, moved: Tensor, modulus: Tensor, slides: Tensor, slip: Tensor) -> TorchSurface:
        normal = P * modulus[:, None, None]
        shear = T.movedim(1, -1) * modulus[:, None, None, None]
        force = torch.cat([shear.sum((1, 2)), -normal.sum((1, 2))[:, None]], 1) * self._cell_area
        displacement = torch.stack([moved[:, 0], moved[:, 1], -moved[:, 2]], -1) / _MM
        return TorchSurface(normal, shear, displacement, force, slides, slip.movedim(1, -1) / _MM)

    def _fresh(self, count: int) -> TorchState:
        h, w = self._compliance.shape
        shear = self._like(torch.zeros(count, 2, h, w))
        return TorchState(self._like(torch.zeros(count, h, w)), shear, shear)

    def _overlap(self, overlap_m: Tensor) -> Tensor:
        h, w = self._compliance.shape
        if overlap_m.dim() != 3 or overlap_m.shape[1:] != (h, w):
            raise ShapeError(f"`overlap_m` must have shape (B, h, w), h={h}, w={w}; got {tuple(overlap_m.shape)}.")
        return self._like(overlap_m)

    def _motion(self, motion_m: Tensor, count: int) -> Tensor:
        wanted = (count, *self._compliance.shape, 2)
        if motion_m.shape != wanted:
            raise ShapeError(f"`motion_m` must have shape (B, h, w, 2), here {wanted}; got {tuple(motion_m.shape)}.")
        return self._like(motion_m).movedim(-1, 1)

    def _each(self, name: str, value: Tensor | float | None, default: float, count: int) -> Tensor:
        """A number for each contact, (B,)."""
        given = default if value is None else value
        tensor = self._like(given if isinstance(given, Tensor) else torch.tensor(given, dtype=torch.float64))
        if tensor.dim() > 1 or tensor.numel() not in (1, count):
            raise ShapeError(f"`{name}` must be a number or have shape ({count},); got {tuple(tensor.shape)}.")
        return tensor.expand(count)

    def _like(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._compliance.device, self._compliance.dtype)


def _known(dtype: torch.dtype) -> torch.dtype:
    if dtype not in _NUMPY:
        raise ArgumentError(f"`dtype` must be torch.float32 or torch.float64; got {dtype}.")
    return dtype


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
