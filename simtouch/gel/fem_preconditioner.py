"""The exact inverse of a flat, resting, periodic layer of the same elements: nodal force in, displacement out.

Forward and backward substitution (2) of `fem_flat.py`, for real and imaginary parts of each wavenumber, between two Fourier transforms.
Where a dome is thinner than the layer, force and displacement are scaled down alike, so that the whole stays symmetric.
"""

import numpy as np
import scipy.fft as sfft

from simtouch._taichi import Flat, ensure_runtime, launched, ti, vec3
from simtouch.gel.fem_flat import layer_factors
from simtouch.gel.fem_mesh import Mesh

_THINNING = 0.75  # a layer half as thick moves about half as far; measured on the dome of DIGIT
mat3 = ti.types.matrix(3, 3, ti.f32)


@ti.func
def _matrix(values: ti.template(), p: int, step: int):
    m = mat3(0.0)
    for a in ti.static(range(9)):
        m[a // 3, a % 3] = values[p + a * step]
    return m


@launched
@ti.kernel
def _solve_layers(inverses: Flat, lowers: Flat, nz: int, rows: int, cols: int, spectrum_out: Flat):
    modes = rows * cols
    for j in range(rows):
        for i in range(cols):
            m = j * cols + i
            last_r, last_i = vec3(0.0), vec3(0.0)
            for s in range(nz):
                p, q = 2 * (s * modes + m), s * 9 * modes + m
                y, z = p + 2 * nz * modes, p + 4 * nz * modes
                lower = _matrix(lowers, q, modes)
                last_r = vec3(spectrum_out[p], spectrum_out[y], spectrum_out[z + 1]) - lower @ last_r
                last_i = vec3(spectrum_out[p + 1], spectrum_out[y + 1], -spectrum_out[z]) - lower @ last_i
                spectrum_out[p], spectrum_out[y], spectrum_out[z + 1] = last_r[0], last_r[1], last_r[2]
                spectrum_out[p + 1], spectrum_out[y + 1], spectrum_out[z] = last_i[0], last_i[1], -last_i[2]
            above_r, above_i = vec3(0.0), vec3(0.0)
            for t in range(nz):
                s = nz - 1 - t
                p, q = 2 * (s * modes + m), s * 9 * modes + m
                y, z = p + 2 * nz * modes, p + 4 * nz * modes
                inverse = _matrix(inverses, q, modes)
                x_r = inverse @ vec3(spectrum_out[p], spectrum_out[y], spectrum_out[z + 1]) - above_r
                x_i = inverse @ vec3(spectrum_out[p + 1], spectrum_out[y + 1], -spectrum_out[z]) - above_i
                lower = _matrix(lowers, q, modes).transpose()
                above_r, above_i = lower @ x_r, lower @ x_i
                spectrum_out[p], spectrum_out[y], spectrum_out[z + 1] = x_r[0], x_r[1], x_r[2]
                spectrum_out[p + 1], spectrum_out[y + 1], spectrum_out[z] = x_i[0], x_i[1], -x_i[2]


class FlatInverse:
    """Inverse stiffness of the flat layer that is nearest to a pad, as a preconditioner for it."""

    def __init__(self, mesh: Mesh, lame: float, mu: float):
        """`lame` and `mu` are Lame's constants [MPa]."""
        nz, ny, nx = mesh.counts
        self._shape = tuple(sfft.next_fast_len(n, real=True) for n in (ny, nx))
        self._counts = nz, ny, nx
        thickness = float(mesh.depth.mean())
        spacing = tuple(float(np.mean(np.diff(v))) for v in (mesh.x, mesh.y))
        factors = layer_factors(np.diff(mesh.share) * thickness, spacing, self._shape, lame, mu)
        self._factors = tuple(np.ascontiguousarray(f, np.float32).ravel() for f in factors)
        self._scale = ((mesh.depth / thickness) ** _THINNING).astype(np.float32)
        ensure_runtime()

    def __call__(self, force: np.ndarray) -> np.ndarray:
        """Displacement [mm] for nodal forces [N], float32, (3, *padded) both."""
        nz, ny, nx = self._counts
        inner = (slice(None), slice(1, nz + 1), slice(1, ny + 1), slice(1, nx + 1))
        spectrum = sfft.rfft2(force[inner] * self._scale, self._shape, workers=2)
        _solve_layers(*self._factors, nz, *spectrum.shape[-2:], spectrum.view(np.float32).ravel())
        out = np.zeros_like(force)
        out[inner] = sfft.irfft2(spectrum, self._shape, workers=2, overwrite_x=True)[..., :ny, :nx]
        out[inner] *= self._scale
        return out
