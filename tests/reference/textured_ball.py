"""A ball with a relief, the twin of simtouch.indenters.textured_ball: float64, the relief itself for its table, steps to the end."""

import numpy as np


def underside(relief, radius_m, gel_T_ball, grid):
    """Lowest z of the ball over each cell centre [m], shape (rows, cols); every cell must lie over it."""
    x, y = np.meshgrid(grid.x_m - gel_T_ball[0, 3], grid.y_m - gel_T_ball[1, 3])
    round2 = (x * x + y * y).ravel()
    below = np.sqrt(radius_m**2 - round2)
    for _ in range(60):
        seen = np.stack([x.ravel(), y.ravel(), -below], axis=1) @ gel_T_ball[:3, :3]
        height = relief(seen / np.linalg.norm(seen, axis=1, keepdims=True))
        below = np.sqrt((radius_m + height) ** 2 - round2)
    return (gel_T_ball[2, 3] - below).reshape(grid.shape)
