"""Woven cloth: the draft of a weave and its yarns in, a `Swatch` out.

A draft (R, C) says which yarn lies on top where warp column j crosses weft row i: 1 the warp, 0 the weft. With p the
pitches, s in [-1, 1] what the draft says between two crossings and a the crimp,

    warp(x, y) = a s(y) + t arch((x - j p_x) / w p_x),    weft(x, y) = -a s(x) + t arch((y - i p_y) / w p_y)      (1)
    arch(d) = sqrt(1 - d^2)

and the cloth is the higher of the two, with the slant of the yarns' twist on top. Warp runs along v, the columns of an image;
row 0 is at the top. Drafts: Z. J. Grosicki, "Watson's Textile Design and Colour", 7th edition, 1975.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.indenters.cloth import Swatch

_PIXELS = 18  # a yarn
_FEWEST_YARNS = 10  # of a repeat: no two neighbours of them are equally thick


@dataclass(frozen=True, kw_only=True)
class Yarns:
    """How a draft becomes a cloth; lengths in metres, shares of the pitch."""

    pitch_m: tuple[float, float]
    """Between warp yarns (along u) and between weft yarns (along v)."""
    width: tuple[float, float] = (0.48, 0.48)
    """Half widths of warp and weft as shares of their pitches; 0.5 leaves no gap."""
    thickness: tuple[float, float] = (0.34, 0.34)
    """t of (1), shares of the mean pitch."""
    crimp: float = 0.2
    """a of (1), share of the mean pitch."""
    twist: float = 0.03
    """Depth of the twist's marks, share of the mean pitch."""
    uneven: float = 0.06
    """Standard deviation of the yarns' thickness, share."""


def plain() -> np.ndarray:
    """Over one, under one."""
    return np.array([[1, 0], [0, 1]])


def basket(size: int = 2) -> np.ndarray:
    """Plain weave of pairs (or more)."""
    return np.kron(plain(), np.ones((size, size), int))


def rib(across: int = 2) -> np.ndarray:
    """Warp rib of two warps that work as one: duck."""
    return np.kron(plain(), np.ones((1, across), int))


def twill(over: int, under: int) -> np.ndarray:
    """Each row steps one column to the side: the lines rise from lower left to upper right (Z)."""
    repeat = over + under
    rows, cols = np.indices((repeat, repeat))
    return ((rows + cols) % repeat < over).astype(int)


def herringbone(over: int = 2, under: int = 2, stripe: int = 6) -> np.ndarray:
    """Twill that turns about every `stripe` columns."""
    repeat, cols = over + under, 2 * stripe
    step = np.concatenate([np.arange(stripe), np.arange(stripe)[::-1] + repeat // 2])
    rows = np.arange(repeat)[:, None]
    return ((rows + step[None, :cols]) % repeat < over).astype(int)


def satin(ends: int = 5, counter: int = 2) -> np.ndarray:
    """Warp on top but for one crossing a row, which moves by `counter`: no two touch, so there is no line."""
    rows, cols = np.indices((ends, ends))
    return ((cols - counter * rows) % ends != 0).astype(int)


def weave(draft: np.ndarray, yarns: Yarns, rng: np.random.Generator) -> Swatch:
    """Return the cloth (1)."""
    copies = [int(np.ceil(_FEWEST_YARNS / n)) for n in draft.shape]
    up = np.tile(draft, copies) * 2.0 - 1
    rows, cols = up.shape
    x, y = np.meshgrid(np.arange(cols * _PIXELS) / _PIXELS, np.arange(rows * _PIXELS) / _PIXELS)
    pitch = float(np.mean(yarns.pitch_m))
    warp = _yarn(x, y, up, yarns.width[0], yarns.thickness[0], yarns, rng)
    weft = _yarn(y, x, -up.T, yarns.width[1], yarns.thickness[1], yarns, rng)
    height = pitch * (np.maximum(warp, weft) + yarns.crimp)
    return Swatch(height_m=np.maximum(height, 0), pixel_m=(yarns.pitch_m[0] / _PIXELS, yarns.pitch_m[1] / _PIXELS))


def _yarn(across, along, up, half_width, thickness, yarns: Yarns, rng: np.random.Generator) -> np.ndarray:
    """One family of (1) in pitches; -1 between its yarns. `up` (crossings along it, yarns) is 1 where it lies on top."""
    crossings, count = up.shape
    number = np.floor(across + 0.5)
    offset, index = across - number, number.astype(int) % count
    begin = np.floor(along)
    share = along - begin
    share = share * share * (3 - 2 * share)
    first, second = begin.astype(int) % crossings, (begin.astype(int) + 1) % crossings
    level = up[first, index] * (1 - share) + up[second, index] * share
    size = 1 + yarns.uneven * rng.standard_normal(count)[index]
    arch = np.sqrt(np.maximum(1 - (offset / (half_width * size)) ** 2, 0))
    marks = yarns.twist * np.cos(2 * np.pi * (2 * along + 1.6 * offset))
    return np.where(arch > 0, yarns.crimp * level + (thickness * size + marks) * arch, -1.0)
