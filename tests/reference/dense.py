"""Twin of simtouch.gel.dense_cells, simtouch.gel.dense_press, simtouch.gel.dense_slide and simtouch.gel.dense_fields.

The tables' convolutions as matrices between all cells of a small grid, and both contact problems solved with them.
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
    """Pressure and sink, (h, w) each."""
    pressure = solve_normal_dense(C["zz"], overlap.ravel().astype(float))
    return pressure.reshape(overlap.shape), (C["zz"] @ pressure).reshape(overlap.shape)


def slide(C, target, limit):
    """Shear traction, (2, h, w)."""
    matrix = np.block([[C["xx"], C["xy"]], [C["xy"], C["yy"]]])
    return solve_friction_dense(matrix, target.reshape(2, -1).astype(float), limit.ravel().astype(float)).reshape(target.shape)


def spread(C, pressure):
    """In-plane displacement by pressure, (2, h, w)."""
    return np.stack([C[name] @ pressure.ravel() for name in ("zx", "zy")]).reshape(2, *pressure.shape)


def answer_to_shear(C, shear):
    """(u_x, u_y, w) by shear traction, (3, h, w)."""
    x, y = shear.reshape(2, -1)
    rows = (C["xx"] @ x + C["xy"] @ y, C["xy"] @ x + C["yy"] @ y, -C["zx"] @ x - C["zy"] @ y)
    return np.stack(rows).reshape(3, *shear.shape[1:])


def step_diagonal(C, touched):
    """D of (1) in dense_slide.py for the touched cells."""
    on = touched.ravel()
    reach = np.maximum(np.abs(C["xx"]), np.abs(C["yy"])) + np.abs(C["xy"])
    return reach[np.ix_(on, on)].sum(1)
