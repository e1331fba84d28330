"""Tractions of few cells in, the displacements they cause on the whole grid out: (1) of `dense_cells.py` with several tables at once.

    u = c_zx * p (x), c_zy * p (y)                                                                                  (1)
    u_x = c_xx * tau_x + c_xy * tau_y,   u_y = c_xy * tau_x + c_yy * tau_y,   w = -(c_zx * tau_x + c_zy * tau_y)      (2)

Floats of a contact: the maps of the traction, those of the answer, a list of each traction's values.
"""

from simtouch._taichi import Flat, FlatInt, ti
from simtouch.gel.dense_cells import GROUP, TILE, Tile, room_of


def spread_floats_of(h: int, w: int) -> int:
    """Floats a contact needs for (1)."""
    return 3 * h * w + h * w + GROUP


def answer_floats_of(h: int, w: int) -> int:
    """Floats a contact needs for (2)."""
    return 5 * h * w + 2 * (h * w + GROUP)


@ti.func
def list_loaded(h, w, at, fields, ints, v, cells_out: ti.template(), work_out: ti.template()):
    """List cells where one of two maps (or the same twice) is not zero, and their values, from `v` on; how many they are."""
    n, room, maps = 0, room_of(h, w), h * w
    for i in range(h):
        for j in range(w):
            x, y = work_out[at + i * w + j], work_out[at + (fields - 1) * maps + i * w + j]
            if x != 0.0 or y != 0.0:
                cells_out[ints + n] = i * 2 * w + j
                work_out[v + n], work_out[v + (fields - 1) * room + n] = x, y
                n += 1
    for e in range(GROUP):
        cells_out[ints + n + e] = cells_out[ints]
        work_out[v + n + e], work_out[v + (fields - 1) * room + n + e] = 0.0, 0.0
    return n


@ti.func
def store(sums: ti.template(), to, count, work_out: ti.template()):
    """Copy the first `count` entries of a tile out."""
    for t in range(count):
        work_out[to + t] = sums[t]


@ti.kernel
def _spread(zx: Flat, zy: Flat, contacts: int, h: int, w: int, cells_out: FlatInt, work_out: Flat):
    """Equation (1); each contact's maps: p, u_x, u_y."""
    ti.loop_config(block_dim=1)
    for b in range(contacts):
        at, ints = b * (work_out.shape[0] // contacts), b * (cells_out.shape[0] // contacts)
        v, maps = at + 3 * h * w, h * w
        n = list_loaded(h, w, at, 1, ints, v, cells_out, work_out)
        for line in range(h * ((w + TILE - 1) // TILE)):
            i, j = line % h, line // h * TILE
            origin = 2 * h * w + w + i * 2 * w + j
            along, across = Tile(0.0), Tile(0.0)
            for g in range((n + GROUP - 1) // GROUP):
                a, c = ints + g * GROUP, v + g * GROUP
                o, p = origin - cells_out[a], origin - cells_out[a + 1]
                q, r = origin - cells_out[a + 2], origin - cells_out[a + 3]
                v0, v1, v2, v3 = work_out[c], work_out[c + 1], work_out[c + 2], work_out[c + 3]
                for t in range(TILE):
                    along[t] += (zx[o + t] * v0 + zx[p + t] * v1) + (zx[q + t] * v2 + zx[r + t] * v3)
                    across[t] += (zy[o + t] * v0 + zy[p + t] * v1) + (zy[q + t] * v2 + zy[r + t] * v3)
            place, count = at + i * w + j, ti.min(TILE, w - j)
            store(along, place + maps, count, work_out)
            store(across, place + 2 * maps, count, work_out)


@ti.kernel
def _answer(
    xx: Flat, yy: Flat, xy: Flat, zx: Flat, zy: Flat, contacts: int, h: int, w: int, cells_out: FlatInt, work_out: Flat
):  # fmt: skip
    """Equation (2); each contact's maps: tau_x, tau_y, u_x, u_y, w."""
    ti.loop_config(block_dim=1)
    for b in range(contacts):
        at, ints = b * (work_out.shape[0] // contacts), b * (cells_out.shape[0] // contacts)
        v, maps = at + 5 * h * w, h * w
        n = list_loaded(h, w, at, 2, ints, v, cells_out, work_out)
        for line in range(h * ((w + TILE - 1) // TILE)):
            i, j = line % h, line // h * TILE
            origin = 2 * h * w + w + i * 2 * w + j
            along, across, down = Tile(0.0), Tile(0.0), Tile(0.0)
            for g in range((n + 1) // 2):
                a, c, d = ints + g * 2, v + g * 2, v + room_of(h, w) + g * 2
                o, p = origin - cells_out[a], origin - cells_out[a + 1]
                x0, x1, y0, y1 = work_out[c], work_out[c + 1], work_out[d], work_out[d + 1]
                for t in range(TILE):
                    along[t] += (xx[o + t] * x0 + xy[o + t] * y0) + (xx[p + t] * x1 + xy[p + t] * y1)
                    across[t] += (xy[o + t] * x0 + yy[o + t] * y0) + (xy[p + t] * x1 + yy[p + t] * y1)
                    down[t] -= (zx[o + t] * x0 + zy[o + t] * y0) + (zx[p + t] * x1 + zy[p + t] * y1)
            place, count = at + i * w + j, ti.min(TILE, w - j)
            store(along, place + 2 * maps, count, work_out)
            store(across, place + 3 * maps, count, work_out)
            store(down, place + 4 * maps, count, work_out)
