"""What other simulators do, re-written from their papers in NumPy and OpenCV, as baselines of `simtouch.benchmark optics`.

Taxim (Si and Yuan, RA-L 2022, arXiv 2109.04027): the gel is a pyramid of Gaussian blurs that puts the contact back in between; the
colour of a pixel is a quadratic in its place whose six coefficients are looked up by the bin of its slope (magnitude x direction);
shadows are lists of colour changes, measured along the shadow, laid down ray by ray from the rim of the contact. Written for speed where
NumPy allows it. Tables here hold random numbers: only the time matters.

`numba_table` is our own calibrated response compiled by Numba, the plain loop over pixels that one would write: how far the kernel is
from what a compiler makes of the equations.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from simtouch._checks import MissingExtraError
from simtouch.sensors.colour_table import POWERS
from simtouch.sensors.spec import SensorSpec

BINS = 125
FAN_RAD = np.arange(-2, 3) * 0.05
STEP_PX = 1.25
SHADOW_STEPS = 12
PYRAMID_REL = (0.0477, 0.0242, 0.0125, 0.00547, 0.00312, 0.00172)
CONTACT_SHARE = 0.4


@dataclass
class Taxim:
    """Taxim's image of a pressed object at one image size."""

    shape: tuple[int, int]
    pixel_pitch_m: float
    table: np.ndarray = field(init=False)
    """Six coefficients of each bin and channel, (BINS, BINS, 3, 6)."""
    shadow: np.ndarray = field(init=False)
    """Colour change at each step of a shadow by direction, (63, 3, SHADOW_STEPS)."""

    def __post_init__(self):
        rng = np.random.default_rng(0)
        self.table = rng.normal(size=(BINS, BINS, 3, 6))
        self.shadow = -rng.uniform(0, 30, (63, 3, SHADOW_STEPS)).astype(np.float32)
        y, x = np.mgrid[0 : self.shape[0], 0 : self.shape[1]] / max(self.shape)
        self._powers = np.stack([x * x, y * y, x * y, x, y, np.ones_like(x)], -1)
        self._background = np.full((*self.shape, 3), 120.0)

    def deform(self, overlap_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Height of the gel [px], positive where pressed in, and the contact mask, from the overlap (H, W) [m]."""
        pressed = np.maximum(overlap_m, 0).astype(np.float32) / np.float32(self.pixel_pitch_m)
        contact = pressed > CONTACT_SHARE * pressed.max() if pressed.max() > 0 else pressed > 0
        height = pressed.copy()
        for sigma in PYRAMID_REL:
            height = self._blurred(height, sigma)
            height[contact] = pressed[contact]
        return self._blurred(height, 0.00417), contact

    def render(self, overlap_m: np.ndarray, *, shadows: bool) -> np.ndarray:
        """Tactile image, uint8, (H, W, 3)."""
        height, contact = self.deform(overlap_m)
        slope_y, slope_x = np.gradient(height)
        magnitude = np.arctan(np.hypot(slope_x, slope_y))
        direction = np.arctan2(slope_y, slope_x) + np.pi
        m = np.minimum((magnitude / (0.5 * np.pi / (BINS - 1))).astype(np.int32), BINS - 1)
        d = np.minimum((direction / (2 * np.pi / (BINS - 1))).astype(np.int32), BINS - 1)
        image = self._background + np.einsum("hwcp,hwp->hwc", self.table[m, d], self._powers)
        if shadows:
            image += self._shadows(contact)
        return np.clip(image, 0, 255).astype(np.uint8)

    def _shadows(self, contact: np.ndarray) -> np.ndarray:
        """Rays of every rim pixel of the contact, a fan each, for three lamps; the darkest counts; then blurred."""
        rim = contact & (cv2.erode(contact.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        rows, cols = np.nonzero(rim)
        dark = np.zeros((*self.shape, 3), np.float32)
        if len(rows) == 0:
            return dark
        steps = STEP_PX * np.arange(1, SHADOW_STEPS + 1)
        out_y, out_x = rows - rows.mean(), cols - cols.mean()
        for lamp in range(3):
            facing = np.abs(np.angle(np.exp(1j * (np.arctan2(out_y, out_x) - lamp * 2 * np.pi / 3)))) < np.pi / 2
            angle = lamp * 2 * np.pi / 3 + FAN_RAD
            y = np.rint(rows[facing, None, None] + np.sin(angle)[:, None] * steps).astype(int)
            x = np.rint(cols[facing, None, None] + np.cos(angle)[:, None] * steps).astype(int)
            value = np.broadcast_to(self.shadow[np.int32(angle % (2 * np.pi) / 0.1), lamp], y.shape)
            inside = (y >= 0) & (y < self.shape[0]) & (x >= 0) & (x < self.shape[1])
            np.minimum.at(dark[..., lamp], (y[inside], x[inside]), value[inside])
        dark[contact] = 0
        return self._blurred(dark, 0.00229)

    def _blurred(self, image: np.ndarray, sigma_rel: float) -> np.ndarray:
        return cv2.GaussianBlur(image, (0, 0), sigma_rel * self.shape[1])


def numba_table(spec: SensorSpec, height_m: np.ndarray, touched: np.ndarray) -> Callable[[], np.ndarray]:
    """A function that makes the tactile image, uint8, (H, W, 3), of one press by equations (1) to (3) of `colour_table.py`, no noise.

    Args:
        spec: A sensor with a calibrated response and a background.
        height_m, touched: Height map [m] and touched pixels, shape (H, W).
    """
    try:
        import numba
    except ImportError as error:
        raise MissingExtraError("The numba row needs Numba: pip install numba") from error
    (H, W), table = spec.image_shape, spec.response
    nodes = np.ascontiguousarray(np.moveaxis(table.slope.array, (1, 2), (4, 3)), np.float32)  # zone, row, column, term, channel
    y = np.clip((2 * np.arange(H) + 1) / H - 1, *table.covered[1])
    place = np.zeros((H, 2, 4, table.terms, 3), np.float32)
    for (p, q), b in zip(POWERS, np.moveaxis(table.place.array, -1, 0), strict=True):
        place[:, :, p] += np.einsum("h,zcr->hzrc", y**q, b)
    x = np.clip((2 * np.arange(W) + 1) / W - 1, *table.covered[0]).astype(np.float32)
    rest, mix = spec.background.levels(spec.image_shape).astype(np.float32), np.array(table.mix, np.float32)
    loop = numba.njit(_table_loop)
    given = (height_m, touched, np.float32(1 / spec.camera.pixel_pitch_m), nodes, place, x, mix, rest)
    return lambda: loop(*given, np.empty((H, W, 3), np.uint8))


def _table_loop(height, touched, per_pixel, nodes, place, x, mix, rest, out):
    """For Numba: pixel by pixel, nothing clever."""
    (H, W), n, one = height.shape, nodes.shape[1], np.float32(1)
    middle, change = np.float32(0.5 * (n - 1)), np.zeros(3, np.float32)
    for i in range(H):
        above, below = max(i - 1, 0), min(i + 1, H - 1)
        for j in range(W):
            left, right = max(j - 1, 0), min(j + 1, W - 1)
            slope_x = (height[i, right] - height[i, left]) * (per_pixel / np.float32(right - left))
            slope_y = (height[below, j] - height[above, j]) * (per_pixel / np.float32(below - above))
            scale = middle / np.sqrt(one + slope_x * slope_x + slope_y * slope_y)
            u, v = slope_x * scale + middle, slope_y * scale + middle
            col, row = min(int(u), n - 2), min(int(v), n - 2)
            across, down = u - np.float32(col), v - np.float32(row)
            both = across * down
            to_right, lower = across - both, down - both
            here = one - across - lower
            zone = 1 if touched[i, j] else 0
            a, b = nodes[zone, row, col], nodes[zone, row, col + 1]
            c, d = nodes[zone, row + 1, col], nodes[zone, row + 1, col + 1]
            cubic = place[i, zone]
            for k in range(3):
                change[k] = 0
                for r in range(a.shape[0]):
                    slope = here * a[r, k] + to_right * b[r, k] + lower * c[r, k] + both * d[r, k]
                    change[k] += slope * (
                        ((cubic[3, r, k] * x[j] + cubic[2, r, k]) * x[j] + cubic[1, r, k]) * x[j] + cubic[0, r, k]
                    )
            for k in range(3):
                level = rest[i, j, k] + mix[k, 0] * change[0] + mix[k, 1] * change[1] + mix[k, 2] * change[2]
                out[i, j, k] = np.uint8(min(max(level + np.float32(0.5), np.float32(0)), np.float32(255)))
    return out
