"""How far to lower an indenter for a wanted normal force: false position on a force that grows with depth, for a batch at once."""

from collections.abc import Callable, Sequence

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.contact import AWAY_M, DEEPEST, Approach
from simtouch.gel.surface import GelModel

_CLEAR_M = 1e-6  # how far off the gel a press without force stays
_FIRST_REACH = 0.05  # share of the gel's thickness at which the search for a force begins
_TOLERANCE = 1e-4  # of the wanted force
_FRESH_TOLERANCE = 0.02

Forces = Callable[[np.ndarray], np.ndarray]


def lowering_for_force(
    gel: GelModel, approaches: Sequence[Approach], normal_force_n: np.ndarray, thickness_m: float, dt_s: float
) -> np.ndarray:
    """How far to lower each indenter [m], (B,), so that the gel's next state presses with `normal_force_n` (B,)."""
    cells = np.stack([approach.cells for approach in approaches])
    touch = np.array([-approach.deepest_m for approach in approaches])
    wanted = normal_force_n > 0
    deepest = touch + DEEPEST * thickness_m

    def excess(lowering: np.ndarray) -> np.ndarray:
        # A contact that needs no more solving is held away: it costs nothing, and no other one notices.
        away = np.isnan(lowering)[:, None, None]
        lowered = cells + np.where(np.isnan(lowering), 0, lowering).astype(np.float32)[:, None, None]
        return gel.normal_force_n(np.where(away, np.float32(AWAY_M), lowered), dt_s) - normal_force_n

    low, high = _bracket(excess, touch, deepest, normal_force_n, _FIRST_REACH * thickness_m)
    roots = find_roots(excess, low, high, _TOLERANCE * normal_force_n, wanted)
    return np.where(wanted, roots, touch - _CLEAR_M)


def _bracket(excess: Forces, touch: np.ndarray, deepest: np.ndarray, normal_force_n: np.ndarray, reach_m: float):
    """Places and values around each zero: ever twice as deep, since a press as deep as the gel allows is the dearest of all."""
    low, high = (touch.copy(), -normal_force_n), (touch.copy(), -normal_force_n)
    open_ = normal_force_n > 0
    while open_.any():
        place = np.minimum(touch + reach_m, deepest)
        value = excess(np.where(open_, place, np.nan))
        if (short := np.flatnonzero(open_ & (value < 0) & (place >= deepest))).size:
            b = short[0]
            raise ArgumentError(
                f"`normal_force_n` {normal_force_n[b]:g} N needs more depth than the gel has ({value[b] + normal_force_n[b]:.3g} N)."
            )
        high = tuple(np.where(open_, new, old) for new, old in zip((place, value), high, strict=True))
        open_ = open_ & (value < 0)
        low = tuple(np.where(open_, new, old) for new, old in zip((place, value), low, strict=True))
        reach_m *= 2
    return low, high


def depth_for_force(gel: GelModel, approach: Approach, normal_force_n: float, most_m: float) -> float:
    """Depth of a fresh, frictionless press that gives this force within 2 %; `most_m` if that is less. Changes nothing."""
    cells, touch = approach.cells, -approach.deepest_m

    def excess(depth: np.ndarray) -> np.ndarray:
        return np.array([gel.fresh_force_n(cells + np.float32(touch + depth[0])) - normal_force_n])

    most = excess(np.array([most_m]))
    if most[0] <= 0:
        return most_m
    low, high = (np.zeros(1), np.array([-normal_force_n])), (np.array([most_m]), most)
    return float(find_roots(excess, low, high, np.array([_FRESH_TOLERANCE * normal_force_n]), np.array([True]))[0])


def find_roots(
    function: Forces,
    low: tuple[np.ndarray, np.ndarray],
    high: tuple[np.ndarray, np.ndarray],
    tolerance: np.ndarray,
    wanted: np.ndarray,
    max_evaluations: int = 40,
) -> np.ndarray:
    """Zeros of growing functions by false position (Illinois), each for itself.

    Args:
        function: B places in, NaN where none is asked for, B values out.
        low, high: Places and values around each zero, (B,) each.
        tolerance: On the value, (B,).
        wanted: Which to find; the others are NaN in the result.
        max_evaluations: The last place is returned when this is reached.
    """
    (a, f_a), (b, f_b) = (low[0].copy(), low[1].copy()), (high[0].copy(), high[1].copy())
    side, found, open_ = np.zeros(len(a), int), np.full(len(a), np.nan), wanted.copy()
    for _ in range(max_evaluations):
        span = np.where(open_, f_b - f_a, 1)
        c = np.where(open_, (a * f_b - b * f_a) / span, np.nan)
        f_c = function(c)
        found = np.where(open_, c, found)
        open_ &= ~(np.abs(f_c) < tolerance)
        if not open_.any():
            break
        above, below = open_ & (f_c > 0), open_ & ~(f_c > 0)
        b, f_b = np.where(above, c, b), np.where(above, f_c, f_b)
        f_a = np.where(above & (side == 1), f_a / 2, f_a)
        a, f_a = np.where(below, c, a), np.where(below, f_c, f_a)
        f_b = np.where(below & (side == -1), f_b / 2, f_b)
        side = np.where(above, 1, np.where(below, -1, side))
    return found
