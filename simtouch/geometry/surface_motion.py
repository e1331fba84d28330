"""How an indenter's surface moved over each cell of the gel: two poses in, in-plane motion out.

The point of the body that is now at P = (x, y, z) was at P' = T_before T_now^-1 P; the motion is (P - P')_xy. So a slide moves every
cell alike, a twist moves them in circles, and a ball that rolls leaves the cell under its lowest point where it is.
"""

import numpy as np

from simtouch.geometry.gap_map import Grid

_UNTURNED = np.eye(2, 3)


def surface_motions(gel_T_before: np.ndarray, gel_T_now: np.ndarray, underside_m: np.ndarray, there, grid: Grid) -> np.ndarray:
    """In-plane motion (x, y) of the undersides of B bodies since the poses before [m], float32, shape (B, rows, cols, 2).

    Args:
        gel_T_before, gel_T_now: Poses of the bodies, shape (B, 4, 4).
        underside_m: Lowest z of each body now over each cell [m], finite, float32, (B, rows, cols).
        there: No motion where it is false, bool, (B, rows, cols).
        grid: Cells.
    """
    out = np.zeros((*underside_m.shape, 2), np.float32)
    turn = gel_T_before[:, :3, :3] @ gel_T_now[:, :3, :3].transpose(0, 2, 1)
    changes = np.empty((len(out), 2, 4, 1, 1), np.float32)
    changes[:, :, :3, 0, 0] = _UNTURNED - turn[:, :2]
    changes[:, :, 3, 0, 0] = ((turn @ gel_T_now[:, :3, 3:])[..., 0] - gel_T_before[:, :3, 3])[:, :2]
    if changes.any():
        x, y = grid.x_m[None, :].astype(np.float32), grid.y_m[:, None].astype(np.float32)
        for axis in (0, 1):
            by_x, by_y, by_z, shift = (changes[:, axis, k] for k in range(4))
            moved = by_x * x + (by_y * y + shift)
            moved += by_z * underside_m
            np.multiply(moved, there, out=out[..., axis])
    return out


def surface_motion(gel_T_before: np.ndarray, gel_T_now: np.ndarray, underside_m: np.ndarray, grid: Grid) -> np.ndarray:
    """In-plane motion (x, y) of the body's underside since the pose before [m], float32, shape (rows, cols, 2).

    Args:
        gel_T_before, gel_T_now: Poses of the body, shape (4, 4).
        underside_m: Lowest z of the body now over each cell [m], (rows, cols); no motion where it is infinite.
        grid: Cells.
    """
    there, poses = np.isfinite(underside_m)[None], (np.asarray(gel_T_before)[None], np.asarray(gel_T_now)[None])
    underside = np.where(there, underside_m, 0).astype(np.float32, copy=False)
    return surface_motions(*poses, underside, there, grid)[0]
