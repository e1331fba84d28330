"""What stands for NumPy's names in foreign pickles: the arguments of a call in, an array out; see `_unpickle.py`.

Nothing here trusts its arguments: they may be of any type, of any size, and share parts so that walking them has no end.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError

DTYPE = re.compile(r"[<>|=]?([biufc](1|2|4|8|16)|[US]\d{1,6}|O8?|\?)$")
_PLAIN = (bool, int, float, str, bytes, type(None))
_LARGEST_SIZE, _LARGEST_KEY = 1 << 48, 1 << 60


class Unfinished:
    """An array or a dtype between its making and its BUILD; knows its places in the memo."""

    def __init__(self, finish: Callable[[Any], Any]):
        self.finish, self.memo_keys = finish, []


def brief(value) -> str:
    """`value` for a message, in one short line: never walks what may have no end."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"{value!r:.60}" if isinstance(value, bool | float | str | type(None)) else f"a value of type {type(value).__name__}"


def _to_bytes(value) -> bytes | memoryview:
    """Python 2 pickled raw bytes as text."""
    if isinstance(value, str):
        return value.encode("latin1")
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ArgumentError(f"an array has {brief(value)} where its bytes must be.")
    return memoryview(value).toreadonly()


def _dtype(code, *_) -> Unfinished:
    """`numpy.dtype(code, ...)`; byte order follows in its BUILD."""
    if not isinstance(code, str) or not DTYPE.match(code):
        raise ArgumentError(f"an array has {brief(code)} as its type, which is not read.")
    return Unfinished(lambda state: np.dtype(code).newbyteorder(state[1] if state[1] in ("<", ">") else "="))


def _array(data, dtype, shape, fortran: bool) -> np.ndarray:
    """An array of `shape` over `data`: bytes, or a list of objects."""
    if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
        raise ArgumentError("an array has no dtype or no shape.")
    if len(shape) > 16 or not all(type(n) is int and 0 <= n < _LARGEST_SIZE for n in shape):
        raise ArgumentError(f"an array has a shape that cannot be, {len(shape)} sizes.")
    count, order = math.prod(shape), "F" if fortran else "C"
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != count:
            raise ArgumentError(f"an array of objects promises shape {shape!r:.60} and does not hold it.")
        out = np.empty(count, object)
        for k, value in enumerate(data):
            out[k] = value
        return out.reshape(shape, order=order)
    raw = _to_bytes(data)
    if len(raw) != count * dtype.itemsize:
        raise ArgumentError(f"an array promises shape {shape!r:.60} of {dtype} and holds {len(raw)} bytes.")
    if count == 0:
        return np.empty(0, dtype).reshape(shape)
    return np.frombuffer(raw, dtype, count).reshape(shape, order=order)


def _reconstruct(*_) -> Unfinished:
    """`numpy..._reconstruct(ndarray, (0,), b"b")`: all that matters comes with BUILD, (version, shape, dtype, fortran, data)."""
    return Unfinished(lambda state: _array(state[-1], state[-3], state[-4], bool(state[-2])))


def _scalar(dtype, data):
    """`numpy...scalar(dtype, bytes)`."""
    return _array(data, dtype, (), False)[()]


def _frombuffer(data, dtype, shape, order="C") -> np.ndarray:
    """`numpy...._frombuffer(...)`, how protocol 5 stores arrays."""
    return _array(data, dtype, shape, order == "F")


def _encode(text: str, codec: str = "latin1") -> bytes:
    """`_codecs.encode`, how protocol 2 stores bytes."""
    if codec not in ("latin1", "latin-1"):
        raise ArgumentError(f"text in {brief(codec)} is not read.")
    return text.encode("latin1")


def _ordered(pairs: list | tuple = ()) -> dict:
    """`collections.OrderedDict(pairs)`."""
    made: dict = {}
    for key, value in pairs:
        check_key(key)
        made[key] = value
    return made


def check_key(key) -> None:
    """Plain keys only: nested tuples could be made to hash for ever, whole numbers beyond 61 bits to hash alike."""
    for part in key if type(key) is tuple else (key,):
        if not isinstance(part, _PLAIN) or (type(part) is int and abs(part) >= _LARGEST_KEY):
            raise ArgumentError(f"it has a {type(key).__name__} as a key.")


NUMPY: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": _ordered,
    "numpy.ndarray": lambda *_: None,
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _frombuffer for core in ("core", "_core")},
}
"""What stands for the names in pickles of NumPy arrays; (arguments of the call) -> value."""
