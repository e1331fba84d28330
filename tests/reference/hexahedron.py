"""The elastic energy of a mesh of hexahedra, in NumPy and float64: twin of simtouch.gel.fem_kernels and simtouch.gel.fem_preconditioner.

    W = sum_e int mu/2 (I1 - 3) dV + V (lambda/2 (ln J)^2 - mu ln J),   J = v / V                                    (1)

by 2 x 2 x 2 Gauss points from the places of the eight nodes of each element; its derivatives by finite differences. Lengths in mm,
moduli in MPa.
"""

import numpy as np

_SIGNS = np.array([[2 * ((n >> axis) & 1) - 1 for n in range(8)] for axis in range(3)])


def corners(mesh) -> np.ndarray:
    """Places of the eight nodes of each element at rest [mm], (8, 3, nz, ny - 1, nx - 1), x fastest among the eight."""
    nz, ny, nx = mesh.counts
    z = mesh.share[:, None, None] * mesh.depth
    y, x = np.meshgrid(mesh.y, mesh.x, indexing="ij")
    places = np.stack([np.broadcast_to(x, z.shape), np.broadcast_to(y, z.shape), z])
    return np.stack([places[:, a : a + nz, b : b + ny - 1, c : c + nx - 1] for a, b, c in np.ndindex(2, 2, 2)])


def energy(mesh, u: np.ndarray, lame: float, mu: float) -> float:
    """W of (1) [N mm] for displacements u [mm], (3, nz + 1, ny, nx)."""
    nz, ny, nx = mesh.counts
    rest = corners(mesh)
    moved = rest + np.stack([u[:, a : a + nz, b : b + ny - 1, c : c + nx - 1] for a, b, c in np.ndindex(2, 2, 2)])
    total, volume, grown = 0.0, 0.0, 0.0
    for point in _SIGNS.T / np.sqrt(3):
        factors = (1 + _SIGNS * point[:, None]) / 2
        slopes = np.stack([_SIGNS[m] * np.prod(np.delete(factors, m, 0), 0) / 2 for m in range(3)])
        at_rest, now = (np.einsum("ma,ai...->...im", slopes, x) for x in (rest, moved))
        weight = np.linalg.det(at_rest)
        F = now @ np.linalg.inv(at_rest)
        total += (mu / 2 * ((F**2).sum((-1, -2)) - 3) * weight).sum()
        volume, grown = volume + weight, grown + np.linalg.det(now)
    log_J = np.log(grown / volume)
    return float(total + (volume * (lame / 2 * log_J**2 - mu * log_J)).sum())


def forces(mesh, u: np.ndarray, lame: float, mu: float, nodes, step: float = 1e-5) -> np.ndarray:
    """Derivative of the energy by the displacement of some `nodes`, a list of (component, k, j, i) [N]."""
    found = []
    for node in nodes:
        ends = []
        for sign in (1, -1):
            moved = u.copy()
            moved[node] += sign * step
            ends.append(energy(mesh, moved, lame, mu))
        found.append((ends[0] - ends[1]) / (2 * step))
    return np.array(found)
