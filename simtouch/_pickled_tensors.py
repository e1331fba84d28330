"""PyTorch's files as data: a .ckpt or .pth in, its tensors by name out, as descriptions of where their numbers lie. Nothing is executed.

Such a file is a pickle that says which tensor views which storage, and the storages' bytes: a zip of both since PyTorch 1.6, one
after the other before. The pickle goes through `restricted_load`; the few names it needs stand for functions of ours, objects of
the classes that published Sparsh checkpoints carry along become `Record`s without any behaviour, and any other name is refused.
What a tensor and its storage claim is compared with the bytes that are there before anyone reads them. Formats as `torch.save` has
documented and written them.
"""

import math
import mmap
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simtouch._checks import ArgumentError
from simtouch._unpickle import NUMPY, Name, Unfinished, brief, restricted_load

ZIP_START, LEGACY_START = b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How the two formats begin."""
DTYPES = {
    "Double": ("float64", 8),
    "Float": ("float32", 4),
    "Half": ("float16", 2),
    "BFloat16": ("bfloat16", 2),
    "Long": ("int64", 8),
    "Int": ("int32", 4),
    "Short": ("int16", 2),
    "Char": ("int8", 1),
    "Byte": ("uint8", 1),
    "Bool": ("bool", 1),
}
"""Kinds of storages: the type of their numbers and its bytes."""
SPARSH_CLASSES = (
    "tactile_ssl.model.custom_scheduler.WarmupCosineScheduler",
    "tactile_ssl.model.custom_scheduler.CosineWDSchedule",
    "torch.optim.adamw.AdamW",
)
"""What published Sparsh checkpoints carry beside tensors; with the names of `_stand_ins` the nine that the hub lists for them."""
NESTED = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which training scripts put the state dict."""
MOST_PICKLE_BYTES = 64 << 20
_PROTOCOL, _MAX_AXES, _LARGEST_SIZE = 1001, 16, 1 << 48


@dataclass
class Storage:
    """Numbers of one type in a row, `count` of them from byte `start` of the file on."""

    dtype: str
    itemsize: int
    count: int
    start: int = -1


@dataclass(frozen=True)
class StoredTensor:
    """A view of a storage that has been checked to lie inside it."""

    storage: Storage
    first: int
    """Number of the storage it begins with."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In numbers, not bytes."""

    @property
    def span(self) -> int:
        """How many numbers of the storage lie between its first and its last, both counted."""
        return 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) if math.prod(self.shape) else 0


class Record(Unfinished):
    """An object of a class that is not ours: its name and its state, nothing that could be called."""

    def __init__(self, name: str):
        super().__init__(self._keep)
        self.name, self.state = name, None

    def _keep(self, state) -> "Record":
        self.state = state
        return self


@dataclass
class TorchFile:
    """Tensors of a file by name; `raw(tensor)` reads the bytes that one spans."""

    tensors: dict[str, StoredTensor]
    classes: set[str]
    """Names of the foreign classes that objects in it had."""
    _data: mmap.mmap = field(repr=False)

    def raw(self, tensor: StoredTensor) -> bytearray:
        """Bytes of the numbers `tensor.first` up to `tensor.first + tensor.span` of its storage."""
        start = tensor.storage.start + tensor.first * tensor.storage.itemsize
        size = tensor.span * tensor.storage.itemsize
        out = bytearray(size)
        out[:] = memoryview(self._data)[start : start + size]
        return out


def read_torch_file(path: str | os.PathLike) -> TorchFile:
    """Open a .ckpt or .pth file.

    Raises:
        ArgumentError: It is none, is cut short, claims more than it holds, or names anything but tensors and plain values.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        read = _read_zip if data[:4] == ZIP_START else _read_legacy
        found, classes = read(data, path)
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, struct.error) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"`{path}` is not a whole file of `torch.save`: {error}.") from error
    return TorchFile(_state_dict(found, path), classes, data)


def _read_zip(data: mmap.mmap, path: Path) -> tuple[Any, set[str]]:
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename.split("/", 1)[-1]: info for info in archive.infolist()}
    if "data.pkl" not in entries:
        raise ArgumentError(f"`{path}` has no data.pkl; what `torch.save` writes has one.")
    if entries["data.pkl"].file_size > MOST_PICKLE_BYTES:
        raise ArgumentError(f"`{path}`: its data.pkl is larger than the {MOST_PICKLE_BYTES >> 20} MB that are read.")
    if "byteorder" in entries and _entry(data, entries["byteorder"], path)[:6] != b"little":
        raise ArgumentError(f"`{path}` was written on a big-endian machine, which is not read.")

    def storage(kind: str, key: str, count: int) -> Storage:
        info = entries.get(f"data/{key}")
        if info is None:
            raise ArgumentError(f"it refers to a storage, {brief(key)}, that the file does not hold.")
        start, size = _place(data, info, path)
        dtype, itemsize = DTYPES[kind]
        if count * itemsize > size:
            raise ArgumentError(f"storage {brief(key)} promises {count} numbers of {dtype} and holds {size} bytes.")
        return Storage(dtype, itemsize, count, start)

    return _load(_entry(data, entries["data.pkl"], path), storage, f"{path}:data.pkl")


def _place(data: mmap.mmap, info: zipfile.ZipInfo, path: Path) -> tuple[int, int]:
    """First byte and size of a zip entry, which is stored as it is."""
    header = data[info.header_offset : info.header_offset + 30]
    if header[:4] != ZIP_START or len(header) < 30:
        raise ArgumentError(f"`{path}` is damaged: an entry is not where its table says.")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
        raise ArgumentError(f"`{path}` has a compressed or encrypted entry, which `torch.save` never writes.")
    start = info.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    if start + info.file_size > len(data):
        raise ArgumentError(f"`{path}` is cut short: an entry promises {info.file_size} bytes, {len(data) - start} are there.")
    return start, info.file_size


def _entry(data: mmap.mmap, info: zipfile.ZipInfo, path: Path) -> bytes:
    start, size = _place(data, info, path)
    return data[start : start + size]


def _read_legacy(data: mmap.mmap, path: Path) -> tuple[Any, set[str]]:
    """Four pickles (a magic number, the version, sizes of the writer, the value), the keys of the storages, their bytes."""
    if data[: len(LEGACY_START)] != LEGACY_START:
        raise ArgumentError(f"`{path}` is not a file of `torch.save`.")
    storages: dict[str, Storage] = {}

    def storage(kind: str, key: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(*DTYPES[kind], count))

    def next_value(where: str):
        return restricted_load(data, where=f"{path}:{where}", most_bytes=len(data))

    next_value("start")
    version, machine = next_value("version"), next_value("machine")
    if version != _PROTOCOL or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ArgumentError(f"`{path}` is of another version of `torch.save`, or of a big-endian machine, which is not read.")
    found, classes = _load(data, storage, f"{path}:value", most_bytes=len(data))
    keys = next_value("keys")
    at = data.tell()
    for key in keys if isinstance(keys, list) else ():
        held = storages.get(key) if isinstance(key, str) else None
        count = int.from_bytes(data[at : at + 8], "little")
        if held is None or count != held.count or at + 8 + count * held.itemsize > len(data):
            raise ArgumentError(f"`{path}` is damaged or cut short: storage {brief(key)} is not as its value describes it.")
        held.start, at = at + 8, at + 8 + count * held.itemsize
    if any(held.start < 0 for held in storages.values()):
        raise ArgumentError(f"`{path}` is damaged or cut short: it does not hold all its storages.")
    return found, classes


def _load(data, storage: Callable[[str, str, int], Storage], where: str, **limits) -> tuple[Any, set[str]]:
    """The value of the main pickle, and the foreign classes in it; `storage(kind, key, count)` finds a storage."""
    classes: set[str] = set()

    def record(name: str) -> Callable[..., Record]:
        def make(*_) -> Record:
            classes.add(name)
            return Record(name)

        return make

    def persistent(pid) -> Storage:
        if not isinstance(pid, tuple) or not 5 <= len(pid) <= 6 or pid[0] != "storage" or not isinstance(pid[2], str):
            raise ArgumentError(f"it refers to {brief(pid)}, which is no storage.")
        kind = pid[1].name.removeprefix("torch.").removesuffix("Storage") if isinstance(pid[1], Name) else ""
        if kind not in DTYPES or (len(pid) == 6 and pid[5] is not None):
            raise ArgumentError(f"it refers to a storage, {brief(pid[2])}, of a kind that is not read.")
        if type(pid[4]) is not int or not 0 <= pid[4] < _LARGEST_SIZE:
            raise ArgumentError(f"storage {brief(pid[2])} has {brief(pid[4])} where its size must be.")
        return storage(kind, pid[2], pid[4])

    allowed = _stand_ins() | {name: record(name) for name in SPARSH_CLASSES}
    return restricted_load(data, allowed=allowed, persistent=persistent, where=where, **limits), classes


def _stand_ins() -> dict[str, Callable[..., Any]]:
    """NumPy's names, and those of tensors. Those of storages and types are only spoken of, never called."""
    return NUMPY | {
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
        "torch.Size": lambda sizes=(): tuple(sizes) if isinstance(sizes, list | tuple) else (),
        "collections.defaultdict": lambda *_: {},
        **{f"{builtins}.dict": lambda *_: {} for builtins in ("__builtin__", "builtins")},
        **{f"torch.{kind}Storage": _no_call for kind in DTYPES},
        **{f"torch.{dtype}": _no_call for dtype, _ in DTYPES.values()},
    }


def _no_call(*_):
    raise ArgumentError("it makes a storage of its own.")


def _tensor(storage, first, shape, strides, _requires_grad=False, _hooks=None, marks=None) -> StoredTensor:
    """`torch._utils._rebuild_tensor_v2`: a view of a storage."""
    if not isinstance(storage, Storage):
        raise ArgumentError(f"a tensor has {brief(storage)} where its storage must be.")
    for numbers in (shape, strides, (first,)):
        fits = isinstance(numbers, tuple) and len(numbers) <= _MAX_AXES
        if not fits or not all(type(n) is int and 0 <= n < _LARGEST_SIZE for n in numbers):
            raise ArgumentError(f"a tensor has {brief(numbers)} that is no shape.")
    if len(shape) != len(strides) or marks:
        raise ArgumentError("a tensor has marks, or strides that are not of its shape; such are not read.")
    tensor = StoredTensor(storage, first, shape, strides)
    if first + tensor.span > storage.count:
        raise ArgumentError(f"a tensor of shape {shape!r:.60} is larger than its storage of {storage.count} numbers.")
    if math.prod(shape) > storage.count:
        raise ArgumentError(f"a tensor of shape {shape!r:.60} repeats the {storage.count} numbers of its storage; save it whole.")
    return tensor


def _state_dict(found, path: Path) -> dict[str, StoredTensor]:
    """The tensors of a value by name: of itself, of the entry that training scripts use, else of all its entries."""
    if not isinstance(found, dict):
        raise ArgumentError(f"`{path}` must hold a state dict, names and tensors; got {brief(found)}.")
    if own := _named(found):
        return own
    parts = {key: part for key, value in found.items() if isinstance(key, str) and (part := _named(value))}
    for key in NESTED:
        if key in parts:
            return parts[key]
    if not parts:
        raise ArgumentError(f"`{path}` must hold a state dict, names and tensors; it has neither at its top nor one level below.")
    if len(parts) == 1:
        return next(iter(parts.values()))
    return {f"{key}.{name}": tensor for key, part in parts.items() for name, tensor in part.items()}


def _named(value) -> dict[str, StoredTensor]:
    if not isinstance(value, dict):
        return {}
    return {key: tensor for key, tensor in value.items() if isinstance(key, str) and isinstance(tensor, StoredTensor)}
