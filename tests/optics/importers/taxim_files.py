"""Synthetic files of the layout that Taxim, ObjectFolder and GPU-Taxim publish."""

import json

import numpy as np

BINS = 41


def smooth_table(shape, bins=BINS, flat=6.0) -> dict:
    """A polycalib: three lamps lighting slopes, brighter towards a corner, and an answer to slope 0 that is not 0."""
    H, W = shape
    tilt = np.sin((np.arange(bins) + 0.5) * 0.5 * np.pi / (bins - 1)).clip(0, 1)
    heading = (np.arange(bins) + 0.5) * 2 * np.pi / (bins - 1) - np.pi
    found = {"bins": np.array(bins)}
    for k, name in enumerate(("grad_r", "grad_g", "grad_b")):
        lit = 90 * tilt[:, None] * np.cos(heading - 0.4 - 2 * k * np.pi / 3)[None] + flat * (k + 1)
        terms = np.zeros((bins, bins, 6))
        terms[..., 5], terms[..., 3], terms[..., 4] = lit, 0.3 * lit / W, -0.2 * lit / H
        terms[..., 0], terms[..., 1], terms[..., 2] = 0.1 * lit / W**2, 0.05 * lit / H**2, -0.1 * lit / (H * W)
        found[name] = terms
    return found


def write_pack(folder, shape, *, integers="uint8", names=True, seed=0) -> np.ndarray:
    """A dataPack.npz with two presses; returns f0 (BGR)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    f0 = np.stack([90 + 40 * x / shape[1], 120 - 20 * y / shape[0], 60 + 0 * x], -1).astype(np.uint8)
    images = np.stack([f0, f0]) + rng.integers(0, 3, (2, *shape, 3), dtype=np.uint8)
    arrays = {
        "f0": f0,
        "imgs": images,
        "touch_center": np.array([[40, 30], [20, 20]], integers),
        "touch_radius": np.array([12, 11], integers),
        "img_size": np.array([*shape, 3], np.int32),
    }
    if names:
        arrays["names"] = np.array(["bg", "a", "b"])
    np.savez(folder / "dataPack.npz", **arrays)
    return f0


def write_shadows(folder, *, empty: bool, depths=4) -> None:
    directions = np.arange(0, 6.3, 0.1)
    table = np.empty((3, len(directions), depths), object)
    for k in range(table.size):
        table.flat[k] = [] if empty else [np.float64(-3.0 - m) for m in range(6 + k % depths)]
    np.savez(folder / "shadowTable.npz", shadowDirections=directions, shadowTable=table)


def write_params(folder, shape, pixmm=0.0295) -> None:
    sensor = {"pixmm": pixmm, "num_bins": BINS, "h": shape[0], "w": shape[1]}
    (folder / "params.json").write_text(json.dumps({"simulator": {"contact_scale": 0.4}, "sensor": sensor}))
