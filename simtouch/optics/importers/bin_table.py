"""Taxim's polynomial table: bins of slope in, change of colour out; and the same as terms of a `ColourTable`.

    m = floor(atan |g| / (pi / 2 (n - 1))),   d = floor((atan2(g_y, g_x) + pi) / (2 pi / (n - 1)))      (1)
    change_c = t_cmd . (x^2, y^2, x y, x, y, 1)        [grey levels]                                      (2)

g is the slope of Taxim's height in pixels, POSITIVE where the gel is pressed in, so g = -grad height_m; x column and y row in pixels of
the image that was calibrated. Channels are stored in OpenCV's order: the array called `grad_r` is blue. Layout as published with Taxim
(Si and Yuan, RA-L 2022, arXiv 2109.04027).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.importers.npz import read_arrays
from simtouch.optics.importers.separable import node_slopes
from simtouch.sensors.colour_table import POWERS

CHANNELS = ("grad_b", "grad_g", "grad_r")
"""Arrays that hold red, green and blue."""
MOST_BINS = 512
NODES = 129
"""Nodes of the slope; on the wheel's GelSight table bilinear values between them differ from the bins' by .4 to .7 levels on average."""
TERMS = 6


@dataclass(frozen=True, eq=False, kw_only=True)
class BinTable:
    """The coefficients t of (2), RGB, for x and y in [-1, 1] over the image (`colour_table.py`)."""

    coefficients: np.ndarray
    """Float64, (n, n, 3, 6): magnitude, direction, channel, term in the order of `POWERS`."""

    def at(self, g: np.ndarray) -> np.ndarray:
        """Coefficients (..., 3, 6) of the bins (1) that Taxim's slopes g, (..., 2), fall into."""
        n = len(self.coefficients)
        magnitude = np.arctan(np.linalg.norm(g, axis=-1)) / (0.5 * np.pi / (n - 1))
        direction = (np.arctan2(g[..., 1], g[..., 0]) + np.pi) / (2 * np.pi / (n - 1))
        return self.coefficients[np.minimum(magnitude.astype(int), n - 1), np.minimum(direction.astype(int), n - 1)]

    def change(self, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Equation (2), RGB [grey levels], (..., 3), for Taxim's slopes g, (..., 2), at places x, y in [-1, 1]."""
        terms = np.stack([x**p * y**q for p, q in POWERS[:TERMS]], -1)
        return (self.at(g) @ terms[..., None])[..., 0]

    @property
    def flat(self) -> np.ndarray:
        """The table's answer at slope 0, (3, 6): bin 0 of the magnitude, mean over the directions."""
        return self.coefficients[0, :-1].mean(0)  # the last direction holds the angle pi alone

    def terms(self) -> tuple[np.ndarray, np.ndarray]:
        """A, (3, 6, n, n), and B, (3, 6, 10), of `ColourTable` for one zone; the middle node holds `flat`, not 0."""
        A = np.moveaxis(self.at(0.0 - node_slopes(NODES)), (2, 3), (0, 1)).copy()
        A[:, :, NODES // 2, NODES // 2] = self.flat
        return A, np.broadcast_to(np.eye(TERMS, len(POWERS)), (3, TERMS, len(POWERS)))


def read_bin_table(path: str | Path, image_shape: tuple[int, int]) -> BinTable:
    """Read a `polycalib.npz` that was calibrated on images of `image_shape` (rows, columns)."""
    found = read_arrays(path, ("bins", *CHANNELS))
    if missing := [name for name in ("bins", *CHANNELS) if name not in found]:
        raise ArgumentError(f"`{path}` has no `{missing[0]}`; a polycalib has bins, grad_r, grad_g and grad_b.")
    if found["bins"].size != 1 or not 3 <= int(found["bins"].item()) <= MOST_BINS:
        raise ArgumentError(f"`{path}` must have one number of `bins` from 3 to {MOST_BINS}; got {found['bins']!r:.60}.")
    n = int(found["bins"].item())
    for name in CHANNELS:
        if found[name].shape != (n, n, 6) or found[name].dtype.kind != "f" or not np.isfinite(found[name]).all():
            raise ArgumentError(f"`{path}` must have finite numbers `{name}` of shape {(n, n, 6)}; got {found[name].shape}.")
    in_pixels = np.stack([found[name].astype(float) for name in CHANNELS], axis=2)
    return BinTable(coefficients=in_pixels @ _from_pixels(image_shape))


def _from_pixels(image_shape: tuple[int, int]) -> np.ndarray:
    """(6, 6): Taxim's terms [x^2, y^2, x y, x, y, 1] in pixels, written in ours."""
    H, W = image_shape
    # Column x = a u + b with u in [-1, 1]: float64, since x^2 and 1 differ by five orders.
    (a, b), (c, d) = (W / 2, (W - 1) / 2), (H / 2, (H - 1) / 2)
    rows = [
        {(2, 0): a * a, (1, 0): 2 * a * b, (0, 0): b * b},
        {(0, 2): c * c, (0, 1): 2 * c * d, (0, 0): d * d},
        {(1, 1): a * c, (1, 0): a * d, (0, 1): b * c, (0, 0): b * d},
        {(1, 0): a, (0, 0): b},
        {(0, 1): c, (0, 0): d},
        {(0, 0): 1.0},
    ]
    return np.array([[row.get(power, 0.0) for power in POWERS[:TERMS]] for row in rows])
