"""Contact circles moved until the fitted sensor explains each press: presses and a table in, circles out.

    minimise over (x, y, r)   sum_i rho(image_i - background_i - free_i o - D_i(x, y, r))                     (1)

for every n-th pixel around the contact, D the change of colour that the table gives to the surface of `surface.py`, o the frame's offset
far from the contact, which only free gel has; rho is Huber's function, Gauss-Newton with differences for D. A fit to the training presses
and a move of their circles follow in turn. The table cannot tell where all circles lie together: a shift of all of them, or one that
grows along x or y, goes into its terms of place, and a common factor of the radii into those of slope. So these are taken out of each move.
"""

from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from simtouch._checks import as_number
from simtouch.optics.calibration.evaluate import sines
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.rest_picture import far_levels, far_masks
from simtouch.optics.calibration.slope_grid import monomials, products
from simtouch.optics.calibration.surface import press_field
from simtouch.optics.calibration.table_fit import FitConfig, TableFit, fit_table
from simtouch.sensors.colour_table import ZONES, ColourTable

ROUNDS = 1
"""Fits, each followed by a move; more of them gain nothing on presses left out of the fit."""
_WINDOW = 1.8  # half a side of the pixels of (1), in radii
_SAMPLES = 60  # of them along a side
_STEPS = 5  # of Gauss-Newton
_NUDGE = 0.01  # of the differences, in radii
_FURTHEST = 0.15  # that a circle moves or grows in one step, in radii
_RADII = 512  # that a circle may have: the free surface of one costs more than all the rest of a step
_LARGEST = 0.985  # radius, in those of the ball
_HUBER = 1.345  # in standard deviations: 95 % efficient where the errors are normal


def refine_circles(presses: PressSet, config: FitConfig = FitConfig(), *, rounds: int = ROUNDS) -> PressSet:
    """Return the presses with circles that agree better with each other: fit a table, move every circle to it, and again.

    Args:
        presses: Those that a table may be fitted to, with circles to start from.
        config: Of the fits.
        rounds: Fits, each followed by a move.
    """
    as_number("rounds", rounds, at_least=1, at_most=20)
    for _ in range(rounds):
        presses = moved_circles(presses, fit_table(presses, config), config)
    return presses


def moved_circles(presses: PressSet, fit: TableFit, config: FitConfig = FitConfig()) -> PressSet:
    """Return the presses with each circle moved to where a fit to them, or to most of them, explains it best.

    What the fit cannot know, a move that all circles share, is left out.
    """
    return replace(presses, circles_px=_without_gauge(presses, place_circles(presses, fit, config)))


@threadpool_limits.wrap(limits=1, user_api="blas")  # as in `fit_table`
def place_circles(presses: PressSet, fit: TableFit, config: FitConfig = FitConfig()) -> np.ndarray:
    """Return the circle of each press, (N, 3), at which a table that is known explains its picture best.

    Args:
        presses: With circles to start from.
        fit: Of other presses of the same sensor.
        config: Of that fit.
    """
    offsets = far_levels(presses, fit.background, far_masks(presses)) - fit.far_levels.mean(0)
    return np.array([_placed(presses, k, fit, offsets[k], config) for k in range(len(presses))])


def _without_gauge(presses: PressSet, placed: np.ndarray) -> np.ndarray:
    """`placed` less the shift that all share, the one linear in x and y, and the common factor of the radii."""
    before = presses.circles
    places = before[:, :2] - before[:, :2].mean(0)
    basis = np.column_stack([np.ones(len(before)), places if len(before) > 5 else places[:, :0]])
    move = placed[:, :2] - before[:, :2]
    share, *_ = np.linalg.lstsq(basis, move, rcond=None)
    out = placed.copy()
    out[:, :2] -= basis @ share
    out[:, 2] *= before[:, 2].mean() / placed[:, 2].mean()
    largest = _LARGEST * presses.ball_radius_m / presses.pixel_pitch_m
    out[:, 2] = np.minimum(out[:, 2], largest)
    out[:, :2] = np.clip(out[:, :2], 0, np.array(presses.image_shape[::-1]) - 1)
    return out


def _placed(presses: PressSet, k: int, fit: TableFit, offset: np.ndarray, config: FitConfig) -> np.ndarray:
    """(1) of one press."""
    seen = _Seen.around(presses, k, fit, offset, config)
    circle, best = presses.circles[k].astype(float), np.inf
    step, kept, damping = np.zeros(3), circle, 1.0
    for _ in range(_STEPS + 1):
        error = seen.error(circle)
        scale = 1.4826 * np.median(np.abs(error)) + 0.5  # never below what rounding does
        size = np.abs(error) / scale
        cost = float(np.minimum(size**2, 2 * _HUBER * size - _HUBER**2).mean() * scale**2)
        if cost >= best:
            damping /= 4
            circle = seen.allowed(kept + damping * step)
            continue
        best, kept = cost, circle
        weight = np.minimum(1, _HUBER / np.maximum(size, 1e-9))
        slope = seen.slope(circle)
        normal = (slope * weight[:, None]).T @ slope
        step = np.linalg.solve(normal + 1e-6 * np.trace(normal) * np.eye(3) + 1e-9 * np.eye(3), slope.T @ (weight * error))
        step = np.clip(step, -_FURTHEST * kept[2], _FURTHEST * kept[2])
        circle, damping = seen.allowed(kept + step), 1.0
    return kept


@dataclass(frozen=True, eq=False)
class _Seen:
    """Every n-th pixel around a press."""

    first: np.ndarray
    """Column and row of the first pixel."""
    stride: int
    change: np.ndarray
    """image - background [grey levels], (rows, cols, 3)."""
    offset: np.ndarray
    basis: np.ndarray
    """Monomials of the places, (rows * cols, 10)."""
    table: ColourTable
    ball_px: float
    thickness_px: float
    poisson_ratio: float

    @classmethod
    def around(cls, presses: PressSet, k: int, fit: TableFit, offset: np.ndarray, config: FitConfig) -> "_Seen":
        (H, W), (x, y, r) = presses.image_shape, presses.circles[k]
        half = _WINDOW * r
        stride = max(1, round(2 * half / _SAMPLES))
        left, top = max(0, int(x - half)), max(0, int(y - half))
        rows, cols = np.arange(top, min(H, int(y + half) + 2), stride), np.arange(left, min(W, int(x + half) + 2), stride)
        pixels = np.ix_(rows, cols)
        u = np.clip((2 * cols + 1) / W - 1, *fit.table.covered[0])
        v = np.clip((2 * rows + 1) / H - 1, *fit.table.covered[1])
        v, u = np.meshgrid(v, u, indexing="ij")
        return cls(
            first=np.array([left, top], float),
            stride=stride,
            change=presses.images[k][pixels] - fit.background[pixels],
            offset=offset,
            basis=monomials(u.ravel(), v.ravel()),
            table=fit.table,
            ball_px=presses.ball_radius_m / presses.pixel_pitch_m,
            thickness_px=config.thickness_m / presses.pixel_pitch_m,
            poisson_ratio=config.poisson_ratio,
        )

    def error(self, circle: np.ndarray) -> np.ndarray:
        """What the press shows beyond the render [grey levels], flat."""
        n = self.stride
        here = np.append((circle[:2] - self.first) / n, circle[2] / n)
        under = press_field(
            here,
            self.change.shape[:2],
            ball_radius_px=self.ball_px / n,
            thickness_px=self.thickness_px / n,
            poisson_ratio=self.poisson_ratio,
        )
        touched, s = under.touched.ravel(), sines(under.slope).reshape(-1, 2)
        out = self.change.reshape(-1, 3) - np.where(touched[:, None], 0, self.offset)
        for zone in range(len(ZONES)):
            at = np.flatnonzero(touched == bool(zone))
            out[at] -= products(s[at], self.basis[at], self.table.slope.array[zone], self.table.place.array[zone])
        return out.ravel()

    def slope(self, circle: np.ndarray) -> np.ndarray:
        """How fast the render changes with the circle [grey levels a pixel], (values, 3)."""
        nudge = max(_NUDGE * circle[2], 0.2)
        found = []
        for axis in range(3):
            by = np.eye(3)[axis] * nudge
            fore, back = self.allowed(circle + by), self.allowed(circle - by)
            found.append((self.error(back) - self.error(fore)) / max((fore - back)[axis], 1e-3))
        return np.column_stack(found)

    def allowed(self, circle: np.ndarray) -> np.ndarray:
        """The circle, no larger than a ball can make it and no smaller than can be seen; its radius one of few, whose surface is kept."""
        unit = self.ball_px / _RADII
        radius = np.clip(circle[2], min(2.0, 0.5 * self.ball_px), _LARGEST * self.ball_px)
        return np.append(circle[:2], np.floor(radius / unit + 0.5) * unit)
