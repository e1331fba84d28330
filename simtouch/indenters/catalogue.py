"""Every shape made by code, by name, and the range each of its sizes is drawn from: a name and a generator in, a body out.

The ranges suit a gel of 13 to 20 mm: bodies of about 2 to 14 mm, reliefs of 0.1 to 1 mm. Lengths are drawn evenly in
their logarithm, so that small features are as common as large ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from simtouch._checks import ArgumentError, pick
from simtouch.indenters.grains import leather, rough, sandpaper
from simtouch.indenters.lettering import text
from simtouch.indenters.machined import gear, hex_nut, screw_thread
from simtouch.indenters.polyhedra import box, pyramid, wedge
from simtouch.indenters.primitives import capsule, cone, cylinder, ellipsoid, flat_punch, ring, sphere, torus
from simtouch.indenters.solid import Solid
from simtouch.indenters.studs import braille, dots, grid
from simtouch.indenters.textures import corduroy, fingerprint, knit, knurl, textile, wave


@dataclass(frozen=True)
class Range:
    """A number between two bounds, even in its logarithm; `count` of them make a list."""

    low: float
    high: float
    count: int | None = None

    def draw(self, rng: np.random.Generator):
        values = np.exp(rng.uniform(np.log(self.low), np.log(self.high), self.count))
        return np.clip(values, self.low, self.high).tolist()


@dataclass(frozen=True)
class Whole:
    """A whole number between two bounds, both included."""

    low: int
    high: int

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.low, self.high, endpoint=True))


@dataclass(frozen=True)
class OneOf:
    """One of a few choices, all equally likely."""

    choices: tuple

    def draw(self, rng: np.random.Generator):
        return self.choices[int(rng.integers(len(self.choices)))]


_SEED = Whole(0, 2**31 - 1)
_AXIS = OneOf(("side", "end"))
_BOX = {"size_m": Range(3e-3, 12e-3, 3), "edge_radius_m": Range(0.05e-3, 0.4e-3)}
_CARRIER = {"carrier": OneOf(("flat", "cylinder", "sphere")), "carrier_radius_m": Range(8e-3, 40e-3)}
_WORDS = ("F", "R", "G", "S", "K", "8", "&", "?", "AB", "42", "Pj", "gel", "TOUCH", "tactile")

INDENTERS: dict[str, Callable[..., Solid]] = {
    "sphere": sphere,
    "ellipsoid": ellipsoid,
    "cylinder_side": partial(cylinder, axis="side"),
    "cylinder_end": partial(cylinder, axis="end"),
    "flat_punch": flat_punch,
    "capsule": capsule,
    "cone": cone,
    "torus": torus,
    "ring": ring,
    "box_face": partial(box, presentation="face"),
    "box_edge": partial(box, presentation="edge"),
    "box_corner": partial(box, presentation="corner"),
    "pyramid": pyramid,
    "wedge": wedge,
    "hex_nut": hex_nut,
    "gear": gear,
    "screw_thread": screw_thread,
    "text": text,
    "braille": braille,
    "dots": dots,
    "grid": grid,
    "wave": wave,
    "textile": textile,
    "knit": knit,
    "corduroy": corduroy,
    "knurl": knurl,
    "fingerprint": fingerprint,
    "leather": leather,
    "sandpaper": sandpaper,
    "rough": rough,
}
"""Name -> function that makes the body; all its arguments have defaults."""

SIZES: dict[str, Mapping[str, Range | Whole | OneOf]] = {
    "sphere": {"radius_m": Range(1e-3, 10e-3)},
    "ellipsoid": {"semi_axes_m": Range(1.5e-3, 7e-3, 3)},
    "cylinder_side": {"radius_m": Range(1e-3, 8e-3), "length_m": Range(4e-3, 14e-3), "edge_radius_m": Range(0.05e-3, 0.5e-3)},
    "cylinder_end": {"radius_m": Range(1e-3, 6e-3), "length_m": Range(4e-3, 14e-3), "edge_radius_m": Range(0.05e-3, 0.5e-3)},
    "flat_punch": {"radius_m": Range(1e-3, 6e-3), "edge_radius_m": Range(0.1e-3, 0.9e-3)},
    "capsule": {"radius_m": Range(1e-3, 4e-3), "length_m": Range(8.5e-3, 16e-3)},
    "cone": {"radius_m": Range(2e-3, 6e-3), "height_m": Range(2e-3, 8e-3), "tip_radius_m": Range(0.1e-3, 0.4e-3)},
    "torus": {"ring_radius_m": Range(2.6e-3, 6e-3), "tube_radius_m": Range(0.6e-3, 2.5e-3), "axis": _AXIS},
    "ring": {
        "outer_radius_m": Range(3e-3, 7e-3),
        "inner_radius_m": Range(1e-3, 2.4e-3),
        "thickness_m": Range(0.8e-3, 4e-3),
        "edge_radius_m": Range(0.05e-3, 0.25e-3),
        "axis": _AXIS,
    },
    "box_face": _BOX,
    "box_edge": _BOX,
    "box_corner": _BOX,
    "pyramid": {"base_m": Range(4e-3, 10e-3), "height_m": Range(2e-3, 6e-3), "sides": Whole(3, 6)},
    "wedge": {"length_m": Range(4e-3, 16e-3), "angle_rad": Range(0.5, 2.4), "edge_radius_m": Range(0.05e-3, 0.4e-3)},
    "hex_nut": {
        "width_m": Range(5e-3, 12e-3),
        "thickness_m": Range(2e-3, 6e-3),
        "bore_radius_m": Range(1.2e-3, 2e-3),
        "axis": _AXIS,
    },
    "gear": {
        "module_m": Range(0.35e-3, 0.75e-3),
        "teeth": Whole(9, 18),
        "width_m": Range(2e-3, 8e-3),
        "bore_radius_m": Range(0.4e-3, 0.9e-3),
        "axis": _AXIS,
    },
    "screw_thread": {
        "radius_m": Range(1.5e-3, 5e-3),
        "pitch_m": Range(0.4e-3, 1.5e-3),
        "length_m": Range(8e-3, 14e-3),
        "left_handed": OneOf((False, True)),
    },
    "text": {"string": OneOf(_WORDS), "letter_height_m": Range(3e-3, 10e-3), "depth_m": Range(0.3e-3, 1e-3)},
    "braille": {"string": OneOf(("a", "gel", "ok", "touch", "z")), "pitch_m": Range(2.2e-3, 2.6e-3)},
    "dots": {"pitch_m": Range(1.7e-3, 4e-3), "dot_radius_m": Range(0.4e-3, 0.8e-3), "depth_m": Range(0.15e-3, 0.4e-3),
             "count": Whole(2, 6)},
    "grid": {"pitch_m": Range(1.4e-3, 4e-3), "rod_radius_m": Range(0.25e-3, 0.7e-3), "count": Whole(3, 7)},
    "wave": {"wavelength_m": Range(1e-3, 5e-3), "depth_m": Range(0.15e-3, 0.8e-3), **_CARRIER},
    "textile": {"pitch_m": Range(0.7e-3, 2.5e-3), "depth_m": Range(0.15e-3, 0.6e-3), **_CARRIER},
    "knit": {"pitch_m": Range(1.2e-3, 3e-3), "depth_m": Range(0.25e-3, 0.8e-3), **_CARRIER},
    "corduroy": {"pitch_m": Range(1e-3, 3.5e-3), "depth_m": Range(0.25e-3, 0.9e-3), **_CARRIER},
    "knurl": {"pitch_m": Range(0.8e-3, 2.5e-3), "depth_m": Range(0.2e-3, 0.6e-3), **_CARRIER},
    "fingerprint": {"pitch_m": Range(0.4e-3, 0.9e-3), "depth_m": Range(0.08e-3, 0.25e-3), "seed": _SEED,
                    "carrier_radius_m": Range(7e-3, 15e-3)},
    "leather": {"cell_m": Range(0.7e-3, 2.5e-3), "depth_m": Range(0.15e-3, 0.4e-3), "seed": _SEED, **_CARRIER},
    "sandpaper": {"grain_m": Range(0.35e-3, 1e-3), "depth_m": Range(0.15e-3, 0.45e-3), "seed": _SEED, **_CARRIER},
    "rough": {"length_m": Range(0.7e-3, 3e-3), "depth_m": Range(0.15e-3, 0.8e-3), "seed": _SEED, **_CARRIER},
}  # fmt: skip
"""Name -> how `random_indenter` draws the arguments; those not listed keep their defaults."""


def names() -> list[str]:
    """Return the names of all shapes made by code, in the order of the catalogue."""
    return list(INDENTERS)


def random_indenter(name: str, rng: np.random.Generator) -> Solid:
    """Return the shape of this name with sizes drawn from `SIZES`; the same generator state gives the same body."""
    make = pick("indenter", name, INDENTERS)
    if not isinstance(rng, np.random.Generator):
        raise ArgumentError(f"`rng` must be a numpy.random.Generator; got {type(rng).__name__}.")
    return make(**{argument: choice.draw(rng) for argument, choice in SIZES[name].items()})
