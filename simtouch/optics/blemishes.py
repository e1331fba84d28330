"""Marks on the coating: a sensor's spec in, the gain of each pixel out. Once per sensor; the light is multiplied by it.

    gain = (1 + w m exp(-|x - x_w|^2 / 2 r_w^2)) prod_n (1 - d_n p(r_n) g(|x - x_n|, r_n)) prod_k (1 + c_k q g(|x - L_k|, b))  (1)
    g(t, r) = exp(-t^2 / 2 (r^2 + e^2)),   p = r^2 / (r^2 + e^2),   q = b / sqrt(b^2 + e^2),   e^2 = pitch^2 / 12    (2)

x_w the worn patch, m <= 1 its blotchy texture; x_n specks of radius r_n; L_k scratches, straight lines of width b. (2) is what a square
pixel does to a mark smaller than itself: it widens the mark and keeps the light that it takes. Places are drawn in metres of the view,
so a coarser camera sees the same marks. Marks stay where they are in the image: that the coating carries them along with its own
motion, a few pixels, is left out.
"""

import numpy as np

from simtouch.sensors.blemishes import Blemishes
from simtouch.sensors.spec import SensorSpec

_DUST, _SCRATCHES, _WEAR = range(3)  # purposes of random numbers
LEAST = 0.05
"""No mark is darker than that."""


def surface_gain(spec: SensorSpec) -> np.ndarray:
    """Return the gain (1) of a sensor's marks, float32, shape (H, W); exactly ones without marks."""
    marks, shape = spec.blemishes, spec.image_shape
    gain = np.ones(shape)
    if marks is None:
        return gain.astype(np.float32)
    pitch = spec.camera.pixel_pitch_m
    view = np.array([shape[1], shape[0]]) * pitch
    x, y = (((np.arange(n) + 0.5) / n - 0.5) * size for n, size in zip(shape[::-1], view, strict=True))
    if marks.wear:
        gain *= 1 + marks.wear * _worn_patch(marks, view, x, y)
    if marks.dust:
        gain *= _dust(marks, view, x, y, pitch**2 / 12)
    if marks.scratches:
        gain *= _scratches(marks, view, x, y, pitch**2 / 12)
    return np.maximum(gain, LEAST).astype(np.float32)


def _worn_patch(marks: Blemishes, view, x, y) -> np.ndarray:
    """m and the Gaussian of (1), at most 1, shape (H, W)."""
    rng = np.random.default_rng((marks.seed, _WEAR))
    middle = rng.uniform(-0.2, 0.2, 2) * view
    patch = np.exp(-0.5 * ((x - middle[0])[None] ** 2 + (y - middle[1])[:, None] ** 2) / marks.wear_radius_m**2)
    blotches = np.zeros(patch.shape)
    for _ in range(8):
        heading, length, phase = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.5) * marks.wear_radius_m, rng.uniform(0, 2 * np.pi)
        kx, ky = 2 * np.pi / length * np.array([np.cos(heading), np.sin(heading)])
        blotches += np.cos(kx * x[None] + ky * y[:, None] + phase)
    return patch * np.clip(0.75 + 0.1 * blotches, 0, 1)


def _dust(marks: Blemishes, view, x, y, pixel_variance: float) -> np.ndarray:
    """Product over specks of (1), shape (H, W)."""
    rng = np.random.default_rng((marks.seed, _DUST))
    places = rng.uniform(-0.5, 0.5, (marks.dust, 2)) * view
    variances = (marks.dust_radius_m * np.exp(rng.uniform(-np.log(2), np.log(2), marks.dust))) ** 2
    losses = marks.dust_loss * rng.uniform(0.3, 1.0, marks.dust)
    gain = np.ones((len(y), len(x)))
    for (at_x, at_y), variance, loss in zip(places, variances, losses, strict=True):
        seen = variance + pixel_variance
        rows, cols = _near(y, at_y, 5 * np.sqrt(seen)), _near(x, at_x, 5 * np.sqrt(seen))
        spot = np.exp(-0.5 * ((x[cols] - at_x)[None] ** 2 + (y[rows] - at_y)[:, None] ** 2) / seen)
        gain[rows, cols] *= 1 - loss * variance / seen * spot
    return gain


def _scratches(marks: Blemishes, view, x, y, pixel_variance: float) -> np.ndarray:
    """Product over scratches of (1), shape (H, W)."""
    rng = np.random.default_rng((marks.seed, _SCRATCHES))
    count = marks.scratches
    middles = rng.uniform(-0.5, 0.5, (count, 2)) * view
    headings, lengths = rng.uniform(0, np.pi, count), view.max() * np.exp(rng.uniform(np.log(0.05), np.log(0.6), count))
    changes = marks.scratch_gain * rng.uniform(0.3, 1.0, count)
    seen = marks.scratch_width_m**2 + pixel_variance
    gain = np.ones((len(y), len(x)))
    for (at_x, at_y), heading, length, change in zip(middles, headings, lengths, changes, strict=True):
        cos, sin = np.cos(heading), np.sin(heading)
        along = (x - at_x)[None] * cos + (y - at_y)[:, None] * sin
        across = (y - at_y)[:, None] * cos - (x - at_x)[None] * sin
        beyond = np.maximum(np.abs(along) - length / 2, 0)
        gain *= 1 + change * marks.scratch_width_m / np.sqrt(seen) * np.exp(-0.5 * (across**2 + beyond**2) / seen)
    return gain


def _near(places: np.ndarray, middle: float, reach: float) -> slice:
    """Indices of the sorted places within `reach` of `middle`."""
    return slice(*np.searchsorted(places, (middle - reach, middle + reach)))
