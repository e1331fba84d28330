"""How far to lower an indenter for a wanted normal force: false position on a force that grows with depth, for a batch at once.

A gel that solves for a load tells the depth itself (`GelModel.lowering_m`). Of others, and where that fails, a
contact that was pressed before begins where the last press ended, by a power of the depth: F' = F (d' / d)^n. Secants go on from
there, three looks in all; what they leave open, and a first press, is bracketed from the surface down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.contact import DEEPEST, Approach
from simtouch.gel.surface import AWAY_M, GelModel

_CLEAR_M = 1e-6  # how far off the gel a press without force stays
_FIRST_REACH = 0.05  # share of the gel's thickness at which the search for a force begins
_TOLERANCE = 1e-4  # of the wanted force
_FRESH_TOLERANCE = 0.02
_FIRST_DEPTH = 0.3  # share of the most at which the search for a fresh press begins
_FIRST_POWER = 1.6  # of the depth, to which the force of a ball on a layer is roughly proportional
_POWERS = (0.7, 4.0)  # a last power is taken within; a flat body's is 1, a cone's 2
_SECANTS = 6  # looks near the last press, before the search begins anew

Forces = Callable[[np.ndarray], np.ndarray]


@dataclass(eq=False)
class LastPress:
    """Where the last search of each contact ended, (B,) each; NaN before the first."""

    depth_m: np.ndarray
    force_n: np.ndarray
    power: np.ndarray

    @classmethod
    def none(cls, batch: int) -> "LastPress":
        """Of contacts that were not pressed yet."""
        return cls(np.full(batch, np.nan), np.full(batch, np.nan), np.full(batch, _FIRST_POWER))

    def depth_for(self, normal_force_n: np.ndarray) -> np.ndarray:
        """Where to look first for a force [m]; NaN without a last press, or without a force."""
        share = np.where(normal_force_n > 0, normal_force_n, np.nan) / self.force_n
        return self.depth_m * share ** (1 / self.power)


def lowering_for_force(
    gel: GelModel,
    approaches: Sequence[Approach],
    normal_force_n: np.ndarray,
    thickness_m: float,
    dt_s: float,
    last: LastPress | None = None,
) -> np.ndarray:
    """How far to lower each indenter [m], (B,), so that the gel's next state presses with `normal_force_n` (B,).

    The search begins at `last`, where given, and leaves its own end there.
    """
    cells = np.stack([approach.cells for approach in approaches])
    touch = np.array([-approach.deepest_m for approach in approaches])
    wanted = normal_force_n > 0
    deepest = touch + DEEPEST * thickness_m
    last = LastPress.none(len(approaches)) if last is None else last

    def excess(lowering: np.ndarray) -> np.ndarray:
        # A contact that needs no more solving is held away: it costs nothing, and no other one notices.
        away = np.isnan(lowering)[:, None, None]
        lowered = cells + np.where(np.isnan(lowering), 0, lowering).astype(np.float32)[:, None, None]
        return gel.normal_force_n(np.where(away, np.float32(AWAY_M), lowered), dt_s) - normal_force_n

    roots = gel.lowering_m(cells, normal_force_n, dt_s)
    roots = np.where((roots > touch) & (roots < deepest), roots, np.nan)
    if (open_ := wanted & np.isnan(roots)).any():
        roots = np.where(open_, _secants(excess, touch, deepest, np.where(open_, normal_force_n, np.nan), last), roots)
    if (new := wanted & np.isnan(roots)).any():
        low, high = _bracket(excess, touch, deepest, np.where(new, normal_force_n, 0), _FIRST_REACH * thickness_m)
        roots = np.where(new, find_roots(excess, low, high, _TOLERANCE * normal_force_n, new), roots)
    last.depth_m = np.where(wanted, roots - touch, last.depth_m)
    last.force_n = np.where(wanted, normal_force_n, last.force_n)
    return np.where(wanted, roots, touch - _CLEAR_M)


def _secants(excess: Forces, touch: np.ndarray, deepest: np.ndarray, normal_force_n: np.ndarray, last: LastPress) -> np.ndarray:
    """Zeros near the last press; NaN where there was none, or a few looks did not find it. Leaves the power in `last`."""
    place = touch + last.depth_for(normal_force_n)
    roots, slope = np.full(len(place), np.nan), last.power * normal_force_n / (place - touch)
    before, value_before = np.full(len(place), np.nan), np.full(len(place), np.nan)
    for _ in range(_SECANTS):
        place = np.where((place > touch) & (place < deepest), place, np.nan)
        if np.isnan(place).all():
            break
        value = excess(place)
        moved = place - before
        with np.errstate(invalid="ignore", divide="ignore"):
            steep = (value - value_before) / moved
            known = np.isfinite(steep) & (steep > 0)
        slope = np.where(known, steep, slope)
        found = np.abs(value) < _TOLERANCE * normal_force_n
        roots = np.where(found, place, roots)
        last.power = np.where(known, np.clip(slope * (place - touch) / normal_force_n, *_POWERS), last.power)
        before, value_before = place, value
        with np.errstate(invalid="ignore", divide="ignore"):
            further = np.minimum(place - value / slope, touch + 2 * (place - touch))  # a deep press is dear
        place = np.where(found, np.nan, further)
    return roots


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
    """Depth of a fresh, frictionless press that gives this force within 2 %; `most_m` if that is less. Changes nothing.

    Force grows like a power of the depth, nearly; so this is false position in the logarithms of both. It begins shallow, because a
    press as deep as it may be is the dearest of all.
    """
    cells, touch = approach.cells, -approach.deepest_m
    low, high, power = 0.0, most_m, _FIRST_POWER
    depth, before = min(_FIRST_DEPTH * most_m, most_m), None
    for _ in range(40):
        force = gel.fresh_force_n(cells + np.float32(touch + depth))
        if abs(force - normal_force_n) < _FRESH_TOLERANCE * normal_force_n or (depth >= most_m and force <= normal_force_n):
            break
        low, high = (depth, high) if force < normal_force_n else (low, depth)
        if force <= 0:
            depth = min(2 * depth, most_m)
            continue
        if before is not None and depth != before[0] and force != before[1]:
            power = float(np.clip(np.log(force / before[1]) / np.log(depth / before[0]), 0.5, 4.0))
        before = depth, force
        guess = depth * (normal_force_n / force) ** (1 / power)
        # Within the bracket, and not on its ends, where it would stand still.
        depth = guess if low < guess < high else most_m if guess >= most_m == high else (low + high) / 2
    return depth


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
