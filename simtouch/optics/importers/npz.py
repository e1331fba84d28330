"""Arrays out of foreign .npz and .npy files: no pickle, and no allocation beyond what a header may promise."""

import zipfile
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError

MOST_BYTES = 2 << 30
"""Largest array that is read."""


def read_arrays(path: str | Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The arrays called `names` of a .npz file; absent ones are left out. Object arrays are refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(info.filename).stem: info for info in archive.infolist() if info.filename.endswith(".npy")}
            return {name: _read(archive, members[name], f"{path}:{name}") for name in names if name in members}
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"`{path}` is not a readable .npz file: {error}.") from error


def read_array(path: str | Path) -> np.ndarray:
    """The array of a .npy file. Object arrays are refused."""
    try:
        with open(path, "rb") as file:
            _check_header(file, str(path))
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"`{path}` is not a readable .npy file: {error}.") from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> np.ndarray:
    with archive.open(info) as file:
        _check_header(file, where)
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _check_header(file, where: str) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ArgumentError(f"`{where}` holds Python objects, which are not read here.")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > MOST_BYTES:
        raise ArgumentError(f"`{where}` promises {shape} numbers, more than the {MOST_BYTES >> 20} MB that are read.")
