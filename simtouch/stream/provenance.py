"""What made a stream: versions of the libraries that compute, and a hash of the code that does."""

import hashlib
import importlib.metadata
import os
from pathlib import Path

from simtouch import __version__

_LIBRARIES = ("numpy", "scipy", "taichi", "trimesh", "opencv-python-headless", "isal", "pyarrow")
_FLOORS = (
    "geometry",
    "indenters",
    "sensors",
    "gel",
    "optics",
    "scenes",
    "contact.py",
    "force_control.py",
    "frame.py",
    "simulator.py",
    "_taichi.py",
)


def provenance() -> dict:
    """Versions and the kernel hash, as plain JSON."""
    return {
        "simtouch": __version__,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "kernels_run_on": os.environ.get("SIMTOUCH_TI", "taichi"),
        "kernel_hash": kernel_hash(),
    }


def kernel_hash() -> str:
    """SHA-256 over the sources of every floor that a frame passes through."""
    root, digest = Path(__file__).parent.parent, hashlib.sha256()
    for floor in _FLOORS:
        path = root / floor
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.relative_to(root).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
