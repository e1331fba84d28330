"""Spline lift from the gel grid to the image, by SciPy's own interpolation."""

import numpy as np
from scipy.ndimage import map_coordinates, maximum_filter, minimum_filter


def lift(field, ratio):
    h, w = field.shape
    rows = (np.arange(h * ratio) + 0.5) / ratio - 0.5
    cols = (np.arange(w * ratio) + 0.5) / ratio - 0.5
    return map_coordinates(field.astype(float), np.meshgrid(rows, cols, indexing="ij"), order=3, mode="mirror")


def lift_height(field, overlap_m, contact_mask, ratio):
    """Height and touched pixels; the way to the indenter that still counts as touch, by cell: 2 um around contact, 15 um inside it."""
    spline = lift(field, ratio)
    around = contact_mask.astype(bool)
    some = maximum_filter(around, 3, mode="nearest")
    every = minimum_filter(around, 3, mode="nearest")
    slack = np.where(every, 15e-6, np.where(some, 2e-6, -np.inf)).repeat(ratio, 0).repeat(ratio, 1)
    return np.minimum(spline, -overlap_m), -overlap_m - spline <= slack
