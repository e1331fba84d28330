"""FOTS: a small network from normals to colours in, a `SensorSpec` with a colour table out.

    net = fc4(fc3(relu(fc2(relu(fc1(x / 240, y / 320, (n + 1) / 2))))))    [BGR / 255]                       (1)
    n = (dh/dcol, -dh/drow, 1) / |.|,   D = 255 (net(n) - net(n at rest))                                   (2)

h in pixels, positive where pressed in: with the row slope negated n is then the outward normal in a frame with y up. The network is
evaluated at nodes of slope and a net of places and reduced to terms (`separable.py`). Layout as published with FOTS (Zhao et al.,
RA-L 2024, arXiv 2404.19217).

Its calibration subtracts two uint8 pictures, so that negative changes wrap round to large positive ones; the GelSight network that comes
with it was trained on such colours. `wraps` renders a shallow ball and finds that.
"""

import warnings
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.importers.imported import dome_radius_px, folder_of, imported_spec
from simtouch.optics.importers.npz import read_array
from simtouch.optics.importers.separable import separable
from simtouch.optics.importers.torch_weights import read_state_dict
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.spec import SensorSpec

SHAPE = (320, 240)
PIXELS_PER_M = 19.58e3
LAYERS = {"fc1": (32, 5), "fc2": (32, 32), "fc3": (32, 32), "fc4": (3, 32)}
TERMS = 6
NODES = 49
WRAP_LEVELS = 128
"""A change that jumps by more between neighbouring pixels of a smooth ball has wrapped round."""


def import_fots(path: str | Path, base: SensorSpec) -> SensorSpec:
    """Return `base` with the colours of a FOTS network.

    Args:
        path: The .pth file, or a folder with one; `*_bg.npy` and `*_pad.npy` of the same sensor are read beside it.
        base: What gel, camera speed, noise and lamps are inherited from.
    """
    file, folder = _weights_file(path), folder_of(path)
    weights, tag = _read_network(file), file.stem.removeprefix("mlp_n2c_")
    background, pad_mm = _beside(folder, tag, "bg"), _beside(folder, tag, "pad")
    if background is not None and (background.shape != (*SHAPE, 3) or background.dtype != np.uint8):
        raise ShapeError(
            f"the *_bg.npy of `{tag}` must be uint8 of shape {(*SHAPE, 3)}; got {background.dtype} {background.shape}."
        )
    rest = _rest_slope(pad_mm)
    A, B, notes = separable(lambda slope, x, y: _colour(weights, rest, slope, x, y), nodes=NODES, terms=TERMS)
    record = {
        "imported from": f"fots, {file.name}",
        "response": f"{file.name}, network of FOTS, relative to its answer to the resting gel; channels swapped, row slope negated",
        "camera.image_shape": "FOTS's own, 320 x 240",
        "camera.pixel_pitch_m": "19.58 px/mm, FOTS's GelSight; another figure, 21.09, stands in its source, and x and y may differ",
        "shadows": "none are taken over: cast shadows come from `lights`",
    }
    if background is not None:
        record["background"] = f"*_bg.npy of {tag}"
    if jump := wraps(weights, rest):
        notes["self-test"] = f"a shallow ball jumps by {jump:.0f} levels between neighbouring pixels: trained on wrapped colours"
        warnings.warn(f"`{file}`: {notes['self-test']}; do not trust its contacts.", stacklevel=2)
    return imported_spec(
        base,
        kind="fots",
        path=file,
        image_shape=SHAPE,
        pixel_pitch_m=1 / PIXELS_PER_M,
        response=ColourTable(slope=Numbers(np.stack([A, A])), place=Numbers(np.stack([B, B])), notes=notes),
        background=None if background is None else background[..., ::-1],
        dome_radius_m=_dome(pad_mm, record),
        sources=record,
    )


def wraps(weights: dict[str, np.ndarray], rest: np.ndarray) -> float:
    """Self-test: the largest jump [levels] inside a shallow ball if it exceeds `WRAP_LEVELS`, else 0."""
    H, W = SHAPE
    y, x = np.mgrid[:H, :W].astype(float)
    dx, dy = x - (W - 1) / 2, y - (H - 1) / 2
    ball, circle = 120.0, 60.0  # px; slopes up to 30 degrees
    inside = dx**2 + dy**2 < circle**2
    drop = np.sqrt(ball**2 - np.minimum(dx**2 + dy**2, circle**2))
    slope = np.where(inside[..., None], np.stack([dx, dy], -1) / drop[..., None], 0.0)
    change = _colour(weights, rest, slope, (2 * x + 1) / W - 1, (2 * y + 1) / H - 1)
    jumps = [
        np.where((inside & np.roll(inside, 1, axis))[..., None], np.abs(change - np.roll(change, 1, axis)), 0).max()
        for axis in (0, 1)
    ]
    return float(max(jumps)) if max(jumps) > WRAP_LEVELS else 0.0


def _weights_file(path: str | Path) -> Path:
    folder = folder_of(path)
    if Path(path).is_file():
        return Path(path)
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        raise ArgumentError(f"`{folder}` must have one .pth file, or name the file itself; got {[f.name for f in files][:6]}.")
    return files[0]


def _read_network(file: Path) -> dict[str, np.ndarray]:
    found = read_state_dict(file)
    wanted = {f"{k}.weight": v for k, v in LAYERS.items()} | {f"{k}.bias": v[:1] for k, v in LAYERS.items()}
    for name, shape in wanted.items():
        if name not in found or found[name].shape != shape or found[name].dtype.kind != "f" or not np.isfinite(found[name]).all():
            came = found[name].shape if name in found else "nothing"
            raise ShapeError(f"`{file}` must have finite `{name}` of shape {shape}; got {came}.")
    return {name: found[name].astype(np.float32) for name in wanted}


def _beside(folder: Path, tag: str, what: str) -> np.ndarray | None:
    """The array `*<tag>*_<what>.npy` of the folder; `ini_bg_*` are the network's own answers and end otherwise."""
    files = sorted(f for f in folder.glob(f"*_{what}.npy") if tag in f.stem) or sorted(folder.glob(f"*_{what}.npy"))
    if len(files) > 1:
        raise ArgumentError(f"`{folder}` has several *_{what}.npy for `{tag}`: {[f.name for f in files][:4]}; leave one.")
    return read_array(files[0]) if files else None


def _rest_slope(pad_mm: np.ndarray | None) -> np.ndarray:
    """FOTS's slope of the resting gel, (320, 240, 2)."""
    if pad_mm is None:
        return np.zeros((*SHAPE, 2))
    if pad_mm.shape != SHAPE or pad_mm.dtype.kind != "f" or not np.isfinite(pad_mm).all():
        raise ShapeError(f"*_pad.npy must hold finite floats of shape {SHAPE}; got {pad_mm.dtype} {pad_mm.shape}.")
    return np.stack(np.gradient(pad_mm.astype(float) * PIXELS_PER_M * 1e-3)[::-1], -1)


def _dome(pad_mm: np.ndarray | None, record: dict) -> tuple[float, float] | None:
    if pad_mm is None:
        return None
    across, down = dome_radius_px(pad_mm.astype(float) * PIXELS_PER_M * 1e-3)
    record["gel.dome_radius_m"] = "paraboloid through *_pad.npy"
    return across / PIXELS_PER_M, down / PIXELS_PER_M


def _colour(weights, rest: np.ndarray, slope: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """255 net(n) of (2), RGB [grey levels], for slopes of `height_m` on top of the resting ones."""
    H, W = SHAPE
    column, row = ((x + 1) * W - 1) / 2, ((y + 1) * H - 1) / 2
    resting = rest[np.rint(row).astype(int), np.rint(column).astype(int)]
    return 255 * _network(weights, resting - slope, column / W, row / H)[..., ::-1]


def _network(weights, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Equation (1): BGR / 255 for slopes g (positive where pressed in)."""
    length = np.sqrt(1 + np.sum(g * g, -1))
    normal = [g[..., 0] / length, -g[..., 1] / length, 1 / length]
    v = np.stack(np.broadcast_arrays(x, y, *((n + 1) / 2 for n in normal)), -1).astype(np.float32)
    for k, layer in enumerate(LAYERS):
        v = v @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        v = np.maximum(v, 0) if k < 2 else v
    return v
