"""Normal contact and friction as small dense problems: the compliance as a matrix, projected Gauss-Seidel to the last digit."""

import numpy as np


def matrix_of(linear, shape):
    """The matrix of a linear map between arrays of `shape`, one column an entry."""
    size = int(np.prod(shape))
    return np.stack([linear(e.reshape(shape)).ravel() for e in np.eye(size)], 1)


def solve_normal_dense(C, d, sweeps=4000):
    """min 1/2 p'Cp - p'd, p >= 0."""
    p = np.zeros_like(d)
    for _ in range(sweeps):
        for i in range(len(d)):
            p[i] = max(0.0, p[i] + (d[i] - C[i] @ p) / C[i, i])
    return p


def solve_friction_dense(C, w, limit, iterations=20000):
    """min 1/2 t'Ct - t'w, |t_i| <= limit_i, plain projected gradients; t, w are (2, n), C acts on them flattened."""
    n = limit.size
    step = 1 / np.linalg.eigvalsh(C)[-1]
    t = np.zeros((2, n))
    for _ in range(iterations):
        t = t - step * ((C @ t.ravel()).reshape(2, n) - w)
        size = np.hypot(*t)
        t = t * np.where(size > limit, limit / np.maximum(size, 1e-300), 1)
    return t
