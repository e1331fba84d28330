"""A calibrated colour response as numbers: slope, place and touch in, change of colour out.

    D_c(s, x, y, z) = sum_c' M_cc' sum_r A_zc'r(s) B_zc'r(x, y)      [grey levels, RGB]                        (1)
    s = g / sqrt(1 + |g|^2),   g = (dh/dx, dh/dy)                                                       (2)
    B(x, y) = sum_m b_m x^p_m y^q_m                                                                    (3)

h is the gel surface relative to its rest (`height_m`, gel frame), so s is the sine of the tilt against the resting gel, times its
direction: 0 where nothing moved. z is the zone: 0 where the gel is free, 1 where it is touched. A is bilinear between n x n nodes over
[-1, 1]^2, rows along s_y, and 0 at the middle node, so D(0) = 0 by construction. x and y run from -1 to 1 over the columns and rows of
the image, whatever its resolution: x_j = (2 j + 1) / W - 1; outside the box that the presses cover they are held to its rim.
"""

from dataclasses import dataclass, field

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.sensors.numbers import Numbers

ZONES = ("free", "touched")
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
"""(p, q) of the terms of (3); their order in the last axis of `place`. A lower degree has zeros at the end."""


@dataclass(frozen=True, kw_only=True)
class ColourTable:
    """The numbers of (1). Zones, channels (RGB) and terms r come first."""

    slope: Numbers
    """A at its nodes [grey levels], float32, (2, 3, R, n, n), n odd; the last axis runs along s_x."""
    place: Numbers
    """b of (3), float32, (2, 3, R, 10)."""
    covered: tuple[tuple[float, float], tuple[float, float]] = ((-1.0, 1.0), (-1.0, 1.0))
    """Ranges of x and of y that the presses cover."""
    mix: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] = (
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
    )
    """M: how this unit's channels follow from the calibrated ones."""
    notes: dict[str, str] = field(default_factory=dict, hash=False)
    """What it was fitted to: source, ball, presses, date, error."""

    def __post_init__(self):
        slope, place = self.slope.array, self.place.array
        n = slope.shape[-1]
        if slope.ndim != 5 or slope.shape[:2] != (2, 3) or slope.shape[-2] != n or n % 2 == 0 or n < 3:
            raise ArgumentError(f"`slope` must have shape (2, 3, R, n, n) with odd n >= 3; got {slope.shape}.")
        if place.shape != (*slope.shape[:3], len(POWERS)):
            raise ArgumentError(f"`place` must have shape {(*slope.shape[:3], len(POWERS))}; got {place.shape}.")
        if np.abs(slope[..., n // 2, n // 2]).max() > 0:
            raise ArgumentError("`slope` must be 0 at its middle node: a resting gel changes no colour.")
        for low, high in self.covered:
            if not -1 <= low < high <= 1:
                raise ArgumentError(f"`covered` must hold ranges inside [-1, 1]; got {self.covered}.")

    @property
    def terms(self) -> int:
        """R of (1)."""
        return self.slope.shape[2]

    @property
    def nodes(self) -> int:
        """n: nodes along each axis of the slope."""
        return self.slope.shape[-1]
