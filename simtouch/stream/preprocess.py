"""What Sparsh's encoders are fed: tactile images in, RGB float32 in [0, 1] of one size out, to the byte as its loaders make it.

    D = floor(255 clip((I - B) / 255 + 0.5, 0, 1))        minus the background, where one is wanted; I = B gives 127      (1)
    H < W: turned by 90 degrees clockwise                 landscape to portrait                                          (2)
    H / W != 4/3: the int(H / (4/3)) rows in the middle   the width is kept: 300 x 260 gives 225 x 260, which is not 4:3 (3)
    bilinear to (320, 240) as Pillow does it, then / 255  no mean, no standard deviation                                 (4)

The contrast step of the demos for the GelSight Mini follows (1), and there it is only reached by landscape images:

    E(x) = round(127 + f (round(25 + x 230/255) - 127)),  f = 131 (c + 127) / (127 (131 - c)),  c = 73                   (5)

Equations and constants from the behaviour that the published loaders show on synthetic images; none of their code is used.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from simtouch._checks import ArgumentError, ShapeError
from simtouch.stream.images import check_image, difference_image

ENCODER_SIZE = (320, 240)
"""Rows and columns of the encoders' input."""
FORCE_FIELD_SIZE = (224, 224)
"""Of the decoder of force fields."""
_BRIGHTNESS, _CONTRAST = 25, 73


def encoder_image(
    image: np.ndarray,
    background: np.ndarray | None = None,
    *,
    size: tuple[int, int] = ENCODER_SIZE,
    more_contrast: bool = False,
) -> np.ndarray:
    """Return (1) to (4) before the division: uint8, (*size, 3).

    Args:
        image: Tactile image, RGB, uint8, (H, W, 3).
        background: The resting sensor, likewise; None leaves the image as it is, as for a GelSight 2017 with markers.
        size: Rows and columns to resize to.
        more_contrast: Whether (5) is applied to landscape images.

    Raises:
        ShapeError: No (H, W, 3), or the background has another shape.
    """
    check_image("image", image)
    if background is not None:
        check_image("background", background)
        if background.shape != image.shape:
            raise ShapeError(f"`background` must have the shape of `image`, {image.shape}; got {background.shape}.")
        image = difference_image(image, background)
    if more_contrast and image.shape[0] < image.shape[1]:
        image = contrast_table()[image]
    return _resize(_portrait(image), size)


def encoder_input(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return images of `encoder_image`, newest first, stacked along the channels and divided by 255: float32, (3 n, H, W)."""
    if len(images) == 0:
        raise ArgumentError("`images` must hold at least one image.")
    channels_first = np.concatenate([np.moveaxis(image, -1, 0) for image in images])
    return channels_first.astype(np.float32) / np.float32(255)


def contrast_table() -> np.ndarray:
    """(5) for x = 0, ..., 255: uint8, (256,)."""
    factor = 131 * (_CONTRAST + 127) / (127 * (131 - _CONTRAST))
    brighter = np.rint(_BRIGHTNESS + np.arange(256) * (255 - _BRIGHTNESS) / 255)
    return np.clip(np.rint(127 + factor * (brighter - 127)), 0, 255).astype(np.uint8)


def _portrait(image: np.ndarray) -> np.ndarray:
    """(2) and (3)."""
    if image.shape[0] < image.shape[1]:
        image = np.rot90(image, -1)
    H, W, _ = image.shape
    if 3 * H == 4 * W:
        return image
    rows = max(int(H / (4 / 3)), 1)
    top = (H - rows) // 2
    return image[top : top + rows]


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(4)."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))
