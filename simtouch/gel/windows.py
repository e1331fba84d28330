"""The contact problems in the windows of contacts: overlaps, motions and the last state in, the next state and surface out.

Each contact is solved in a rectangle that holds it, by transforms of eight columns at once inside one kernel (`window_load.py`,
`window_slide.py`). Nothing is remembered but tables and scratch, so a contact has the same bytes in any batch and on any number of threads.
"""

import numpy as np

from simtouch._taichi import LANES, Bound
from simtouch.gel import window_load, window_slide
from simtouch.gel.compliance import Compliance
from simtouch.gel.lanes import rows_of_lanes
from simtouch.gel.surface import AWAY_M
from simtouch.gel.tori import Tori, Window
from simtouch.gel.torus import PLACE, rows_needed

_TOGETHER = 64  # contacts a launch works on; bounds the memory
_SLACK = (1.1, 0.45)
"""How much further up than cells with pressure others may touch, as a share of their range of heights: a small contact sinks in like one on
a half-space, whose rim lies half as deep as its middle; a contact wider than the layer is thick does not."""
_NOWHERE = (0,) * len(PLACE)


class WindowSolver:
    """One layer on one grid, in float32; contacts of any size."""

    def __init__(
        self,
        compliance: Compliance,
        *,
        tolerance: float,
        friction: float,
        friction_tolerance: float,
        wide: float,
        units: tuple[float, float],
    ):
        """Take the laws.

        Args:
            compliance: Of the layer on this grid.
            tolerance, friction_tolerance: As those of `FftSolver`.
            friction: Coulomb's coefficient.
            wide: Cells of a square whose side is the layer's thickness.
            units: What is a mm [m] and a MPa [Pa].
        """
        self.compliance, self._shape, tori = compliance, compliance.shape, Tori(compliance)
        (h, w), nearest = self._shape, compliance.offset_tables["inverse"].reshape(2 * compliance.shape[0], -1)
        around = [float(nearest[h + i, w + j]) for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))]
        self._carry = _Kernel(window_load._carry, tori, self._shape, (1 / units[0], compliance.rise, tolerance, *around))
        self._slide = _Kernel(window_slide._slide, tori, self._shape, (friction, friction_tolerance, *units))
        self._tori, self._rise_m, self._wide = tori, compliance.rise * units[0], wide

    def carry(
        self, overlap_m: np.ndarray, state: np.ndarray, start: np.ndarray, load: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `DenseSolver.carry`, of overlaps in m less the sink by shear in `state`; the lowering is in mm all the same."""
        pressed = (start > 0) & (overlap_m > AWAY_M)
        low = np.where(pressed, overlap_m, np.float32(np.inf)).min((1, 2))
        slack = np.where(pressed.sum((1, 2)) < self._wide, *_SLACK).astype(np.float32)
        low -= slack * (overlap_m.max((1, 2)) - low) + (self._rise_m * load).astype(np.float32)
        windows = windows_of(overlap_m >= low[:, None, None])
        pressure, lowering, loads = np.zeros_like(start), np.empty(len(load), np.float32), load.astype(np.float32)
        places, room = [], 0
        for window in windows:
            place = self._tori.inside(window) if window[2] else _NOWHERE
            places.append(place)
            maps = window_load.MAPS * window[2] * -(-window[3] // LANES)
            room = max(room, maps + rows_needed(2, *place[4:6]))
        self._carry(places, room, (loads, overlap_m, state, start), (pressure, lowering))
        return pressure, lowering

    def slide(self, pressure: np.ndarray, motion_m: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Let the indenters move.

        Args:
            pressure: [MPa], float32, (B, h, w).
            motion_m: In-plane motion of the indenters [m], float32, (B, h, w, 2).
            state: `STATE` of `window_slide.py`, float32, (B, 5, h, w).

        Returns:
            The next state; `SURFACE`, float32, (B, 8 h w); the sliding cells, bool, (B, h, w).
        """
        (h, w), count = self._shape, len(pressure)
        after = np.zeros((count, window_slide.STATE, h, w), np.float32)
        surface, slides = np.zeros((count, window_slide.SURFACE * h * w), np.float32), np.zeros(pressure.shape, bool)
        places, room = [], 0
        for window in windows_of(pressure > 0):
            inside = outside = _NOWHERE
            if window[2]:
                inside, outside = self._tori.inside(window), self._tori.outside(window)
            places.append(inside + outside)
            maps = window_slide.MAPS * window[2] * -(-window[3] // LANES) + 4 * h * -(-w // LANES)
            room = max(room, maps + rows_needed(5, *inside[4:6]), maps + rows_needed(7, *outside[4:6]))
        self._slide(places, room, (pressure, motion_m, state), (after, surface, slides.view(np.uint8)))
        return after, surface, slides


class _Kernel:
    """A kernel of contacts with tables, laws and scratch, which stay from call to call."""

    def __init__(self, kernel, tori: Tori, shape: tuple[int, int], laws: tuple[float, ...]):
        self._kernel, self._tori, self._shape, self._laws = kernel, tori, shape, laws
        self._bound, self._room, self._work, self._spectra = None, 0, rows_of_lanes(0), tori.spectra

    def __call__(
        self, places: list[tuple[int, ...]], room: int, given: tuple[np.ndarray, ...], out: tuple[np.ndarray, ...]
    ) -> None:
        for first in range(0, len(places), _TOGETHER):
            these = slice(first, first + _TOGETHER)
            count = len(places[these])
            if (
                self._bound is None
                or room > self._room
                or count * self._room > len(self._work)
                or self._spectra is not self._tori.spectra
            ):
                self._room, self._spectra = max(room, self._room), self._tori.spectra
                self._work = rows_of_lanes(max(count * self._room, len(self._work)))
                fixed = self._tori.turns, self._spectra, *self._shape, self._room, *self._laws
                self._bound = Bound(self._kernel, *fixed, *(None,) * (2 + len(given) + len(out)), self._work)
            maps = [maps[these].reshape(-1) for maps in (*given, *out)]
            self._bound(count, np.array(places[these], np.int32).reshape(-1), *maps)


def windows_of(touched: np.ndarray) -> list[Window]:
    """The smallest rectangles that hold what is touched, bool, (B, h, w); of no rows where nothing is."""
    found = []
    for rows, columns in zip(touched.any(2), touched.any(1), strict=True):
        i, j = rows.nonzero()[0].tolist(), columns.nonzero()[0].tolist()
        found.append((i[0], j[0], i[-1] - i[0] + 1, j[-1] - j[0] + 1) if i else (0, 0, 0, 0))
    return found
