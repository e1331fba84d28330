"""Elastic half-space on a grid without periodicity: real-space kernels by cell integration, as a `Compliance`.

Kernels 1/r, x^2/r^3, ... integrated over a cell: midpoint rule beyond 6 cells, 24 x 24 sub-points within, closed form at the centre
(Love). Reference: Johnson, Contact Mechanics, 1985, chapter 3. Uncoupled: the 1 - 2 nu terms between pressing and shear are left out.
"""

import numpy as np

from simtouch.gel.compliance import Compliance


def half_space_on_grid(shape, spacing, modulus, poisson, dtype=np.float64) -> Compliance:
    h, w = shape
    shear = modulus / (2 * (1 + poisson))
    i = np.fft.fftfreq(2 * h, 1 / (2 * h))[:, None] * np.ones((1, 2 * w))
    j = np.fft.fftfreq(2 * w, 1 / (2 * w))[None, :] * np.ones((2 * h, 1))
    sub = (np.arange(24) + 0.5) / 24 - 0.5
    near = [(a, b) for a, b in zip(*np.where((abs(i) <= 6) & (abs(j) <= 6)), strict=True) if i[a, b] or j[a, b]]

    def over_cells(kernel, centre):
        with np.errstate(all="ignore"):
            table = kernel(j * spacing, i * spacing) * spacing**2
        for a, b in near:
            x, y = np.meshgrid((j[a, b] + sub) * spacing, (i[a, b] + sub) * spacing)
            table[a, b] = kernel(x, y).mean() * spacing**2
        table[0, 0] = centre
        return table

    own = 4 * np.log(1 + np.sqrt(2)) * spacing
    one = over_cells(lambda x, y: 1 / np.hypot(x, y), own)
    xx = over_cells(lambda x, y: x * x / np.hypot(x, y) ** 3, own / 2)
    yy = over_cells(lambda x, y: y * y / np.hypot(x, y) ** 3, own / 2)
    xy = over_cells(lambda x, y: x * y / np.hypot(x, y) ** 3, 0.0)
    front = 1 / (2 * np.pi * shear)
    tables = ((1 - poisson) * one, (1 - poisson) * one + poisson * xx, (1 - poisson) * one + poisson * yy, poisson * xy)
    nothing = np.zeros_like(one)
    return Compliance((h, w), np.stack([*(front * table for table in tables), nothing, nothing]), dtype)
