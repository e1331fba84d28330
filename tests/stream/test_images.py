"""Images as bytes."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError, SimtouchError, UnknownNameError
from simtouch.stream.images import decode_image, difference_image, encode_image, encode_small_png

NOISE = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)


@pytest.mark.parametrize("encode", [lambda image: encode_image(image, "png"), encode_small_png])
def test_png_is_lossless_and_pillow_sees_the_same_rgb(encode):
    data = encode(NOISE)
    assert np.array_equal(decode_image(data, (33, 47)), NOISE)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), NOISE)


def test_jpeg95_keeps_colors_without_subsampling():
    y, x = np.mgrid[:64, :48]
    image = np.stack([255 * (x % 2), 2 * x + y, 200 - y], axis=-1).astype(np.uint8)  # columns that alternate in red
    data = encode_image(image, "jpeg95")
    assert np.abs(decode_image(data, (64, 48)).astype(int) - image).mean() < 3
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - decode_image(data)).max() <= 2


def test_jpeg95_without_simplejpeg_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    with pytest.raises(MissingExtraError, match="pip install simplejpeg"):
        encode_image(NOISE, "jpeg95")


def test_an_unknown_codec_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="Known: jpeg95, png"):
        encode_image(NOISE, "webp")


@pytest.mark.parametrize("image", [NOISE[..., 0], NOISE[..., :2], NOISE[:0]])
def test_an_image_of_another_shape_is_refused(image):
    with pytest.raises(ShapeError, match=r"\(H, W, 3\)"):
        encode_image(image, "png")


def test_a_float_image_is_refused():
    with pytest.raises(ArgumentError, match="must be uint8; got float32"):
        encode_image(NOISE.astype(np.float32), "png")


@pytest.mark.parametrize("codec", ["png", "jpeg95"])
def test_an_image_of_another_size_is_refused_by_its_header(codec):
    header_only = encode_image(NOISE, codec)[:700]  # too short to decode: the size must be noticed first
    with pytest.raises(SimtouchError, match="33 x 47 pixels where 40 x 40 are declared"):
        decode_image(header_only, (40, 40))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x02" * 3, b"\xff\xd8"])
def test_bytes_that_are_no_image_are_refused(data):
    with pytest.raises(SimtouchError, match="neither PNG nor JPEG"):
        decode_image(data)


def test_a_truncated_png_is_refused():
    with pytest.raises(SimtouchError, match="does not decode"):
        decode_image(encode_image(NOISE, "png")[:-2000])


def test_no_change_is_127_in_the_difference_image():
    assert np.all(difference_image(NOISE, NOISE) == 127)


def test_the_difference_image_follows_its_formula():
    a, b = np.meshgrid(np.arange(256), np.arange(256))
    image, rest = (np.repeat(v[..., None], 3, axis=2).astype(np.uint8) for v in (a, b))
    exact = np.clip((a - b) + 127.5, 0, 255)  # floor(255 clip((I - B) / 255 + 0.5, 0, 1)), without division
    assert np.array_equal(difference_image(image, rest)[..., 0], np.floor(exact))
