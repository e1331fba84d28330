"""Distances between a real and a rendered tactile image: two RGB uint8 images in, grey levels of 255, decibels and SSIM out.

    L1 = mean |a - b|        MSE = mean (a - b)^2        PSNR = 10 log10(255^2 / MSE)                       (1)
    SSIM = mean of (2 ma mb + C1) (2 sab + C2) / ((ma^2 + mb^2 + C1) (saa + sbb + C2))                      (2)
    C1 = (0.01 * 255)^2,  C2 = (0.03 * 255)^2

(1) over all pixels and channels; L1c and MSEc over the pixels inside the contact alone. (2) per channel, then the mean of the channels;
m and s are means, variances and the covariance (of the population) under an 11 x 11 Gaussian window of sigma 1.5 px; the outer 5 px, where
the window leaves the image, are left out. Source of (2): Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from scipy.ndimage import correlate1d

from simtouch._checks import ArgumentError, ShapeError

FULL_SCALE = 255.0
RIM_PX = 5
"""Half the window of (2)."""
_WINDOW = np.exp(-0.5 * (np.arange(-RIM_PX, RIM_PX + 1) / 1.5) ** 2)
_WINDOW /= _WINDOW.sum()


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How far a rendered image is from the real one."""

    l1: float
    """Mean absolute error [grey levels], whole image."""
    mse: float
    psnr: float
    """[dB]; infinite for equal images."""
    ssim: float
    """In [-1, 1]; 1 for equal images."""
    l1c: float
    """As `l1`, inside the contact."""
    msec: float


BETTER_WHEN_HIGHER = ("psnr", "ssim")


def scores(real: np.ndarray, rendered: np.ndarray, contact: np.ndarray) -> Scores:
    """Equations (1) and (2).

    Args:
        real: The reference, RGB, uint8, shape (H, W, 3).
        rendered: RGB, uint8, shape (H, W, 3).
        contact: Where the gel is touched, bool, shape (H, W), not empty.
    """
    _check_pair(real, rendered)
    inside = np.asarray(contact)
    if inside.shape != real.shape[:2] or inside.dtype != bool:
        raise ShapeError(f"`contact` must be bool of shape {real.shape[:2]}; got {inside.dtype} {inside.shape}.")
    if not inside.any():
        raise ArgumentError("`contact` must hold at least one pixel; it is empty.")
    error = real.astype(np.int16) - rendered
    squared = np.square(error, dtype=np.int32)
    mse = float(squared.mean())
    return Scores(
        l1=float(np.abs(error).mean()),
        mse=mse,
        psnr=float(10 * np.log10(FULL_SCALE**2 / mse)) if mse else float("inf"),
        ssim=ssim(real, rendered),
        l1c=float(np.abs(error[inside]).mean()),
        msec=float(squared[inside].mean()),
    )


def mean_scores(each: Sequence[Scores]) -> Scores:
    """The mean of each column over several images; of PSNR too, in decibels."""
    if not len(each):
        raise ArgumentError("`each` must hold at least one row of scores; it is empty.")
    columns = np.mean([astuple(one) for one in each], axis=0)
    return Scores(**{f.name: float(value) for f, value in zip(fields(Scores), columns, strict=True)})


def loses_to(row: Scores, other: Scores) -> tuple[str, ...]:
    """The columns in which `row` is worse than `other`."""
    columns = [(f.name, getattr(row, f.name), getattr(other, f.name)) for f in fields(Scores)]
    return tuple(name for name, a, b in columns if (a < b if name in BETTER_WHEN_HIGHER else a > b))


def ssim(real: np.ndarray, rendered: np.ndarray) -> float:
    """Equation (2) of two uint8 images (H, W, 3), both sides at least 11 pixels long."""
    _check_pair(real, rendered)
    if min(real.shape[:2]) < len(_WINDOW):
        raise ShapeError(f"the window of SSIM is {len(_WINDOW)} pixels wide; got images of {real.shape[0]} x {real.shape[1]}.")
    return float(np.mean([_ssim_of_channel(real[..., c], rendered[..., c]) for c in range(3)]))


def histogram_distance(real: np.ndarray, rendered: np.ndarray, where: np.ndarray | None = None) -> float:
    """How far grey levels must move to turn one image's colours into the other's [grey levels], mean of the channels.

    The earth mover's distance of the two histograms of a channel; places do not matter.

    Args:
        real, rendered: RGB, uint8, shape (H, W, 3).
        where: Which pixels count, bool, shape (H, W); None for all.
    """
    _check_pair(real, rendered)
    pixels = [image.reshape(-1, 3) if where is None else image[where] for image in (real, rendered)]
    if not len(pixels[0]):
        raise ArgumentError("`where` must hold at least one pixel; it is empty.")
    counts = np.array([[np.bincount(values[:, c], minlength=256) for c in range(3)] for values in pixels])
    cumulative = counts.cumsum(-1) / len(pixels[0])
    return float(np.abs(cumulative[0] - cumulative[1]).sum(-1).mean())


def circle_mask(shape: tuple[int, int], circle_px) -> np.ndarray:
    """The pixels whose centres lie inside a circle, bool, shape (H, W).

    Args:
        shape: H, W.
        circle_px: Column, row and radius [px].
    """
    x, y, radius = (float(value) for value in circle_px)
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return (cols - x) ** 2 + (rows - y) ** 2 < radius**2


def _ssim_of_channel(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    ma, mb, aa, bb, ab = (_windowed(image) for image in (a, b, a * a, b * b, a * b))
    c1, c2 = (0.01 * FULL_SCALE) ** 2, (0.03 * FULL_SCALE) ** 2
    means = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
    return float((means * (2 * (ab - ma * mb) + c2) / (aa - ma * ma + bb - mb * mb + c2)).mean())


def _windowed(image: np.ndarray) -> np.ndarray:
    """Means under the window, where it lies inside the image."""
    along_rows = correlate1d(image, _WINDOW, axis=0)[RIM_PX:-RIM_PX]
    return correlate1d(along_rows, _WINDOW, axis=1)[:, RIM_PX:-RIM_PX]


def _check_pair(real: np.ndarray, rendered: np.ndarray) -> None:
    for name, image in (("real", real), ("rendered", rendered)):
        if np.ndim(image) != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ShapeError(f"`{name}` must be uint8 of shape (H, W, 3); got {getattr(image, 'dtype', '?')} {np.shape(image)}.")
    if real.shape != rendered.shape:
        raise ShapeError(f"`rendered` must have the shape of `real`, {real.shape}; got {rendered.shape}.")
