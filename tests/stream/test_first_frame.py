"""Clips without a background, and videos: difference to the first frame; frames decoded once, in order, and let go."""

import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.decode import FrameDecoder
from simtouch.stream.images import difference_image
from simtouch.stream.interchange import open_video
from simtouch.stream.mixture import Mixture
from simtouch.stream.window_reader import WindowReader
from simtouch.stream.windows import WindowSpec
from tests.stream.mixing_clips import SHAPE, MemoryClip, clips
from tests.stream.test_interchange import write_video

SPEC = WindowSpec(image_shape=SHAPE, background="first")


class Tape(MemoryClip):
    """A clip whose frames are fast in order alone, and that remembers what was asked of it."""

    in_order = True

    def __init__(self, clip_id, length, **known):
        super().__init__(clip_id, length, synthetic=False, background=None, labels={}, **known)
        self.asked, self.released = [], 0

    def image(self, t):
        self.asked.append(t)
        return super().image(t)

    def release(self):
        self.released += 1


def windows_of(mixture, count):
    images = np.empty((count, *mixture.window.shape), np.uint8)
    meta = WindowReader(mixture).read((mixture.sample(k) for k in range(count)), images)
    return images, meta


def test_a_clip_without_background_is_shown_minus_its_first_frame():
    bare, whole = MemoryClip(1, 8, background=None), MemoryClip(1, 8)
    for clip, background in ((bare, bare.image(0)), (whole, whole.background)):
        decoder = FrameDecoder(SPEC)
        out = decoder.new_buffer()
        decoder.open(clip).prepare(5, out)
        np.testing.assert_array_equal(out.transpose(1, 2, 0), difference_image(clip.image(5), background))


def test_the_first_frame_alone_shows_no_change():
    decoder = FrameDecoder(SPEC)
    out = decoder.new_buffer()
    decoder.open(MemoryClip(2, 8, background=None)).prepare(0, out)
    assert (out == 127).all()


def test_a_mixture_takes_clips_with_and_without_background():
    bare = clips(3, source="bare", background=None)
    mixture = Mixture([clips(3, source="made"), bare], window=SPEC)
    other = Mixture([clips(3, source="made"), bare], window=WindowSpec(image_shape=SHAPE, background="none"))
    assert mixture.fingerprint != other.fingerprint
    images, meta = windows_of(mixture, len(mixture))
    for image, source, clip, frames in zip(images, meta.source, meta.clip, meta.frame_index, strict=True):
        clip = mixture.sources[source][clip]
        background = clip.image(0) if source else clip.background
        wanted = [difference_image(clip.image(t), background).transpose(2, 0, 1) for t in frames]
        np.testing.assert_array_equal(image, np.concatenate(wanted))


def test_the_error_about_a_missing_background_names_the_way_out():
    with pytest.raises(SimtouchError, match=r'WindowSpec\(background="first"\)'):
        Mixture([clips(3, background=None)])


def test_frames_of_a_video_are_decoded_in_order_once_a_visit():
    tapes = [Tape(i, 24) for i in range(4)]
    mixture = Mixture([tapes], window=SPEC, clips_in_flight=2)
    images, meta = windows_of(mixture, len(mixture))
    for tape in tapes:
        assert tape.asked[0] == 0  # the background
        assert tape.asked[1:] == list(range(24))
        assert tape.released == 1
    for image, clip, frames in zip(images, meta.clip, meta.frame_index, strict=True):
        wanted = [difference_image(tapes[clip].image(t), tapes[clip].image(0)).transpose(2, 0, 1) for t in frames]
        np.testing.assert_array_equal(image, np.concatenate(wanted))


def test_windows_of_a_video_are_those_of_its_images(tmp_path):
    rng = np.random.default_rng(0)
    frames = [[rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(30)] for _ in range(2)]
    for i, images in enumerate(frames):
        write_video(tmp_path / f"{i}.mp4", images)
    source = open_video(tmp_path)
    mixture = Mixture([source], window=WindowSpec(image_shape=(64, 48), background="none"), chunk_windows=7)
    images, meta = windows_of(mixture, len(mixture))
    for image, clip, pair in zip(images, meta.clip, meta.frame_index, strict=True):
        wanted = [np.rot90(frames[clip][t], -1).transpose(2, 0, 1) for t in pair]
        np.testing.assert_array_equal(image, np.concatenate(wanted))


def test_a_released_video_keeps_no_frame_and_opens_again(tmp_path):
    images = [np.full((16, 16, 3), 8 * k, np.uint8) for k in range(6)]
    write_video(tmp_path / "one.mp4", images)
    clip = open_video(tmp_path)[0]
    clip.release()  # not open yet
    assert (clip.image(4) == images[4]).all()
    clip.release()
    assert not clip.video._kept
    assert (clip.image(2) == images[2]).all()
