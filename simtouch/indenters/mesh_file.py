"""Bodies from files: STL, OBJ or PLY, or a `trimesh.Trimesh`, in; a `Solid` with one mesh out.

Files come from anywhere, so nothing in them is trusted: only geometry is read, never a material, a texture or another
file; sizes claimed by a header are checked against the file before anything is allocated; numbers are checked after.
"""

import hashlib
import io
import os
import re
import struct
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, as_number
from simtouch.geometry.raster import TriangleMesh, closed_outwards
from simtouch.indenters.solid import Shell, Solid

UNITS_M = {"m": 1.0, "dm": 0.1, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "inch": 0.0254}
KINDS = ("stl", "obj", "ply")
_LARGEST_FILE = 1 << 29  # bytes
_LARGEST_M, _SMALLEST_M = 1.0, 50e-6


def mesh(
    source, scale: float = 1.0, *, units: str | None = None, origin: Literal["center", "file"] = "center", name: str | None = None
) -> Solid:
    """A body from a mesh, watertight or not.

    Args:
        source: Path of an .stl, .obj or .ply file, or a `trimesh.Trimesh`.
        scale: Factor on all coordinates.
        units: Unit of the file's coordinates: m (the default), dm, cm, mm, um or inch; on top of `scale`.
        origin: The body's origin: the centre of its bounding box, or that of the file.
        name: Name of the body; by default that of the file.
    """
    factor = as_number("scale", scale, above=0)
    if units is not None and units not in UNITS_M:
        raise ArgumentError(f"`units` must be one of {', '.join(UNITS_M)}; got {units!r}.")
    if origin not in ("center", "file"):
        raise ArgumentError(f"`origin` must be center or file; got {origin!r}.")
    if isinstance(source, str | os.PathLike):
        label = Path(source).name
        vertices, faces = _read(Path(source))
    else:
        label = "mesh"
        vertices, faces = _from_object(source)
    vertices, faces = _checked(label, vertices, faces)
    vertices = _scaled(label, vertices, faces, factor * UNITS_M[units or "m"], factor)
    if origin == "center":
        vertices = vertices - (vertices.min(0) + vertices.max(0)) / 2
    vertices = vertices.astype(np.float32)
    parameters = {"source": label, "scale": factor, "units": units or "m", "origin": origin, "faces": len(faces)}
    parameters["sha256"] = hashlib.sha256(vertices.tobytes() + faces.tobytes()).hexdigest()
    build = partial(TriangleMesh, vertices, faces, closed_outwards(vertices, faces))
    return Solid(name or Path(label).stem, parameters, (Shell(build),))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a mesh file, as it has them."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise ArgumentError(f"`{path.name}` must be a mesh file of type {', '.join(KINDS)}; got {path.suffix or 'no extension'}.")
    if not path.is_file():
        raise ArgumentError(f"`{path}` must be an existing file; there is none.")
    size = path.stat().st_size
    if not 0 < size <= _LARGEST_FILE:
        came = "an empty file" if size == 0 else f"{size / 2**20:.0f} MB"
        raise ArgumentError(f"`{path.name}` must hold a mesh of at most {_LARGEST_FILE >> 20} MB; got {came}.")
    data = path.read_bytes()
    if kind == "stl":
        data = _checked_stl(path.name, data)
    if kind == "obj":
        data = data.decode("ascii", "replace").encode("ascii", "replace")  # comments and names come in any encoding
    if kind == "ply":
        _check_ply(path.name, data)
    trimesh = _trimesh()
    try:
        # A stream without a resolver: the loader has no way to open another file.
        loaded = trimesh.load(io.BytesIO(data), file_type=kind, force="mesh", process=False, skip_materials=True)
        vertices, faces = np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int64)
    except Exception as error:  # a loader may fail in any way on a broken file
        reason = " ".join(str(error).split())[:200]
        raise ArgumentError(f"`{path.name}` must be a readable {kind.upper()} mesh; reading it failed: {reason}.") from error
    return vertices, faces


def _trimesh():
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtraError("mesh files are read with trimesh: pip install trimesh") from error
    return trimesh


def _from_object(source) -> tuple[np.ndarray, np.ndarray]:
    try:
        return np.array(source.vertices, np.float64), np.array(source.faces, np.int64)
    except (AttributeError, TypeError, ValueError) as error:
        raise ArgumentError(f"`source` must be a path or a trimesh.Trimesh; got {type(source).__name__}.") from error


def _checked_stl(label: str, data: bytes) -> bytes:
    """The file itself if it is text, or binary with as many triangles as its header claims."""
    if data[:5].lower() == b"solid" and b"facet" in data[:2000]:
        return data
    if len(data) < 84:
        raise ArgumentError(f"`{label}` must hold the 84 bytes of an STL header; it has {len(data)}.")
    held, (claimed,) = (len(data) - 84) // 50, struct.unpack("<I", data[80:84])
    if claimed > held:
        raise ArgumentError(f"`{label}` must hold the {claimed} triangles its header claims; the file ends after {held}.")
    return data[: 84 + 50 * claimed]


def _check_ply(label: str, data: bytes) -> None:
    """Refuse headers that claim more elements than the file has bytes."""
    header = data[: data.find(b"end_header") + 1][:100_000]
    if not data.startswith(b"ply") or not header:
        raise ArgumentError(f"`{label}` must start with a PLY header; it does not.")
    for claimed in re.findall(rb"^\s*element\s+\w+\s+(-?\d+)", header, re.MULTILINE):
        if not 0 <= int(claimed) <= len(data):
            raise ArgumentError(f"`{label}` must hold the {int(claimed)} elements its header claims; it has {len(data)} bytes.")


def _checked(label: str, vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same mesh with equal corners joined and unused ones dropped, or an error about what is wrong with it."""
    if faces.ndim != 2 or faces.shape[1:] != (3,) or not len(faces) or vertices.ndim != 2 or vertices.shape[1:] != (3,):
        raise ArgumentError(f"`{label}` must hold at least one triangle; it has none.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ArgumentError(
            f"`{label}` must have faces that index its {len(vertices)} vertices; got indices {faces.min()} to {faces.max()}."
        )
    if not np.isfinite(vertices).all():
        raise ArgumentError(f"`{label}` must have finite vertices; it holds NaN or infinity.")
    # STL repeats every corner: join equal ones, so that edges can be matched.
    vertices, index = np.unique(vertices[faces].reshape(-1, 3), axis=0, return_inverse=True)
    return vertices, index.reshape(-1, 3).astype(np.int32)


def _scaled(label: str, vertices: np.ndarray, faces: np.ndarray, factor_m: float, scale: float) -> np.ndarray:
    """Vertices in metres, or an error if the body is far too large or too small to press on a gel."""
    extent_m = float(np.ptp(vertices, axis=0).max()) * factor_m
    if _SMALLEST_M <= extent_m <= _LARGEST_M:
        return vertices * factor_m
    wanted = f"`{label}` must be {_SMALLEST_M * 1e6:.0f} um to {_LARGEST_M:.0f} m across after scaling; got {extent_m:.3g} m"
    step = 1e-3 if extent_m > _LARGEST_M else 1e3
    if _SMALLEST_M <= extent_m * step <= _LARGEST_M:
        unit = "millimetres" if extent_m > _LARGEST_M else "metres"
        raise ArgumentError(f"{wanted}: did you mean {unit}? --scale {scale * step:g}.")
    fitting = 10.0 ** np.round(np.log10(0.01 / extent_m)) * scale if extent_m > 0 else None
    raise ArgumentError(f"{wanted}: try --scale {fitting:g}." if fitting else f"{wanted}: all its vertices coincide.")
