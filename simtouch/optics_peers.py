"""What other simulators do, re-written from their papers in NumPy and OpenCV, as baselines of `simtouch.benchmark optics`.

Taxim (Si and Yuan, RA-L 2022, arXiv 2109.04027): the gel is a pyramid of Gaussian blurs that puts the contact back in between; the
colour of a pixel is a quadratic in its place whose six coefficients are looked up by the bin of its slope (magnitude x direction);
shadows are lists of colour changes, measured along the shadow, laid down ray by ray from the rim of the contact. Written for speed where
NumPy allows it. Tables here hold random numbers: only the time matters.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

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
