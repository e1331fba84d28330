"""Synthetic calibrated responses for the tests."""

from dataclasses import replace

import numpy as np

from simtouch.sensors.background import Background
from simtouch.sensors.colour_table import POWERS, ColourTable
from simtouch.sensors.numbers import Numbers


def nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """s_x and s_y of the nodes of a lattice, shape (n, n) each."""
    s = np.linspace(-1, 1, n)
    return np.broadcast_to(s[None, :], (n, n)), np.broadcast_to(s[:, None], (n, n))


def plain_table(red, green, blue, n: int = 21, **more) -> ColourTable:
    """A table of one term that is the same everywhere, free or touched: functions of s_x and s_y for each channel."""
    lattice = np.stack([f(*nodes(n)) + np.zeros((n, n)) for f in (red, green, blue)])[None, :, None]
    place = np.zeros((2, 3, 1, len(POWERS)))
    place[..., 0] = 1
    return ColourTable(slope=Numbers(np.repeat(lattice, 2, 0)), place=Numbers(place), **more)


def random_table(seed: int = 0, terms: int = 3, n: int = 41, **more) -> ColourTable:
    """Any smooth table: zones, channels and terms all different, full cubics in place."""
    rng, (x, y) = np.random.default_rng(seed), nodes(n)
    basis = np.stack([x, y, x * y, x**2, np.sin(4 * x) * y, np.sin(5 * y)])
    lattice = np.einsum("zcrk,kij->zcrij", rng.normal(size=(2, 3, terms, len(basis))) * 60, basis)
    place = rng.normal(size=(2, 3, terms, len(POWERS))) * 0.4
    place[..., 0] += 0.5
    return ColourTable(slope=Numbers(lattice), place=Numbers(place), **more)


def smooth_background(seed: int = 0) -> Background:
    """Grey levels between 60 and 190, by cosines."""
    cosines = np.random.default_rng(seed).normal(size=(3, 3, 4)) * 6
    cosines[:, 0, 0] = (120, 130, 110)
    return Background(cosines=Numbers(cosines))


def picture_background(shape: tuple[int, int], seed: int = 0) -> Background:
    """A measured picture: whole grey levels."""
    return Background(picture=Numbers(np.random.default_rng(seed).integers(60, 190, (*shape, 3))))


def calibrated(spec, *, background="cosines", table=None):
    """A sensor with a synthetic table and background: cosines, picture or none."""
    given = {"cosines": smooth_background(), "picture": picture_background(spec.image_shape), "none": None}[background]
    return replace(spec, response=table or random_table(), background=given)


def by_lamps(spec):
    """A sensor without calibration."""
    return replace(spec, response=None, background=None)
