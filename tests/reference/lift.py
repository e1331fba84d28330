"""Spline lift from the gel grid to the image, by SciPy's own interpolation."""

import numpy as np
from scipy.ndimage import map_coordinates


def lift(field, ratio):
    h, w = field.shape
    rows = (np.arange(h * ratio) + 0.5) / ratio - 0.5
    cols = (np.arange(w * ratio) + 0.5) / ratio - 0.5
    return map_coordinates(field.astype(float), np.meshgrid(rows, cols, indexing="ij"), order=3, mode="mirror")


def lift_height(field, overlap_m, ratio):
    return np.minimum(lift(field, ratio), -overlap_m)
