"""A PyTorch state dict as NumPy arrays: a foreign .pth in, {name: array} out, without PyTorch and without running its pickle.

The file is a zip of one small pickle, `data.pkl`, that says which tensor views which storage, and of the storages' bytes. The pickle goes
through `restricted_load`, where the few names it needs stand for the functions below; any other name is refused. Layout of
`torch.save` since PyTorch 1.6.
"""

import zipfile
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch._unpickle import NUMPY, brief, restricted_load

MOST_BYTES = 64 << 20
STORAGES = {
    "Double": "<f8",
    "Float": "<f4",
    "Half": "<f2",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "i1",
    "Byte": "u1",
}
NESTED = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which training scripts put the state dict."""


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a .pth file as arrays; raise `ArgumentError` if it is none, is too large or asks for code."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = {info.filename.split("/", 1)[-1]: info for info in archive.infolist()}
            if sum(info.file_size for info in files.values()) > MOST_BYTES:
                raise ArgumentError(f"`{path}` unpacks to more than the {MOST_BYTES >> 20} MB that are read.")
            if "data.pkl" not in files:
                raise ArgumentError(f"`{path}` has no data.pkl; a state dict as `torch.save` writes it has one.")
            order = archive.read(files["byteorder"]) if "byteorder" in files else b"little"
            if order != b"little":
                raise ArgumentError(f"`{path}` was written on a big-endian machine, which is not read.")
            data = {name: archive.read(info) for name, info in files.items() if name.startswith("data/") or name == "data.pkl"}
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArgumentError(
            f"`{path}` is not a readable .pth file: {error}. Files from before PyTorch 1.6 must be loaded and saved again."
        ) from error
    found = restricted_load(
        data["data.pkl"], allowed=_allowed(), persistent=lambda pid: _storage(pid, data), where=f"{path}:data.pkl"
    )
    found = next((found[key] for key in NESTED if isinstance(found, dict) and isinstance(found.get(key), dict)), found)
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in found.items()):
        raise ArgumentError(f"`{path}` must hold a state dict, names and tensors; got {type(found).__name__}.")
    return found


def _allowed() -> dict:
    stand_ins = {
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    }
    return NUMPY | stand_ins | {f"torch.{kind}Storage": _no_call for kind in STORAGES}


def _no_call(*_):
    raise ArgumentError("it makes a storage of its own.")


def _storage(pid, data: dict[str, bytes]) -> np.ndarray:
    """The flat array that ("storage", kind, key, device, count) refers to."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise ArgumentError(f"it refers to {brief(pid)}, which is no storage.")
    kind = str(getattr(pid[1], "name", "")).removeprefix("torch.").removesuffix("Storage")
    raw = data.get(f"data/{pid[2]}") if isinstance(pid[2], str) else None
    if kind not in STORAGES or raw is None:
        raise ArgumentError(f"it refers to a storage, {brief(pid[2])}, that the file does not hold.")
    return np.frombuffer(raw[: len(raw) // np.dtype(STORAGES[kind]).itemsize * np.dtype(STORAGES[kind]).itemsize], STORAGES[kind])


def _tensor(storage, offset, size, stride, *_) -> np.ndarray:
    """A contiguous tensor of a storage."""
    if not isinstance(storage, np.ndarray) or not isinstance(size, tuple) or not all(type(n) is int and n >= 0 for n in size):
        raise ArgumentError(f"a tensor has {brief(size)} that is no shape.")
    count = int(np.prod(size, dtype=object))
    contiguous = tuple(int(np.prod(size[k + 1 :], dtype=object)) for k in range(len(size)))
    if count > 1 and any(n > 1 and a != b for n, a, b in zip(size, contiguous, stride, strict=True)):
        raise ArgumentError(f"a tensor of shape {size} is not contiguous; save it with `.contiguous()`.")
    if type(offset) is not int or offset < 0 or offset + count > len(storage):
        raise ArgumentError(f"a tensor of shape {size!r:.60} is larger than its storage of {len(storage)} numbers.")
    return storage[offset : offset + count].reshape(size)
