"""NumPy twin of `simtouch.optics.dots`."""

import numpy as np


def covered_share(x, y, dots_px: np.ndarray, radius_px) -> np.ndarray:
    """Covered share of the material point (x, y), by asking every dot, place (M, 2), radius one or (M,), how far it is."""
    distance = np.hypot(x[..., None] - dots_px[:, 0], y[..., None] - dots_px[:, 1])
    return np.clip(radius_px + 0.5 - distance, 0, 1).max(-1)


def apparent_motion(displacement: np.ndarray, place: np.ndarray, distance) -> np.ndarray:
    """How far points (x, y), (..., 2), at a distance from the pinhole seem to move when they move by (..., 3): a ray, at two places."""
    now = place + displacement[..., :2]
    return now * (distance / (distance + displacement[..., 2]))[..., None] - place


def material_point(shear_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the material now seen at each pixel rests: one Newton step; shear_px (H, W, 2)."""
    H, W, _ = shear_px.shape
    y, x = np.mgrid[0:H, 0:W].astype(float)
    rows, cols = np.gradient(shear_px, axis=(0, 1))
    gradient = np.stack([cols, rows], axis=-1)  # [..., i, j] = du_i / dx_j
    shift = np.linalg.solve(np.eye(2) + gradient, shear_px[..., None])[..., 0]
    return x - shift[..., 0], y - shift[..., 1]


def material_point_between_nodes(shear_px: np.ndarray, ratio: int) -> tuple[np.ndarray, np.ndarray]:
    """The same from the shear at the cells, shape (h, w, 2) [px]: (1) there, straight lines between and beyond them."""
    h, w, _ = shear_px.shape
    rows, cols = (np.gradient(shear_px, axis=axis) / ratio for axis in (0, 1))
    shift = np.linalg.solve(np.eye(2) + np.stack([cols, rows], axis=-1), shear_px[..., None])[..., 0]
    y, x = np.mgrid[0 : h * ratio, 0 : w * ratio].astype(float)
    at_y, at_x = (y + 0.5) / ratio - 0.5, (x + 0.5) / ratio - 0.5
    i, j = np.clip(np.floor(at_y), 0, h - 2).astype(int), np.clip(np.floor(at_x), 0, w - 2).astype(int)
    fy, fx = (at_y - i)[..., None], (at_x - j)[..., None]
    upper, lower = (shift[r, j] * (1 - fx) + shift[r, j + 1] * fx for r in (i, i + 1))
    between = upper * (1 - fy) + lower * fy
    return x - between[..., 0], y - between[..., 1]
