"""Taxim's published formula in NumPy, independent of the importer: its own height map in pixels and its own arrays in, BGR out.

Written from the description of the format: slopes by central differences, positive where pressed in; magnitude and direction bins;
polynomials of column and row in pixels; the array called `grad_r` is the first channel of OpenCV's order, blue.
"""

import numpy as np


def taxim_change(grad: dict, height_px: np.ndarray) -> np.ndarray:
    """Change of colour [grey levels], BGR, (H, W, 3); `height_px` is positive where pressed in."""
    down, right = np.gradient(height_px)
    return taxim_change_of_slope(grad, down, right)


def taxim_change_of_slope(grad: dict, slope_row: np.ndarray, slope_col: np.ndarray) -> np.ndarray:
    """The same from the slopes dh/drow and dh/dcol, (H, W)."""
    bins = int(grad["bins"])
    magnitude = np.floor(np.arctan(np.hypot(slope_row, slope_col)) / (0.5 * np.pi / (bins - 1))).astype(int)
    direction = np.floor((np.arctan2(slope_row, slope_col) + np.pi) / (2 * np.pi / (bins - 1))).astype(int)
    row, col = np.indices(slope_row.shape).astype(float)
    out = np.zeros((*slope_row.shape, 3))
    for c, name in enumerate(("grad_r", "grad_g", "grad_b")):
        k = np.asarray(grad[name])[magnitude, direction]
        out[..., c] = (
            k[..., 0] * col**2 + k[..., 1] * row**2 + k[..., 2] * col * row + k[..., 3] * col + k[..., 4] * row + k[..., 5]
        )
    return out
