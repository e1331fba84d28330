"""A colour table applied to a surface, in NumPy: slope and contact mask in, change of colour and tactile image out.

Equations (1) to (3) of `sensors/colour_table.py`; pixels of a zone at a time.
"""

import numpy as np

from simtouch._checks import ShapeError, as_array
from simtouch.optics.calibration.slope_grid import monomials, products
from simtouch.optics.calibration.surface import PressField
from simtouch.sensors.colour_table import ZONES, ColourTable


def table_change(table: ColourTable, slope, touched) -> np.ndarray:
    """Return D of every pixel [grey levels], float32, (H, W, 3); exactly 0 where the slope is 0.

    Args:
        table: The calibrated response.
        slope: (dh/dx, dh/dy) relative to the resting gel, shape (H, W, 2).
        touched: Contact mask, bool, shape (H, W).
    """
    slope = as_array("slope", slope, "H W 2", np.float32)
    H, W = slope.shape[:2]
    touched = np.asarray(touched)
    if touched.shape != (H, W) or touched.dtype != bool:
        raise ShapeError(f"`touched` must be bool of shape {(H, W)}; got {touched.dtype} {touched.shape}.")
    s, (x, y) = sines(slope), places(table, (H, W))
    out, moved = np.zeros((H * W, 3), np.float32), s.any(-1).ravel()
    for zone in range(len(ZONES)):
        pixels = np.flatnonzero(moved & (touched.ravel() == bool(zone)))
        basis = monomials(x[pixels % W], y[pixels // W])
        out[pixels] = products(s.reshape(-1, 2)[pixels], basis, table.slope.array[zone], table.place.array[zone])
    return (out @ np.array(table.mix, np.float32).T).reshape(H, W, 3)


def predict(table: ColourTable, background, field: PressField) -> np.ndarray:
    """Return the tactile image without noise [grey levels], float32, (H, W, 3), within 0 and 255 but not rounded.

    Args:
        table: The calibrated response.
        background: Of the resting gel [grey levels], shape (H, W, 3).
        field: Surface of the press.
    """
    H, W = field.touched.shape
    background = as_array("background", background, "H W 3", np.float32, H=H, W=W)
    return np.clip(background + table_change(table, field.slope, field.touched), 0, 255)


def sines(slope: np.ndarray) -> np.ndarray:
    """Equation (2), shape (..., 2)."""
    return slope / np.sqrt(1 + np.square(slope).sum(-1, keepdims=True))


def places(table: ColourTable, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x of the columns and y of the rows, held to the box that the presses cover, float32."""
    x, y = ((2 * np.arange(n) + 1) / n - 1 for n in shape[::-1])
    return np.clip(x, *table.covered[0]).astype(np.float32), np.clip(y, *table.covered[1]).astype(np.float32)
