"""Foreign pickles as data: the bytes of a pickle in, plain values and NumPy arrays out. Nothing in the file is ever executed.

A pickle is a program that may name any function and call it. Here the opcodes are read one by one and only build values: None,
numbers, text, bytes, lists, tuples, dicts and arrays (of objects too). A name is never imported: the few that occur in honest files
stand for the functions of `NUMPY`, which are ours, and any other is refused by its name. Arrays are read-only views of the bytes that
came, so a file cannot ask for more memory than it brings. Opcodes as in the documentation of Python's `pickletools`.
"""

import io
import math
import pickletools
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from simtouch._checks import ArgumentError

MOST_BYTES = 1 << 30
"""Largest pickle that is read."""
DTYPE = re.compile(r"[<>|=]?([biufc](1|2|4|8|16)|[US]\d{1,6}|O8?|\?)$")
_MARK = object()
_PLAIN = (bool, int, float, str, bytes, type(None))
_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MAKE = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
# Opcodes that push the number, text or bytes that they carry.
_CARRIERS = frozenset(
    op.name
    for op in pickletools.opcodes
    if op.arg and not op.stack_before and op.stack_after and op.stack_after[0] is not pickletools.anyobject
)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Name:
    """A global that the file names and that is allowed: a string, not the thing."""

    def __init__(self, name: str):
        self.name = name


class _Unfinished:
    """An array or a dtype between its making and its BUILD; knows its places in the memo."""

    def __init__(self, finish: Callable[[Any], Any]):
        self.finish, self.memo_keys = finish, []


def _to_bytes(value) -> bytes:
    """Python 2 pickled raw bytes as text."""
    return value.encode("latin1") if isinstance(value, str) else bytes(value)


def _dtype(code, *_) -> _Unfinished:
    """`numpy.dtype(code, ...)`; byte order follows in its BUILD."""
    if not isinstance(code, str) or not DTYPE.match(code):
        raise ArgumentError(f"arrays of type {code!r:.40} are not read.")
    return _Unfinished(lambda state: np.dtype(code).newbyteorder(state[1] if state[1] in ("<", ">") else "="))


def _array(data, dtype, shape, fortran: bool) -> np.ndarray:
    """An array of `shape` over `data`: bytes, or a list of objects."""
    if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
        raise ArgumentError("an array has no dtype or no shape.")
    if not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 16:
        raise ArgumentError(f"an array has the shape {shape!r:.60}.")
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
    return np.frombuffer(raw, dtype, count).reshape(shape, order=order)


def _reconstruct(*_) -> _Unfinished:
    """`numpy..._reconstruct(ndarray, (0,), b"b")`: all that matters comes with BUILD, (version, shape, dtype, fortran, data)."""
    return _Unfinished(lambda state: _array(state[-1], state[-3], state[-4], bool(state[-2])))


def _scalar(dtype, data):
    """`numpy...scalar(dtype, bytes)`."""
    return _array(data, dtype, (), False)[()]


def _frombuffer(data, dtype, shape, order="C") -> np.ndarray:
    """`numpy...._frombuffer(...)`, how protocol 5 stores arrays."""
    return _array(data, dtype, shape, order == "F")


def _encode(text: str, codec: str = "latin1") -> bytes:
    """`_codecs.encode`, how protocol 2 stores bytes."""
    if codec not in ("latin1", "latin-1"):
        raise ArgumentError(f"text in {codec!r:.40} is not read.")
    return text.encode("latin1")


NUMPY: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": lambda pairs=(): dict(pairs),
    "numpy.ndarray": lambda *_: None,
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _frombuffer for core in ("core", "_core")},
}
"""What stands for the names in pickles of NumPy arrays; (arguments of the call) -> value."""


def restricted_load(
    file: bytes | BinaryIO,
    *,
    allowed: Mapping[str, Callable[..., Any]] = NUMPY,
    persistent: Callable[[Any], Any] | None = None,
    where: str = "pickle",
    most_bytes: int = MOST_BYTES,
) -> Any:
    """Return the value that a pickle describes.

    Args:
        file: The pickle, or a file open for reading bytes at its place; read to its end.
        allowed: Names that may occur ("module.name") and the function of ours that stands for each.
        persistent: What stands for a persistent id (storages of a checkpoint); None: they are refused.
        where: Names the source in messages.
        most_bytes: More than this is not read.

    Raises:
        ArgumentError: Another name than the allowed ones, a broken or an oversized pickle.
    """
    data = file if isinstance(file, bytes) else file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ArgumentError(f"`{where}` is larger than the {most_bytes >> 20} MB that are read.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # escapes in text of protocol 0 that Python no longer likes
            return _Machine(allowed, persistent).run(data)
    except ArgumentError as error:
        raise ArgumentError(f"`{where}` is not read: {error}") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, MemoryError) as error:
        raise ArgumentError(f"`{where}` is a broken pickle: {error!r:.120}.") from error


class _Machine:
    """Stack and memo of one pickle."""

    def __init__(self, allowed, persistent):
        self.allowed, self.persistent = allowed, persistent
        self.stack, self.memo = [], {}

    def run(self, data: bytes):
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            name = opcode.name
            if name in _CARRIERS:
                self.stack.append(argument)
            elif name == "STOP":
                return self.stack.pop()
            elif name in _LITERALS:
                self.stack.append(_LITERALS[name])
            elif name in _MAKE:
                self.stack.append(_MAKE[name]())
            elif name in _TUPLES:
                self.stack[-_TUPLES[name] :] = [tuple(self.stack[-_TUPLES[name] :])]
            elif name not in ("PROTO", "FRAME"):
                step = getattr(self, f"_{name.lower()}", None)
                if step is None:
                    raise ArgumentError(f"it uses the opcode {name}, which no array or plain value needs.")
                step(argument)
        raise ArgumentError("it ends too early.")

    def _since_mark(self) -> list:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ArgumentError("it has no mark where one is needed.")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def _mark(self, _):
        self.stack.append(_MARK)

    def _pop(self, _):
        self.stack.pop()

    def _pop_mark(self, _):
        self._since_mark()

    def _tuple(self, _):
        self.stack.append(tuple(self._since_mark()))

    def _list(self, _):
        self.stack.append(self._since_mark())

    def _dict(self, _):
        items = self._since_mark()
        self.stack.append({})
        self._set(items)

    def _append(self, _):
        value = self.stack.pop()
        self._extend([value])

    def _appends(self, _):
        self._extend(self._since_mark())

    def _extend(self, values: list) -> None:
        if type(self.stack[-1]) is not list:
            raise ArgumentError("it appends to something that is no list.")
        self.stack[-1].extend(values)

    def _setitem(self, _):
        items = self.stack[-2:]
        del self.stack[-2:]
        self._set(items)

    def _setitems(self, _):
        self._set(self._since_mark())

    def _set(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise ArgumentError("it sets items of something that is no dict.")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Plain keys only: nested tuples could be made to hash for ever.
            if not all(isinstance(k, _PLAIN) for k in (key if type(key) is tuple else (key,))):
                raise ArgumentError(f"it has a {type(key).__name__} as a key.")
            target[key] = value

    def _put(self, key):
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, _Unfinished):
            value.memo_keys.append(key)

    _binput = _long_binput = _put

    def _memoize(self, _):
        self._put(len(self.memo))

    def _get(self, key):
        self.stack.append(self.memo[key])

    _binget = _long_binget = _get

    def _global(self, argument):
        self._name(argument.replace(" ", ".", 1))

    def _stack_global(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        self._name(f"{module}.{name}")

    def _name(self, name: str) -> None:
        if name not in self.allowed:
            raise ArgumentError(f"it asks for `{name:.80}`, which neither arrays nor plain values need; nothing was executed.")
        self.stack.append(Name(name))

    def _reduce(self, _):
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise ArgumentError("it calls something that is no name.")
        self.stack.append(self.allowed[called.name](*arguments))

    def _build(self, _):
        state, target = self.stack.pop(), self.stack.pop()
        # Attributes of plain values (a state dict's `_metadata`) say nothing about the numbers: dropped.
        value = target.finish(state) if isinstance(target, _Unfinished) else target
        for key in getattr(target, "memo_keys", ()):
            self.memo[key] = value
        self.stack.append(value)

    def _persid(self, argument):
        if self.persistent is None:
            raise ArgumentError(f"it refers to {argument!r:.60}, which lies outside it.")
        self.stack.append(self.persistent(argument))

    def _binpersid(self, _):
        self._persid(self.stack.pop())
