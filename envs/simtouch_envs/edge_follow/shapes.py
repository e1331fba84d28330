"""Numbered shapes: a family, a split and a number in, a closed contour with its certificate out; the same number for ever.

`oval` is a superellipse |x / a|^p + |y / b|^p = 1, `blob` a circle with the first few Fourier terms of its radius drawn at random. Every
shape bends no more sharply than a sensor can follow, to either side, and is nowhere so narrow that its other edge would be felt as this
one: `Certificate` says by how much, measured on the contour. Splits are drawn from seeds of their own: no shape is in two of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simtouch._checks import ArgumentError
from simtouch_envs.edge_follow.contour import Contour
from simtouch_envs.numbered import Split, parts_of, rng_of

_AROUND = 240  # points from which a contour is made
_TRIES = 2000
_APART_M = 25e-3  # along the contour: nearer parts are neighbours


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was measured on a contour."""

    length_m: float
    least_bend_radius_m: float
    """Of bends to either side."""
    least_width_m: float
    """Between parts of the contour more than 25 mm apart along it."""
    elongation: float
    """Longest over shortest extent: 1 would be a circle, which a turn of the right size follows without touch."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shape:
    """One numbered shape."""

    family: str
    split: Split
    number: int
    contour: Contour
    certificate: Certificate

    @property
    def name(self) -> str:
        """As `blob/test/7`."""
        return f"{self.family}/{self.split}/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of shape."""

    around: Callable[[np.random.Generator], np.ndarray]
    """Draws points around it, (K, 2)."""
    least_bend_radius_m: float = 6e-3
    least_width_m: float = 14e-3
    least_elongation: float = 1.4
    length_m: tuple[float, float] = (0.08, 0.13)


@lru_cache(maxsize=256)
def shape(family: str, split: str, number: int) -> Shape:
    """The shape of that number, 0 to 999: drawn until its certificate meets the family's bounds.

    Raises:
        ArgumentError: An unknown family or split, or no such number.
    """
    rng, kind = rng_of("shape", 20261123, list(FAMILIES), family, split, number), FAMILIES[family]
    for _ in range(_TRIES):
        contour = Contour(kind.around(rng))
        low, high = kind.length_m
        # What is quickly told first: most are refused by it.
        if low <= contour.length_m <= high and contour.least_bend_radius_m >= kind.least_bend_radius_m:
            certificate = certify(contour)
            if certificate.least_width_m >= kind.least_width_m and certificate.elongation >= kind.least_elongation:
                return Shape(family=family, split=split, number=int(number), contour=contour, certificate=certificate)
    raise ArgumentError(f"no contour of the family `{family}` meets its bounds.")


def named(name: str) -> Shape:
    """The shape of a name as `blob/test/7`."""
    return shape(*parts_of("shape", name, "blob"))


def certify(contour: Contour) -> Certificate:
    """Measure a contour."""
    points = contour.points_m[::8]
    s = np.arange(len(points)) * 8 * contour.spacing_m
    along = np.abs(s[:, None] - s[None])
    far = np.minimum(along, contour.length_m - along) > _APART_M
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    angles = np.linspace(0, np.pi, 36, endpoint=False)
    extents = np.ptp(contour.points_m @ np.stack([np.cos(angles), np.sin(angles)]), axis=0)
    return Certificate(
        length_m=contour.length_m,
        least_bend_radius_m=contour.least_bend_radius_m,
        least_width_m=float(apart[far].min()) if far.any() else np.inf,
        elongation=float(extents.max() / extents.min()),
    )


def _turned(points: np.ndarray, angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return points @ np.array([[c, s], [-s, c]])


def _oval(rng: np.random.Generator) -> np.ndarray:
    """A superellipse, half axes 10 to 21 mm, exponent 2 to 3, turned by any angle."""
    a, b = rng.uniform(15e-3, 21e-3), rng.uniform(10e-3, 15e-3)
    power = rng.uniform(2.0, 3.0)
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    radius = (np.abs(c / a) ** power + np.abs(s / b) ** power) ** (-1 / power)
    return _turned(radius[:, None] * np.stack([c, s], axis=1), rng.uniform(0, 2 * np.pi))


def _blob(rng: np.random.Generator) -> np.ndarray:
    """Radius 14 to 18 mm, with waves 2 to 5 around it."""
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    waves = np.arange(2, 6)
    share = rng.uniform(0, 1, 4) * (0.35, 0.25, 0.12, 0.06)
    phase = rng.uniform(0, 2 * np.pi, 4)
    radius = rng.uniform(14e-3, 18e-3) * (1 + (share * np.cos(waves * angle[:, None] + phase)).sum(1))
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


FAMILIES = {"oval": Family(around=_oval), "blob": Family(around=_blob)}
"""Every family by name: `oval` to learn on, all convex; `blob` with hollows."""
