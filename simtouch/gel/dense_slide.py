"""Friction between listed cells: displacements that sticking cells must show in, shear tractions out. See `friction.py`.

FISTA as in `solve_friction`, with its step for each cell, one contact a thread and serial inside. Cells must show `target` less what
pressure does to them, which is summed up first.

Floats of a contact: maps l, w (x, y), tau (x, y), pressure and then whether a cell slides; lists of l, w, tau, y (x, y each), D; the
tiles of x and y.
"""

from simtouch._taichi import Flat, FlatInt, ti
from simtouch.gel.dense_cells import GROUP, HOLD, TILE, ZX, ZY, gather, onto_disc, origin_of, room_of, tiles_of
from simtouch.gel.friction import AT_THE_LIMIT

MAX_ITERATIONS = 400
_ROOM = 1 - 1e-6  # keeps |tau| <= l after rounding, as in `friction.py`
WIDTH = TILE // 2
HalfTile = ti.types.vector(WIDTH, ti.f32)


def floats_of(h: int, w: int) -> int:
    """Floats a contact needs."""
    return 6 * h * w + 8 * (h * w + GROUP) + 2 * tiles_of(h, w) * WIDTH


@ti.func
def begin(h, w, at, ints, n, cells: ti.template(), work_out: ti.template()):
    """Copy limit, target and first shear traction into the lists; the largest limit."""
    room, maps = room_of(h, w), h * w
    to, largest = at + 6 * maps, 0.0
    for k in range(n):
        place = at + cells[ints + room + k]
        limit = work_out[place] * _ROOM
        largest = ti.max(largest, limit)
        work_out[to + k] = limit
        work_out[to + room + k], work_out[to + 2 * room + k] = work_out[place + maps], work_out[place + 2 * maps]
        x, y = onto_disc(work_out[place + 3 * maps], work_out[place + 4 * maps], limit)
        work_out[to + 3 * room + k], work_out[to + 4 * room + k] = x, y
    return largest


@ti.func
def list_pressed(h, w, at, ints, v, cells_out: ti.template(), work_out: ti.template()):
    """List as inputs the cells with pressure, their values from `v` on; how many they are."""
    inputs, n = ints + 3 * room_of(h, w), 0
    for i in range(h):
        for j in range(w):
            p = work_out[at + i * w + j]
            if p != 0.0:
                cells_out[inputs + n], work_out[v + n] = i * 2 * w + j, p
                n += 1
    for e in range(GROUP):
        cells_out[inputs + n + e], work_out[v + n + e] = cells_out[inputs], 0.0
    return n


@ti.func
def spread(tables: ti.template(), h, w, ints, n, m, v, u, u_y, cells: ti.template(), work_out: ti.template()):
    """What the listed inputs, pressures from `v` on, do in-plane in all tiles: x at `u`, y at `u_y`."""
    inputs = ints + 3 * room_of(h, w)
    zx, zy = origin_of(ZX, h, w), origin_of(ZY, h, w)
    for q in range(m):
        place = cells[ints + 5 * room_of(h, w) + q]
        along, across = HalfTile(0.0), HalfTile(0.0)
        for g in range((n + 1) // 2):
            a, b = inputs + g * 2, v + g * 2
            o, p, v0, v1 = place - cells[a], place - cells[a + 1], work_out[b], work_out[b + 1]
            for t in range(WIDTH):
                along[t] += tables[zx + o + t] * v0 + tables[zx + p + t] * v1
                across[t] += tables[zy + o + t] * v0 + tables[zy + p + t] * v1
        for t in ti.static(range(WIDTH)):
            work_out[u + q * WIDTH + t], work_out[u_y + q * WIDTH + t] = along[t], across[t]


@ti.func
def take_off(lists, room, n, tiles, tiles_y, slots, cells: ti.template(), work_out: ti.template()):
    """The tiles' displacements off the target."""
    for k in range(n):
        slot = cells[slots + k]
        work_out[lists + room + k] = work_out[lists + room + k] - work_out[tiles + slot]
        work_out[lists + 2 * room + k] = work_out[lists + 2 * room + k] - work_out[tiles_y + slot]


@ti.func
def sum_up(tables: ti.template(), h, w, ints, n, m, u, cells: ti.template(), work_out: ti.template()):
    """D of (2) in `friction.py`, in all tiles."""
    for q in range(m):
        origin = origin_of(HOLD, h, w) + cells[ints + 5 * room_of(h, w) + q]
        sums = HalfTile(0.0)
        for k in range(n):
            o = origin - cells[ints + k]
            for t in range(WIDTH):
                sums[t] += tables[o + t]
        for t in ti.static(range(WIDTH)):
            work_out[u + q * WIDTH + t] = sums[t]


@ti.func
def drag(
    xx: ti.template(),
    yy: ti.template(),
    xy: ti.template(),
    h,
    w,
    ints,
    n,
    m,
    y,
    u,
    u_y,
    cells: ti.template(),
    work_out: ti.template(),
):
    """C y of the lists x and y, one `room` apart, in all tiles: x at `u`, y at `u_y`."""
    room = room_of(h, w)
    for q in range(m):
        origin = origin_of(0, h, w) + cells[ints + 5 * room + q]
        along, across = HalfTile(0.0), HalfTile(0.0)
        for g in range((n + GROUP - 1) // GROUP):
            a, b, c = ints + g * GROUP, y + g * GROUP, y + room + g * GROUP
            o, p, q_, r = origin - cells[a], origin - cells[a + 1], origin - cells[a + 2], origin - cells[a + 3]
            x0, x1, x2, x3 = work_out[b], work_out[b + 1], work_out[b + 2], work_out[b + 3]
            y0, y1, y2, y3 = work_out[c], work_out[c + 1], work_out[c + 2], work_out[c + 3]
            for t in range(WIDTH):
                first = (xx[o + t] * x0 + xy[o + t] * y0) + (xx[p + t] * x1 + xy[p + t] * y1)
                along[t] += first + ((xx[q_ + t] * x2 + xy[q_ + t] * y2) + (xx[r + t] * x3 + xy[r + t] * y3))
                second = (xy[o + t] * x0 + yy[o + t] * y0) + (xy[p + t] * x1 + yy[p + t] * y1)
                across[t] += second + ((xy[q_ + t] * x2 + yy[q_ + t] * y2) + (xy[r + t] * x3 + yy[r + t] * y3))
        for t in ti.static(range(WIDTH)):
            work_out[u + q * WIDTH + t] = along[t]
        for t in ti.static(range(WIDTH)):
            work_out[u_y + q * WIDTH + t] = across[t]


@ti.func
def start_from(lists, room, n, tiles, slots, cells: ti.template(), work_out: ti.template()):
    """D from the tiles, and y = tau."""
    for e in range(GROUP):
        work_out[lists + 5 * room + n + e], work_out[lists + 6 * room + n + e] = 0.0, 0.0
    for k in range(n):
        work_out[lists + 7 * room + k] = work_out[tiles + cells[slots + k]]
        work_out[lists + 5 * room + k], work_out[lists + 6 * room + k] = (
            work_out[lists + 3 * room + k],
            work_out[lists + 4 * room + k],
        )


@ti.func
def descend(lists, room, n, tiles, tiles_y, slots, cells: ti.template(), work_out: ti.template()):
    """A projected step of each cell, left in the tiles; the largest change, and whether the momentum points uphill."""
    uphill, change = ti.cast(0.0, ti.f64), 0.0
    for k in range(n):
        slot, stiff = cells[slots + k], work_out[lists + 7 * room + k]
        step = 1.0 / stiff
        y_x, y_y = work_out[lists + 5 * room + k], work_out[lists + 6 * room + k]
        v_x = y_x - step * (work_out[tiles + slot] - work_out[lists + room + k])
        v_y = y_y - step * (work_out[tiles_y + slot] - work_out[lists + 2 * room + k])
        x, y = onto_disc(v_x, v_y, work_out[lists + k])
        change = ti.max(change, ti.max(ti.abs(x - y_x), ti.abs(y - y_y)))
        forth = (y_x - x) * (x - work_out[lists + 3 * room + k]) + (y_y - y) * (y - work_out[lists + 4 * room + k])
        uphill += ti.cast(forth, ti.f64) * ti.cast(stiff, ti.f64)
        work_out[tiles + slot], work_out[tiles_y + slot] = x, y
    return change, uphill > 0.0


@ti.func
def carry_on(lists, room, n, tiles, tiles_y, slots, push, cells: ti.template(), work_out: ti.template()):
    """tau from the tiles, and y beyond it by the share `push` of the last change."""
    for k in range(n):
        slot = cells[slots + k]
        x, y = work_out[tiles + slot], work_out[tiles_y + slot]
        work_out[lists + 5 * room + k] = x + push * (x - work_out[lists + 3 * room + k])
        work_out[lists + 6 * room + k] = y + push * (y - work_out[lists + 4 * room + k])
        work_out[lists + 3 * room + k], work_out[lists + 4 * room + k] = x, y


@ti.func
def finish(h, w, at, ints, n, cells: ti.template(), work_out: ti.template()):
    """Write shear tractions and sliding cells into their maps."""
    room, maps = room_of(h, w), h * w
    lists = at + 6 * maps
    for k in range(3 * maps):
        work_out[at + 3 * maps + k] = 0.0
    for k in range(n):
        place = at + cells[ints + room + k]
        x, y = work_out[lists + 3 * room + k], work_out[lists + 4 * room + k]
        work_out[place + 3 * maps], work_out[place + 4 * maps] = x, y
        slides = ti.sqrt(x * x + y * y) >= work_out[lists + k] * (1.0 - AT_THE_LIMIT)
        work_out[place + 5 * maps] = ti.select(slides, 1.0, 0.0)


@ti.kernel
def _slide(
    tables: Flat, xx: Flat, yy: Flat, xy: Flat, contacts: int, h: int, w: int, tolerance: float, cells_out: FlatInt, work_out: Flat
):  # fmt: skip
    """Each contact's maps: limit, target, shear traction (to start from, then the solution), pressure, then 1 where a cell slides."""
    ti.loop_config(block_dim=1)
    for contact in range(contacts):
        at, ints = contact * (work_out.shape[0] // contacts), contact * (cells_out.shape[0] // contacts)
        room = room_of(h, w)
        for place in range(h * w):
            cells_out[ints + 4 * room + place] = ti.cast(work_out[at + place] > 0.0, ti.i32)
        n, m = gather(h, w, WIDTH, ints, cells_out)
        largest = begin(h, w, at, ints, n, cells_out, work_out)
        lists, slots = at + 6 * h * w, ints + 2 * room
        tiles = lists + 8 * room
        tiles_y, y = tiles + m * WIDTH, lists + 5 * room
        pressed = list_pressed(h, w, at + 5 * h * w, ints, y, cells_out, work_out)
        if pressed > 0:
            spread(tables, h, w, ints, pressed, m, y, tiles, tiles_y, cells_out, work_out)
            take_off(lists, room, n, tiles, tiles_y, slots, cells_out, work_out)
        sum_up(tables, h, w, ints, n, m, tiles, cells_out, work_out)
        start_from(lists, room, n, tiles, slots, cells_out, work_out)
        momentum, iteration, going = 1.0, 0, ti.cast(n > 0, ti.i32)
        while going == 1:
            drag(xx, yy, xy, h, w, ints, n, m, y, tiles, tiles_y, cells_out, work_out)
            change, uphill = descend(lists, room, n, tiles, tiles_y, slots, cells_out, work_out)
            momentum = ti.select(uphill, 1.0, momentum)
            following = 0.5 * (1.0 + ti.sqrt(1.0 + 4.0 * momentum * momentum))
            carry_on(lists, room, n, tiles, tiles_y, slots, (momentum - 1.0) / following, cells_out, work_out)
            momentum, iteration = following, iteration + 1
            going = ti.cast(change >= tolerance * largest and iteration < MAX_ITERATIONS, ti.i32)
        finish(h, w, at, ints, n, cells_out, work_out)
