"""Tactile images as bytes: RGB uint8 (H, W, 3) in, PNG or JPEG out, and back.

A frame carries a camera's noise, in which LZ matching finds nothing but accidents: Huffman coding of the differences to the
row above (PNG's filter `up`) is a tenth smaller than zlib's level 9, and all the time goes into the coder. So streams take
ISA-L's, with a window of two bytes: runs are found, matches in noise are not looked for. That is 4 to 6 times as fast as
OpenCV's PNG without matching, 5 to 8 % larger than with the best filter (`average`, which costs half as much again in NumPy),
and the same bytes on every x86-64 processor from SSE4.2 on. The container around it is `_encode_png`.
"""

import struct

import cv2
import numpy as np
from isal import igzip_lib, isal_zlib

from simtouch._checks import ArgumentError, MissingExtraError, ShapeError, SimtouchError, pick

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ZLIB_HEADER = b"\x78\x01"
_DEFLATE = {
    "level": 1,
    "flag": igzip_lib.COMP_ZLIB_NO_HDR,  # ISA-L cannot write the header of so small a window
    "mem_level": igzip_lib.MEM_LEVEL_EXTRA_LARGE,
    "hist_bits": 1,
}
_PNG_SMALL = [cv2.IMWRITE_PNG_COMPRESSION, 6]
MOST_PIXELS = 1 << 24
"""Largest image that is decoded: 4096 x 4096, 50 MB; cameras of touch sensors have at most half of that."""
_MOST_SCANS, _SHORT_WALKS = 100, 1 << 34
_SHORT_BYTES = 1 << 18


def encode_image(image: np.ndarray, codec: str) -> bytes:
    """Return `image` (RGB, uint8, (H, W, 3)) as bytes that Pillow and `datasets` decode to the same RGB."""
    check_image("image", image)
    return pick("codec", codec, CODECS)(image)


def encode_small_png(image: np.ndarray) -> bytes:
    """PNG of a drawing: smaller on flat colours, several times slower than the codec of streams."""
    check_image("image", image)
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PNG_SMALL)[1].tobytes()


def decode_image(data: bytes | memoryview, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the RGB image, uint8, shape (H, W, 3).

    Everything that an image may cost is read from its header and bounded before anything is decoded, and its size is compared
    with `shape`.

    Raises:
        SimtouchError: No PNG or JPEG, another size, more than `MOST_PIXELS`, more data than its header can need, or damage.
    """
    size = _header_size(data)
    if size is None:
        raise SimtouchError("an image is neither PNG nor JPEG.")
    if shape is not None and size != tuple(shape):
        raise SimtouchError(f"an image is {size[0]} x {size[1]} pixels where {shape[0]} x {shape[1]} are declared.")
    if not 0 < size[0] * size[1] <= MOST_PIXELS:
        raise SimtouchError(f"an image promises {size[0]} x {size[1]} pixels; 1 to {MOST_PIXELS >> 20} million are decoded.")
    _refuse_bombs(data, size)
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        bgr = None
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
    H, W, _ = image.shape
    pixels = image.reshape(H, 3 * W)
    lines = np.empty((H, 1 + 3 * W), np.uint8)
    lines[:, 0] = 2  # the filter `up`: minus the line above, the first as it is
    lines[0, 1:] = pixels[0]
    np.subtract(pixels[1:], pixels[:-1], out=lines[1:, 1:])
    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0)  # 8 bits, RGB, not interlaced
    data = _chunk(b"IDAT", _ZLIB_HEADER, igzip_lib.compress(lines, **_DEFLATE))
    return b"".join((_PNG_SIGNATURE, *_chunk(b"IHDR", header), *data, *_chunk(b"IEND")))


def _chunk(kind: bytes, *data: bytes) -> tuple[bytes, ...]:
    """Pieces of a PNG chunk."""
    crc = 0
    for part in (kind, *data):
        crc = isal_zlib.crc32(part, crc)
    return struct.pack(">I", sum(map(len, data))), kind, *data, struct.pack(">I", crc)


def _encode_jpeg95(image: np.ndarray) -> bytes:
    try:
        import simplejpeg
    except ImportError as error:
        raise MissingExtraError("The codec `jpeg95` needs simplejpeg: `pip install simplejpeg`.") from error
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=95, colorspace="RGB", colorsubsampling="444")


CODECS = {"png": _encode_png, "jpeg95": _encode_jpeg95}


def _header_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """(rows, columns) that the header declares."""
    if data[:8] == _PNG_SIGNATURE and data[12:16] == b"IHDR" and len(data) >= 33:
        cols, rows = struct.unpack(">II", data[16:24])
        return rows, cols
    return _jpeg_size(data) if data[:2] == b"\xff\xd8" else None


def _jpeg_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Walk the segments up to the first start-of-frame, as decoders do: any number of 0xff may come before a marker."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # these stand alone
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            rows, cols = struct.unpack(">HH", data[at + 5 : at + 9])
            return rows, cols
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def _refuse_bombs(data: bytes | memoryview, size: tuple[int, int]) -> None:
    """Raise for more data than the header can need. libpng inflates only the lines of the header, and text only to 8 MB."""
    if data[:2] == b"\xff\xd8":
        # Each scan makes the decoder walk over the whole image: only a long file can ask for many walks, a large image for long ones.
        if len(data) * size[0] * size[1] > _SHORT_WALKS and bytes(data).count(b"\xff\xda") > _MOST_SCANS:
            raise SimtouchError(f"a JPEG has more than {_MOST_SCANS} scans.")
        return
    at, packed = 8, []
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I", data[at : at + 4])[0], data[at + 4 : at + 8]
        if length > len(data) - at - 8 and kind != b"IDAT":  # an image that was cut short is left to the decoder's verdict
            raise SimtouchError(f"a chunk of a PNG promises {length} bytes; {len(data) - at - 8} are there.")
        if kind == b"IDAT":
            packed.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    held, lines = sum(map(len, packed)), size[0] * (8 * size[1] + 8)  # 16 bits, four channels, a filter byte a line
    # Deflate adds less than a thousandth to what it cannot press. What is short inflates in no time, whatever it holds.
    if held > 1.001 * lines + 4096 or (held > _SHORT_BYTES and _inflates_beyond(packed, lines)):
        raise SimtouchError(f"a PNG holds more data than its {size[0]} x {size[1]} pixels can need.")


def _inflates_beyond(packed: list[bytes | memoryview], most: int) -> bool:
    try:
        return len(isal_zlib.decompressobj().decompress(b"".join(packed), most + 1)) > most
    except isal_zlib.error:
        return False  # damage, which the decoder names
