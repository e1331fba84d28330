"""Size of a PNG or JPEG picture from its header, before anything is decoded: a file in, width and height out."""

import struct
from pathlib import Path

from simtouch._checks import ArgumentError

_NO_SIZE = (0xC4, 0xC8, 0xCC)  # of the markers 0xC0 to 0xCF, the three that start no frame


def image_size(path: Path) -> tuple[int, int]:
    """Width and height [px] as the header states them."""
    try:
        with open(path, "rb") as file:
            head = file.read(24)
            if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR":
                return struct.unpack(">II", head[16:24])
            if head[:2] == b"\xff\xd8":
                file.seek(2)
                return _jpeg_size(file)
    except (OSError, struct.error) as error:
        raise ArgumentError(f"`{path}` is not a readable picture: {error}.") from error
    raise ArgumentError(f"`{path}` is neither a PNG nor a JPEG picture.")


def _jpeg_size(file) -> tuple[int, int]:
    """Walk the segments to the first frame header; a cut file ends in `struct.error`."""
    while True:
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF:
            raise struct.error("its segments are broken")
        if 0xC0 <= kind <= 0xCF and kind not in _NO_SIZE:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return width, height
        file.seek(max(length - 2, 0), 1)
