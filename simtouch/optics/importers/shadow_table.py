"""Taxim's table of cast shadows, `shadowTable.npz`: the file in, its lists and a sentence about them out.

The table is an array of Python lists, (3 channels, directions, depths): changes of intensity at steps of 1.25 pixels along a shadow. It is
read by the restricted unpickler. Many lists are empty: half of them in the wheel's GelSight file, 7 of 10 in its Mini file. A file in which
all are empty describes no shadow, and the note says so.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch._unpickle import restricted_load
from simtouch.optics.importers.npz import read_arrays

MOST_BYTES = 64 << 20
MOST_LISTS = 1_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class ShadowTable:
    """Shadows per channel (file's order, BGR), direction and depth bin."""

    directions_rad: np.ndarray
    """Float64, (K,)."""
    steps: tuple[tuple[tuple[np.ndarray, ...], ...], ...]
    """Change of intensity [grey levels] along each shadow, [3][K][D]; the arrays may be empty."""

    @property
    def empty(self) -> bool:
        """Whether no list holds a number."""
        return not any(len(line) for channel in self.steps for depths in channel for line in depths)

    @property
    def note(self) -> str:
        """One sentence for the record."""
        if self.empty:
            return "no shadow in this file: every list of its shadowTable is empty"
        lengths = np.array([len(line) for channel in self.steps for depths in channel for line in depths])
        return (
            f"the file's shadowTable ({len(self.directions_rad)} directions, {len(self.steps[0][0])} depths, {(lengths == 0).mean():.0%} "
            f"of its lists empty, the others of up to {lengths.max()} steps) is not used: cast shadows come from `lights`"
        )


def read_shadow_table(path: str | Path) -> ShadowTable:
    """Read a `shadowTable.npz`; nothing in it is executed."""
    directions = read_arrays(path, ("shadowDirections",)).get("shadowDirections")
    if directions is None or directions.ndim != 1 or not 1 <= len(directions) <= 10_000 or directions.dtype.kind not in "fiu":
        raise ArgumentError(f"`{path}` has no numbers `shadowDirections` of shape (K,); a shadowTable has them.")
    table = _read_objects(path, "shadowTable")
    if table.ndim != 3 or table.shape[:2] != (3, len(directions)):
        raise ArgumentError(f"`{path}` must have a shadowTable of shape (3, {len(directions)}, D); got {table.shape}.")
    steps = tuple(tuple(tuple(_line(path, v) for v in depths) for depths in channel) for channel in table)
    return ShadowTable(directions_rad=directions.astype(float), steps=steps)


def _line(path, value) -> np.ndarray:
    try:
        line = np.asarray(value if isinstance(value, list | tuple) else np.asarray(value), float)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`{path}` has a {type(value).__name__} where a list of numbers belongs.") from error
    if line.ndim != 1 or not np.isfinite(line).all():
        raise ArgumentError(f"`{path}` must hold lists of finite numbers; one has shape {line.shape}.")
    return line


def _read_objects(path: str | Path, name: str) -> np.ndarray:
    """The array of objects `name` of a .npz file."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if int(np.prod(shape, dtype=object)) > MOST_LISTS:
                raise ArgumentError(f"`{path}:{name}` promises {shape} lists, more than the {MOST_LISTS} that are read.")
            if not dtype.hasobject:
                return np.lib.format.read_array(archive.open(f"{name}.npy"), allow_pickle=False)
            table = restricted_load(file, where=f"{path}:{name}", most_bytes=MOST_BYTES)
    except KeyError as error:
        raise ArgumentError(f"`{path}` has no `{name}`.") from error
    except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"`{path}` is not a readable .npz file: {error}.") from error
    if not isinstance(table, np.ndarray) or table.shape != shape:
        raise ArgumentError(f"`{path}:{name}` does not hold the {shape} lists that it promises.")
    return table
