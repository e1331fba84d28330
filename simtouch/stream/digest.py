"""One SHA-256 for a data set: over the sorted (path, bytes) of all its files."""

import hashlib
from pathlib import Path

from simtouch._checks import ArgumentError


def dataset_digest(path: str | Path) -> str:
    """Return the hex SHA-256 of the folder `path`: equal folders, and only those, have equal digests.

    Hashed, file by file in the order of their relative paths: the path in UTF-8, a zero byte, the length in 8 bytes (little
    endian), the content.
    """
    root = Path(path)
    if not root.is_dir():
        raise ArgumentError(f"`{root}` must be the folder of a data set.")
    total = hashlib.sha256()
    files = sorted((p.relative_to(root).as_posix().encode(), p) for p in root.rglob("*") if p.is_file())
    for name, file in files:
        total.update(name + b"\0" + file.stat().st_size.to_bytes(8, "little"))
        with open(file, "rb") as content:
            while block := content.read(1 << 20):
                total.update(block)
    return total.hexdigest()
