"""Numbered jars: a family, a split and a number in, a knob with a jar of unknown filling below it out.

The same number is the same jar for ever.

Two fingers press the knob with N each. By friction mu they carry a weight m g as long as

    N >= m g / (2 mu)                                                                                               (1)

and the knob breaks at `toughness` times that. Light jars are fragile ones; how heavy a jar is, nothing but lifting it tells. Splits are
drawn from seeds of their own, so that no jar is in two of them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simtouch.geometry.pose import pose, rotation_y
from simtouch.indenters.solid import Solid
from simtouch.scenes.geom_solids import Geom, solid_of
from simtouch_envs.numbered import Split, parts_of, rng_of

GRAVITY_M_S2 = 9.81
MASS_KG = (0.04, 0.32)
"""Lightest and heaviest, log-uniform between."""
TOUGHNESS = (1.7, 2.6)
STEM_M = 0.024
"""From the lid of a jar to the middle of its knob: room for the fingers."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of knob; sizes are those of MJCF."""

    kind: str
    """Of `simtouch.scenes.geom_solids.KINDS`."""
    least_m: tuple[float, ...]
    most_m: tuple[float, ...]
    lies: bool = False
    """Its own z points along the world's x, across the grip."""

    @property
    def middle_m(self) -> tuple[float, ...]:
        """Of the sizes."""
        return tuple((a + b) / 2 for a, b in zip(self.least_m, self.most_m, strict=True))


KNOBS = {
    "ball": Family(kind="sphere", least_m=(6e-3,), most_m=(9e-3,)),
    "egg": Family(kind="ellipsoid", least_m=(6e-3, 6e-3, 8e-3), most_m=(9e-3, 9e-3, 11e-3)),
    "rod": Family(kind="capsule", least_m=(5e-3, 2e-3), most_m=(8e-3, 5e-3), lies=True),
    "block": Family(kind="box", least_m=(4e-3, 5e-3, 4e-3), most_m=(6e-3, 8e-3, 6e-3)),
}
"""Every knob by name: a ball, an upright egg, a rod with round ends across the grip, a block with its faces to the pads."""
FAMILIES = (*KNOBS, "mixed")
"""What jars may be drawn from: one kind of knob, or all of them."""


@dataclass(frozen=True, kw_only=True)
class Jar:
    """One numbered jar. Frame: origin in the middle of the knob, y along the grip, z up."""

    family: str
    split: Split
    number: int
    knob: str
    """One of `KNOBS`."""
    knob_size_m: tuple[float, ...]
    mass_kg: float
    toughness: float
    """Breaking force over the force of (1)."""
    radius_m: float
    """Of the jar."""
    height_m: float
    """Of the jar."""

    @property
    def name(self) -> str:
        """As `mixed/test/7`."""
        return f"{self.family}/{self.split}/{self.number}"

    @property
    def weight_n(self) -> float:
        """What both pads carry together."""
        return self.mass_kg * GRAVITY_M_S2

    @property
    def half_width_m(self) -> float:
        """Half of the knob between the fingers."""
        return self.knob_size_m[1 if KNOBS[self.knob].kind in ("box", "ellipsoid") else 0]

    @property
    def stands_m(self) -> float:
        """Height of the knob's middle while the jar stands."""
        return self.height_m + STEM_M

    def carrying_n(self, friction: float) -> float:
        """Least force of each finger that carries it, by (1)."""
        return self.weight_n / (2 * friction)

    def crush_n(self, friction: float) -> float:
        """Force of a finger that breaks the knob."""
        return self.toughness * self.carrying_n(friction)

    def solid(self) -> Solid:
        """The knob, as what presses on a gel."""
        return knob_solid(self.knob, self.knob_size_m)


def knob_solid(knob: str, size_m: tuple[float, ...]) -> Solid:
    """A knob of that size as a body that presses on a gel; y along the grip, z up."""
    kind = KNOBS[knob]
    place = pose((0, 0, 0), rotation_y(np.pi / 2)) if kind.lies else np.eye(4)
    return solid_of(knob, [Geom(kind=kind.kind, size_m=size_m, place=place)])


@lru_cache(maxsize=256)
def jar(family: str, split: str, number: int) -> Jar:
    """The jar of that number, 0 to 999.

    Raises:
        UnknownNameError: An unknown family.
        ArgumentError: An unknown split, or no such number.
    """
    rng = rng_of("jar", 20220720, FAMILIES, family, split, number)
    knob = str(rng.choice(list(KNOBS))) if family == "mixed" else family
    size = rng.uniform(KNOBS[knob].least_m, KNOBS[knob].most_m)
    if KNOBS[knob].kind == "ellipsoid":
        size[1] = size[0]
    return Jar(
        family=family,
        split=split,
        number=int(number),
        knob=knob,
        knob_size_m=tuple(size.tolist()),
        mass_kg=float(np.exp(rng.uniform(*np.log(MASS_KG)))),
        toughness=float(rng.uniform(*TOUGHNESS)),
        radius_m=float(rng.uniform(0.016, 0.024)),
        height_m=float(rng.uniform(0.025, 0.045)),
    )


def jar_of(chosen: int | str | Jar, family: str, split: str) -> Jar:
    """A jar by its number in the split, by its name as `mixed/test/7`, or as it is."""
    if isinstance(chosen, str):
        return jar(*parts_of("jar", chosen, "mixed"))
    return chosen if isinstance(chosen, Jar) else jar(family, split, chosen)
