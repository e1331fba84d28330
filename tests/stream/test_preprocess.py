"""Inputs of the encoders, to the byte as the published loaders make them."""

import cv2
import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.stream.images import decode_image
from simtouch.stream.preprocess import FORCE_FIELD_SIZE, contrast_table, encoder_image, encoder_input
from tests.fixtures import sparsh_fixture

CASES = (
    "digit_landscape_240x320_bg",
    "digit_portrait_320x240_bg",
    "nonstd_300x260_bg",
    "gsmini_240x320_enhance",
    "gelsight_480x640_nobg",
    "digit_landscape_240x320_bg_224",
)


@pytest.mark.parametrize("case", CASES)
def test_every_published_case_is_met_to_the_byte(case):
    notes, arrays = sparsh_fixture("preprocess_functions")
    assert set(notes["cases"]) == set(CASES)
    note, name = notes["cases"][case], case.removesuffix("_224")
    image = arrays.get(f"{name}_img")
    image = decode_image(arrays[f"{name}_img_png"].tobytes()) if image is None else image
    made = encoder_image(image, arrays.get(f"{name}_bg"), size=tuple(note["out"][1:]), more_contrast=note["enhance"])
    assert np.array_equal(np.moveaxis(made, -1, 0), arrays[f"{case}_out_u8"])
    fed = encoder_input([made])
    assert fed.dtype == np.float32
    assert list(fed.shape) == note["out"]
    assert np.allclose([fed.min(), fed.max(), fed.mean()], [note["min"], note["max"], note["mean"]], rtol=0, atol=1e-6)
    if f"{case}_pil" in arrays:  # before the resizing, which of this size changes nothing
        pixels = arrays[f"{case}_pil"]
        assert np.array_equal(
            encoder_image(image, arrays[f"{name}_bg"], size=pixels.shape[:2], more_contrast=note["enhance"]), pixels
        )


def test_the_difference_image_is_the_published_one():
    notes, arrays = sparsh_fixture("preprocess_functions")
    name = "digit_landscape_240x320_bg"
    pixels = encoder_image(arrays[f"{name}_img"], arrays[f"{name}_bg"])
    assert np.array_equal(np.rot90(pixels), arrays["compute_diff_out"])
    rest = encoder_image(arrays[f"{name}_bg"], arrays[f"{name}_bg"])
    assert np.all(rest == notes["identity_value"])


def test_landscape_is_turned_clockwise():
    image = np.zeros((240, 320, 3), np.uint8)
    image[0, 0] = 255  # top left goes to the top right
    assert encoder_image(image)[0, -1].tolist() == [255, 255, 255]


def test_contrast_reaches_landscape_images_only():
    image = np.full((240, 320, 3), 100, np.uint8)
    assert np.all(encoder_image(image, more_contrast=True) == contrast_table()[100])
    assert np.all(encoder_image(np.rot90(image), more_contrast=True) == 100)


def test_contrast_rises_without_wrapping():
    table = contrast_table().astype(int)
    assert np.all(np.diff(table) >= 0)
    assert (table[0], table[-1]) == (0, 255)


def test_the_published_contrast_is_what_opencv_makes_of_the_same_two_steps():
    """A twin that rounds in OpenCV."""
    x = np.arange(256, dtype=np.uint8)[None]
    brighter = cv2.addWeighted(x, 230 / 255, x, 0, 25)
    factor = 131 * 200 / (127 * 58)
    assert np.array_equal(cv2.addWeighted(brighter, factor, brighter, 0, 127 * (1 - factor))[0], contrast_table())


def test_two_frames_are_six_channels_newest_first():
    newest, oldest = (np.full((*FORCE_FIELD_SIZE, 3), v, np.uint8) for v in (255, 51))
    fed = encoder_input([newest, oldest])
    assert fed.shape == (6, 224, 224)
    assert (fed[0].max(), fed[3].min()) == (1.0, np.float32(0.2))


def test_a_background_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"`background` must have the shape of `image`"):
        encoder_image(np.zeros((8, 6, 3), np.uint8), np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(ArgumentError, match="at least one image"):
        encoder_input([])
