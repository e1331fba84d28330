"""Tactile images as bytes: RGB uint8 (H, W, 3) in, PNG or JPEG out, and back.

PNG settings, measured on frames with a camera's noise: there LZ matching finds nothing, so Huffman coding alone is as small
and faster, and the average of the left and the upper pixel is the best predictor (5 % smaller than `up`, a sixth of the
time of zlib's default level with adaptive filters).
"""

import struct

import cv2
import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError, SimtouchError, pick

_FILTER_AVERAGE = getattr(cv2, "IMWRITE_PNG_FILTER", None)
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
if _FILTER_AVERAGE is not None:  # OpenCV >= 4.11
    _PNG += [_FILTER_AVERAGE, cv2.IMWRITE_PNG_FILTER_AVG]
_PNG_SMALL = [cv2.IMWRITE_PNG_COMPRESSION, 6]


def encode_image(image: np.ndarray, codec: str) -> bytes:
    """Return `image` (RGB, uint8, (H, W, 3)) as bytes that Pillow and `datasets` decode to the same RGB."""
    check_image("image", image)
    return pick("codec", codec, CODECS)(image)


def encode_small_png(image: np.ndarray) -> bytes:
    """PNG of a drawing: smaller on flat colours, several times slower than the codec of streams."""
    check_image("image", image)
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PNG_SMALL)[1].tobytes()


def decode_image(data: bytes, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the RGB image, uint8, shape (H, W, 3).

    The size is read from the header and compared with `shape` before anything is decoded.
    """
    size = _header_size(data)
    if size is None:
        raise SimtouchError("an image is neither PNG nor JPEG.")
    if shape is not None and size != tuple(shape):
        raise SimtouchError(f"an image is {size[0]} x {size[1]} pixels where {shape[0]} x {shape[1]} are declared.")
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None or bgr.shape[:2] != size:
        raise SimtouchError("an image does not decode: its bytes are damaged.")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def difference_image(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """floor(255 clip((image - background) / 255 + 0.5, 0, 1)), uint8; no change is 127."""
    return np.clip(image.astype(np.int16) - background + 127, 0, 255).astype(np.uint8)


def check_image(name: str, image: np.ndarray) -> None:
    """Raise unless `image` is uint8 of shape (H, W, 3)."""
    if np.ndim(image) != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ShapeError(f"`{name}` must have shape (H, W, 3); got {np.shape(image)}.")
    if image.dtype != np.uint8:
        raise ArgumentError(f"`{name}` must be uint8; got {image.dtype}.")


def _encode_png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PNG)[1].tobytes()


def _encode_jpeg95(image: np.ndarray) -> bytes:
    try:
        import simplejpeg
    except ImportError as error:
        raise MissingExtraError("The codec `jpeg95` needs simplejpeg: `pip install simplejpeg`.") from error
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=95, colorspace="RGB", colorsubsampling="444")


CODECS = {"png": _encode_png, "jpeg95": _encode_jpeg95}


def _header_size(data: bytes) -> tuple[int, int] | None:
    """(rows, columns) that the header declares."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        cols, rows = struct.unpack(">II", data[16:24])
        return rows, cols
    return _jpeg_size(data) if data[:2] == b"\xff\xd8" else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the first start-of-frame."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            rows, cols = struct.unpack(">HH", data[at + 5 : at + 9])
            return rows, cols
        at += 2 + length
    return None
