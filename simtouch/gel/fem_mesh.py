"""Hexahedra of a whole gel pad: sensor in, node places and the constant numbers of the elements out.

Nodes (k, j, i) lie in columns that follow the dome, layers k = 0 (bonded) .. nz (surface):

    z(k, j, i) = f_k T(x_i, y_j) - t,      T = t + z_rest,      f_0 = 0, f_nz = 1                                   (1)

with t the thickness at the apex and z_rest the dome. Inside the view there is a node under the centre of each cell of the gel grid;
beyond it the spacing is nearly the same, on to the pad's edges. Lengths in mm.
Arrays over nodes carry a rim of ghosts, those over elements one too, so that every node has eight elements and 26 neighbours:

    nodes     (nz + 2, ny + 2, nx + 2)   ghosts above the surface and all round; layer 0 is the base
    elements  (nz + 1, ny + 1, nx + 1)   element (k, j, i) has the nodes k, k + 1; j, j + 1; i, i + 1 of the padded array
"""

from dataclasses import dataclass

import numpy as np

from simtouch.sensors.spec import SensorSpec

_MM = 1e3
_THINNEST = 0.15  # of the thickness at the apex: a steep dome is cut off there
SIGNS = np.array([[2 * ((node >> axis) & 1) - 1 for node in range(8)] for axis in range(3)], float)
"""Signs (xi, eta, zeta) of the nodes of an element; x runs fastest, then y, then z. Shape (3, 8)."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """One gel pad."""

    x: np.ndarray
    """Places of the nodes along x [mm], float64, (nx,)."""
    y: np.ndarray
    """The same along y, (ny,)."""
    share: np.ndarray
    """f of (1), (nz + 1,)."""
    depth: np.ndarray
    """T of (1) [mm], (ny, nx)."""
    view: tuple[slice, slice]
    """Rows and columns of the nodes that lie under the cells of the gel grid."""
    spacing: float
    """Of the gel grid [mm]."""

    @property
    def counts(self) -> tuple[int, int, int]:
        """nz, ny, nx: layers of elements, rows and columns of nodes."""
        return len(self.share) - 1, len(self.y), len(self.x)

    @property
    def padded(self) -> tuple[int, int, int]:
        """Shape of an array over nodes with its ghosts."""
        nz, ny, nx = self.counts
        return nz + 2, ny + 2, nx + 2

    @property
    def top(self) -> tuple[int, slice, slice]:
        """Index of the surface below the gel grid in a padded array over nodes."""
        rows, cols = (slice(s.start + 1, s.stop + 1) for s in self.view)
        return len(self.share) - 1, rows, cols

    def columns(self) -> np.ndarray:
        """T over each element as T0 + T1 xi + T2 eta + T3 xi eta [mm], float64, (4, ny + 1, nx + 1); ghosts hold ones."""
        a, b, c, d = self.depth[:-1, :-1], self.depth[:-1, 1:], self.depth[1:, :-1], self.depth[1:, 1:]
        inner = np.stack([a + b + c + d, b + d - a - c, c + d - a - b, a + d - b - c]) / 4
        return np.pad(inner, ((0, 0), (1, 1), (1, 1)), constant_values=1.0)

    def half_sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Half of the widths of the elements along x, (nx + 1,), and along y, (ny + 1,) [mm]; ghosts hold ones."""
        x, y = (np.pad(np.diff(v) / 2, 1, constant_values=1.0) for v in (self.x, self.y))
        return x, y

    def layers(self) -> tuple[np.ndarray, np.ndarray]:
        """Middle of f over each layer of elements and half of its growth, (nz,) each."""
        return (self.share[1:] + self.share[:-1]) / 2, np.diff(self.share) / 2

    def laplacian(self) -> np.ndarray:
        """Integral of grad N_a . grad N_b assembled over the elements [mm], float32, (27, *padded), neighbours in the order of z, y, x.

        By 2 x 2 x 2 Gauss points in each element.
        """
        nz, ny, nx = self.counts
        stencil = np.zeros((27, *self.padded), np.float32)
        for k in range(nz):
            matrix = self._layer_laplacian(k)
            for a in range(8):
                for b in range(8):
                    (ax, ay, az), (bx, by, bz) = (((n & 1), (n >> 1) & 1, n >> 2) for n in (a, b))
                    place = (bz - az + 1) * 9 + (by - ay + 1) * 3 + (bx - ax + 1)
                    stencil[place, k + az, 1 + ay : ny + ay, 1 + ax : nx + ax] += matrix[min(a, b), max(a, b)]
        return stencil

    def _layer_laplacian(self, k: int) -> dict[tuple[int, int], np.ndarray]:
        """The upper triangle of the 8 x 8 matrices of one layer of elements, (ny - 1, nx - 1) each."""
        middle, half = (v[k] for v in self.layers())
        T0, T1, T2, T3 = self.columns()[:, 1:-1, 1:-1]
        half_x, half_y = self.half_sizes()
        half_x, half_y = half_x[None, 1:-1], half_y[1:-1, None]
        g = 1 / np.sqrt(3)
        pairs = {(a, b): np.zeros(T0.shape) for a in range(8) for b in range(a, 8)}
        for xi, eta, zeta in g * SIGNS.T:
            z_zeta = half * (T0 + T1 * xi + T2 * eta + T3 * xi * eta)
            share = middle + half * zeta
            z_x, z_y = share * (T1 + T3 * eta) / half_x, share * (T2 + T3 * xi) / half_y
            weight = half_x * half_y * z_zeta
            factors = 1 + SIGNS * np.array([[xi], [eta], [zeta]])
            d = [SIGNS[m] * np.prod(np.delete(factors, m, 0), 0) / 8 for m in range(3)]
            grads = [[d[0][a] / half_x - d[2][a] * z_x / z_zeta for a in range(8)]]
            grads += [[d[1][a] / half_y - d[2][a] * z_y / z_zeta for a in range(8)], [d[2][a] / z_zeta for a in range(8)]]
            for a, b in pairs:
                pairs[a, b] += weight * sum(row[a] * row[b] for row in grads)
        return pairs


def pad_mesh(spec: SensorSpec, layers: int, grading: float) -> Mesh:
    """Mesh of a sensor's pad.

    Args:
        spec: The sensor.
        layers: Elements through the thickness.
        grading: Thickness of the lowest layer over that of the uppermost.
    """
    gel, grid = spec.gel, spec.gel_grid
    x, cols = _nodes(grid.x_m * _MM, gel.size_m[0] * _MM / 2, grid.spacing_m * _MM)
    y, rows = _nodes(grid.y_m * _MM, gel.size_m[1] * _MM / 2, grid.spacing_m * _MM)
    sizes = grading ** -np.linspace(0, 1, layers)
    share = np.concatenate([[0], np.cumsum(sizes) / sizes.sum()])
    share[-1] = 1.0
    thickness = gel.thickness_m * _MM
    depth = thickness + _dome(x, y, gel.dome_radius_m)
    return Mesh(x, y, share, np.maximum(depth, _THINNEST * thickness), (rows, cols), grid.spacing_m * _MM)


def _dome(x: np.ndarray, y: np.ndarray, radius_m: tuple[float, float]) -> np.ndarray:
    """Resting height of a dome as in `geometry/dome.py`, on places that are not those of a grid [mm]."""
    curvature_x, curvature_y = (0.0 if np.isinf(r) else 1 / (r * _MM) for r in radius_m)
    return -(x[None, :] ** 2 * curvature_x + y[:, None] ** 2 * curvature_y) / 2


def _nodes(cells: np.ndarray, half_size: float, spacing: float) -> tuple[np.ndarray, slice]:
    """Nodes at the cell centres and beyond them to either edge of the pad, and which of them lie under the cells."""
    room = half_size - cells[-1]
    beyond = round(room / spacing)
    if beyond < 1:
        return cells.astype(float), slice(0, len(cells))
    outside = cells[-1] + room * np.arange(1, beyond + 1) / beyond
    return np.concatenate([-outside[::-1], cells, outside]), slice(beyond, beyond + len(cells))
