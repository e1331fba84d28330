"""Taxim's calibration files: a folder in, a `SensorSpec` with their colour response and resting picture out.

    polycalib.npz (needed), dataPack.npz, real_bg.npy and depth_bg.npy, gelmap.npy, shadowTable.npz

Without `real_bg` Taxim's table tints gel that nobody touched, since it was fitted where balls touched only. Here

    D = t(g) - t(0)   where the gel is free,     D = t(g) with D(0) = 0   where it is touched              (1)

t(0) is the mean over the directions of the lowest bin. With `real_bg` the authors' own remedy holds in both zones, relative to the resting
slope g_0 of `depth_bg`, and is exact at rest; g_0 depends on the place, so the difference is reduced to terms (`separable.py`):

    D = t(g_0 + g) - t(g_0),     background = real_bg + t(g_0)                                         (2)
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.importers.bin_table import BinTable, read_bin_table
from simtouch.optics.importers.imported import dome_radius_px, folder_of, imported_spec, the_file
from simtouch.optics.importers.npz import read_array, read_arrays
from simtouch.optics.importers.separable import separable
from simtouch.optics.importers.shadow_table import read_shadow_table
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.spec import SensorSpec

PITCH_M = {(480, 640): (0.0295e-3, "GelSight"), (120, 160): (0.1245e-3, "R1.5")}
"""Published with Taxim for these image sizes; no file of it holds a pixel size."""
TERMS = 6
NODES = 81
TAXIM = "Taxim (Si and Yuan, RA-L 2022)"


class _Pictures(NamedTuple):
    """What a folder holds besides the table; RGB."""

    rest: np.ndarray | None
    """f0, uint8."""
    real_bg: np.ndarray | None
    depth_px: np.ndarray | None
    gelmap_px: np.ndarray | None

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns that all of them have."""
        found = {array.shape[:2] for array in self if array is not None}
        if len(found) > 1:
            raise ShapeError(f"the pictures of one calibration must have one size; got {' and '.join(map(str, sorted(found)))}.")
        return found.pop() if found else None


def import_taxim(
    path: str | Path,
    base: SensorSpec,
    *,
    image_shape: tuple[int, int] | None = None,
    pixel_pitch_m: float | None = None,
    kind: str = "taxim",
    sources: dict[str, str] | None = None,
) -> SensorSpec:
    """Return `base` with the colours of a Taxim calibration.

    Args:
        path: The folder, or its `polycalib.npz`.
        base: What gel, camera speed, noise and lamps are inherited from.
        image_shape: Rows and columns that were calibrated; None: as the folder's pictures.
        pixel_pitch_m: Gel length seen by one pixel [m]; None: what Taxim's source states for this size.
        kind: Begins the sensor's name.
        sources: Added to the record.
    """
    folder = folder_of(path)
    calibration = the_file(folder, "polycalib.npz")
    if calibration is None:
        raise ArgumentError(f"`{folder}` has no polycalib.npz; a Taxim calibration is a folder with one.")
    pictures = _read_pictures(folder)
    record = {"imported from": f"{kind}, folder {folder.resolve().name}"} | (sources or {})
    shape = _image_shape(pictures, image_shape, base, record)
    pitch = _pitch(shape, pixel_pitch_m, base, record)
    table = read_bin_table(calibration, shape)
    record["response"] = f"polycalib.npz, {len(table.coefficients)} bins, format of {TAXIM}; channels swapped, sign turned"
    if pictures.real_bg is None:
        response, background = _response(table, record["response"]), pictures.rest
        record["background"] = "f0 of dataPack.npz, not smoothed"
    else:
        response, background = _on_real_bg(table, pictures, record)
    dome = _dome(pictures, pitch, record)
    _note_shadows(folder, record)
    return imported_spec(
        base,
        kind=kind,
        path=folder,
        image_shape=shape,
        pixel_pitch_m=pitch,
        response=response,
        background=background,
        dome_radius_m=dome,
        sources=record,
    )


def _read_pictures(folder: Path) -> _Pictures:
    pack, real, depth, gelmap = (
        the_file(folder, *names)
        for names in (("dataPack.npz",), ("real_bg.npy",), ("depth_bg.npy",), ("gelmap.npy", "gelmap5.npy"))
    )
    rest = read_arrays(pack, ("f0",)).get("f0") if pack else None
    if pack and (rest is None or rest.dtype != np.uint8 or rest.ndim != 3 or rest.shape[2] != 3):
        raise ShapeError(f"`{pack}` must have a picture `f0`, uint8 of shape (H, W, 3).")
    background = _numbers(real, 3) if real else None
    if background is not None and (background.dtype.kind != "f" or background.shape[2] != 3):
        # A difference of pictures, -44 to 456 in a real file: as uint8 it would have wrapped.
        raise ShapeError(f"`{real}` must hold floats of shape (H, W, 3), not clipped; got {background.dtype} {background.shape}.")
    return _Pictures(
        None if rest is None else rest[..., ::-1],
        None if background is None else background[..., ::-1].astype(float),
        _numbers(depth, 2) if depth else None,
        _numbers(gelmap, 2) if gelmap else None,
    )


def _numbers(path: Path, axes: int) -> np.ndarray:
    array = read_array(path)
    if array.ndim != axes or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ShapeError(f"`{path}` must hold finite numbers with {axes} axes; got {array.dtype} {array.shape}.")
    return array


def _image_shape(pictures: _Pictures, given, base: SensorSpec, record: dict) -> tuple[int, int]:
    shape = pictures.shape
    if shape and given and tuple(given) != shape:
        raise ShapeError(f"`image_shape` is {tuple(given)}; the folder's pictures have {shape}.")
    if shape or given:
        record["camera.image_shape"] = "the folder's pictures" if shape else "given"
        return shape or tuple(given)
    text = f"no picture in the folder says which size was calibrated: that of `{base.name}`, {base.image_shape}, is assumed"
    warnings.warn(f"{text}; give `image_shape` if it was another.", stacklevel=3)
    record["camera.image_shape"] = text
    return base.image_shape


def _pitch(shape: tuple[int, int], given: float | None, base: SensorSpec, record: dict) -> float:
    if given is not None:
        record.setdefault("camera.pixel_pitch_m", "given")
        return given
    if shape in PITCH_M:
        pitch, unit = PITCH_M[shape]
        record["camera.pixel_pitch_m"] = f"{pitch * 1e3:g} mm as published with Taxim for {unit}; unverified for this unit"
        return pitch
    pitch = base.camera.pixel_pitch_m * base.image_shape[1] / shape[1]
    record["camera.pixel_pitch_m"] = f"not in the files: the width of `{base.name}` is assumed"
    return pitch


def _response(table: BinTable, source: str) -> ColourTable:
    """Equation (1)."""
    A, B = table.terms()
    middle = A.shape[-1] // 2
    free, touched = A - A[:, :, middle, middle, None, None], A.copy()
    touched[:, :, middle, middle] = 0.0
    notes = {
        "source": source,
        "flat response": "subtracted where the gel is free; where it is touched the table is raw but for slope 0",
    }
    return ColourTable(slope=Numbers(np.stack([free, touched])), place=Numbers(np.stack([B, B])), notes=notes)


def _on_real_bg(table: BinTable, pictures: _Pictures, record: dict) -> tuple[ColourTable, np.ndarray]:
    """Equation (2)."""
    assert pictures.real_bg is not None  # the caller asks for it
    H, W = pictures.real_bg.shape[:2]
    depth = np.zeros((H, W)) if pictures.depth_px is None else pictures.depth_px.astype(float)
    rest = np.stack(np.gradient(depth)[::-1], -1)

    def change(slope, x, y):
        column, row = (np.rint((u * n + n - 1) / 2).astype(int) for u, n in ((x, W), (y, H)))
        # Contact slopes have our sign, the resting ones Taxim's.
        return table.change(rest[row, column] - slope, x, y)

    A, B, notes = separable(change, nodes=NODES, terms=TERMS)
    notes |= {
        "source": record["response"],
        "flat response": "relative to the resting slope of depth_bg.npy, as real_bg.npy wants it",
    }
    v, u = np.meshgrid(*((2 * np.arange(n) + 1) / n - 1 for n in (H, W)), indexing="ij")
    background = pictures.real_bg + table.change(rest, u, v)
    record["background"] = "real_bg.npy plus the table's answer to the resting gel"
    if pictures.rest is not None:
        record["background"] += (
            f"; f0 of dataPack.npz differs by {np.abs(background - pictures.rest).mean():.2f} levels on average"
        )
    if pictures.depth_px is None:
        record["background"] += "; no depth_bg.npy, the gel is taken as flat"
    return ColourTable(slope=Numbers(np.stack([A, A])), place=Numbers(np.stack([B, B])), notes=notes), background


def _dome(pictures: _Pictures, pitch: float, record: dict) -> tuple[float, float] | None:
    name, height = ("depth_bg", pictures.depth_px) if pictures.gelmap_px is None else ("gelmap", pictures.gelmap_px)
    if height is None:
        return None
    across, down = dome_radius_px(height)
    radius = across * pitch, down * pitch
    text = " x ".join("flat" if np.isinf(r) else f"{r * 1e3:.1f} mm" for r in radius)
    record["gel.dome_radius_m"] = f"paraboloid through {name}.npy: {text}"
    return radius


def _note_shadows(folder: Path, record: dict) -> None:
    path = the_file(folder, "shadowTable.npz")
    if path is None:
        record["shadows"] = "no shadowTable.npz in the folder"
        return
    table = read_shadow_table(path)
    record["shadows"] = table.note
    if table.empty:
        warnings.warn(f"`{path}`: {table.note}.", stacklevel=3)
