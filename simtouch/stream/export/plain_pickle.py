"""Plain values as a pickle: None, numbers, text, bytes, lists, dicts and arrays in, bytes of protocol 4 out.

`pickle` itself names a module of NumPy that depends on its version (`numpy._core`, which NumPy 1 does not have) and numbers its
memo by object identity. Written opcode by opcode, equal values give equal bytes, every Python from 3.4 and every NumPy reads
them, and a list may be an iterator, so that a file larger than memory can be written. Opcodes as in `pickletools`.
"""

import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from simtouch._checks import ArgumentError

_MOST_ITEMS = 1000  # between two marks; `pickle` takes the same
_RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"  # an empty array, see BUILD below


def pickle_bytes(value: Any) -> bytes:
    """The pickle of a plain value."""
    file = io.BytesIO()
    write_pickle(file, value)
    return file.getvalue()


def write_pickle(file: BinaryIO, value: Any) -> None:
    """Write the pickle of a plain value; an iterator becomes a list, written as it comes."""
    file.write(b"\x80\x04")
    _write(file, value)
    file.write(b".")


def _write(file: BinaryIO, value: Any) -> None:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        file.write({None: b"N", True: b"\x88", False: b"\x89"}[value])
    elif isinstance(value, int):
        _write_int(file, value)
    elif isinstance(value, float):
        file.write(b"G" + struct.pack(">d", value))
    elif isinstance(value, str):
        data = value.encode()
        file.write(b"X" + struct.pack("<I", len(data)) + data)
    elif isinstance(value, bytes):
        _write_bytes(file, value)
    elif isinstance(value, np.ndarray):
        _write_array(file, value)
    elif isinstance(value, Mapping):
        file.write(b"}")
        _write_items(file, value.items(), b"u", pairs=True)
    elif isinstance(value, list | Iterator):
        file.write(b"]")
        _write_items(file, value, b"e", pairs=False)
    else:
        raise ArgumentError(f"a plain pickle holds numbers, text, bytes, lists, dicts and arrays; got {type(value).__name__}.")


def _write_items(file: BinaryIO, items: Iterable, end: bytes, *, pairs: bool) -> None:
    count = 0
    for count, item in enumerate(items, start=1):
        if count % _MOST_ITEMS == 1:
            file.write(b"(" if count == 1 else end + b"(")
        for value in item if pairs else (item,):
            _write(file, value)
    if count:
        file.write(end)


def _write_int(file: BinaryIO, value: int) -> None:
    if -(2**31) <= value < 2**31:
        file.write(b"J" + struct.pack("<i", value))
    else:
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        file.write(b"\x8a" + bytes([len(data)]) + data)


def _write_bytes(file: BinaryIO, data: bytes) -> None:
    small = len(data) < 2**32
    file.write((b"B" + struct.pack("<I", len(data))) if small else (b"\x8e" + struct.pack("<Q", len(data))))
    file.write(data)


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    """`_reconstruct` and its BUILD: (version, shape, dtype, fortran, bytes)."""
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"a plain pickle holds arrays of numbers; got {array.dtype}.")
    array = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).reshape(array.shape)
    file.write(_RECONSTRUCT + b"(K\x01(")
    for n in array.shape:
        _write_int(file, n)
    code, order = f"{array.dtype.kind}{array.dtype.itemsize}".encode(), b"|" if array.dtype.itemsize == 1 else b"<"
    file.write(b"tcnumpy\ndtype\nX" + struct.pack("<I", len(code)) + code + b"\x89\x88\x87R")
    file.write(b"(K\x03X\x01\x00\x00\x00" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
    _write_bytes(file, array.tobytes())
    file.write(b"tb")
