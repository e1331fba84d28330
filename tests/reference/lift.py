"""Twin of simtouch.gel.lift_kernel: spline lift from the gel grid to the image, by SciPy's own interpolation."""

import numpy as np
from scipy.ndimage import map_coordinates, maximum_filter


def lift(field, ratio):
    h, w = field.shape
    rows = (np.arange(h * ratio) + 0.5) / ratio - 0.5
    cols = (np.arange(w * ratio) + 0.5) / ratio - 0.5
    return map_coordinates(field.astype(float), np.meshgrid(rows, cols, indexing="ij"), order=3, mode="mirror")


def lift_height(field, overlap_m, ratio):
    return np.minimum(lift(field, ratio), -overlap_m)


def touched_pixels(pressure, overlap_m, height_m):
    """Way to the rim of the contact in cells, from the pressure's square; by straight lines; and no clear gap."""
    ratio, square = len(overlap_m) // len(pressure), pressure.astype(float) ** 2
    rise = maximum_filter(square, 3, mode="nearest") - square
    with np.errstate(divide="ignore", invalid="ignore"):
        to_rim = np.where(square > 0, np.minimum(square / rise, 1), 0)
    value = np.where(square > 0, to_rim, maximum_filter(to_rim, 3, mode="nearest") - 1)
    rows, cols = ((np.arange(n * ratio) + 0.5) / ratio - 0.5 for n in pressure.shape)
    way = map_coordinates(value, np.meshgrid(rows, cols, indexing="ij"), order=1, mode="nearest")
    return (way >= 0) & (-overlap_m - height_m < 15e-6)
