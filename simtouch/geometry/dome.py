"""Resting shape of a crowned gel: radii of curvature in, height relative to the apex out.

    z_rest(x, y) = -(x^2 / 2 R_x + y^2 / 2 R_y)                                            (1)

The gel frame has its origin at the apex and z out of the gel, so a dome lies below 0. The parabola is the dome to second
order: at 7 mm from the apex of a radius of 21 mm a sphere would lie 3 % lower.
"""

import numpy as np

from simtouch.geometry.gap_map import Grid


def dome_height_m(grid: Grid, radius_m: tuple[float, float]) -> np.ndarray:
    """Resting height (1) over the cells of `grid` [m], float64, shape (rows, cols); `radius_m` is (R_x, R_y), inf = flat."""
    curvature_x, curvature_y = (0.0 if np.isinf(r) else 1.0 / r for r in radius_m)
    return -(grid.x_m[None, :] ** 2 * curvature_x + grid.y_m[:, None] ** 2 * curvature_y) / 2
