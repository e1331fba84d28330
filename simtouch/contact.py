"""One indenter on one sensor through time: poses in, overlaps and motions for the gel out; its answer in, frames out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.frame import TactileFrame
from simtouch.gel.surface import AWAY_M, GelSurface
from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Indenter
from simtouch.geometry.surface_motion import surface_motions
from simtouch.look import Look
from simtouch.optics import Renderer
from simtouch.reading import Reading, SeenReading
from simtouch.sensors.spec import SensorSpec

DEEPEST = 0.8
"""Share of the gel's thickness; beyond it no linear layer means anything."""
_NOT_SEEN = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Approach:
    """A pose of the indenter and how deep it then lies below the resting gel; nothing has moved yet."""

    pose: np.ndarray
    over_at_first: np.ndarray
    """Over each pixel before it was lowered [m], float32, (H, W); -inf where there is no indenter."""
    ratio: int
    """Pixels a cell."""
    by_m: np.float32 = np.float32(0)
    """How far it was lowered since."""

    @property
    def over(self) -> np.ndarray:
        """Over each pixel [m], float32, (H, W); -inf where there is no indenter."""
        return self.over_at_first + self.by_m

    @cached_property
    def most_m(self) -> float:
        """Largest overlap; -inf if no part of the indenter lies over the gel."""
        return float(self.over_at_first.max() + self.by_m)

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
        corners = [self.over_at_first[rows, cols] for rows in (low, high) for cols in (low, high)]
        total = corners[0] + corners[1]
        total += corners[2]
        total += corners[3]
        if total.min() > -np.inf:
            total *= np.float32(0.25)
            return total + self.by_m
        around = np.stack(corners)
        there = around > -np.inf
        count = there.sum(0, dtype=np.float32)  # half of the four decide where a body ends
        np.copyto(around, 0, where=~there)
        return np.where(count >= 2, around.sum(0) / np.maximum(count, 1) + self.by_m, np.float32(AWAY_M))

    def lowered(self, by_m: float) -> "Approach":
        """The same, `by_m` further down."""
        pose, by = self.pose.copy(), np.float32(by_m)
        pose[2, 3] -= by_m
        there = Approach(pose, self.over_at_first, self.ratio, self.by_m + by)
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


class Contact:
    """State of one contact: the indenter, its last pose, how far each cell has slipped, time and the frame count of the noise."""

    def __init__(self, spec: SensorSpec, renderer: Renderer):
        self._spec, self._renderer = spec, renderer
        self.cells, self._pixels = spec.gel_grid, spec.image_grid
        self.rest_cells_m = dome_height_m(self.cells, spec.gel.dome_radius_m).astype(np.float32)
        """Resting height of the gel [m], float32, (h, w)."""
        self._rest_pixels = dome_height_m(self._pixels, spec.gel.dome_radius_m).astype(np.float32)
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
        self._slip_m = np.zeros((*self.cells.shape, 2), np.float32)

    def save(self) -> tuple[np.ndarray | None, np.ndarray]:
        """Where the indenter was last, and how far each cell has slipped."""
        return self._last_pose, self._slip_m

    def restore(self, saved: tuple[np.ndarray | None, np.ndarray]) -> None:
        """Take that back."""
        self._last_pose, self._slip_m = saved

    def approach(self, pose: np.ndarray, indenter: Indenter | None = None) -> Approach:
        """Where a pose would bring the indenter, or another one."""
        if indenter is None and self._last_approach is not None and np.array_equal(pose, self._last_approach.pose):
            return self._last_approach  # a press keeps its pose and only goes deeper
        underside = (indenter or self._indenter).underside_m(pose, self._pixels)
        approach = Approach(pose.copy(), np.subtract(self._rest_pixels, underside), self._pixels.rows // self.cells.rows)
        if indenter is None:
            self._last_approach = approach
        return approach

    def motion(self, approach: Approach) -> np.ndarray:
        """In-plane motion of the indenter's surface over each cell since the last frame [m], (h, w, 2); raise if it is too deep."""
        return motions([self], [approach], approach.cells[None])[0]

    def checked_before(self, approach: Approach) -> np.ndarray:
        """The indenter's pose at the last frame; raise if the next one is too deep."""
        most_m = self._spec.gel.thickness_m * DEEPEST
        if approach.most_m > most_m:
            raise ArgumentError(
                f"`gel_T_indenter` presses {approach.most_m * 1e3:.2f} mm deep; a gel {self._spec.gel.thickness_m * 1e3:.2f} mm "
                f"thick is simulated to {most_m * 1e3:.2f} mm."
            )
        return approach.pose if self._last_pose is None else self._last_pose

    def next_key(self) -> tuple[int, int]:
        """Seed and number of the next picture, for its noise."""
        self._frame_index += 1
        return self._seed, self._frame_index

    def read(self, approach: Approach, surfaces: GelSurface, index: int, dt_s: float) -> dict:
        """Take the gel's next state, that of a batch at `index`; what a `Reading` is made of."""
        if self._frame_index >= 0:
            self._time_s += dt_s
        self._last_pose = approach.pose
        slipped = self._slip_m + surfaces.slip_m[index]
        # A cell's two numbers are moved as one: they lie side by side.
        self._slip_m = np.where(surfaces.contact_mask[index], slipped.view(np.float64)[..., 0], 0.0)[..., None].view(np.float32)
        return {
            "spec": self._spec, "rest_m": self.rest_cells_m, "surfaces": surfaces, "index": index, "slip_m": self._slip_m,
            "dt_s": dt_s, "time_s": self._time_s, "pose": approach.pose, "most_m": approach.most_m,
        }  # fmt: skip

    def image_surface(self, surface: GelSurface, over_pixels: np.ndarray) -> ImageSurface:
        """The gel's state seen pixel by pixel; `over_pixels` is `Approach.over`."""
        look = Look(self._renderer, 1)
        names = ("normal_traction_pa", "shear_traction_pa", "displacement_m", "slides", "slip_m")
        one = replace(surface, **{name: getattr(surface, name)[None] for name in names})
        height = look.lift.image(look.surfaces(one, over_pixels[None], np.zeros(1)))[0]
        return ImageSurface(height_m=height, touched=look.lift.touched[0, :, : height.shape[1]] > 0)


def motions(contacts: Sequence[Contact], approaches: Sequence[Approach], cells_m: np.ndarray) -> np.ndarray:
    """In-plane motion of each indenter's surface over each cell since the last frame [m], (B, h, w, 2); raise if one is too deep.

    `cells_m`: their overlaps, (B, h, w).
    """
    before = np.stack([contact.checked_before(approach) for contact, approach in zip(contacts, approaches, strict=True)])
    now, one = np.stack([approach.pose for approach in approaches]), contacts[0]
    # Where there is no indenter the overlap is AWAY_M: finite, and of no motion.
    return surface_motions(before, now, one.rest_cells_m - cells_m, cells_m > AWAY_M, one.cells)


def frames_of(
    contacts: Sequence[Contact], approaches: Sequence[Approach], surfaces: GelSurface, dt_s: float, look: Look | None
) -> tuple[list[TactileFrame], dict]:
    """The next readings, and what is known of all of them together; with a look the cameras take a picture each."""
    told = [
        contact.read(approach, surfaces, b, dt_s) for b, (contact, approach) in enumerate(zip(contacts, approaches, strict=True))
    ]
    if look is None:
        unseen = {"image": _NOT_SEEN, "height_m": _NOT_SEEN[..., 0].astype(np.float32)}
        return [TactileFrame.of(Reading(**one), **unseen) for one in told], {}
    over = [approach.over_at_first for approach in approaches]
    seen = look.surfaces(surfaces, over[0][None] if len(over) == 1 else np.stack(over), np.array([a.by_m for a in approaches]))
    images = look.images(seen, surfaces, [contact.next_key() for contact in contacts])
    readings = [SeenReading(**one, lift=look.lift, seen=rows) for one, rows in zip(told, seen, strict=True)]
    return [TactileFrame.of(one, image=image) for one, image in zip(readings, images, strict=True)], {"image": images}
