"""A PyTorch state dict as NumPy arrays: a foreign .pth in, {name: array} out, without PyTorch and without running its pickle."""

from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch._pickled_tensors import read_torch_file

MOST_BYTES = 64 << 20


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a .pth file as arrays; raise `ArgumentError` if it is none, is too large or asks for code."""
    try:
        size = Path(path).stat().st_size
    except OSError as error:
        raise ArgumentError(f"`{path}` is not a readable .pth file: {error}.") from error
    if size > MOST_BYTES:
        raise ArgumentError(f"`{path}` is larger than the {MOST_BYTES >> 20} MB that are read.")
    file, arrays = read_torch_file(path), {}
    for name, tensor in file.tensors.items():
        dtype, itemsize = tensor.storage.dtype, tensor.storage.itemsize
        if dtype == "bfloat16":
            raise ArgumentError(f"`{path}`: `{name:.80}` is of bfloat16, which NumPy does not know.")
        strides = [itemsize * stride for stride in tensor.strides]
        arrays[name] = np.ndarray(tensor.shape, dtype, file.raw(tensor), strides=strides)  # lies inside what `raw` gives
    return arrays
