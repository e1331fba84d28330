"""NumPy twin of `simtouch.optics.dots`."""

import numpy as np


def covered_share(x, y, dots_px: np.ndarray, radius_px: float) -> np.ndarray:
    """Covered share of the material point (x, y), by asking every dot, shape (M, 2), for its distance."""
    distance = np.min(np.hypot(x[..., None] - dots_px[:, 0], y[..., None] - dots_px[:, 1]), axis=-1)
    return np.clip(radius_px + 0.5 - distance, 0, 1)


def material_point(shear_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the material now seen at each pixel rests: one Newton step; shear_px (H, W, 2)."""
    H, W, _ = shear_px.shape
    y, x = np.mgrid[0:H, 0:W].astype(float)
    rows, cols = np.gradient(shear_px, axis=(0, 1))
    gradient = np.stack([cols, rows], axis=-1)  # [..., i, j] = du_i / dx_j
    shift = np.linalg.solve(np.eye(2) + gradient, shear_px[..., None])[..., 0]
    return x - shift[..., 0], y - shift[..., 1]
