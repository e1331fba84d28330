"""Where a calibration was tested: presses with circles in, coverage of slope and place out.

The image is cut into 3 x 3 places. The slope under a ball runs through every direction, and its sine from 0 to a / R at the rim, so a bin
is a place, a ring of the sine and one of eight directions; it counts as seen by a press when at least a share `_LEAST_SHARE` of
its pixels fall into it. The contact gives the touched zone; free gel is seen around every ball and is not counted.
"""

from dataclasses import dataclass

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.presses import PressSet

PLACES = 3
RINGS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Edges of the sine of the slope."""
DIRECTIONS = 8
FEWEST_PRESSES = 4
"""Place enters through polynomials: with fewer circles even their linear terms rest on nothing."""
LEAST_SPREAD = 2.0
"""Spread of the centres, in median radii, below which the presses count as one place: they overlap, and nothing tells place from slope."""
_LEAST_SHARE = 0.3
_TOO_FLAT = 0.1  # of the sine at the rim: less is within the noise of a table's first nodes


@dataclass(frozen=True, eq=False)
class Coverage:
    """Presses by bin."""

    presses: np.ndarray
    """Number of presses that show each bin, int, (places down, places across, rings, directions)."""
    steepest: float
    """Sine of the steepest slope under any ball."""
    spread_radii: float
    """Larger extent of the centres, in median contact radii."""

    @property
    def reachable(self) -> np.ndarray:
        """Rings that a ball pressed this deep reaches, bool, (rings,)."""
        return np.array(RINGS[:-1]) < self.steepest

    def share(self, at_least: int = 1) -> float:
        """Share of the reachable bins that at least so many presses show."""
        return float((self.presses[:, :, self.reachable] >= at_least).mean())

    @property
    def untouched(self) -> tuple[str, ...]:
        """Places that no press shows, in words."""
        rows, cols = ("upper", "middle", "lower"), ("left", "centre", "right")
        seen = self.presses.max((2, 3)) > 0
        return tuple(f"{rows[i]} {cols[j]}" for i in range(PLACES) for j in range(PLACES) if not seen[i, j])

    def warning(self) -> str | None:
        """One sentence where the calibration reaches less far than the image; None where all is well."""
        if self.spread_radii < LEAST_SPREAD:
            return (
                f"all presses lie at one place (centres spread over {self.spread_radii:.1f} contact radii): the colours are "
                f"those of that place everywhere; never touched: {', '.join(self.untouched) or 'no whole part of the image'}."
            )
        if self.untouched:
            return f"never touched: {', '.join(self.untouched)}; the colours there are those of the nearest press."
        return None

    def table(self) -> str:
        """Share of bins seen for each place, as a small table."""
        rows = [" ".join(f"{100 * v:4.0f}%" for v in row) for row in self.by_place()]
        return "\n".join(rows)

    def by_place(self) -> np.ndarray:
        """Share of the reachable bins that any press shows, (places down, places across)."""
        return (self.presses[:, :, self.reachable] > 0).mean((2, 3))


def coverage(presses: PressSet) -> Coverage:
    """Count the bins that the contacts show."""
    H, W = presses.image_shape
    ball = presses.ball_radius_m / presses.pixel_pitch_m
    shape = (PLACES, PLACES, len(RINGS) - 1, DIRECTIONS)
    count = np.zeros(shape, int)
    whole = np.pi * np.diff(np.square(RINGS)) * ball**2 / DIRECTIONS  # pixels of a bin that lies in one place
    enough = np.maximum(_LEAST_SHARE * whole, 2)[:, None]
    for x, y, r in presses.circles:
        rows = np.arange(max(0, int(y - r)), min(H, int(y + r) + 2))[:, None]
        cols = np.arange(max(0, int(x - r)), min(W, int(x + r) + 2))[None]
        dx, dy = np.broadcast_arrays(cols - x, rows - y)
        sine = np.hypot(dx, dy) / ball
        inside = sine < r / ball
        place = np.broadcast_to(rows * PLACES // H, dx.shape), np.broadcast_to(cols * PLACES // W, dx.shape)
        ring = np.clip(np.digitize(sine, RINGS) - 1, 0, shape[2] - 1)
        turn = np.floor((np.arctan2(dy, dx) / (2 * np.pi) % 1) * DIRECTIONS).astype(int) % DIRECTIONS
        bins = np.ravel_multi_index([v[inside] for v in (*place, ring, turn)], shape)
        count += np.bincount(bins, minlength=count.size).reshape(shape) >= enough
    spread = np.ptp(presses.circles[:, :2], axis=0).max() / np.median(presses.circles[:, 2])
    return Coverage(count, float(presses.circles[:, 2].max() / ball), float(spread))


def check_coverage(presses: PressSet) -> Coverage:
    """Return the coverage, or raise `ArgumentError` where nothing can be calibrated from it."""
    found = coverage(presses)
    if len(presses) < FEWEST_PRESSES:
        raise ArgumentError(
            f"a calibration needs at least {FEWEST_PRESSES} presses with a circle, got {len(presses)}; "
            f"never touched: {', '.join(found.untouched) or 'no whole part of the image'}."
        )
    if found.steepest < _TOO_FLAT:
        raise ArgumentError(
            f"the deepest press reaches a slope of sine {found.steepest:.2f}, {_TOO_FLAT} is needed: "
            "press deeper, or check the ball's diameter."
        )
    return found
