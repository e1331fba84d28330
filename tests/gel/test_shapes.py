"""Seven shapes at four depths on the image-sized gel grid, against the same layer with cells half as long, in double precision."""

import numpy as np
import pytest

from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.normal import solve_normal

E, NU, T = 0.2, 0.48, 3.0  # MPa, -, mm
WIDE, HIGH = 20.0, 15.0  # window, mm
DEPTHS = (0.1, 0.25, 0.5, 0.8)
SHAPES = {
    "sphere 2": lambda x, y: (x**2 + y**2) / 4,
    "sphere 4": lambda x, y: (x**2 + y**2) / 8,
    "sphere 8": lambda x, y: (x**2 + y**2) / 16,
    "flat punch": lambda x, y: np.where(np.hypot(x, y) < 3.0, 0.0, 1e3),
    "wedge": lambda x, y: 0.6 * np.abs(x * np.cos(0.5) + y * np.sin(0.5)),
    "texture": lambda x, y: 0.15 * (1 - np.cos(2 * np.pi * x / 1.6) * np.cos(2 * np.pi * y / 1.6)) + (x**2 + y**2) / 24,
    "ring": lambda x, y: 0.5 * (np.hypot(x, y) - 3.0) ** 2,
}


def force(shape: str, depth: float, cols: int) -> float:
    """Normal force [N] on a grid of `cols` columns: the indenter as the gel meets it, averaged over each cell as for a sensor."""
    spacing, rows, fine = WIDE / cols, cols * 3 // 4, 4
    x, y = (((np.arange(n * fine) + 0.5) / fine - n / 2) * spacing for n in (cols, rows))
    z = SHAPES[shape](x[None, :], y[:, None])
    # The mean of the four points around a cell's centre; half of them decide where a body ends (`Approach.cells`).
    around = np.stack([z[i::fine, j::fine] for i in (1, 2) for j in (1, 2)])
    there = around < 100
    mean = np.where(there, around, 0).sum(0) / np.maximum(there.sum(0), 1)
    overlap = np.where(there.sum(0) >= 2, depth - mean, -1e3)
    C = layer_on_grid((rows, cols), spacing, T, E, NU)
    return float(solve_normal(C, overlap, tolerance=1e-4).pressure.sum()) * spacing**2


def table(cols: int, fine: int) -> dict[tuple[str, float], float]:
    """Relative force errors."""
    return {(shape, depth): force(shape, depth, cols) / force(shape, depth, fine) - 1 for shape in SHAPES for depth in DEPTHS}


@pytest.mark.slow
def test_forces_on_the_image_sized_grid_are_those_of_a_fine_layer():
    errors = table(160, 320)
    for (shape, depth), error in errors.items():
        print(f"{shape:<12} {depth:4.2f} mm  force {100 * error:+.2f} %")
    sizes = np.abs(list(errors.values()))
    print(f"160 x 120 cells against 320 x 240: mean {100 * sizes.mean():.2f} %, max {100 * sizes.max():.2f} %")
    assert sizes.mean() < 0.005
    assert sizes.max() < 0.015


@pytest.mark.parametrize("shape", ["sphere 4", "wedge", "ring"])
def test_forces_on_the_default_grid_are_near_those_of_a_fine_one(shape):
    errors = [force(shape, depth, 80) / force(shape, depth, 160) - 1 for depth in DEPTHS[1:]]
    assert np.abs(errors).max() < 0.03
