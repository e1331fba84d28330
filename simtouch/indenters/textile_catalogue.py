"""Twenty kinds of cloth by name: a name and a generator in, a body that presses with that cloth out.

Scale, thickness and tension of each piece are drawn: no two clips have the same cloth. Pitches are those of coarse cloth, which a gel
can resolve; they overlap between the kinds, so that a kind is told by its structure and not by its scale.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from simtouch._checks import ArgumentError, as_number, pick
from simtouch.indenters import knits, piles, weaves
from simtouch.indenters.cloth import Cloth, Swatch
from simtouch.indenters.solid import Solid
from simtouch.indenters.weaves import Yarns, weave

_HALF_WIDTH_M = 22e-3
_SCALE, _THICKNESS, _TENSION = (0.8, 1.3), (0.88, 1.12), (0.9, 1.12)

Draw = Callable[[float, float, np.random.Generator], Swatch]
"""Scale, thickness and a generator in, a swatch out."""


def _woven(draft: np.ndarray, pitch_m: float, ratio: float = 1.0, **yarns) -> Draw:
    """`ratio`: weft pitch over warp pitch."""

    def draw(scale: float, thickness: float, rng: np.random.Generator) -> Swatch:
        sizes = dict(yarns)
        sizes["thickness"] = tuple(thickness * t for t in sizes.get("thickness", (0.34, 0.34)))
        pitch = pitch_m * scale
        return weave(draft, Yarns(pitch_m=(pitch, pitch * ratio), **sizes), rng)

    return draw


def _knitted(make: Callable[..., Swatch], size_m: float, radius: float, *rest) -> Draw:
    return lambda scale, thickness, rng: make(size_m * scale, radius * thickness, *rest)


def _piled(make: Callable[..., Swatch], size_m: float, depth: float) -> Draw:
    return lambda scale, thickness, rng: make(size_m * scale, depth * thickness, rng)


TEXTILES: dict[str, Draw] = {
    "plain": _woven(weaves.plain(), 0.85e-3),
    "poplin": _woven(weaves.plain(), 0.5e-3, 2.4, width=(0.5, 0.5), thickness=(0.2, 0.42), crimp=0.3),
    "canvas": _woven(weaves.rib(2), 0.7e-3, 1.35, width=(0.5, 0.46), thickness=(0.36, 0.36), crimp=0.26, twist=0.07),
    "basket": _woven(weaves.basket(2), 0.65e-3, width=(0.49, 0.49)),
    "twill": _woven(weaves.twill(2, 2), 0.6e-3, width=(0.5, 0.5), crimp=0.24),
    "denim": _woven(weaves.twill(3, 1), 0.8e-3, 1.25, width=(0.52, 0.42), thickness=(0.42, 0.26), crimp=0.26, twist=0.08),
    "herringbone": _woven(weaves.herringbone(2, 2, 6), 0.6e-3, width=(0.5, 0.5), crimp=0.26),
    "satin": _woven(
        weaves.satin(5, 2), 0.5e-3, 1.15, width=(0.54, 0.4), thickness=(0.3, 0.2), crimp=0.16, twist=0.0, uneven=0.03
    ),
    "gauze": _woven(weaves.plain(), 1.3e-3, width=(0.2, 0.2), thickness=(0.2, 0.2), crimp=0.1, uneven=0.15),
    "waffle": _piled(piles.waffle, 4.0e-3, 0.1),
    "corduroy": _piled(piles.corduroy, 2.0e-3, 0.36),
    "velvet": _piled(piles.velvet, 0.33e-3, 0.28),
    "terry": _piled(piles.terry, 1.2e-3, 0.24),
    "jersey": _knitted(knits.jersey, 1.15e-3, 0.155, 1),
    "purl": _knitted(knits.jersey, 1.15e-3, 0.155, -1),
    "rib_1x1": _knitted(knits.ribbed, 1.0e-3, 0.17, (1, -1), 0.3),
    "rib_2x2": _knitted(knits.ribbed, 1.0e-3, 0.17, (1, 1, -1, -1), 0.32),
    "cable": _knitted(knits.cable, 0.95e-3, 0.16),
    "pique": _knitted(knits.pique, 0.95e-3, 0.16),
    "tulle": _knitted(knits.tulle, 1.7e-3, 0.13),
}
"""Name -> how its swatch is drawn. The order numbers the classes."""


def textile_swatch(name: str, seed: int) -> Swatch:
    """One piece of the cloth of this name: scale, thickness, tension and unevenness by `seed`."""
    draw = pick("textile", name, TEXTILES)
    rng = np.random.default_rng(seed)
    scale, thickness, tension = (float(np.exp(rng.uniform(*np.log(span)))) for span in (_SCALE, _THICKNESS, _TENSION))
    swatch = draw(scale, thickness, rng)
    # Pulled one way, a cloth gives the other way and gets thinner.
    pixel = swatch.pixel_m[0] * tension, swatch.pixel_m[1] / np.sqrt(tension)
    return Swatch(height_m=swatch.height_m / np.float32(np.sqrt(max(tension, 1.0))), pixel_m=(float(pixel[0]), float(pixel[1])))


def random_textile(name: str, rng: np.random.Generator, *, backing_radius_m: float = 40e-3) -> Solid:
    """A piece of cloth over a rounded backing; its face looks at the gel.

    Args:
        name: One of `TEXTILES`.
        rng: Source of its scale, thickness and tension.
        backing_radius_m: Radius of what presses it on the gel [m].
    """
    pick("textile", name, TEXTILES)
    if not isinstance(rng, np.random.Generator):
        raise ArgumentError(f"`rng` must be a numpy.random.Generator; got {type(rng).__name__}.")
    backing, seed = as_number("backing_radius_m", backing_radius_m, at_least=5e-3), int(rng.integers(2**31))
    cloth = Cloth(partial(textile_swatch, name, seed), backing, _HALF_WIDTH_M)
    return Solid(name, {"seed": seed, "backing_radius_m": backing}, (cloth,))
