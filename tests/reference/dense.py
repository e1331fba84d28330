"""Twin of simtouch.gel.dense_cells, simtouch.gel.dense_press, simtouch.gel.dense_load and simtouch.gel.dense_slide; and of
simtouch.gel.torus, simtouch.gel.window_load and simtouch.gel.window_slide. That of simtouch.gel.lanes is `numpy.fft`.

The convolutions as matrices between all cells of a small grid, and the contact problems solved with them.
"""

import numpy as np

from tests.reference.contact import solve_friction_dense, solve_normal_dense


def matrix_of_table(table, shape):
    """Matrix between the cells of a grid from a flat table over offsets -h..h-1, -w..w-1."""
    h, w = shape
    table = np.asarray(table, float).reshape(2 * h, 2 * w)
    i, j = (a.ravel() for a in np.indices(shape))
    return table[i[:, None] - i[None, :] + h, j[:, None] - j[None, :] + w]


def matrices(compliance):
    """Matrices of all tables, by name."""
    return {name: matrix_of_table(table, compliance.shape) for name, table in compliance.offset_tables.items()}


def press(C, overlap):
    """Pressure, (h, w)."""
    return solve_normal_dense(C["zz"], overlap.ravel().astype(float)).reshape(overlap.shape)


def carry(C, overlap, load):
    """Pressure (h, w) and lowering that carry a load: C p - a = d and sum p = L solved outright, for ever better sets of cells."""
    d = overlap.ravel().astype(float)
    on = np.ones(d.size, bool)
    while True:
        n = np.count_nonzero(on)
        bordered = np.block([[C["zz"][np.ix_(on, on)], -np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
        solved, p = np.linalg.solve(bordered, np.append(d[on], load)), np.zeros(d.size)
        p[on], lowering = solved[:-1], solved[-1]
        better = np.where(on, p > 0, C["zz"] @ p - d < lowering)
        if (better == on).all():
            return p.reshape(overlap.shape), lowering
        on = better


def slide(C, target, pressure, limit):
    """Shear traction, (2, h, w)."""
    matrix = np.block([[C["xx"], C["xy"]], [C["xy"], C["yy"]]])
    spread = np.stack([C[name] @ pressure.ravel() for name in ("zx", "zy")])
    return solve_friction_dense(matrix, target.reshape(2, -1) - spread, limit.ravel().astype(float)).reshape(target.shape)


def fields(C, pressure, shear):
    """u_x, u_y, w by pressure and w by shear, (4, h, w)."""
    p, (x, y) = pressure.ravel(), shear.reshape(2, -1)
    along, across = C["xx"] @ x + C["xy"] @ y + C["zx"] @ p, C["xy"] @ x + C["yy"] @ y + C["zy"] @ p
    return np.stack([along, across, C["zz"] @ p, -C["zx"] @ x - C["zy"] @ y]).reshape(4, *pressure.shape)


def step_diagonal(C, touched):
    """D of (2) in friction.py for the touched cells."""
    on = touched.ravel()
    reach = np.maximum(np.abs(C["xx"]), np.abs(C["yy"])) + np.abs(C["xy"])
    return reach[np.ix_(on, on)].sum(1)
