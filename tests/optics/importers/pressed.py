"""A pressed ball, and a NumPy evaluation of a colour table: what every importer's test asks the same questions of."""

import numpy as np

from simtouch.sensors.colour_table import POWERS, ColourTable


def ball_height_px(shape, centre, ball_radius, circle_radius) -> np.ndarray:
    """Height [px], (H, W): 0 around the circle, negative inside, the exact cap of a ball."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    rho2 = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    cap = np.sqrt(ball_radius**2 - np.minimum(rho2, circle_radius**2)) - np.sqrt(ball_radius**2 - circle_radius**2)
    return -cap


def slopes_of(height_px) -> np.ndarray:
    """dh/dx, dh/dy, (H, W, 2)."""
    return np.stack(np.gradient(height_px)[::-1], -1)


def table_change(table: ColourTable, slope: np.ndarray, touched: np.ndarray, every: int = 1) -> np.ndarray:
    """D of the contract in `colour_table.py` for slopes (H, W, 2), RGB [grey levels], (H, W, 3); of every n-th pixel of the raster."""
    H, W = touched.shape
    pixels = np.arange(0, H * W, every)
    v, u = (2 * (pixels // W) + 1) / H - 1, (2 * (pixels % W) + 1) / W - 1
    (x0, x1), (y0, y1) = table.covered
    u, v = u.clip(x0, x1), v.clip(y0, y1)
    places = np.stack([u**p * v**q for p, q in POWERS])
    s = slope.reshape(-1, 2)[pixels]
    s = s / np.sqrt(1 + np.sum(s**2, -1, keepdims=True))
    at = (s + 1) / 2 * (table.nodes - 1)
    low = np.minimum(at.astype(int), table.nodes - 2)
    (j, i), (fx, fy) = low.T, (at - low).T
    out = np.zeros((len(pixels), 3))
    for z, zone in enumerate((~touched, touched)):
        here = zone.ravel()[pixels]
        col, row, f, g = j[here], i[here], fx[here], fy[here]
        A = table.slope.array[z]
        bilinear = (1 - g) * ((1 - f) * A[..., row, col] + f * A[..., row, col + 1]) + g * (
            (1 - f) * A[..., row + 1, col] + f * A[..., row + 1, col + 1]
        )
        out[here] = np.einsum(
            "crp,crm,mp->pc", bilinear, table.place.array[z], places[:, here], optimize=["einsum_path", (1, 2), (0, 1)]
        )
    out = out @ np.array(table.mix).T
    return out.reshape(H, W, 3) if every == 1 else out


def correlation(a, b) -> float:
    """Of two changes of colour, over the pixels where either is not 0."""
    where = (np.abs(a) + np.abs(b)).sum(-1) > 0
    return float(np.corrcoef(a[where].ravel(), b[where].ravel())[0, 1])


def tint_at_rest(spec, every: int = 1) -> float:
    """Largest change of colour [grey levels] that the resting gel shows, in both zones."""
    flat, touched = np.zeros((*spec.image_shape, 2)), np.zeros(spec.image_shape, bool)
    return max(float(np.abs(table_change(spec.response, flat, zone, every)).max()) for zone in (touched, ~touched))
