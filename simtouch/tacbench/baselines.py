"""What touch images are worth without any learned features: images and the resting sensor in, vectors (N, D) out.

Histograms of oriented gradients, cell by cell of c x c pixels: the gradient is that of central differences, its angle modulo pi goes
to the two nearest of n bins in shares, weighted by its length; every block of 2 x 2 cells is scaled to length 1, cut at .2 and scaled
again. Ref: Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
"""

import cv2
import numpy as np

from simtouch._checks import ShapeError
from simtouch.stream.images import check_image

_HOG_SIZE = (120, 160)
"""(H, W) of the grey difference."""
_COLOUR_SIZE = (9, 12)
_CUT = 0.2
_SMALL = 1e-5
_FLAT = 0.1
"""Length of a block's gradients [grey levels] below which it counts as flat."""
_BLUR_PX = 2.0
"""Standard deviation of what blurs the resting sensor, whose own noise would double that of the difference."""


def hog(grey: np.ndarray, *, cell_px: int = 8, bins: int = 9) -> np.ndarray:
    """Histograms of oriented gradients of images (N, H, W): float32, (N, (h - 1) (w - 1) 4 bins) for h x w cells."""
    if grey.ndim != 3 or min(grey.shape[1:]) < 2 * cell_px:
        raise ShapeError(f"`grey` must have shape (N, H, W) of at least 2 x 2 cells of {cell_px} pixels; got {grey.shape}.")
    cells = np.stack([_cells(image.astype(np.float32), cell_px, bins) for image in grey])
    h, w = cells.shape[1:3]
    blocks = np.stack([cells[:, i : h - 1 + i, j : w - 1 + j] for i in (0, 1) for j in (0, 1)], -2).reshape(
        len(grey), h - 1, w - 1, 4 * bins
    )
    blocks = np.minimum(_unit(blocks, _FLAT), _CUT)
    return _unit(blocks).reshape(len(grey), -1)


def hog_and_colour(images: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
    """Features of images (N, H, W, 3), RGB: HOG of the grey 120 x 160 difference beside the difference's colours at 9 x 12.

    Args:
        images: RGB, uint8, (N, H, W, 3).
        rest: The resting sensor, (H, W, 3), blurred before it is subtracted; None takes the images themselves.
    """
    change = _change(images, rest)
    rows, cols = _HOG_SIZE
    grey = np.stack([cv2.resize(image.mean(-1), (cols, rows), interpolation=cv2.INTER_AREA) for image in change])
    return np.hstack([hog(grey), _colours(change, _COLOUR_SIZE)])


def pixel_statistics(images: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
    """What a glance sees, (N, 26): of each channel's difference its mean, spread and four quantiles, of its length |d| how much of the
    image is beyond 4, 8, 16 and 32 levels, and where in the image it is (mean row and column, their spreads) weighted by |d|.

    Arguments of `hog_and_colour`.
    """
    return np.stack([_statistics(image) for image in _change(images, rest)])


def _statistics(change: np.ndarray) -> np.ndarray:
    flat = change.reshape(-1, 3)
    levels = np.quantile(flat, (0.01, 0.1, 0.9, 0.99), axis=0)
    size = np.linalg.norm(change, axis=-1)
    shares = [(size > level).mean() for level in (4, 8, 16, 32)]
    weight = size / max(size.sum(), _SMALL)
    rows, cols = np.linspace(-1, 1, size.shape[0]), np.linspace(-1, 1, size.shape[1])
    by_row, by_col = weight.sum(1), weight.sum(0)
    at = [by_row @ rows, by_col @ cols]
    spread = [np.sqrt(max(by_row @ rows**2 - at[0] ** 2, 0)), np.sqrt(max(by_col @ cols**2 - at[1] ** 2, 0))]
    return np.concatenate([flat.mean(0), flat.std(0), levels.ravel(), shares, at, spread]).astype(np.float32)


def _change(images: np.ndarray, rest: np.ndarray | None) -> np.ndarray:
    """Images, less the blurred resting sensor if there is one, as float32."""
    change = np.asarray(images, np.float32)
    if rest is None:
        return change
    check_image("rest", rest)
    return change - cv2.GaussianBlur(rest.astype(np.float32), (0, 0), _BLUR_PX)


def _colours(change: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    rows, cols = shape
    small = [cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA) for image in change]
    return np.stack(small).reshape(len(change), -1)


def _cells(grey: np.ndarray, cell_px: int, bins: int) -> np.ndarray:
    """Histograms of all whole cells, (h, w, bins)."""
    h, w = (n // cell_px for n in grey.shape)
    dy, dx = np.gradient(grey)
    length = np.hypot(dx, dy)
    place = np.arctan2(dy, dx) % np.pi / np.pi * bins - 0.5
    low = np.floor(place).astype(int)
    upper = (place - low) * length
    cells = np.zeros((h, w, bins), np.float32)
    for weight, at in ((length - upper, low % bins), (upper, (low + 1) % bins)):
        for k in range(bins):
            part = np.where(at == k, weight, 0)[: h * cell_px, : w * cell_px]
            cells[:, :, k] += part.reshape(h, cell_px, w, cell_px).sum((1, 3))
    return cells


def _unit(blocks: np.ndarray, small: float = _SMALL) -> np.ndarray:
    return blocks / np.sqrt((blocks**2).sum(-1, keepdims=True) + small**2)
