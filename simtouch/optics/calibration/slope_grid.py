"""The sum of products A(s) B(x, y) by alternating least squares: slopes, places and changes of colour in, A and B out.

    minimise  sum_i (D_i - sum_r A_r(s_i) B_r(x_i, y_i))^2 + lambda sum_r |second differences of A_r|^2 + ridge            (1)

A_r is bilinear between n x n nodes and 0 at the middle one, B_r a polynomial of `ColourTable`. With B fixed, (1) is a banded linear
system for A; with A fixed, a small dense one for B. Both follow from the moments of the data in each cell of the grid,

    G = sum_i (w_i m_i) (w_i m_i)^T,   w the four bilinear weights, m the monomials                                (2)

gathered once, so that a round costs the same for any number of pixels.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

from simtouch.sensors.colour_table import POWERS

RIDGE = 1e-3
"""On nodes that no pixel reaches, in pixels."""
_DEGREES = np.array([p + q for p, q in POWERS], float)


@dataclass(frozen=True, eq=False)
class Moments:
    """(2) of the cells that hold data."""

    corners: np.ndarray
    """Nodes of each cell, (C, 4)."""
    gram: np.ndarray
    """G, (C, 4, M, 4, M), M monomials."""
    target: np.ndarray
    """The same with D in place of one w m, (C, 4, M, 3)."""


def monomials(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x^p y^q for POWERS, shape (..., 10)."""
    xs, ys = ([np.ones_like(v), v, v * v, v * v * v] for v in (x, y))
    return np.stack([xs[p] * ys[q] for p, q in POWERS], axis=-1)


def bilinear(s: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat index of the first of the four nodes around each s, (N,), and the weights of (0, 0), (0, 1), (1, 0), (1, 1), (N, 4)."""
    at = np.clip((s + 1) * ((nodes - 1) / 2), 0, nodes - 1)
    first = np.minimum(at.astype(np.int64), nodes - 2)
    fx, fy = (at - first).T
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=-1)
    return first[:, 1] * nodes + first[:, 0], weights


def products(s: np.ndarray, places: np.ndarray, slope: np.ndarray, place: np.ndarray) -> np.ndarray:
    """sum_r A_r(s) B_r for pixels of one zone, (N, 3).

    Args:
        s: Sine of the tilt times its direction, (N, 2).
        places: Monomials of x and y, (N, M).
        slope, place: A at its nodes, (3, R, n, n), and b, (3, R, M).
    """
    nodes = slope.shape[-1]
    first, weights = bilinear(s, nodes)
    flat, weights = slope.reshape(*slope.shape[:2], -1), weights.astype(slope.dtype).T
    level = sum(flat[..., first + step] * w for step, w in zip((0, 1, nodes, nodes + 1), weights, strict=True))
    return (level * (place @ places.T.astype(place.dtype))).sum(1).T


def moments(s: np.ndarray, places: np.ndarray, change: np.ndarray, nodes: int) -> Moments:
    """Gather (2).

    Args:
        s: Sine of the tilt times its direction, (N, 2).
        places: Monomials of x and y, (N, M).
        change: D [grey levels], (N, 3).
        nodes: n.
    """
    first, weights = bilinear(s, nodes)
    order = np.argsort(first, kind="stable")
    cells, start = np.unique(first[order], return_index=True)
    M = places.shape[1]
    gram, target = np.empty((len(cells), 4 * M, 4 * M)), np.empty((len(cells), 4 * M, 3))
    for k, within in enumerate(np.split(order, start[1:])):
        row = (weights[within][:, :, None] * places[within][:, None, :]).reshape(len(within), -1)
        gram[k], target[k] = row.T @ row, row.T @ change[within]
    corners = cells[:, None] + np.array([0, 1, nodes, nodes + 1])
    return Moments(corners, gram.reshape(-1, 4, M, 4, M), target.reshape(-1, 4, M, 3))


def fit_products(
    data: Moments, nodes: int, terms: int, *, smoothness: float, place_shrinkage: float, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return A, (3, R, n n), and b, (3, R, M), of (1).

    Args:
        data: Moments of one zone.
        nodes, terms: n and R.
        smoothness: lambda [pixels].
        place_shrinkage: Weight that draws b towards a constant, as a share of the data, times the square of a term's degree.
        rounds: Solves for A and for B in turn.
    """
    M = data.gram.shape[2]
    penalty, at = _penalty(nodes, terms, smoothness), _band_places(data.corners, nodes, terms)
    shrink = place_shrinkage * _DEGREES[:M] ** 2 + 1e-6
    A, B = np.zeros((3, terms, nodes * nodes)), np.zeros((3, terms, M))
    for channel in range(3):
        a, b = A[channel].T, np.eye(terms, M)
        for _ in range(rounds):
            a = _solve_slope(data, channel, b, penalty, at, nodes)
            b = _solve_place(data, channel, a, shrink)
            size = np.maximum(np.linalg.norm(b, axis=1), 1e-12)  # only the product is defined; A carries the levels
            a, b = a * size, b / size[:, None]
        A[channel], B[channel] = a.T, b
    return A, B


def _solve_slope(data: Moments, channel: int, b: np.ndarray, penalty: np.ndarray, at, nodes: int) -> np.ndarray:
    """A for given b, (n n, R)."""
    terms, middle = len(b), nodes * nodes // 2
    gram = np.tensordot(np.tensordot(data.gram, b, axes=([4], [1])), b, axes=([2], [1]))  # (C, 4, 4, R', R)
    chosen, flat = at
    band = penalty + np.bincount(flat, gram.swapaxes(3, 4)[chosen], minlength=penalty.size).reshape(penalty.shape)
    right = np.zeros((nodes * nodes, terms))
    np.add.at(right, data.corners, np.einsum("cim,rm->cir", data.target[..., channel], b))
    # The middle node is no unknown: its rows and columns become those of the identity.
    for k in range(middle * terms, (middle + 1) * terms):
        band[:, k] = 0
        above = np.arange(1, min(len(band), k + 1))
        band[above, k - above] = 0
        band[0, k] = 1
    right[middle] = 0
    a = solveh_banded(band, right.ravel(), lower=True, overwrite_ab=True, check_finite=False).reshape(-1, terms)
    a[middle] = 0
    return a


def _solve_place(data: Moments, channel: int, a: np.ndarray, shrink: np.ndarray) -> np.ndarray:
    """b for given A, (R, M)."""
    C, _, M = data.gram.shape[:3]
    terms, at = a.shape[1], a[data.corners]  # (C, 4, R)
    half = (data.gram.transpose(0, 2, 3, 4, 1).reshape(C, -1, 4) @ at).reshape(C, M, 4, M, terms)
    gram = np.tensordot(half, at, axes=([0, 2], [0, 1])).transpose(2, 0, 3, 1)  # (R, M, R', M')
    right = np.einsum("cim,cir->rm", data.target[..., channel], at).ravel()
    weight = np.einsum("rmrm->rm", gram)[:, :1] + 1e-9
    matrix = gram.reshape(terms * M, terms * M) + np.diag((weight * shrink).ravel())
    return np.linalg.solve(matrix, right).reshape(terms, M)


def _band_places(corners: np.ndarray, nodes: int, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Which entries of (C, 4, 4, R, R) lie on or below the diagonal, and where in the band; unknown k = node * R + term."""
    row = (corners * terms)[:, :, None, None, None] + np.arange(terms)[:, None]
    col = (corners * terms)[:, None, :, None, None] + np.arange(terms)[None, :]
    below = row - col
    chosen = below >= 0
    return chosen, (below * nodes * nodes * terms + np.broadcast_to(col, below.shape))[chosen]


def _penalty(nodes: int, terms: int, smoothness: float) -> np.ndarray:
    """Second differences along both axes and across (the energy of a bent plate), lower band."""
    band = np.zeros((2 * nodes * terms + terms, nodes * nodes * terms))
    grid, root = np.arange(nodes * nodes).reshape(nodes, nodes), np.sqrt(2)
    stencils = (
        ((grid[:, :-2], grid[:, 1:-1], grid[:, 2:]), (1, -2, 1)),
        ((grid[:-2], grid[1:-1], grid[2:]), (1, -2, 1)),
        ((grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]), (root, -root, -root, root)),
    )
    for members, weights in stencils:
        for i, w_i in zip(members, weights, strict=True):
            for j, w_j in zip(members, weights, strict=True):
                below = (i - j).ravel()
                if below[0] >= 0:
                    for term in range(terms):
                        np.add.at(band, (below * terms, j.ravel() * terms + term), smoothness * w_i * w_j)
    band[0] += RIDGE
    return band
