"""The yardstick: finite-strain finite elements of the whole pad, domed and with free edges. Overlap and motion in, surface out.

Each frame finds tractions t and a displacement u of the pad that are in equilibrium (`fem_newton.py`) and keep to the laws of contact
(`fem_contact.py`). With C the compliance of the flat linear layer and e what it gets wrong,

    t_n     = tractions that keep to contact and friction on  u = C t + e_n                                          (1)
    u_n     = equilibrium of the pad under t_n, by a Newton step from u_(n-1)
    e_(n+1) = u_n - C t_n, mixed with earlier ones (Anderson)                                                        (2)

until e moves no more: then u_n obeys both, whatever C is; C sets only how fast. A frame starts from the e of the last one.
Pressure acts along the normal of the deformed surface, so on a slope it has an in-plane part p grad s; Coulomb's law bounds the rest:
|shear_traction - p grad s| <= mu p in gel-frame components per projected area. Memory of friction as in `layer.py`.
SI outside; mm and MPa inside.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simtouch._checks import SimtouchError, as_array
from simtouch.gel.compliance import Compliance
from simtouch.gel.fem_contact import AWAY, LayerContact, Tractions, Underside, by_layer
from simtouch.gel.fem_flat import surface_compliance
from simtouch.gel.fem_mesh import pad_mesh
from simtouch.gel.fem_mixing import Mixer
from simtouch.gel.fem_newton import Pad
from simtouch.gel.surface import GelSurface
from simtouch.geometry.dome import dome_height_m
from simtouch.sensors.spec import SensorSpec

_MM = 1e3  # mm in a metre
_PA = 1e6  # pascal in a MPa
_THINNER = 0.95  # layers for C come in steps of this much thickness
_MOST_PARTS = 4  # into which a frame is cut when it does not converge


@dataclass(frozen=True, kw_only=True)
class FemConfig:
    """Accuracy of the finite elements."""

    layers: int = 8
    """Elements through the thickness."""
    grading: float = 2.5
    """Thickness of the lowest layer of elements over that of the uppermost."""
    tolerance: float = 1e-3
    """On the place of the touched surface (root mean square), as a share of the largest overlap."""
    force_tolerance: float = 1e-3
    """On the balance of forces, as an error in energy: the square root of a share of their work."""
    friction_tolerance: float = 2e-4
    """On the shear traction, as a share of the largest limit."""
    reduction: float = 0.1
    """Share to which a Newton step reduces the imbalance."""
    max_iterations: int = 20
    """Rounds of (1) and (2) before a frame is cut into parts."""
    max_deepening: float = 0.15
    """Largest growth of the overlap in one part of a frame, as a share of the thickness."""


@dataclass
class _State:
    """One contact: displacement of the pad, tractions, and where each cell must be if it sticks."""

    u: np.ndarray
    tractions: Tractions
    target: np.ndarray
    deepest: float = 0.0


class FemGel:
    """Finite-element pads of one sensor with their contact states."""

    def __init__(self, spec: SensorSpec, config: FemConfig = FemConfig(), *, batch: int = 1):
        self.config, self._batch, self._spec = config, batch, spec
        gel = spec.gel
        self._pad = Pad(pad_mesh(spec, config.layers, config.grading), gel.youngs_modulus_pa / _PA, gel.poisson_ratio)
        self._rest = dome_height_m(spec.gel_grid, gel.dome_radius_m) * _MM
        self._cell_area = spec.gel_grid.spacing_m**2
        self.reset()

    def reset(self) -> None:
        """Forget all contact."""
        self._states = [self._fresh() for _ in range(self._batch)]
        self._trials: list[_State | None] = [None] * self._batch
        self._fresh_trial: _State | None = None

    def save(self) -> list[_State]:
        """See `GelModel.save`; a state is never written to."""
        return list(self._states)

    def restore(self, saved: list[_State]) -> None:
        """See `GelModel.restore`."""
        self.reset()
        self._states = list(saved)

    def step(self, overlap_m: np.ndarray, motion_m: np.ndarray, dt_s: float = 0.0) -> GelSurface:
        """See `GelModel.step`; `dt_s` changes nothing."""
        overlap, motion = self._inputs(overlap_m, motion_m)
        moved = [
            self._move(state, d, m, self._spec.gel.friction) for state, d, m in zip(self._states, overlap, motion, strict=True)
        ]
        self._states = [state for state, _ in moved]
        self._trials = [None] * self._batch
        return self._surface([slip for _, slip in moved])

    def normal_force_n(self, overlap_m: np.ndarray, dt_s: float = 0.0) -> np.ndarray:
        """See `GelModel.normal_force_n`: of a step without motion; `dt_s` changes nothing."""
        overlap, motion = self._inputs(overlap_m, np.zeros((*np.shape(overlap_m), 2), np.float32))
        friction = self._spec.gel.friction
        for index, (state, trial) in enumerate(zip(self._states, self._trials, strict=True)):
            start = state if trial is None else replace(trial, target=state.target)
            self._trials[index] = self._move(start, overlap[index], motion[index], friction)[0]
        return np.array([self._force_n(trial) for trial in self._trials if trial is not None])

    def lowering_m(self, overlap_m: np.ndarray, normal_force_n: np.ndarray, dt_s: float) -> np.ndarray:
        """See `GelModel.lowering_m`; left to a search."""
        return np.full(len(overlap_m), np.nan)

    def fresh_force_n(self, overlap_m: np.ndarray) -> float:
        """See `GelModel.fresh_force_n`; without friction."""
        h, w = self._rest.shape
        overlap = as_array("overlap_m", overlap_m, "h w", np.float64, h=h, w=w) * _MM
        self._fresh_trial = self._move(self._fresh_trial or self._fresh(), overlap, np.zeros((2, h, w)), 0.0)[0]
        return self._force_n(self._fresh_trial)

    def _force_n(self, state: _State) -> float:
        return float(state.tractions.pressure.sum(dtype=np.float64)) * _PA * self._cell_area

    def _fresh(self) -> _State:
        h, w = self._rest.shape
        zero, pair = np.zeros((h, w), np.float32), np.zeros((2, h, w), np.float32)
        return _State(self._pad.rest(), Tractions(zero, pair, pair, zero > 0), pair)

    def _inputs(self, overlap_m, motion_m) -> tuple[np.ndarray, np.ndarray]:
        (h, w), B = self._rest.shape, self._batch
        overlap = as_array("overlap_m", overlap_m, "B h w", np.float64, B=B, h=h, w=w) * _MM
        motion = as_array("motion_m", motion_m, "B h w 2", np.float64, B=B, h=h, w=w) * _MM
        return overlap, np.moveaxis(motion, -1, 1)

    def _move(self, state: _State, overlap: np.ndarray, motion: np.ndarray, friction: float) -> tuple[_State, np.ndarray]:
        """The next state and the slip (2, h, w); a frame that is too much at once is cut into parts that press ever deeper."""
        deepest = max(0.0, float(overlap.max()))
        growth = deepest - state.deepest
        parts = max(1, int(np.ceil(growth / (self.config.max_deepening * self._spec.gel.thickness_m * _MM))))
        while True:
            try:
                return self._in_parts(state, overlap, motion, friction, parts)
            except SimtouchError as error:
                parts *= 2
                if parts > _MOST_PARTS:
                    raise SimtouchError(
                        f"The finite-element gel found no state at an overlap of {deepest:.3g} mm: {error}."
                    ) from error

    def _in_parts(self, state: _State, overlap, motion, friction: float, parts: int) -> tuple[_State, np.ndarray]:
        growth = max(0.0, float(overlap.max())) - state.deepest
        slip = np.zeros_like(motion)
        for part in range(1, parts + 1):
            lifted = np.where(overlap > AWAY / 2, overlap - growth * (1 - part / parts), overlap)
            state, more = self._settle(state, lifted, motion / parts, friction)
            slip = slip + more
        return state, slip

    def _settle(self, state: _State, overlap: np.ndarray, motion: np.ndarray, friction: float) -> tuple[_State, np.ndarray]:
        """Rounds of (1) and (2)."""
        deepest = float(overlap.max())
        if not deepest > 0:  # nothing reaches the resting gel: it springs back, and forgets
            return self._fresh(), np.zeros_like(motion)
        layer = self._layer(overlap)
        contact = LayerContact(friction, self.config.tolerance / 2, self.config.friction_tolerance, 0.02)
        underside = Underside(overlap, self._rest, motion, self._pad.mesh.spacing)
        u, tractions, mixer = state.u, state.tractions, Mixer()
        surface = self._pad.on_surface(u)
        defect = surface - by_layer(layer, tractions)
        for _ in range(self.config.max_iterations):
            height, slope, moved = underside.at(surface[:2])
            target = (state.target + moved).astype(np.float32)
            d = np.maximum(self._rest - height, AWAY)
            tractions = contact.solve(layer, defect, d, slope.astype(np.float32), target, tractions)
            u, imbalance = self._pad.relax(
                u, _stacked(tractions), reduction=self.config.reduction, tolerance=self.config.force_tolerance, most=20
            )
            surface = self._pad.on_surface(u)
            found = surface - by_layer(layer, tractions)
            change = _rms(found - defect, tractions.pressure > 0)
            if change < self.config.tolerance * max(deepest, 0.01) and imbalance < self.config.force_tolerance * 3:
                return self._remember(state, u, tractions, target, deepest)
            defect = mixer.mix(defect, found)
        raise SimtouchError("contact and equilibrium did not meet")

    def _remember(self, state: _State, u, tractions: Tractions, target, deepest: float) -> tuple[_State, np.ndarray]:
        surface = self._pad.on_surface(u)[:2]
        sticks = (tractions.pressure > 0) & ~tractions.slides
        slip = np.where(tractions.slides, target - surface, 0)
        return _State(u, tractions, np.where(sticks, target, surface), max(0.0, deepest)), slip

    def _layer(self, overlap: np.ndarray) -> Compliance:
        """C for the thickness below the deepest point."""
        row, col = np.unravel_index(np.argmax(overlap), overlap.shape)
        mesh = self._pad.mesh
        share = mesh.depth[mesh.view][row, col] / mesh.depth.max()
        thickness = mesh.depth.max() * _THINNER ** round(np.log(share) / np.log(_THINNER))
        return surface_compliance(self._rest.shape, tuple(np.diff(mesh.share) * thickness), mesh.spacing, *self._pad.moduli)

    def _surface(self, slips: list[np.ndarray]) -> GelSurface:
        fields: dict[str, Any] = {
            "normal_traction_pa": [s.tractions.pressure * _PA for s in self._states],
            "shear_traction_pa": [np.moveaxis(s.tractions.shear * _PA, 0, -1) for s in self._states],
            "displacement_m": [np.moveaxis(self._pad.on_surface(s.u) / _MM, 0, -1) for s in self._states],
            "slip_m": [np.moveaxis(slip / _MM, 0, -1) for slip in slips],
        }
        arrays = {name: np.stack(values).astype(np.float32) for name, values in fields.items()}
        return GelSurface(**arrays, slides=np.stack([s.tractions.slides for s in self._states]))


def _stacked(tractions: Tractions) -> np.ndarray:
    """(x, y, z) components on the gel, (3, h, w)."""
    return np.concatenate([tractions.shear, -tractions.pressure[None]]).astype(np.float32)


def _rms(field: np.ndarray, where: np.ndarray) -> float:
    """Root mean square length of vectors, (3, h, w), over some cells."""
    return float(np.sqrt((np.where(where, field, 0) ** 2).sum(dtype=np.float64) / max(1, np.count_nonzero(where))))
