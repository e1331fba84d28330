"""A flat, resting layer of the elements of `fem_kernels.py`, wavenumber by wavenumber: factors of its stiffness, compliance of its surface.

Along x and y the layer's stiffness is a convolution, so each pair of wavenumbers has a system of its own: block tridiagonal over the
layers of nodes, 3 x 3 blocks. With K_ab the 3 x 3 blocks of an element between its nodes a and b,

    K(k)_st = sum_ab K_ab exp(i k . (x_b - x_a)),   a in layer s, b in layer t                                       (1)
    y_s = b_s - L_s y_(s-1) upwards,   x_s = D_s^-1 y_s - L_(s+1)^T x_(s+1) downwards                                (2)
    D_s = A_s - L_s B_s^T,   L_s = B_s D_(s-1)^-1,   D_1 = A_1                                                       (3)

A_s and B_s are the blocks on and below the diagonal. Replacing u_z by i u_z makes all of them real, because the layer looks the same
in a mirror. The uppermost D^-1 is the compliance of the surface. Lengths in mm, moduli in MPa.
"""

from functools import lru_cache

import numpy as np

from simtouch.gel.compliance import Compliance, offsets
from simtouch.gel.fem_mesh import SIGNS


def box_stiffness(size: tuple[float, float, float], lame: float, mu: float) -> np.ndarray:
    """Stiffness of a resting box-shaped element [N/mm], float64, shape (8, 3, 8, 3).

    Args:
        size: Edges (x, y, z) [mm].
        lame, mu: Lame's constants [MPa].
    """
    stiffness = np.zeros((8, 3, 8, 3))
    volume = float(np.prod(size))
    for point in SIGNS.T / np.sqrt(3):
        factors = (1 + SIGNS * point[:, None]) / 2
        grads = np.stack([SIGNS[m] * np.prod(np.delete(factors, m, 0), 0) / size[m] for m in range(3)])
        stiffness += np.einsum("ma,mb,ij->aibj", grads, grads, np.eye(3)) * mu * volume / 8
        stiffness -= (np.einsum("ia,jb->aibj", grads, grads) - np.einsum("ja,ib->aibj", grads, grads)) * mu * volume / 8
    mean = SIGNS.T / (4 * np.array(size))
    return stiffness + (lame + mu) * volume * np.einsum("ai,bj->aibj", mean, mean)


def layer_factors(
    heights: np.ndarray, spacing: tuple[float, float], shape: tuple[int, int], lame: float, mu: float
) -> tuple[np.ndarray, np.ndarray]:
    """D_s^-1 and L_s of (3), float64, shape (nz, 3, 3, rows, cols // 2 + 1) each; the first L is zero.

    Args:
        heights: Thickness of the layers of elements, from the base up [mm], (nz,).
        spacing: Of the nodes along x and y [mm].
        shape: Nodes of the periodic layer along y and x.
        lame, mu: Lame's constants [MPa].
    """
    phase_y = np.exp(2j * np.pi * np.fft.fftfreq(shape[0]))[:, None]
    phase_x = np.exp(2j * np.pi * np.fft.rfftfreq(shape[1]))[None, :]
    # A box's stiffness is h S_1 + S_0 + S_-1 / h in its height h: three symbols give all.
    probes = np.array([0.5, 1.0, 2.0])
    symbols = np.stack([_symbol(box_stiffness((*spacing, h), lame, mu), phase_y, phase_x) for h in probes])
    shares = np.linalg.inv(np.stack([probes, np.ones(3), 1 / probes], -1))
    parts = np.einsum("ab,b...->a...", shares, symbols)
    blocks = [h * parts[0] + parts[1] + parts[2] / h for h in heights]
    inverses, lowers = [], [np.zeros_like(blocks[0][:3, :3])]
    for s, block in enumerate(blocks):
        on = block[3:, 3:] + (blocks[s + 1][:3, :3] if s + 1 < len(blocks) else 0)
        if s:
            lowers.append(np.einsum("ij...,jk...->ik...", block[3:, :3], inverses[-1]))
            on = on - np.einsum("ij...,kj...->ik...", lowers[-1], block[3:, :3])
        inverses.append(_inverse(on))
    return np.stack(inverses), np.stack(lowers)


@lru_cache(maxsize=16)
def surface_compliance(
    shape: tuple[int, int], heights: tuple[float, ...], spacing: float, lame: float, mu: float, *, box: int = 4
) -> Compliance:
    """Compliance between the nodes of the surface of an infinite layer of these elements, as `compliance.layer_on_grid`.

    Args:
        shape: Rows and columns of the window (h, w).
        heights: Thickness of the layers of elements, from the base up [mm].
        spacing: Of the nodes along x and y [mm].
        lame, mu: Lame's constants [MPa].
        box: Periodic box over window.
    """
    size = tuple(box * n for n in shape)
    top = layer_factors(np.array(heights), (spacing, spacing), size, lame, mu)[0][-1] * spacing**2
    spectra = np.stack([top[2, 2], top[0, 0], top[1, 1], top[0, 1], 1j * top[0, 2], 1j * top[1, 2]])
    kept = np.ix_(*(offsets(2 * n) % m for n, m in zip(shape, size, strict=True)))
    return Compliance(shape, np.stack([np.fft.irfft2(spectrum, size)[kept] for spectrum in spectra]), np.float32)


def _symbol(element: np.ndarray, phase_y: np.ndarray, phase_x: np.ndarray) -> np.ndarray:
    """(1) for one layer of elements, made real, (6, 6, rows, cols): lower nodes first."""
    symbol = np.zeros((6, 6, len(phase_y), phase_x.shape[1]))
    turn = np.array([1, 1, 1j])
    turned = element * (np.conj(turn)[:, None, None] * turn)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            block = np.zeros((6, 6), complex)
            for a in range(8):
                for b in range(8):
                    if ((b & 1) - (a & 1), ((b >> 1) & 1) - ((a >> 1) & 1)) == (dx, dy):
                        block[np.ix_(*(3 * (n >> 2) + np.arange(3) for n in (a, b)))] += turned[a, :, b, :]
            shift = phase_y**dy * phase_x**dx
            symbol += block.real[..., None, None] * shift.real - block.imag[..., None, None] * shift.imag
    return symbol


def _inverse(m: np.ndarray) -> np.ndarray:
    """Inverses of symmetric matrices, (3, 3, ...)."""
    a, b, c, d, e, f = m[0, 0], m[0, 1], m[0, 2], m[1, 1], m[1, 2], m[2, 2]
    A, B, C = d * f - e * e, c * e - b * f, b * e - c * d
    D, E, F = a * f - c * c, b * c - a * e, a * d - b * b
    return np.array([[A, B, C], [B, D, E], [C, E, F]]) / (a * A + b * B + c * C)
