"""The light of one unit: its gains, its lamps and the type's calibrated numbers in, the unit's own calibrated numbers out.

    L'_c = sum_c' M_cc' F_c'(x, y) L_c',     M = diag(gain) X diag(tint)                                 (1)
    ln F_c(x, y) = sum_ij f_cij cos(pi i (y + 1) / 2) cos(pi j (x + 1) / 2),     f_c00 = 0                 (2)
    A'_c(s) = A_c(T_c s + d_c) - A_c(d_c),     so A'_c(0) = 0                                              (3)

L is light, of the resting picture and of its change alike: tint of the coating, X cross-talk of the chip's channels, gain of the camera.
F is how this unit's lamps spread their light over the gel against the type's. (3): its lamp c stands turned by an angle (T_c) and
higher or lower (d_c, in sines of slope). x and y run from -1 to 1 over the image, slopes as in `colour_table.py`.
"""

from dataclasses import replace

import numpy as np

from simtouch.sensors.background import Background
from simtouch.sensors.colour_table import POWERS, ColourTable
from simtouch.sensors.numbers import Numbers

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
Field = tuple[tuple[tuple[float, ...], ...], ...]
IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
MORE_COSINES = 4
"""Waves along each axis by which a product with F is longer than its factor: two of F, and two of its square."""
PROBES = 33


def colour_matrix(gain, cross_talk, tint) -> np.ndarray:
    """M of (1), float64, shape (3, 3)."""
    return np.asarray(gain, float)[:, None] * np.asarray(cross_talk, float) * np.asarray(tint, float)


def light_gain(field: Field, shape: tuple[int, int]) -> np.ndarray:
    """F of (2) at pixel centres, float64, shape (3, H, W)."""
    f = np.asarray(field, float)
    return np.exp(np.einsum("hi,cij,wj->chw", _cosines(shape[0], f.shape[1]), f, _cosines(shape[1], f.shape[2])))


def unit_background(background: Background, matrix: np.ndarray, field: Field) -> Background:
    """The unit's resting picture (1), in the form of the type's."""
    if background.picture is not None:
        picture = background.picture.array.astype(float)
        if field:
            picture = picture * np.moveaxis(light_gain(field, picture.shape[:2]), 0, -1)
        background = replace(background, picture=Numbers(picture @ matrix.T))
    if background.cosines is not None:
        cosines = background.cosines.array.astype(float)
        if field:
            cosines = _times_light_gain(cosines, field)
        background = replace(background, cosines=Numbers(np.einsum("dc,cij->dij", matrix, cosines)))
    return background


def unit_table(table: ColourTable, matrix: np.ndarray, field: Field, turn_rad, offset) -> ColourTable:
    """The unit's colour response, (1) and (3).

    Args:
        table: The type's.
        matrix, field: M and f of (1), (2); an empty field is none.
        turn_rad: Angle of T_c [rad], shape (3,).
        offset: d_c, (x, y), shape (3, 2).
    """
    mix = matrix @ np.asarray(table.mix, float)
    table = replace(table, mix=tuple(tuple(float(m) for m in row) for row in mix))
    if field:
        table = replace(table, place=Numbers(_place_times_light_gain(table, field)))
    if np.any(turn_rad) or np.any(offset):
        table = replace(table, slope=Numbers(_turned(table.slope.array.astype(float), turn_rad, offset)))
    return table


def _turned(slope: np.ndarray, turn_rad, offset) -> np.ndarray:
    """A' of (3) at the nodes of A; slopes beyond the table see its rim."""
    n = slope.shape[-1]
    nodes = np.linspace(-1, 1, n)
    out = np.empty_like(slope)
    for c in range(3):
        cos, sin = np.cos(turn_rad[c]), np.sin(turn_rad[c])
        x = cos * nodes[None, :] + sin * nodes[:, None] + offset[c][0]
        y = cos * nodes[:, None] - sin * nodes[None, :] + offset[c][1]
        out[:, c] = _between_nodes(slope[:, c], y, x)
    return out - out[..., n // 2, n // 2][..., None, None]


def _between_nodes(tables: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear look-up in tables (..., n, n) at places in [-1, 1], held to the rim."""
    n = tables.shape[-1]
    row, col = ((np.clip(p, -1, 1) + 1) * (n - 1) / 2 for p in (y, x))
    i, j = (np.minimum(p.astype(int), n - 2) for p in (row, col))
    v, u = row - i, col - j
    upper = tables[..., i, j] * (1 - u) + tables[..., i, j + 1] * u
    lower = tables[..., i + 1, j] * (1 - u) + tables[..., i + 1, j + 1] * u
    return upper * (1 - v) + lower * v


def _place_times_light_gain(table: ColourTable, field: Field) -> np.ndarray:
    """b of the polynomials that come nearest to B F over the image, shape (2, 3, R, 10): for even B and drawn units within 1.6 % rms, up
    to 12 % in a corner (100 units)."""
    steps = (np.arange(PROBES) + 0.5) / PROBES * 2 - 1
    x, y = np.broadcast_to(steps, (PROBES, PROBES)), np.broadcast_to(steps[:, None], (PROBES, PROBES))
    powers = np.stack([x**p * y**q for p, q in POWERS]).reshape(len(POWERS), -1)
    gain = light_gain(field, (PROBES, PROBES)).reshape(3, 1, -1)
    wanted = (table.place.array.astype(float) @ powers) * gain
    return wanted @ np.linalg.pinv(powers)


def _times_light_gain(cosines: np.ndarray, field: Field) -> np.ndarray:
    """Cosine coefficients of the product with F, shape (3, I + MORE_COSINES, J + MORE_COSINES)."""
    counts = tuple(n + MORE_COSINES for n in cosines.shape[1:])
    shape = tuple(4 * n for n in counts)
    along = [_cosines(size, n) for size, n in zip(shape, cosines.shape[1:], strict=True)]
    levels = np.einsum("hi,cij,wj->chw", along[0], cosines, along[1]) * light_gain(field, shape)
    # At midpoints cosines are orthogonal: the coefficient is a mean, twice that but for the constant.
    back = [_cosines(size, n) * np.where(np.arange(n) > 0, 2, 1) / size for size, n in zip(shape, counts, strict=True)]
    return np.einsum("hi,chw,wj->cij", back[0], levels, back[1])


def _cosines(size: int, count: int) -> np.ndarray:
    """cos(pi n (p + 1) / 2) at pixel centres p, shape (size, count)."""
    return np.cos(np.pi * np.arange(count)[None] * ((np.arange(size) + 0.5) / size)[:, None])
