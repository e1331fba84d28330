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
        over = self._overlap(self._indenter, pose)
        return self._move(pose, over, float(over.max()), dt_s)

    def step_depth(self, pose: np.ndarray, depth_m: float, dt_s: float) -> TactileFrame:
        """As `step`, with z moved until the deepest overlap is `depth_m`."""
        over = self._overlap(self._indenter, pose)
        return self._lower(pose, over, depth_m - _deepest(over), dt_s)

    def step_force(self, pose: np.ndarray, normal_force_n: float, dt_s: float) -> TactileFrame:
        """As `step`, with z moved until the gel is pressed with this force."""
        over = self._overlap(self._indenter, pose)
        return self._lower(pose, over, self._lowering_for(over, normal_force_n), dt_s)

    def depth_for_force(self, indenter: Indenter, pose: np.ndarray, normal_force_n: float, most_m: float) -> float:
        """Depth of a fresh, frictionless press that gives this force; `most_m` if that is less. Changes nothing."""
        over = self._overlap(indenter, pose)
        cells, touch = self._over_cells(over), -_deepest(over)

        def excess(depth: float) -> float:
            return self._gel.fresh_force_n(cells + np.float32(touch + depth)) - normal_force_n

        most = excess(most_m)
        return most_m if most <= 0 else _root(excess, (0.0, -normal_force_n), (most_m, most), 0.02 * normal_force_n)

    def _overlap(self, indenter: Indenter, pose: np.ndarray) -> np.ndarray:
        """How deep the indenter lies below the resting gel over each pixel [m], float32, (H, W); -inf where there is none."""
        return np.subtract(self._rest_pixels, indenter.underside_m(pose, self._pixels))

    def _over_cells(self, over: np.ndarray) -> np.ndarray:
        """The overlap over the cells, from that over the pixels: the mean of the four around a cell's centre."""
        ratio = self._pixels.rows // self._cells.rows
        low, high = slice(ratio // 2 - 1, None, ratio), slice(ratio // 2, None, ratio)
        around = np.stack([over[rows, cols] for rows in (low, high) for cols in (low, high)])
        there = np.isfinite(around)
        count = there.sum(0, dtype=np.float32)  # half of the four decide where a body ends
        mean = np.where(there, around, 0).sum(0, dtype=np.float32) / np.maximum(count, 1)
        return np.where(count >= 2, mean, np.float32(_AWAY_M))

    def _lowering_for(self, over: np.ndarray, normal_force_n: float) -> float:
        """How far to lower the indenter for a force: false position, on a force that grows with depth."""
        cells, touch = self._over_cells(over), -_deepest(over)
        deepest = touch + self._spec.gel.thickness_m * _DEEPEST
        if normal_force_n == 0:
            return touch - _CLEAR_M

        def excess(lowering: float) -> float:
            return self._gel.normal_force_n(cells + np.float32(lowering)) - normal_force_n

        most = excess(deepest)
        if most < 0:
            raise ArgumentError(
                f"`normal_force_n` {normal_force_n:g} N needs more depth than the gel has ({most + normal_force_n:.3g} N)."
            )
        return _root(excess, (touch, -normal_force_n), (deepest, most), _FORCE_TOLERANCE * normal_force_n)

    def _lower(self, pose: np.ndarray, over: np.ndarray, lowering_m: float, dt_s: float) -> TactileFrame:
        lowered = pose.copy()
        lowered[2, 3] -= lowering_m
        over += np.float32(lowering_m)
        return self._move(lowered, over, float(over.max()), dt_s)

    def _move(self, pose: np.ndarray, over: np.ndarray, deepest_m: float, dt_s: float) -> TactileFrame:
        """The next state of the gel, and all that is known of it."""
        most_m = self._spec.gel.thickness_m * _DEEPEST
        if deepest_m > most_m:
            raise ArgumentError(
                f"`gel_T_indenter` presses {deepest_m * 1e3:.2f} mm deep; a gel {self._spec.gel.thickness_m * 1e3:.2f} mm thick "
                f"is simulated to {most_m * 1e3:.2f} mm."
            )
        cells = self._over_cells(over)
        before = pose if self._last_pose is None else self._last_pose
        underside = np.where(cells > _AWAY_M, self._rest_cells - cells, np.inf)
        surface = self._gel.step(cells, surface_motion(before, pose, underside, self._cells))
        if self._last_pose is not None:
            self._time_s, self._frame_index = self._time_s + dt_s, self._frame_index + 1
        self._last_pose = pose
        return self._read(pose, surface, over, max(0.0, deepest_m))

    def _read(self, pose: np.ndarray, surface: GelSurface, over_pixels: np.ndarray, indent_depth_m: float) -> TactileFrame:
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
            indent_depth_m=indent_depth_m,
            markers_px=markers,
            flow_px=flow,
            gel_T_indenter=pose,
            time_s=self._time_s,
        )

    def _image_surface(self, surface: GelSurface, over_pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Height [m], (H, W), and, for a sensor with markers, in-plane displacement [m], (h, w, 2)."""
        displacement = surface.displacement_m
        if not displacement.any():
            return np.zeros(self._pixels.shape, np.float32), None
        if surface.follows_indenter:
            height = self._lift.lift_height(displacement[..., 2], over_pixels)
        else:
            height = self._lift.lift(displacement[..., 2])
        if self._spec.markers is None:
            return height, None
        return height, displacement[..., :2]


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
