"""NumPy twin of `simtouch.optics.shadow`, and an exact ray march that the sweep must agree with."""

import numpy as np


def occlusion_by_march(surface_px: np.ndarray, lamp_px, step_px: float = 1.0) -> np.ndarray:
    """How deep each pixel lies below the horizon, by marching from it to the lamp or the image's rim; -inf where free."""
    H, W = surface_px.shape
    lx, ly, lz = lamp_px
    y, x = (a.ravel().astype(float) for a in np.mgrid[0:H, 0:W])
    z = surface_px.ravel()
    length = np.maximum(np.hypot(lx - x, ly - y), 1e-9)
    way_x, way_y, climb = (lx - x) / length, (ly - y) / length, (lz - z) / length
    deepest = np.full(H * W, -np.inf)
    rays = np.arange(H * W)
    for t in np.arange(1.0, np.hypot(H, W), step_px):
        px, py, ray = x[rays] + way_x[rays] * t, y[rays] + way_y[rays] * t, z[rays] + climb[rays] * t
        # A ray nearer to the camera than all of the surface stays free.
        going = (px >= 0) & (px <= W - 1) & (py >= 0) & (py <= H - 1) & (t < length[rays]) & (ray > z.min())
        rays, px, py, ray = rays[going], px[going], py[going], ray[going]
        j, i = np.clip(px.astype(int), 0, W - 2), np.clip(py.astype(int), 0, H - 2)
        fx, fy = px - j, py - i
        top = surface_px[i, j] * (1 - fx) + surface_px[i, j + 1] * fx
        bottom = surface_px[i + 1, j] * (1 - fx) + surface_px[i + 1, j + 1] * fx
        deepest[rays] = np.maximum(deepest[rays], ray - (top * (1 - fy) + bottom * fy))
    return deepest.reshape(H, W)


def occlusion_by_sweep(surface_px: np.ndarray, lamp_px) -> np.ndarray:
    """The sweep itself: z - k of every pixel, shape (H, W); -inf where nothing lies between it and the lamp."""
    lx, ly, lz = lamp_px
    right, below = _sectors(surface_px.T, (ly, lx, lz)).T, _sectors(surface_px, (lx, ly, lz))
    y, x = np.mgrid[0 : surface_px.shape[0], 0 : surface_px.shape[1]]
    return np.where(np.abs(y - ly) <= np.abs(x - lx), right, below)


def _sectors(surface: np.ndarray, lamp) -> np.ndarray:
    """Both sectors whose lines are rows."""
    lx, ly, lz = lamp
    rows, cols = surface.shape
    x = np.arange(cols)
    out = np.full(surface.shape, -np.inf)
    first = int(max(np.ceil(ly), 0))
    for lines in (range(first, rows), range(min(int(np.ceil(ly)) - 1, rows - 1), -1, -1)):
        horizon, seen = np.zeros(cols), False
        for i in lines:
            d = max(abs(i - ly), 1e-3)
            near = np.abs(x - lx) <= d + 2
            shift = np.clip((lx - x) / d, -1, 1)
            left, right = np.pad(horizon, 1, mode="edge")[:-2], np.pad(horizon, 1, mode="edge")[2:]
            there = horizon + shift * (right - left) / 2 + shift**2 * (right - 2 * horizon + left) / 2
            inside = seen & (x + shift >= 0) & (x + shift <= cols - 1)
            k = np.where(inside, lz + (there - lz) * d / max(d - 1, 1e-3), np.inf)
            out[i] = np.where(near, surface[i] - k, out[i])
            horizon = np.where(near, np.minimum(surface[i], k), horizon)
            seen = near.any()
    return out


def lit_share(below_px: np.ndarray, depth: float, penumbra_px: float) -> np.ndarray:
    r = np.clip(below_px / penumbra_px, 0, 1)
    return 1 - depth * r * r * (3 - 2 * r)


def enlarged(share: np.ndarray) -> np.ndarray:
    """Twice the rows and columns, by straight lines between the centres of pixels, rims repeated."""
    for axis in (0, 1):
        pad = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
        wide, n = np.pad(share, pad, mode="edge"), share.shape[axis]
        before, here, after = (np.take(wide, range(k, k + n), axis=axis) for k in range(3))
        both = np.stack([0.75 * here + 0.25 * before, 0.75 * here + 0.25 * after], axis=axis + 1)
        share = both.reshape([2 * n if a == axis else m for a, m in enumerate(share.shape)])
    return share
