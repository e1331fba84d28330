"""NumPy twin of `simtouch.optics.bounce`: every pair of patches at once."""

import numpy as np

from tests.reference.response import slopes

BLOCK = 8


def form_factors(places, normals, from_places, areas) -> np.ndarray:
    """K of receivers (R, 3), (R, 3) and senders (S, 3), (S, 3) with vector areas, shape (R, S)."""
    away = from_places[None] - places[:, None]
    square = np.maximum(np.sum(away**2, axis=2), 1e-6)
    leaves = np.maximum(-np.sum(areas[None] * away, axis=2), 0)
    arrives = np.maximum(np.sum(normals[:, None] * away, axis=2), 0)
    return leaves * arrives / (square * (np.pi * square + (2 * BLOCK) ** 2))


def patches(surface_px, light, size: int):
    """Middles (lines, cols, 3), vector areas (lines, cols, 3) and mean light (lines, cols, 3) of blocks of `size` pixels."""
    (H, W), (slope_x, slope_y) = surface_px.shape, slopes(surface_px)
    y, x = np.mgrid[0:H, 0:W].astype(float)
    maps = np.stack([x, y, surface_px, slope_x, slope_y, -np.ones((H, W)), *light], axis=2)
    rows, cols = np.arange(0, H, size), np.arange(0, W, size)
    sums = np.add.reduceat(np.add.reduceat(maps, rows, axis=0), cols, axis=1)
    pixels = -sums[..., 5:6]
    return sums[..., :3] / pixels, sums[..., 3:6], sums[..., 6:] / pixels


def bounce(surface_px: np.ndarray, light: np.ndarray, albedo: float) -> np.ndarray:
    """What the bounce adds to the light, shape (3, H, W)."""
    middles, areas, _ = patches(surface_px, light, BLOCK)
    normals = areas / np.linalg.norm(areas, axis=2, keepdims=True)
    places, from_areas, sent = (a.reshape(-1, 3) for a in patches(surface_px, light, 2 * BLOCK))
    factors = form_factors(middles.reshape(-1, 3), normals.reshape(-1, 3), places, from_areas)
    out = albedo * (factors @ sent).reshape(middles.shape)
    for axis, n in enumerate(light.shape[1:]):
        at = ((np.arange(n) + 0.5) / BLOCK - 0.5).clip(0, out.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(out.shape[axis] - 2, 0))
        high = np.minimum(low + 1, out.shape[axis] - 1)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
        out = np.take(out, low, axis) * (1 - share) + np.take(out, high, axis) * share
    return np.moveaxis(out, 2, 0)
