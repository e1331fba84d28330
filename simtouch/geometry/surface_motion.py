"""How an indenter's surface moved over each cell of the gel: two poses in, in-plane motion out.

The point of the body that is now at P = (x, y, z) was at P' = T_before T_now^-1 P; the motion is (P - P')_xy. So a slide moves every
cell alike, a twist moves them in circles, and a ball that rolls leaves the cell under its lowest point where it is.
"""

import numpy as np

from simtouch.geometry.gap_map import Grid
from simtouch.geometry.pose import inverse


def surface_motion(gel_T_before: np.ndarray, gel_T_now: np.ndarray, underside_m: np.ndarray, grid: Grid) -> np.ndarray:
    """In-plane motion (x, y) of the body's underside since the pose before [m], float32, shape (rows, cols, 2).

    Args:
        gel_T_before, gel_T_now: Poses of the body, shape (4, 4).
        underside_m: Lowest z of the body now over each cell [m], (rows, cols); no motion where it is infinite.
        grid: Cells.
    """
    change = (np.eye(4) - gel_T_before @ inverse(gel_T_now)).astype(np.float32)
    out = np.zeros((*grid.shape, 2), np.float32)
    if not change.any():
        return out
    there = np.isfinite(underside_m)
    everywhere = there.all()
    x, y = grid.x_m[None, :].astype(np.float32), grid.y_m[:, None].astype(np.float32)
    z = (underside_m if everywhere else np.where(there, underside_m, 0)).astype(np.float32)
    for axis, (by_x, by_y, by_z, shift) in enumerate(change[:2]):
        moved = by_x * x + (by_y * y + shift)
        moved += by_z * z
        np.copyto(out[..., axis], moved, where=True if everywhere else there)
    return out
