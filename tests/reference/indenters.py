"""Smooth bodies, the twin of simtouch.indenters.quadrics and simtouch.indenters.torus: float64, all roots, then the lowest."""

import numpy as np


def underside(solid, gel_T_solid, grid):
    """Lowest z of a body of quadrics and tori over each cell centre [m], shape (rows, cols)."""
    out = np.full(grid.shape, np.inf)
    for part in solid.parts:
        for piece in part.pieces:
            roots = torus_roots if hasattr(piece, "tube_radius_m") else quadric_roots
            out = np.minimum(out, roots(piece, gel_T_solid @ piece.place, grid))
    return out


def _lines(gel_T_piece, grid):
    """Points (rows, cols, 3) at the height of the piece's origin, and the direction of z (3,), both seen from the piece."""
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    seen = np.stack([x - gel_T_piece[0, 3], y - gel_T_piece[1, 3], np.zeros(grid.shape)], axis=-1)
    return seen @ gel_T_piece[:3, :3], gel_T_piece[2, :3]


def quadric_roots(piece, gel_T_piece, grid):
    """q_x x^2 + q_y y^2 + q_z z^2 + l z + k = 0 between z_0, z_1 and r_0, r_1."""
    *q, line, const, z0, z1, low2, high2 = piece.equation()
    q, size = np.array(q), piece.size_m
    o, d = _lines(gel_T_piece, grid)
    o = o / size
    a, b = np.full(grid.shape, q @ (d * d)), 2 * (o * d) @ q + line * d[2]
    c = (o * o) @ q + line * o[..., 2] + const
    lowest = np.full(grid.shape, np.inf)
    with np.errstate(all="ignore"):
        root = np.sqrt(b * b - 4 * a * c)
        candidates = [(-b - root) / (2 * a), (-b + root) / (2 * a), np.where(np.abs(a) < 1e-14, -c / b, np.nan)]
    for t in candidates:
        p = o + np.nan_to_num(t, nan=1e9, posinf=1e9, neginf=1e9)[..., None] * d
        round2 = p[..., 0] ** 2 + p[..., 1] ** 2
        keeps = (p[..., 2] >= z0 - 1e-9) & (p[..., 2] <= z1 + 1e-9) & (round2 >= low2 - 1e-9) & (round2 <= high2 + 1e-9)
        lowest = np.where(np.isfinite(t) & keeps, np.minimum(lowest, t), lowest)
    return gel_T_piece[2, 3] + size * lowest


def torus_roots(piece, gel_T_piece, grid):
    """(x^2 + y^2 + z^2 + R^2 - r^2)^2 = 4 R^2 (x^2 + y^2): eigenvalues of the companion matrix of the quartic in t."""
    o, d = _lines(gel_T_piece, grid)
    size = piece.ring_radius_m + piece.tube_radius_m
    o, ring, tube = o / size, piece.ring_radius_m / size, piece.tube_radius_m / size
    e, f = (o * o).sum(-1) + ring**2 - tube**2, (o * d).sum(-1)
    flat_dd, flat_od, flat_oo = d[0] ** 2 + d[1] ** 2, o[..., 0] * d[0] + o[..., 1] * d[1], (o[..., :2] ** 2).sum(-1)
    companion = np.zeros((*grid.shape, 4, 4))
    companion[..., 1:, :3] = np.eye(3)
    companion[..., 0, 3] = -(e * e - 4 * ring**2 * flat_oo)
    companion[..., 1, 3] = -(4 * e * f - 8 * ring**2 * flat_od)
    companion[..., 2, 3] = -(2 * e + 4 * f * f - 4 * ring**2 * flat_dd)
    companion[..., 3, 3] = -4 * f
    roots = np.linalg.eigvals(companion)
    t = np.where(np.abs(roots.imag) < 1e-7, roots.real, np.inf).min(-1)
    return gel_T_piece[2, 3] + size * t
