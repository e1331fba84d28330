"""Numbered mazes: a family, a split and a number in, a wire with its certificate out. The same number is the same wire for ever.

A bead of length L on a wire of bend radius R needs room for the sagitta L^2 / (8 R); with the hole's clearance c it jams when

    L^2 / (8 R) >= 2 c                                                                                              (1)

Every maze keeps (1) at bay by a margin, bends no more sharply than its family says and comes nowhere near itself: `Certificate` says by
how much, measured on the wire and not on the plan. Splits are drawn from seeds of their own, so that no maze is in two of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simtouch._checks import ArgumentError
from simtouch_envs.bead_maze.wire import Wire, lengths
from simtouch_envs.numbered import Split, rng_of

START_M, END_M = 0.02, 0.02
"""Where the bead starts, from the wire's begin, and where it is done, before the wire's end."""
_ORIGIN_M = (0.0, 0.0, 0.15)
_STEP_M = 2e-3  # of a plan
_THIN = 5  # every fifth point of a plan is a control point
_TRIES = 400


@dataclass(frozen=True, kw_only=True)
class Bead:
    """What the wire must let pass."""

    radius_m: float = 8e-3
    hole_radius_m: float = 3.2e-3
    wire_radius_m: float = 1.5e-3

    @property
    def length_m(self) -> float:
        """Along the wire: a ball's diameter."""
        return 2 * self.radius_m

    @property
    def clearance_m(self) -> float:
        """Between hole and wire, all round."""
        return self.hole_radius_m - self.wire_radius_m


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was measured on a wire."""

    length_m: float
    least_bend_radius_m: float
    clearance_m: float
    sagitta_m: float
    """Of the bead in the sharpest bend, (1)."""
    least_gap_m: float
    """Between parts of the wire more than 6 cm apart along it; inf where there are none."""
    largest_heading_rad: float
    """Between the wire and the direction it starts in."""

    @property
    def passes(self) -> bool:
        """Whether the bead passes by (1)."""
        return self.sagitta_m < 2 * self.clearance_m


@dataclass(frozen=True, eq=False, kw_only=True)
class Maze:
    """One numbered maze."""

    family: str
    split: Split
    number: int
    wire: Wire
    certificate: Certificate

    @property
    def name(self) -> str:
        """As `snake/test/7`."""
        return f"{self.family}/{self.split}/{self.number}"

    @property
    def travel_m(self) -> float:
        """From start to goal along the wire."""
        return self.wire.length_m - START_M - END_M


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of maze."""

    plan: Callable[[np.random.Generator], np.ndarray]
    """Draws control points from the origin, (K, 3)."""
    least_bend_radius_m: float
    least_gap_m: float = 0.03
    largest_heading_rad: float = np.deg2rad(150)
    length_m: tuple[float, float] = (0.15, 0.35)
    yaw: bool = False
    """The gripper must turn about the vertical to follow."""


@lru_cache(maxsize=256)
def maze(family: str, split: str, number: int, bead: Bead = Bead()) -> Maze:
    """The maze of that number, 0 to 999: drawn until the certificate meets the family's bounds and (1).

    Raises:
        ArgumentError: An unknown family or split, or no such number.
    """
    rng, kind = rng_of("maze", 20220719, list(FAMILIES), family, split, number), FAMILIES[family]
    for _ in range(_TRIES):
        wire = Wire(kind.plan(rng) + _ORIGIN_M)
        if _largest_heading_rad(wire) > kind.largest_heading_rad:
            continue  # what most are refused for, told in a seventh of the time of the rest
        certificate = certify(wire, bead)
        if _within(certificate, kind):
            return Maze(family=family, split=split, number=int(number), wire=wire, certificate=certificate)
    raise ArgumentError(f"no wire of the family `{family}` lets a bead {bead.length_m * 1e3:.1f} mm long pass.")


def certify(wire: Wire, bead: Bead = Bead()) -> Certificate:
    """Measure a wire."""
    bend = lengths(np.gradient(wire.tangents, wire.spacing_m, axis=0))
    radius = 1 / max(float(bend.max()), 1e-9)
    points, s = wire.points_m[::10], wire.s_m[::10]
    i, j = np.nonzero(s[:, None] - s[None] > 0.06)
    return Certificate(
        length_m=wire.length_m,
        least_bend_radius_m=radius,
        clearance_m=bead.clearance_m,
        sagitta_m=bead.length_m**2 / (8 * radius),
        least_gap_m=float(lengths(points[i] - points[j]).min()) if i.size else np.inf,
        largest_heading_rad=_largest_heading_rad(wire),
    )


def _within(found: Certificate, kind: Family) -> bool:
    low, high = kind.length_m
    return (
        found.passes
        and found.least_bend_radius_m >= kind.least_bend_radius_m
        and found.least_gap_m >= kind.least_gap_m
        and found.largest_heading_rad <= kind.largest_heading_rad
        and low <= found.length_m <= high
    )


def _largest_heading_rad(wire: Wire) -> float:
    """Of the angle in the vertical plane along x, followed without jumps."""
    along = np.hypot(wire.tangents[:, 0], wire.tangents[:, 1]) * _forwards(wire)
    return float(np.abs(np.unwrap(np.arctan2(wire.tangents[:, 2], along))).max())


def _forwards(wire: Wire) -> np.ndarray:
    return np.where(wire.tangents[:, 0] < 0, -1.0, 1.0)


def _arcs(parts: list[tuple[float, float]], heading_rad: float = 0.0) -> np.ndarray:
    """Control points in the x-z plane of a chain of (curvature [1/m], length [m])."""
    turns = np.concatenate([np.full(round(length / _STEP_M), bend * _STEP_M) for bend, length in parts])
    heading = heading_rad + np.cumsum(turns)
    steps = _STEP_M * np.stack([np.cos(heading), np.zeros_like(heading), np.sin(heading)], axis=1)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])[::_THIN]


def _straight(rng: np.random.Generator) -> np.ndarray:
    """20 cm, level or up to 20 degrees up or down."""
    return _arcs([(0.0, 0.2)], float(rng.uniform(-1, 1) * np.deg2rad(20)))


def _lbend(rng: np.random.Generator) -> np.ndarray:
    """6 to 9 cm straight, a right angle up or down at 22 to 30 mm radius, 6 cm straight."""
    radius, way = rng.uniform(0.022, 0.030), rng.choice([-1.0, 1.0])
    return _arcs([(0.0, rng.uniform(0.06, 0.09)), (way / radius, np.pi / 2 * radius), (0.0, 0.06)])


def _snake(rng: np.random.Generator) -> np.ndarray:
    """3 cm straight, five arcs of either way, 3 cm straight."""
    bends = rng.choice([-1.0, 1.0], 5) * rng.uniform(0.35, 1.0, 5) / 0.022
    return _arcs([(0.0, 0.03), *zip(bends.tolist(), rng.uniform(0.03, 0.06, 5).tolist(), strict=True), (0.0, 0.03)])


def _spatial(rng: np.random.Generator) -> np.ndarray:
    """Arcs that stay forward, with a smooth bow of up to 3 cm to the side."""
    bends = rng.choice([-1.0, 1.0], 4) * rng.uniform(0.3, 0.8, 4) / 0.025
    points = _arcs([(0.0, 0.04), *zip(bends.tolist(), rng.uniform(0.03, 0.05, 4).tolist(), strict=True), (0.0, 0.03)])
    t = np.linspace(0, 1, len(points))
    points[:, 1] = rng.uniform(-0.03, 0.03) * np.sin(np.pi * t * rng.uniform(1, 2)) * np.clip((t - 0.15) / 0.2, 0, 1)
    return points


FAMILIES = {
    "straight": Family(plan=_straight, least_bend_radius_m=0.5, length_m=(0.19, 0.21)),
    "lbend": Family(plan=_lbend, least_bend_radius_m=0.019),
    "snake": Family(plan=_snake, least_bend_radius_m=0.017, length_m=(0.20, 0.35)),
    "3d": Family(plan=_spatial, least_bend_radius_m=0.017, largest_heading_rad=np.deg2rad(75), length_m=(0.17, 0.35), yaw=True),
}
"""Every family by name: `straight` and `lbend` to learn on, `snake` in a plane, `3d` with bows to the side."""
