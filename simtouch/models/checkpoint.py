"""Files of weights: .safetensors and PyTorch's .ckpt, .pth in, tensors by name out, without running anything; encoders to a file.

Everything that a file declares is compared with its bytes before memory is taken: the header of a .safetensors by its library, the
pickle of a .ckpt by `_pickled_tensors.py`. Both are mapped, and a tensor is read when it is asked for: of 1.4 GB with an optimiser and
two encoders in it, one encoder of 345 MB costs 373.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from simtouch import __version__
from simtouch._checks import ArgumentError, SimtouchError
from simtouch._pickled_tensors import LEGACY_START, ZIP_START, read_torch_file
from simtouch.models.vit import VisionTransformer

FILE_NAME = "encoder.safetensors"
"""What `save_encoder` calls its file in a folder."""
_OURS = "simtouch"


class Weights(Mapping[str, torch.Tensor]):
    """Tensors of a file by name, on the CPU, each read when it is asked for.

    `path`, `shapes` by name, `metadata` (texts) and `classes`, the names of foreign objects that lie beside the tensors, cost nothing.
    """

    def __init__(self, path: Path, shapes: dict[str, tuple[int, ...]], read, metadata=None, classes=()):
        self.path, self.shapes = path, shapes
        self.metadata: dict[str, str] = dict(metadata or {})
        self.classes = frozenset(classes)
        self._read = read

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self.shapes:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def read_weights(path: str | os.PathLike) -> Weights:
    """Open a file of weights: a mapping from name to tensor, on the CPU, with `.shapes` and `.metadata`.

    Raises:
        SimtouchError: It is no such file, is cut short, promises more than it holds, or asks for code; one sentence says which.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise ArgumentError(f"`{path}` cannot be read: {error.strerror or error}.") from error
    if head.startswith((ZIP_START, LEGACY_START)):
        return _read_torch(path)
    if head[8:9] == b"{":
        return _read_safetensors(path)
    raise SimtouchError(f"`{path}` holds no weights: {_what_it_is(head)}.")


def _what_it_is(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; fetch the file itself with `git lfs pull`"
    if head.lstrip()[:1] == b"<":
        return "it is a web page"
    return "it is neither a .safetensors file nor one of `torch.save`"


def _read_safetensors(path: Path) -> Weights:
    try:
        file = safe_open(path, "pt")
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        return Weights(path, shapes, file.get_tensor, file.metadata())
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise SimtouchError(f"`{path}` is a damaged .safetensors file, cut short perhaps: {_one_line(error)}.") from error


def _read_torch(path: Path) -> Weights:
    file = read_torch_file(path)

    def read(name: str) -> torch.Tensor:
        stored = file.tensors[name]
        dtype = getattr(torch, stored.storage.dtype)
        if stored.span == 0:
            return torch.empty(stored.shape, dtype=dtype)
        return torch.frombuffer(file.raw(stored), dtype=dtype).as_strided(stored.shape, stored.strides)

    shapes = {name: stored.shape for name, stored in file.tensors.items()}
    return Weights(path, shapes, read, classes=file.classes)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def save_encoder(path: str | os.PathLike, encoder: VisionTransformer, metadata: Mapping[str, Any] | None = None) -> Path:
    """Write an encoder for `load_encoder`; return the file. It is there as a whole or not at all.

    Args:
        path: A `.safetensors` file, or a folder, in which it becomes `encoder.safetensors`.
        encoder: What to write, in the precision it has.
        metadata: What else to keep, by name: values that JSON can hold. `algorithm`, `training` (its config), `seed`, `data` (names of
            the sources) and `licence` (one line, shown when the weights are loaded) are the usual ones.

    Raises:
        ArgumentError: The place cannot be written to, or JSON cannot hold a value.
    """
    path = Path(path)
    path = path if path.suffix == ".safetensors" else path / FILE_NAME
    told = {**(metadata or {}), "config": asdict(encoder.config), "version": __version__}
    try:
        # One entry: the library writes several in an order of its own, and equal encoders shall be equal bytes.
        written = {_OURS: json.dumps(told, sort_keys=True)}
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`metadata` must hold what JSON can: {_one_line(error)}.") from error
    tensors = {
        name.removeprefix("_orig_mod."): tensor.detach().cpu().contiguous()  # as a compiled encoder names them
        for name, tensor in encoder.state_dict().items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, lambda part: save_file(tensors, part, written))
    except (OSError, SafetensorError) as error:
        raise ArgumentError(f"`{path}` cannot be written: {_one_line(error)}.") from error
    return path


def _write_whole(path: Path, write) -> None:
    """Write to a file beside `path`, then rename it: a reader never sees half of it, nor does a crash leave one."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    try:
        write(part)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.unlink(part)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def own_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What `save_encoder` wrote: `config`, the `version` of simtouch, and what it was given; {} for a file of someone else's."""
    try:
        found = json.loads(metadata.get(_OURS, "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("config"), dict) else {}
