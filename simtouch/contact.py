"""One indenter on one sensor through time: poses in, frames out. `TactileSimulator` holds one of these for each contact."""

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.frame import TactileFrame
from simtouch.gel.lift import Lift
from simtouch.gel.markers import marker_flow
from simtouch.gel.slip import slip_ratio, slip_state
from simtouch.gel.surface import GelModel, GelSurface, wrench
from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Indenter
from simtouch.geometry.surface_motion import surface_motion
from simtouch.optics import Renderer
from simtouch.sensors.spec import SensorSpec

_AWAY_M = -1.0  # overlap where there is no indenter above a cell; any large negative length does
_CLEAR_M = 1e-6  # how far off the gel a press without force stays
_FORCE_TOLERANCE = 1e-4
_DEEPEST = 0.8  # share of the gel's thickness; beyond it no linear layer means anything


class Contact:
    """State of one contact: the indenter, its last pose, the gel's memory, time and the frame count of the noise."""

    def __init__(self, spec: SensorSpec, gel: GelModel, renderer: Renderer):
        self._spec, self._gel, self._renderer = spec, gel, renderer
        self._cells, self._pixels = spec.gel_grid, spec.image_grid
        self._rest_cells = dome_height_m(self._cells, spec.gel.dome_radius_m)
        self._rest_pixels = dome_height_m(self._pixels, spec.gel.dome_radius_m).astype(np.float32)
        self._lift = Lift(self._cells.shape, self._pixels.rows // self._cells.rows)
        self._indenter: Indenter | None = None

    @property
    def has_indenter(self) -> bool:
        """Whether `reset` has given one."""
        return self._indenter is not None

    def reset(self, indenter: Indenter, seed: int) -> None:
        """Take an indenter and forget everything else."""
        self._indenter, self._seed = indenter, seed
        self._last_pose, self._time_s, self._frame_index = None, 0.0, 0
        self._gel.reset()

    def step(self, pose: np.ndarray, dt_s: float) -> TactileFrame:
        """Move to `pose` and read the sensor."""
        return self._move(pose, self._indenter.underside_m(pose, self._pixels), dt_s)

    def step_depth(self, pose: np.ndarray, depth_m: float, dt_s: float) -> TactileFrame:
        """As `step`, with z moved until the deepest overlap is `depth_m`."""
        underside = self._indenter.underside_m(pose, self._pixels)
        return self._lower(pose, underside, depth_m - _deepest(self._rest_pixels - underside), dt_s)

    def step_force(self, pose: np.ndarray, normal_force_n: float, dt_s: float) -> TactileFrame:
        """As `step`, with z moved until the gel is pressed with this force."""
        underside = self._indenter.underside_m(pose, self._pixels)
        return self._lower(pose, underside, self._lowering_for(underside, normal_force_n, self._gel.normal_force_n), dt_s)

    def depth_for_force(self, indenter: Indenter, pose: np.ndarray, normal_force_n: float, most_m: float) -> float:
        """Depth of a fresh, frictionless press that gives this force; `most_m` if that is less. Changes nothing."""
        underside = indenter.underside_m(pose, self._pixels)
        deepest = _deepest(self._rest_pixels - underside)
        if self._gel.fresh_force_n(self._overlap(underside) + np.float32(most_m - deepest)) <= normal_force_n:
            return most_m
        return deepest + self._lowering_for(underside, normal_force_n, self._gel.fresh_force_n, 0.02)

    def _lowering_for(self, underside: np.ndarray, normal_force_n: float, force_of, tolerance: float = _FORCE_TOLERANCE) -> float:
        """How far to lower the indenter for a force: false position, on a force that grows with depth."""
        overlap = self._overlap(underside)
        touch = -float(overlap.max())
        deepest = touch + self._spec.gel.thickness_m * _DEEPEST
        if normal_force_n == 0:
            return touch - _CLEAR_M

        def excess(lowering: float) -> float:
            return force_of(overlap + np.float32(lowering)) - normal_force_n

        most = excess(deepest)
        if most < 0:
            raise ArgumentError(
                f"`normal_force_n` {normal_force_n:g} N needs more depth than the gel has ({most + normal_force_n:.3g} N)."
            )
        return _root(excess, (touch, -normal_force_n), (deepest, most), tolerance * normal_force_n)

    def _lower(self, pose: np.ndarray, underside: np.ndarray, lowering_m: float, dt_s: float) -> TactileFrame:
        lowered = pose.copy()
        lowered[2, 3] -= lowering_m
        return self._move(lowered, underside - np.float32(lowering_m), dt_s)

    def _move(self, pose: np.ndarray, underside: np.ndarray, dt_s: float) -> TactileFrame:
        """The next state of the gel, and all that is known of it."""
        overlap = self._overlap(underside)
        deepest = self._spec.gel.thickness_m * _DEEPEST
        if overlap.max() > deepest:
            raise ArgumentError(
                f"`gel_T_indenter` presses {overlap.max() * 1e3:.2f} mm deep; a gel {self._spec.gel.thickness_m * 1e3:.2f} mm thick "
                f"is simulated to {deepest * 1e3:.2f} mm."
            )
        before = pose if self._last_pose is None else self._last_pose
        surface = self._gel.step(overlap, surface_motion(before, pose, self._over_cells(underside), self._cells))
        if self._last_pose is not None:
            self._time_s, self._frame_index = self._time_s + dt_s, self._frame_index + 1
        self._last_pose = pose
        return self._read(pose, surface, np.maximum(self._rest_pixels - underside, _AWAY_M))

    def _overlap(self, underside: np.ndarray) -> np.ndarray:
        """How deep the indenter lies below the resting gel over each cell [m]; far away where there is none."""
        return np.maximum(self._rest_cells - self._over_cells(underside), _AWAY_M).astype(np.float32)

    def _over_cells(self, underside: np.ndarray) -> np.ndarray:
        """The underside over the cells, from that over the pixels: the mean of the four around a cell's centre."""
        ratio = self._pixels.rows // self._cells.rows
        low, high = slice(ratio // 2 - 1, None, ratio), slice(ratio // 2, None, ratio)
        around = np.stack([underside[rows, cols] for rows in (low, high) for cols in (low, high)])
        there = np.isfinite(around)
        count = there.sum(0)  # half of the four decide where a body ends
        return np.where(count >= 2, np.where(there, around, 0).sum(0) / np.maximum(count, 1), np.inf)

    def _read(self, pose: np.ndarray, surface: GelSurface, over_pixels: np.ndarray) -> TactileFrame:
        """All that is known of this state of the gel; `over_pixels` is the overlap per pixel [m]."""
        height, shear = self._image_surface(surface, over_pixels)
        contact = surface.contact_mask
        force, torque = wrench(surface, self._cells, self._rest_cells)
        markers, flow = marker_flow(self._spec, surface.displacement_m)
        return TactileFrame(
            image=self._renderer.render(height, shear, seed=self._seed, frame_index=self._frame_index),
            height_m=height,
            contact_mask=contact,
            stick_mask=contact & ~surface.slides,
            normal_traction_pa=surface.normal_traction_pa,
            shear_traction_pa=surface.shear_traction_pa,
            displacement_m=surface.displacement_m,
            force_n=force,
            torque_nm=torque,
            cell_size_m=self._cells.spacing_m,
            friction=self._spec.gel.friction,
            slip_state=slip_state(contact, surface.slides),
            slip_ratio=slip_ratio(contact, surface.slides),
            contact_area_m2=float(contact.sum()) * self._cells.spacing_m**2,
            indent_depth_m=max(0.0, float(over_pixels.max())),
            markers_px=markers,
            flow_px=flow,
            gel_T_indenter=pose,
            time_s=self._time_s,
        )

    def _image_surface(self, surface: GelSurface, over_pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Height [m], (H, W), and, for a sensor with markers, in-plane displacement [m], (H, W, 2)."""
        displacement = surface.displacement_m
        if not displacement.any():
            return np.zeros(self._pixels.shape, np.float32), None
        if surface.follows_indenter:
            height = self._lift.lift_height(displacement[..., 2], over_pixels)
        else:
            height = self._lift.lift(displacement[..., 2])
        if self._spec.markers is None:
            return height, None
        return height, np.stack([self._lift.lift(displacement[..., axis]) for axis in (0, 1)], -1)


def _deepest(overlap: np.ndarray) -> float:
    deepest = float(overlap.max())
    if not np.isfinite(deepest):
        raise ArgumentError("`gel_T_indenter` holds the indenter beside the sensor: no part of it lies over the gel.")
    return deepest


def _root(function, low: tuple[float, float], high: tuple[float, float], tolerance: float, max_evaluations: int = 40) -> float:
    """Zero of a growing function by false position (Illinois), `low` and `high` being (place, value) around it."""
    (a, f_a), (b, f_b) = low, high
    side = 0
    for _ in range(max_evaluations):
        c = (a * f_b - b * f_a) / (f_b - f_a)
        f_c = function(c)
        if abs(f_c) < tolerance:
            return c
        if f_c > 0:
            b, f_b = c, f_c
            f_a = f_a / 2 if side == 1 else f_a
            side = 1
        else:
            a, f_a = c, f_c
            f_b = f_b / 2 if side == -1 else f_b
            side = -1
    return c
