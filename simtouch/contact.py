"""One indenter on one sensor through time: poses in, overlaps and motions for the gel out; its answer in, frames out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.frame import TactileFrame
from simtouch.gel.lift import Lift, touched_pixels
from simtouch.gel.markers import marker_flow
from simtouch.gel.slip import slip_ratio, slip_state
from simtouch.gel.surface import AWAY_M, GelSurface, centre_of_pressure, torsion, wrench
from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Indenter
from simtouch.geometry.surface_motion import surface_motion
from simtouch.optics import Renderer
from simtouch.sensors.spec import SensorSpec

DEEPEST = 0.8
"""Share of the gel's thickness; beyond it no linear layer means anything."""
_NOT_SEEN = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Approach:
    """A pose of the indenter and how deep it then lies below the resting gel; nothing has moved yet."""

    pose: np.ndarray
    over: np.ndarray
    """Over each pixel [m], float32, (H, W); -inf where there is no indenter."""
    ratio: int
    """Pixels a cell."""

    @cached_property
    def most_m(self) -> float:
        """Largest overlap; -inf if no part of the indenter lies over the gel."""
        return float(self.over.max())

    @property
    def deepest_m(self) -> float:
        """Largest overlap; raise if the indenter is beside the sensor."""
        if not np.isfinite(self.most_m):
            raise ArgumentError("`gel_T_indenter` holds the indenter beside the sensor: no part of it lies over the gel.")
        return self.most_m

    @cached_property
    def cells(self) -> np.ndarray:
        """The overlap over the cells [m], (h, w): the mean of the four pixels around a cell's centre."""
        low, high = slice(self.ratio // 2 - 1, None, self.ratio), slice(self.ratio // 2, None, self.ratio)
        corners = [self.over[rows, cols] for rows in (low, high) for cols in (low, high)]
        total = corners[0] + corners[1]
        total += corners[2]
        total += corners[3]
        if total.min() > -np.inf:
            total *= np.float32(0.25)
            return total
        around = np.stack(corners)
        there = around > -np.inf
        count = there.sum(0, dtype=np.float32)  # half of the four decide where a body ends
        np.copyto(around, 0, where=~there)
        return np.where(count >= 2, around.sum(0) / np.maximum(count, 1), np.float32(AWAY_M))

    def lowered(self, by_m: float) -> "Approach":
        """The same, `by_m` further down."""
        pose, by = self.pose.copy(), np.float32(by_m)
        pose[2, 3] -= by_m
        there = Approach(pose, self.over + by, self.ratio)
        # Known without looking again: adding one number to all keeps their order.
        known = {
            "most_m": float(np.float32(self.most_m) + by),
            "cells": np.where(self.cells > AWAY_M, self.cells + by, self.cells),
        }
        there.__dict__.update(known)
        return there


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSurface:
    """The gel as the camera meets it."""

    height_m: np.ndarray
    """Surface [m], float32, (H, W)."""
    touched: np.ndarray
    """Pixels where it lies on the indenter, bool, (H, W)."""
    motion_m: np.ndarray | None
    """Motion (x, y, z) of the surface on the gel grid [m], float32, (h, w, 3); None if there is none, or no dot to show it."""


class Contact:
    """State of one contact: the indenter, its last pose, how far each cell has slipped, time and the frame count of the noise."""

    def __init__(self, spec: SensorSpec, renderer: Renderer):
        self._spec, self._renderer = spec, renderer
        self._cells, self._pixels = spec.gel_grid, spec.image_grid
        self._rest_cells = dome_height_m(self._cells, spec.gel.dome_radius_m)
        self._rest_pixels = dome_height_m(self._pixels, spec.gel.dome_radius_m).astype(np.float32)
        self._lift = Lift(self._cells.shape, self._pixels.rows // self._cells.rows)
        self._indenter: Indenter | None = None
        self._last_approach: Approach | None = None

    @property
    def has_indenter(self) -> bool:
        """Whether `reset` has given one."""
        return self._indenter is not None

    def reset(self, indenter: Indenter, seed: int) -> None:
        """Take an indenter and forget everything else."""
        self._indenter, self._seed = indenter, seed
        self._last_pose, self._last_approach = None, None
        self._time_s, self._frame_index = 0.0, -1  # time begins with the first picture
        self._slip_m = np.zeros((*self._cells.shape, 2), np.float32)

    def approach(self, pose: np.ndarray, indenter: Indenter | None = None) -> Approach:
        """Where a pose would bring the indenter, or another one."""
        if indenter is None and self._last_approach is not None and np.array_equal(pose, self._last_approach.pose):
            return self._last_approach  # a press keeps its pose and only goes deeper
        underside = (indenter or self._indenter).underside_m(pose, self._pixels)
        approach = Approach(pose.copy(), np.subtract(self._rest_pixels, underside), self._pixels.rows // self._cells.rows)
        if indenter is None:
            self._last_approach = approach
        return approach

    def motion(self, approach: Approach) -> np.ndarray:
        """In-plane motion of the indenter's surface over each cell since the last frame [m], (h, w, 2); raise if it is too deep."""
        most_m = self._spec.gel.thickness_m * DEEPEST
        if approach.most_m > most_m:
            raise ArgumentError(
                f"`gel_T_indenter` presses {approach.most_m * 1e3:.2f} mm deep; a gel {self._spec.gel.thickness_m * 1e3:.2f} mm "
                f"thick is simulated to {most_m * 1e3:.2f} mm."
            )
        before = approach.pose if self._last_pose is None else self._last_pose
        underside = np.where(approach.cells > AWAY_M, self._rest_cells - approach.cells, np.inf)
        return surface_motion(before, approach.pose, underside, self._cells)

    def read(self, approach: Approach, surface: GelSurface, dt_s: float, *, look: bool = True) -> TactileFrame:
        """Take the gel's next state, and tell all that is known of it; without `look` the camera takes no picture."""
        if self._frame_index >= 0:
            self._time_s += dt_s
        self._last_pose = approach.pose
        image, height = self._picture(surface, approach) if look else (_NOT_SEEN, _NOT_SEEN[..., 0].astype(np.float32))
        contact = surface.contact_mask
        self._slip_m = np.where(contact[..., None], self._slip_m + surface.slip_m, 0)
        force, torque = wrench(surface, self._cells, self._rest_cells)
        centre = centre_of_pressure(surface, self._cells)
        markers, flow = marker_flow(self._spec, surface.displacement_m)
        return TactileFrame(
            image=image,
            height_m=height,
            contact_mask=contact,
            stick_mask=contact & ~surface.slides,
            normal_traction_pa=surface.normal_traction_pa,
            shear_traction_pa=surface.shear_traction_pa,
            displacement_m=surface.displacement_m,
            slip_m=self._slip_m,
            slip_rate_m_s=surface.slip_m / np.float32(dt_s),
            force_n=force,
            torque_nm=torque,
            torsion_nm=torsion(force, torque, centre),
            centre_of_pressure_m=centre,
            cell_size_m=self._cells.spacing_m,
            friction=self._spec.gel.friction,
            slip_state=slip_state(contact, surface.slides),
            slip_ratio=slip_ratio(contact, surface.slides),
            contact_area_m2=float(np.count_nonzero(contact)) * self._cells.spacing_m**2,
            leaves_view=_on_the_rim(surface.where, contact.shape),
            indent_depth_m=max(0.0, approach.most_m),
            markers_px=markers,
            flow_px=flow,
            gel_T_indenter=approach.pose.copy(),
            time_s=self._time_s,
        )

    def _picture(self, surface: GelSurface, approach: Approach) -> tuple[np.ndarray, np.ndarray]:
        """The next image, and the height map that it shows."""
        self._frame_index += 1
        seen = self.image_surface(surface, approach.over)
        image = self._renderer.render(
            seen.height_m, seen.motion_m, touched=seen.touched, seed=self._seed, frame_index=self._frame_index
        )
        return image, seen.height_m

    def image_surface(self, surface: GelSurface, over_pixels: np.ndarray) -> ImageSurface:
        """The gel's state seen pixel by pixel; `over_pixels` is `Approach.over`."""
        displacement, shape = surface.displacement_m, self._pixels.shape
        if not displacement.any():
            return ImageSurface(height_m=np.zeros(shape, np.float32), touched=np.zeros(shape, bool), motion_m=None)
        if surface.follows_indenter:
            height = self._lift.lift_height(displacement[..., 2], over_pixels)
        else:
            height = self._lift.lift(displacement[..., 2])
        touched = touched_pixels(surface.normal_traction_pa, over_pixels, height)
        return ImageSurface(height_m=height, touched=touched, motion_m=displacement if self._spec.markers else None)


def _on_the_rim(where: tuple[slice, slice], shape: tuple[int, int]) -> bool:
    """Whether a rectangle that holds something reaches the first or last row or column of a grid."""
    return any(s.stop > 0 and (s.start == 0 or s.stop == n) for s, n in zip(where, shape, strict=True))
