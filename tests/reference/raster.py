"""Orthographic z-buffer, the twin of simtouch.geometry.raster: float64, one face after the other, every cell, both sides."""

import numpy as np


def raster(vertices_m, faces, gel_T_mesh, grid):
    """Lowest z over each cell centre [m], shape (rows, cols); +inf where there is no face."""
    points = np.asarray(vertices_m, np.float64) @ gel_T_mesh[:3, :3].T + gel_T_mesh[:3, 3]
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    out = np.full(grid.shape, np.inf)
    for a, b, c in points[faces]:
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) <= 1e-9 * np.ptp([a, b, c], axis=0)[:2].max() ** 2:
            continue
        of_b = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area
        of_c = ((a[0] - x) * (b[1] - y) - (b[0] - x) * (a[1] - y)) / area
        inside = (of_b >= 0) & (of_c >= 0) & (of_b + of_c <= 1)
        z = a[2] + of_b * (b[2] - a[2]) + of_c * (c[2] - a[2])
        out = np.where(inside, np.minimum(out, z), out)
    return out
