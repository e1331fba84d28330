"""Stored frames as an encoder wants them, fast: a clip and a frame in, a prepared image (3, H, W) out, uint8, channels R, G, B.

Background subtraction, rotation, resizing, in this order. The difference image

    floor(255 clip((image - background) / 255 + 1/2, 0, 1)) = clip(image + (127 - background), 0, 255)          (1)

is two saturating uint8 operations, one with the positive and one with the negative part of 127 - background. JPEG is decoded by
simplejpeg, PNG as streams write it (every line with the filter `up`) by ISA-L and a running sum in blocks of lines; both into
buffers that are used again. Whether a source's images may be decoded so is tried on its first frame, whose `AnyClip.image` is
the truth; anything else is decoded by `AnyClip.image`.
"""

import itertools
import struct

import cv2
import numpy as np
import simplejpeg
from isal import isal_zlib

from simtouch._checks import SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import check_image
from simtouch.stream.mixture import missing_background
from simtouch.stream.windows import WindowSpec

_PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_LEAST = 8 + 25 + 12 + 12  # signature, IHDR, an empty IDAT, IEND
_JPEG_HEAD = b"\xff\xd8"
_UP = 2
_BLOCK = 16  # lines of the running sum
_LARGEST = 4096**2 * 3

Zero = tuple[np.ndarray, np.ndarray]
"""max(127 - background, 0) and max(background - 127, 0)."""


class FrameDecoder:
    """Prepares frames of clips; one a worker."""

    def __init__(self, spec: WindowSpec):
        self.spec = spec
        self.decoded = 0
        """Frames decoded so far."""
        self._trusted: dict[tuple, bool] = {}
        self._scratch = np.empty(0, np.uint8)
        self._work: np.ndarray | None = None

    def new_buffer(self) -> np.ndarray:
        """Room for one prepared image, (3, H, W)."""
        return np.empty((3, *self.spec.image_shape), np.uint8)

    def open(self, clip: AnyClip) -> "ClipDecoder":
        """The decoder of one clip's frames."""
        return ClipDecoder(self, clip)

    def finish(self, image: np.ndarray, zero: "Zero | None", out: np.ndarray) -> None:
        """Subtract, rotate, resize, and write to `out`, shape (3, H, W)."""
        if zero is not None:
            self._work = cv2.add(image, zero[0], dst=self._work)
            image = cv2.subtract(self._work, zero[1], dst=self._work)
        cv2.split(laid_out(image, self.spec.image_shape), [out[0], out[1], out[2]])

    def trusted(self, clip: AnyClip) -> bool:
        """Whether images like the clip's may be decoded in the quick way: tried on its first frame."""
        kind = type(clip), clip.source, clip.channel_order
        if clip.in_order:
            return False  # nothing is stored of one frame alone
        if kind not in self._trusted:
            tried = self.quick(clip.encoded_image(0), False) if clip.channel_order == "rgb" else None
            self._trusted[kind] = tried is not None and np.array_equal(tried, clip.image(0))
        return self._trusted[kind]

    def quick(self, data: bytes, fast_dct: bool) -> np.ndarray | None:
        """The image, RGB, decoded in the quick way, valid until the next call; None if there is no such way for it."""
        if data[:2] == _JPEG_HEAD:
            return self._jpeg(data, fast_dct)
        return self._png(data) if data[:16] == _PNG_HEAD and len(data) > _PNG_LEAST else None

    def _jpeg(self, data: bytes, fast_dct: bool) -> np.ndarray | None:
        try:
            rows, cols, *_ = simplejpeg.decode_jpeg_header(data)
            if rows * cols * 3 > _LARGEST:
                return None
            out = self._room(rows * cols * 3).reshape(rows, cols, 3)
            return simplejpeg.decode_jpeg(data, buffer=out, fastdct=fast_dct, fastupsample=fast_dct)
        except ValueError:
            return None  # `AnyClip.image` says what is wrong with it

    def _png(self, data: bytes) -> np.ndarray | None:
        """A PNG of ours: 8-bit RGB, one IDAT after the header, all lines `up`; None for any other."""
        cols, rows, *kind = struct.unpack(">IIBBBBB", data[16:29])
        if kind != [8, 2, 0, 0, 0] or data[37:41] != b"IDAT" or not 0 < rows * cols * 3 <= _LARGEST:
            return None
        (length,) = struct.unpack(">I", data[33:37])
        if data[41 + length + 8 : 41 + length + 12] != b"IEND":
            return None
        size = rows * (1 + 3 * cols)
        try:
            raw = isal_zlib.decompressobj().decompress(memoryview(data)[41 : 41 + length], max_length=size + 1)
        except isal_zlib.error:
            return None
        lines = np.frombuffer(raw, np.uint8)
        if lines.size != size or (lines := lines.reshape(rows, -1))[:, 0].min() != _UP or lines[:, 0].max() != _UP:
            return None
        return _running_sum(lines[:, 1:], self._room(rows * cols * 3).reshape(rows, -1)).reshape(rows, cols, 3)

    def _room(self, size: int) -> np.ndarray:
        if self._scratch.size < size:
            self._scratch = np.empty(size, np.uint8)
        return self._scratch[:size]


class ClipDecoder:
    """Prepares the frames of one clip."""

    def __init__(self, shared: FrameDecoder, clip: AnyClip):
        self._shared, self._clip = shared, clip
        self._zero = _zero(shared.spec, clip)
        self._quick = shared.trusted(clip)

    def prepare(self, t: int, out: np.ndarray) -> None:
        """Decode frame `t` and write it to `out`, uint8, shape (3, H, W)."""
        self._shared.decoded += 1
        image = self._shared.quick(self._clip.encoded_image(t), self._shared.spec.fast_dct) if self._quick else None
        if image is None:
            image = self._clip.image(t)
        if self._zero is not None and self._zero[0].shape != image.shape:
            where = f"clip {self._clip.clip_id} of `{self._clip.source}`"
            raise SimtouchError(f"{where}: frame {t} has the shape {image.shape}, its background {self._zero[0].shape}.")
        self._shared.finish(image, self._zero, out)

    def release(self) -> None:
        """Let the clip go of what it keeps."""
        self._clip.release()


def _zero(spec: WindowSpec, clip: AnyClip) -> Zero | None:
    """What (1) adds to and takes from the clip's images; None where nothing is subtracted."""
    if spec.background == "none":
        return None
    background = clip.background
    if background is None:
        if spec.background == "subtract":
            raise SimtouchError(missing_background(clip))
        if spec.background == "optional":
            return None
        background = clip.image(0)
    check_image("background", background)
    change = 127 - background.astype(np.int16)
    return np.clip(change, 0, 255).astype(np.uint8), np.clip(-change, 0, 255).astype(np.uint8)


def laid_out(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`image` (H, W, 3) rotated by 90 degrees if it lies across `shape`, then resized to it if it must be."""
    H, W = shape
    rows, cols = image.shape[:2]
    if cols > rows and H >= W:
        image = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
    elif rows > cols and W > H:
        image = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
    if image.shape[:2] != (H, W):
        shrinks = image.shape[0] >= H and image.shape[1] >= W
        image = cv2.resize(image, (W, H), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return image


def _running_sum(lines: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Sum of every line and those above it, modulo 256: inside blocks for all blocks at once, then from block to block."""
    whole = len(lines) // _BLOCK * _BLOCK
    blocks = out[:whole].reshape(-1, _BLOCK, out.shape[1])
    steps = lines[:whole].reshape(blocks.shape)
    blocks[:, 0] = steps[:, 0]
    for i in range(1, _BLOCK):
        np.add(blocks[:, i - 1], steps[:, i], out=blocks[:, i])
    for above, block in itertools.pairwise(blocks):
        block += above[-1]
    for i in range(whole, len(lines)):
        np.add(out[i - 1] if i else 0, lines[i], out=out[i])
    return out
