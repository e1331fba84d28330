"""NumPy twin of simtouch.optics.table_kernel (and `table_response.py`): the equations of `colour_table.py` over whole images."""

import numpy as np

from simtouch.sensors.colour_table import POWERS


def tilt(height_px: np.ndarray) -> np.ndarray:
    """s of (2), (x, y) last, shape (H, W, 2); central differences, one-sided at the rims."""
    along_y, along_x = np.gradient(height_px)
    g = np.stack([along_x, along_y], -1)
    return g / np.sqrt(1 + (g**2).sum(-1, keepdims=True))


def between_nodes(lattice: np.ndarray, s: np.ndarray) -> np.ndarray:
    """A lattice (n, n) over [-1, 1]^2, rows along s_y, by straight lines both ways at s (..., 2)."""
    n = len(lattice)
    x, y = np.moveaxis((s + 1) * (n - 1) / 2, -1, 0)
    col, row = np.minimum(x.astype(int), n - 2), np.minimum(y.astype(int), n - 2)
    fx, fy = x - col, y - row
    upper = lattice[row, col] * (1 - fx) + lattice[row, col + 1] * fx
    lower = lattice[row + 1, col] * (1 - fx) + lattice[row + 1, col + 1] * fx
    return upper * (1 - fy) + lower * fy


def place(coefficients: np.ndarray, covered, shape: tuple[int, int]) -> np.ndarray:
    """B of (3), shape (H, W)."""
    H, W = shape
    x = np.clip((2 * np.arange(W) + 1) / W - 1, *covered[0])[None, :]
    y = np.clip((2 * np.arange(H) + 1) / H - 1, *covered[1])[:, None]
    return sum(b * x**p * y**q for b, (p, q) in zip(coefficients, POWERS, strict=True))


def change(table, height_px: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """D of (1) [grey levels], float64, shape (H, W, 3)."""
    s = tilt(height_px.astype(float))
    out = np.zeros((*height_px.shape, 3))
    for zone, here in enumerate((~touched.astype(bool), touched.astype(bool))):
        for c in range(3):
            for r in range(table.terms):
                a = between_nodes(table.slope.array[zone, c, r].astype(float), s)
                b = place(table.place.array[zone, c, r].astype(float), table.covered, height_px.shape)
                out[..., c] += here * a * b
    return out @ np.array(table.mix).T
