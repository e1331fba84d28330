"""NumPy twin of `simtouch.optics.response`: the same equations over whole images."""

import numpy as np


def slopes(surface_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences along x and y, one-sided at the rims."""
    slope_y, slope_x = np.gradient(surface_px)
    return slope_x, slope_y


def soft_positive(t: np.ndarray, softness: float) -> np.ndarray:
    foot = np.clip(t + softness, 0, 2 * softness)
    return np.maximum(t - softness, 0) + foot**2 / (4 * softness)


def light(surface_px, rest_px, lit, strength, places_px, colors, coating, shininess) -> np.ndarray:
    """Light towards the camera, shape (3, H, W); lit, strength (K, H, W); camera and lamps at places_px (1 + K, 3)."""
    slope_x, slope_y = slopes(surface_px)
    normal = np.stack([slope_x, slope_y, -np.ones_like(slope_x)])
    normal = normal / np.linalg.norm(normal, axis=0)
    y, x = np.mgrid[0 : surface_px.shape[0], 0 : surface_px.shape[1]]
    from_rest = [p[:, None, None] - np.stack([x, y, rest_px]) for p in places_px.astype(float)]
    ways = [p[:, None, None] - np.stack([x, y, surface_px]) for p in places_px.astype(float)]
    lengths = [np.linalg.norm(way, axis=0) for way in from_rest]
    n_v = np.sum(normal * ways[0], axis=0) / lengths[0]
    out = np.broadcast_to(coating[:3, None, None], (3, *surface_px.shape)).astype(float)
    for k, color in enumerate(colors):
        n_l = np.sum(normal * ways[k + 1], axis=0) / lengths[k + 1]
        l_v = np.sum(from_rest[0] * from_rest[k + 1], axis=0) / lengths[0] / lengths[k + 1]
        highlight = np.maximum((n_l + n_v) / np.sqrt(2 + 2 * l_v), 0) ** shininess
        gain = (1 - coating[3]) * soft_positive(n_l, coating[4]) + coating[3] * highlight
        out = out + color[:, None, None] * gain * strength[k] * lit[k]
    return out
