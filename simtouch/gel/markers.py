"""Where printed dots are: surface displacement in, marker positions and flow in pixels out.

Dots ride on the surface: displaced by its full in-plane motion, the part that pressing alone causes included. The camera is taken as
orthographic: the pixel of (x, y) is (column, row) = (x / pitch + (W - 1) / 2, y / pitch + (H - 1) / 2).
"""

import numpy as np
from scipy.ndimage import map_coordinates

from simtouch.geometry.gap_map import Grid
from simtouch.sensors.spec import SensorSpec


def marker_flow(spec: SensorSpec, displacement_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and flow (now minus rest) of the dots [px], (column, row), float32, shape (M, 2) each; M = 0 without dots.

    Args:
        spec: The sensor.
        displacement_m: Motion of the surface (x, y, z) [m], shape (h, w, 3).
    """
    if spec.markers is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    rest_m = spec.markers.rest_m
    flow_m = sample(displacement_m[..., :2], spec.gel_grid, rest_m)
    H, W = spec.image_shape
    pitch = spec.camera.pixel_pitch_m
    position_px = (rest_m + flow_m) / pitch + ((W - 1) / 2, (H - 1) / 2)
    return position_px.astype(np.float32), (flow_m / pitch).astype(np.float32)


def sample(field: np.ndarray, grid: Grid, points_m: np.ndarray) -> np.ndarray:
    """`field` (h, w, C) at points (x, y) [m], (M, 2), between cells by straight lines as the drawn dots are: float64, (M, C).

    Points beyond the grid see its rim.
    """
    row = points_m[:, 1] / grid.spacing_m + (grid.rows - 1) / 2
    col = points_m[:, 0] / grid.spacing_m + (grid.cols - 1) / 2
    channels = np.moveaxis(np.asarray(field, np.float64), -1, 0)
    return np.stack([map_coordinates(c, (row, col), order=1, mode="nearest") for c in channels], -1)
