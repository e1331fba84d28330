"""Images as bytes."""

import io
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError, SimtouchError, UnknownNameError
from simtouch.stream.images import decode_image, difference_image, encode_image, encode_small_png

NOISE = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)


@pytest.mark.parametrize("encode", [lambda image: encode_image(image, "png"), encode_small_png])
def test_png_is_lossless_and_pillow_sees_the_same_rgb(encode):
    data = encode(NOISE)
    assert np.array_equal(decode_image(data, (33, 47)), NOISE)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), NOISE)


def pictures() -> dict[str, np.ndarray]:
    """Noise as a camera's, noise of all values, and what has runs: long, short, of period two and three."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:61, :83]
    return {
        "camera": (120 + rng.normal(0, 2, (240, 320, 3))).astype(np.uint8),
        "noise": rng.integers(0, 256, (61, 83, 3), dtype=np.uint8),
        "coins": rng.integers(0, 2, (61, 83, 3), dtype=np.uint8),
        "flat": np.full((480, 640, 3), (10, 200, 30), np.uint8),
        "black": np.zeros((480, 640, 3), np.uint8),
        "one pixel": np.array([[[1, 2, 3]]], np.uint8),
        "one column": rng.integers(0, 256, (7, 1, 3), dtype=np.uint8),
        "one row": rng.integers(0, 256, (1, 7, 3), dtype=np.uint8),
        "gradient": np.stack([x, y, x + y], axis=-1).astype(np.uint8),
        "stripes": np.stack([85 * (x % 2), 85 * (x % 3), 85 * (y % 2)], axis=-1).astype(np.uint8),
    }


@pytest.mark.parametrize("name", pictures())
def test_every_decoder_reads_the_png_as_the_same_rgb(name):
    image = pictures()[name]
    data = encode_image(image, "png")
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.mode) == ("PNG", "RGB")
        opened.verify()  # the chunks' checksums
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1], image)
    assert np.array_equal(decode_image(data, image.shape[:2]), image)
    assert encode_image(image, "png") == data


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    levels=st.sampled_from([1, 2, 3, 8, 256]),
    run=st.integers(1, 300),
)
def test_any_image_survives_png(seed, shape, levels, run):
    """Values of few levels, repeated `run` times: what makes matches of all lengths."""
    size = shape[0] * shape[1] * 3
    image = (
        np.random.default_rng(seed).integers(0, levels, -(-size // run)).repeat(run)[:size].astype(np.uint8).reshape(*shape, 3)
    )
    assert np.array_equal(decode_image(encode_image(image, "png"), shape), image)


def test_the_png_carries_the_checksum_of_its_lines():
    image = pictures()["camera"]
    data = encode_image(image, "png")
    (length,) = np.frombuffer(data[33:37], ">u4")
    lines = zlib.decompress(data[41 : 41 + length])  # verifies Adler-32
    assert len(lines) == 240 * (1 + 3 * 320)
    assert data[41 + length : 45 + length] == zlib.crc32(data[37 : 41 + length]).to_bytes(4, "big")


def test_a_strided_image_is_encoded_as_it_looks():
    turned = np.rot90(NOISE)[::2, ::-1]
    assert not turned.flags.c_contiguous
    assert np.array_equal(decode_image(encode_image(turned, "png")), turned)


def test_noise_takes_no_more_than_its_entropy_and_a_tenth():
    image = pictures()["camera"]
    change = np.diff(image.reshape(240, -1), axis=0)  # uint8: modulo 256
    share = np.bincount(change.ravel(), minlength=256) / change.size
    bits = -np.sum(share[share > 0] * np.log2(share[share > 0]))
    assert len(encode_image(image, "png")) < 1.1 * bits / 8 * image.size


def test_a_flat_image_is_small():
    assert len(encode_image(pictures()["flat"], "png")) < 480 * 640 * 3 / 100


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


def test_more_pixels_than_are_decoded_are_refused_by_the_header():
    data = encode_image(NOISE, "png")
    for rows, cols in ((100_000, 100_000), (1, 1 << 31), (0, 47)):
        with pytest.raises(SimtouchError, match=f"promises {rows} x {cols} pixels"):
            decode_image(data[:16] + cols.to_bytes(4, "big") + rows.to_bytes(4, "big") + data[24:])


def test_fill_bytes_before_a_marker_do_not_hide_the_size_of_a_jpeg():
    """0xff may be repeated before a marker: a walker that takes it for a segment would look elsewhere than the decoder."""
    data = encode_image(NOISE, "jpeg95")
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data)
    for more in (b"\xff", b"\xff\xff\xff", b"\xff\x01", b"\xff\xd0"):
        with pytest.raises(SimtouchError, match="33 x 47 pixels where 40 x 40 are declared"):
            decode_image(data[:at] + more + data[at:], (40, 40))


def test_a_png_that_inflates_beyond_its_lines_is_refused_and_its_like_is_not():
    image = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    data = encode_image(image, "png")  # longer than what is let through unlooked
    assert len(data) > 1 << 18
    assert np.array_equal(decode_image(data), image)
    at = data.index(b"IDAT") - 4
    (length,) = np.frombuffer(data[at : at + 4], ">u4")
    lines = zlib.decompress(data[at + 8 : at + 8 + length])
    packed = zlib.compress(lines + bytes(8 << 20), 1)
    chunk = len(packed).to_bytes(4, "big") + b"IDAT" + packed + zlib.crc32(b"IDAT" + packed).to_bytes(4, "big")
    with pytest.raises(SimtouchError, match="more data than its 400 x 600 pixels can need"):
        decode_image(data[:at] + chunk + data[at + 12 + length :])


@pytest.mark.parametrize("kind", ["gray", "rgba", "palette", "16 bit"])
def test_any_honest_png_passes_the_bounds(kind):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (301, 257, 4), dtype=np.uint8)
    if kind == "16 bit":
        data = cv2.imencode(".png", rng.integers(0, 65536, (301, 257, 4), dtype=np.uint16))[1].tobytes()
    else:
        modes = {"gray": "L", "palette": "P", "rgba": "RGBA"}
        file = io.BytesIO()
        Image.fromarray(image).convert("RGB" if kind != "rgba" else "RGBA").convert(modes[kind]).save(file, "png")
        data = file.getvalue()
    assert decode_image(data).shape == (301, 257, 3)


def test_views_decode_like_bytes():
    data = encode_image(NOISE, "png")
    assert np.array_equal(decode_image(memoryview(data)), NOISE)
