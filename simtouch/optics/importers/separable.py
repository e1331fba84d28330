"""Any colour response as a `ColourTable`: a function of slope and place in, nodes of slope times polynomials of place out.

    F_c(s, x, y) = change_c(s, x, y) - change_c(0, x, y)                                        (1)
    C_cm(s) = argmin |F_c(s, ., .) - sum_m C_cm(s) p_m(x, y)|^2,   p_m the 10 cubic monomials    (2)
    C_cm(s) ~ sum_r A_cr(s) B_crm                                                                 (3)

(2) is least squares over an even net of places, (3) the best approximation of rank R, by singular values in a basis that is orthonormal
over that net. F(0) = 0 for every place, so A(0) = 0: a resting gel shows the background, whatever the function was.
"""

from collections.abc import Callable

import numpy as np

from simtouch.sensors.colour_table import POWERS

PLACES = (13, 17)
"""Net of places (along y, along x)."""
STEEPEST = 0.995
"""Largest sine of slope at which a foreign response is asked; nodes beyond it take its answer in their direction."""

Change = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(slopes g (..., 2) in the gel frame, x (...), y (...)) -> change of colour [grey levels], RGB, (..., 3); arrays broadcast."""


def node_slopes(nodes: int) -> np.ndarray:
    """Slopes g = dh/dx, dh/dy at the nodes of a table, float64, (n, n, 2); rows along s_y."""
    axis = np.linspace(-1, 1, nodes)
    s = np.stack(np.meshgrid(axis, axis), -1)
    size = np.linalg.norm(s, axis=-1, keepdims=True)
    s = s * np.where(size > STEEPEST, STEEPEST / np.maximum(size, 1e-9), 1.0)
    return s / np.sqrt(1 - np.sum(s * s, -1, keepdims=True))


def monomials(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The terms of a place, float64, (..., 10)."""
    return np.stack([x**p * y**q for p, q in POWERS], -1)


def net_of_places(shape: tuple[int, int] = PLACES) -> tuple[np.ndarray, np.ndarray]:
    """x and y of an even net over the image, both (places,)."""
    y, x = np.meshgrid(*((np.arange(n) * 2 + 1) / n - 1 for n in shape), indexing="ij")
    return x.ravel(), y.ravel()


def separable(change: Change, *, nodes: int, terms: int) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """Return A of (3), (3, R, n, n), B, (3, R, 10), and notes that state the error of the approximation.

    Args:
        change: The foreign response; its answer at slope 0 is subtracted (1).
        nodes: n, odd.
        terms: R, at most 10.
    """
    slopes, (x, y) = node_slopes(nodes), net_of_places()
    basis, triangle = np.linalg.qr(monomials(x, y))
    middle = nodes // 2
    # Row by row: a whole net of places at all nodes would take a gigabyte.
    rows = [np.asarray(change(row[:, None], x, y), float) for row in slopes]
    rest = rows[middle][middle]
    coefficients = np.stack([np.stack([(row - rest)[..., c] @ basis for c in range(3)], 1) for row in rows])  # (n, n, 3, 10)
    A, B = np.empty((3, terms, nodes, nodes)), np.empty((3, terms, len(POWERS)))
    for c in range(3):
        left, size, right = np.linalg.svd(coefficients[:, :, c].reshape(-1, len(POWERS)), full_matrices=False)
        A[c] = (left[:, :terms] * size[:terms]).T.reshape(terms, nodes, nodes)
        B[c] = np.linalg.solve(triangle, right[:terms].T).T
    A[:, :, middle, middle] = 0.0  # rounding of the singular vectors
    values = monomials(x, y)
    inside = np.linalg.norm(slopes, axis=-1) < 2  # 63 degrees
    places = np.einsum("crm,pm->crp", B, values)
    off = [
        np.abs(row - rest - np.stack([A[c, :, i].T @ places[c] for c in range(3)], -1))[inside[i]]
        for i, row in enumerate(rows)
        if inside[i].any()
    ]
    off = np.concatenate(off)
    note = (
        f"{terms} terms; over slopes to 63 degrees and the whole image they miss the files' response by {off.mean():.2f} levels "
    )
    return A, B, {"separable": note + f"on average, {np.percentile(off, 99):.1f} in 1 of 100 cases, {off.max():.1f} at most"}
