"""The resting picture of a sensor from presses that each hide a part of it: presses in, background and each frame's offset out.

    B(x, y) = median over the frames n that are untouched there of I_n(x, y) - o_n                             (1)
    o_n = mean over the untouched pixels of I_n - B, less the mean of all o                                   (2)

Untouched means farther than three contact radii from the press. A single no-contact frame is an outlier with an offset, noise and
streaks of its own; (1) is not, and it takes the frame only where fewer than five presses leave the gel at rest, there with what
the two differ by around, so that no seam shows.
"""

import numpy as np
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from simtouch._checks import ArgumentError, as_array
from simtouch.optics.calibration.presses import PressSet
from simtouch.sensors.numbers import Numbers

FAR_RADII = 3.0
"""Beyond this many contact radii the gel counts as untouched."""
FEWEST_FRAMES = 5
_FEWEST_PIXELS = 50  # fewer untouched pixels than these say nothing of a frame's offset
_ROWS = 32  # of a block: sorting all frames at once would take N pictures of float32


def rest_picture(presses: PressSet) -> tuple[np.ndarray, np.ndarray]:
    """Return B of (1) [grey levels], float32, (H, W, 3), and the mean of I_n - B over untouched pixels, float32, (N, 3)."""
    far = far_masks(presses)
    rest, enough = presses.rest.astype(np.float32), (far.sum(0) >= FEWEST_FRAMES)[..., None]
    levels = far_levels(presses, rest, far)
    seen = np.maximum(far.sum(0), 1)[..., None].astype(np.float32)
    brighter = (rest + levels.mean(0)).astype(np.float32)  # the no-contact frame at the presses' mean exposure
    for _ in range(2):  # offsets against the no-contact frame would carry its streaks
        offset = (levels - levels.mean(0)).astype(np.float32)
        total = np.zeros_like(rest)
        for image, untouched, o in zip(presses.images, far, offset, strict=True):
            total += np.where(untouched[..., None], image - o, 0)
        background = np.where(enough, total / seen, brighter).astype(np.float32)
        levels = far_levels(presses, background, far)
    offset = levels - levels.mean(0)
    step = _filled(_median(presses.images, far, offset) - rest, enough[..., 0], presses.circles[:, 2].mean(), brighter - rest)
    background = (rest + step).astype(np.float32)
    return background, far_levels(presses, background, far)


def far_masks(presses: PressSet) -> np.ndarray:
    """Where each press leaves the gel at rest, bool, (N, H, W)."""
    H, W = presses.image_shape
    x, y, r = (column[:, None, None] for column in presses.circles.T)
    return np.hypot(np.arange(W) - x, np.arange(H)[:, None] - y) > FAR_RADII * r


def far_levels(presses: PressSet, background: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Mean of image - background over the pixels `far` of each press [grey levels], float32, (N, 3); 0 where there are none."""
    return np.stack(
        [
            (i[m] - background[m]).mean(0) if m.sum() >= _FEWEST_PIXELS else np.zeros(3)
            for i, m in zip(presses.images, far, strict=True)
        ]
    ).astype(np.float32)


def fit_cosines(picture, terms: tuple[int, int] = (8, 8)) -> Numbers:
    """Return `Background.cosines` for a picture: its smooth part, whatever dust, markers or text lie on it.

    Cosines at half pixels are orthogonal, so that least squares is a transform cut short; residuals are clipped to twice their
    median (Huber's estimate), a few times.

    Args:
        picture: Resting gel [grey levels], shape (H, W, 3).
        terms: Cosines along the rows and along the columns, (I, J).
    """
    target = as_array("picture", picture, "H W 3", np.float64)
    if not all(1 <= n <= size for n, size in zip(terms, target.shape, strict=False)):
        raise ArgumentError(f"`terms` must lie between 1 and the picture's size {target.shape[:2]}; got {terms}.")
    smooth = np.broadcast_to(np.median(target, axis=(0, 1)), target.shape)
    rows, cols = (
        np.cos(np.pi * np.arange(n) * ((np.arange(s) + 0.5) / s)[:, None]) for n, s in zip(terms, target.shape, strict=False)
    )
    for _ in range(10):
        off = target - smooth
        limit = np.maximum(2 * np.median(np.abs(off), axis=(0, 1)), 1e-3)
        found = dctn(smooth + np.clip(off, -limit, limit), axes=(0, 1))[: terms[0], : terms[1]] / (target[..., 0].size)
        found[0] /= 2
        found[:, 0] /= 2
        smooth = np.einsum("hi,ijc,wj->hwc", rows, found, cols, optimize=True)
    return Numbers(found.transpose(2, 0, 1))


def _filled(step: np.ndarray, known: np.ndarray, reach_px: float, otherwise: np.ndarray) -> np.ndarray:
    """`step` (H, W, 3) where it is known, elsewhere its mean around there, weighted by a Gaussian; `otherwise` if nothing is known."""
    if not known.any() or known.all():
        return step if known.any() else otherwise
    weight = gaussian_filter(known.astype(np.float64), reach_px)[..., None] + 1e-4
    mean = step[known].mean(0)
    around = gaussian_filter(np.where(known[..., None], step - mean, 0.0), (reach_px, reach_px, 0)) / weight
    return np.where(known[..., None], step, mean + around)


def _median(images: np.ndarray, far: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(1), float32, (H, W, 3); meaningless where no frame is untouched."""
    out = np.empty(images.shape[1:], np.float32)
    for top in range(0, len(out), _ROWS):
        rows = slice(top, top + _ROWS)
        values = np.where(far[:, rows, :, None], images[:, rows] - offset[:, None, None].astype(np.float32), np.inf)
        values = np.sort(np.moveaxis(values, 0, -1), axis=-1)  # touched frames go last
        count = np.maximum(far[:, rows].sum(0), 1)[..., None, None]
        lower, upper = (np.take_along_axis(values, k, axis=-1)[..., 0] for k in ((count - 1) // 2, count // 2))
        out[rows] = (lower + upper) / 2
    return out
