"""Foreign pickles as data: the bytes of a pickle in, plain values and NumPy arrays out. Nothing in the file is ever executed.

A pickle is a program that may name any function and call it. Here the opcodes are read one by one and only build values: None,
numbers, text, bytes, lists, tuples, dicts and arrays (of objects too). A name is never imported: the few that occur in honest files
stand for the functions of `NUMPY`, which are ours, and any other is refused by its name. Arrays are read-only views of the bytes that
came, and what values cost beyond their bytes is counted, so a file cannot ask for more memory than it brings and `MOST_OVERHEAD`.
Of a mapped file (`mmap`) byte strings and arrays are views too: 50 MB of images cost nothing before they are looked at. Values may
share parts in a way that grows without bound when it is walked ("billion laughs"): walk only what has the type you want, and name the
others with `brief`. Opcodes as in the documentation of Python's `pickletools`.
"""

import io
import mmap
import pickletools
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from simtouch._checks import ArgumentError
from simtouch._pickled_arrays import NUMPY, Unfinished, brief, check_key

MOST_BYTES = 1 << 30
"""Largest pickle that is read; the caller may allow more of a mapped file."""
MOST_OVERHEAD = 1 << 29
"""Most memory that the objects of one pickle may take beyond their bytes."""
_OBJECT_BYTES = 96  # an empty list or dict, its place on the stack and in the memo
_MARK = object()
_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MAKE = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
# Opcodes that push the number, text or bytes that they carry.
_CARRIERS = frozenset(
    op.name
    for op in pickletools.opcodes
    if op.arg and not op.stack_before and op.stack_after and op.stack_after[0] is not pickletools.anyobject
)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_VIEWED = {"BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8}
"""Opcodes of byte strings and the size of their length."""


class Name:
    """A global that the file names and that is allowed: a string, not the thing."""

    def __init__(self, name: str):
        self.name = name


def restricted_load(
    file: bytes | BinaryIO | mmap.mmap,
    *,
    allowed: Mapping[str, Callable[..., Any]] = NUMPY,
    persistent: Callable[[Any], Any] | None = None,
    where: str = "pickle",
    most_bytes: int = MOST_BYTES,
) -> Any:
    """Return the value that a pickle describes.

    Args:
        file: The pickle; or a file open for reading bytes at its place, read to its end; or a mapped file, of which the longer byte
            strings come as read-only memoryviews.
        allowed: Names that may occur ("module.name") and the function of ours that stands for each.
        persistent: What stands for a persistent id (storages of a checkpoint); None: they are refused.
        where: Names the source in messages.
        most_bytes: More than this is not read.

    Raises:
        ArgumentError: Another name than the allowed ones, a broken or an oversized pickle.
    """
    data = file if isinstance(file, bytes | mmap.mmap) else file.read(most_bytes + 1)
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


def _opcodes(data: bytes | mmap.mmap) -> Iterator[tuple[str, Any]]:
    """Name and argument of each opcode up to STOP; long byte strings of a mapped file as views."""
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    view = None if isinstance(data, bytes) else memoryview(data).toreadonly()
    while True:
        code = file.read(1)
        opcode = pickletools.code2op.get(code.decode("latin1"))
        if opcode is None:
            raise ArgumentError("it ends too early." if not code else f"it has a byte {code!r} where an opcode must be.")
        if view is None or opcode.name not in _VIEWED:
            yield opcode.name, opcode.arg.reader(file) if opcode.arg else None
        else:
            length, start = int.from_bytes(file.read(_VIEWED[opcode.name]), "little"), file.tell()
            if length > len(view) - start:
                raise ArgumentError(f"it promises {length} bytes; {len(view) - start} are there.")
            file.seek(start + length)
            yield opcode.name, view[start : start + length]
        if opcode.name == "STOP":
            return


class _Machine:
    """Stack and memo of one pickle."""

    def __init__(self, allowed, persistent):
        self.allowed, self.persistent = allowed, persistent
        self.stack, self.memo = [], {}
        self.overhead = 0

    def run(self, data: bytes | mmap.mmap):
        for name, argument in _opcodes(data):
            self.overhead += _OBJECT_BYTES + (sys.getsizeof(argument) if type(argument) is str else 0)
            if self.overhead > MOST_OVERHEAD:
                raise ArgumentError(f"its values take more than {MOST_OVERHEAD >> 20} MB beside their bytes.")
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
        raise ArgumentError("it ends too early.")  # not reached: `_opcodes` ends with STOP or raises

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
            check_key(key)
            target[key] = value

    def _put(self, key):
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, Unfinished):
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
        if not isinstance(name, str) or not isinstance(module, str):
            raise ArgumentError("it asks for something that has no name.")
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

    def _newobj(self, _):
        self._reduce(_)  # of a name that is allowed both mean the call of what stands for it

    def _build(self, _):
        state, target = self.stack.pop(), self.stack.pop()
        # Attributes of plain values (a state dict's `_metadata`) say nothing about the numbers: dropped.
        value = target.finish(state) if isinstance(target, Unfinished) else target
        for key in getattr(target, "memo_keys", ()):
            self.memo[key] = value
        self.stack.append(value)

    def _persid(self, argument):
        if self.persistent is None:
            raise ArgumentError(f"it refers to {brief(argument)}, which lies outside it.")
        self.stack.append(self.persistent(argument))

    def _binpersid(self, _):
        self._persid(self.stack.pop())
