"""A folder that is there whole or not at all: written beside its place, renamed at the end."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from simtouch._checks import ArgumentError, SimtouchError


@contextlib.contextmanager
def new_folder(out: str | Path) -> Iterator[Path]:
    """Yield a folder to write into; it becomes `out` when the block ends, and goes away if the block raises.

    Raises:
        ArgumentError: `out` is there and is no empty folder.
        SimtouchError: It cannot be written, as with a full disk.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArgumentError(f"`out` must be a new or an empty folder; `{out}` is there and holds something.")
    made: list[Path] = []
    try:
        for parent in reversed([p for p in out.absolute().parents if not p.exists()]):
            parent.mkdir()
            made.append(parent)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", suffix=".tmp", dir=out.absolute().parent))
    except OSError as error:
        _remove_empty(made)
        raise SimtouchError(f"`{out}` cannot be written: {error.strerror}.") from error
    try:
        yield folder
        folder.chmod(0o777 & ~_umask())  # mkdtemp makes it private
        os.replace(folder, out)
    except OSError as error:
        raise SimtouchError(f"`{out}` cannot be written: {error.strerror or error}.") from error
    finally:
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
