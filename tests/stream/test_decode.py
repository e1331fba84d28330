"""Frames as an encoder wants them: the quick ways give what the plain ones give."""

import cv2
import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.decode import FrameDecoder, laid_out
from simtouch.stream.images import difference_image, encode_image
from simtouch.stream.windows import WindowSpec
from tests.stream.mixing_clips import MemoryClip


class StoredClip(MemoryClip):
    """One image, as these bytes."""

    def __init__(self, data, **known):
        super().__init__(3, 1, **known)
        self.data = data

    def encoded_image(self, t):
        return self.data


def prepared(clip, shape=None, **spec):
    H, W = shape or clip.image(0).shape[:2]
    decoder = FrameDecoder(WindowSpec(image_shape=(H, W), **spec))
    out = decoder.new_buffer()
    decoder.open(clip).prepare(0, out)
    return out


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def smooth(shape):
    return cv2.GaussianBlur(noise(shape), (0, 0), 3)


@pytest.mark.parametrize("codec", ["png", "jpeg95"])
@pytest.mark.parametrize("shape", [(64, 48), (37, 21), (15, 7), (1, 1)])
def test_difference_images_are_exact(codec, shape):
    clip = StoredClip(encode_image(noise(shape), codec), shape=shape)
    expected = difference_image(clip.image(0), clip.background).transpose(2, 0, 1)
    np.testing.assert_array_equal(prepared(clip), expected)


def test_the_difference_holds_for_every_image_and_background_value():
    levels = np.arange(256, dtype=np.uint8)
    image, background = (np.repeat(a[..., None], 3, 2) for a in np.meshgrid(levels, levels))
    clip = StoredClip(encode_image(np.ascontiguousarray(image), "png"), shape=(256, 256))
    type(clip).background = property(lambda self: self._given)
    try:
        clip._given = np.ascontiguousarray(background)
        change = (image.astype(float) - background) / 255 + 0.5
        expected = np.floor(255 * np.clip(change, 0, 1) + 1e-9).astype(np.uint8)
        np.testing.assert_array_equal(prepared(clip), expected.transpose(2, 0, 1))
    finally:
        del type(clip).background


def test_foreign_pngs_decode_too():
    image = smooth((40, 30))
    grey = encode_grey(image[..., 0])
    for data in (cv2.imencode(".png", image[..., ::-1])[1].tobytes(), grey):
        clip = StoredClip(data)
        np.testing.assert_array_equal(prepared(clip, background="none"), clip.image(0).transpose(2, 0, 1))


def encode_grey(image):
    return cv2.imencode(".png", image)[1].tobytes()


def test_subsampled_and_grey_jpegs_decode_as_the_clip_says():
    image = smooth((40, 30))
    for data in (cv2.imencode(".jpg", image)[1].tobytes(), cv2.imencode(".jpg", image[..., 0])[1].tobytes()):
        clip = StoredClip(data)
        np.testing.assert_array_equal(prepared(clip, background="none"), clip.image(0).transpose(2, 0, 1))


def test_bgr_recordings_come_out_rgb():
    image = smooth((40, 30))
    clip = StoredClip(encode_image(np.ascontiguousarray(image[..., ::-1]), "png"))
    clip.channel_order = "bgr"
    np.testing.assert_array_equal(prepared(clip, background="none"), image.transpose(2, 0, 1))


def test_a_clip_whose_image_is_not_its_bytes_is_believed():
    class Cropped(StoredClip):
        def image(self, t):
            return super().image(t)[2:-2]

    image = smooth((40, 30))
    clip = Cropped(encode_image(image, "jpeg95"))
    np.testing.assert_array_equal(prepared(clip, background="none"), clip.image(0).transpose(2, 0, 1))


def test_the_fast_transform_stays_within_a_few_levels():
    clip = StoredClip(encode_image(smooth((64, 48)), "jpeg95"))
    off = prepared(clip, background="none", fast_dct=True).astype(int) - prepared(clip, background="none")
    assert np.abs(off).max() <= 4


def test_landscape_is_rotated_clockwise_into_portrait():
    image = noise((24, 32))
    np.testing.assert_array_equal(laid_out(image, (32, 24)), np.rot90(image, -1))
    np.testing.assert_array_equal(laid_out(np.rot90(image, -1).copy(), (24, 32)), image)
    assert laid_out(image, (24, 32)) is image


def test_other_sizes_are_resized():
    image = np.full((64, 48, 3), 77, np.uint8)
    assert (laid_out(image, (32, 24)) == 77).all()
    assert laid_out(image, (32, 24)).shape == (32, 24, 3)
    assert laid_out(image, (128, 96)).shape == (128, 96, 3)


def test_a_missing_background_is_one_sentence_unless_it_may_miss():
    clip = StoredClip(encode_image(noise((16, 12)), "png"), background=None)
    with pytest.raises(SimtouchError, match="clip 3 of `memory` has no background image"):
        prepared(clip)
    for background in ("none", "optional"):
        np.testing.assert_array_equal(prepared(clip, background=background), clip.image(0).transpose(2, 0, 1))


def test_a_background_of_another_size_is_one_sentence():
    with pytest.raises(SimtouchError, match="its background"):
        prepared(StoredClip(encode_image(noise((20, 12)), "png")))


@pytest.mark.parametrize("codec", ["png", "jpeg95"])
def test_damaged_bytes_are_one_sentence(codec):
    data = encode_image(noise((16, 12)), codec)
    for broken in (data[: len(data) // 2], data[:20], data[:60] + bytes(40) + data[100:] if codec == "png" else b"\xff\xd8\xff"):
        clip = StoredClip(broken)
        with pytest.raises(SimtouchError):
            prepared(clip, shape=(16, 12))
