"""Where printed dots are seen: surface displacement in, marker positions and flow in pixels out.

    p = (X + u) D / (D + w),   D = distance_m + z_0(X) - depth_m                                   (1)

X is where a dot is seen at rest (`MarkerGrid.rest_m`), (u, w) the motion of the surface above it, in the plane and along z, taken as the
dot's own; z_0 the resting surface (a dome's rim is nearer to the camera: z_0 < 0), so D is how far along its axis the dot lies from the
pinhole at rest. Pressed in, w < 0: the dot comes nearer, moves away from the image's centre and grows. The camera's scale
`pixel_pitch_m` holds at rest, for places and for motions in the plane, on a dome too: perspective acts on what changes in depth. The
surface itself is drawn as seen from far away. The pixel of (x, y) is (column, row) = (x / pitch + (W - 1) / 2, y / pitch + (H - 1) / 2).
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates

from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Grid
from simtouch.sensors.spec import MarkerGrid, SensorSpec

NEAREST = 0.1
"""Share of its resting distance to which a dot may approach the camera; deeper presses are no presses."""


def marker_flow(spec: SensorSpec, displacement_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and flow (now minus rest) of the dots [px], (column, row), float32, shape (M, 2) each; M = 0 without dots.

    Args:
        spec: The sensor.
        displacement_m: Motion of the surface (x, y, z) [m], shape (h, w, 3).
    """
    if spec.markers is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    rest_m = _rest_m(spec.markers)
    flow_m = sample(dot_camera(spec).apparent_motion_m(displacement_m), spec.gel_grid, rest_m)
    H, W = spec.image_shape
    pitch = spec.camera.pixel_pitch_m
    position_px = (rest_m + flow_m) / pitch + ((W - 1) / 2, (H - 1) / 2)
    return position_px.astype(np.float32), (flow_m / pitch).astype(np.float32)


class DotCamera:
    """The pinhole of a sensor and the layer in which its dots lie."""

    def __init__(self, grid: Grid, dome_radius_m: tuple[float, float], distance_m: float):
        """`distance_m`: from the pinhole to a dot at the apex [m]."""
        distance = distance_m + dome_height_m(grid, dome_radius_m)
        self._nearness = (1 / distance).astype(np.float32)
        self._x, self._y = (grid.x_m[None, :] / distance).astype(np.float32), (grid.y_m[:, None] / distance).astype(np.float32)

    def apparent_motion_m(self, displacement_m: np.ndarray) -> np.ndarray:
        """How far dots at the cells seem to move, p - X of (1) [m], shape (h, w, 2), from the motion of the surface (x, y, z) [m],
        shape (h, w, 3); without z, (h, w, 2), it is the motion itself."""
        if displacement_m.shape[-1] == 2:
            return displacement_m
        motion, w = np.empty((2, *displacement_m.shape[:2]), np.float32), np.ascontiguousarray(displacement_m[..., 2])
        scale = w * self._nearness
        scale += 1
        np.divide(1, np.maximum(scale, NEAREST, out=scale), out=scale)
        for axis, place in enumerate((self._x, self._y)):
            np.multiply(w, place, out=motion[axis])
            np.subtract(displacement_m[..., axis], motion[axis], out=motion[axis])
            motion[axis] *= scale
        return motion.transpose(1, 2, 0)


def dot_camera(spec: SensorSpec) -> DotCamera:
    """How a sensor with markers sees its dots; kept from call to call."""
    return _dot_camera(spec.gel_grid, spec.gel.dome_radius_m, spec.camera.distance_m - spec.markers.depth_m)


_dot_camera = lru_cache(maxsize=64)(DotCamera)


@lru_cache(maxsize=64)
def _rest_m(markers: MarkerGrid) -> np.ndarray:
    return markers.rest_m


def sample(field: np.ndarray, grid: Grid, points_m: np.ndarray) -> np.ndarray:
    """`field` (h, w, C) at points (x, y) [m], (M, 2), between cells by straight lines as the drawn dots are: float64, (M, C).

    Points beyond the grid see its rim.
    """
    row = points_m[:, 1] / grid.spacing_m + (grid.rows - 1) / 2
    col = points_m[:, 0] / grid.spacing_m + (grid.cols - 1) / 2
    channels = np.moveaxis(np.asarray(field, np.float64), -1, 0)
    return np.stack([map_coordinates(c, (row, col), order=1, mode="nearest") for c in channels], -1)
