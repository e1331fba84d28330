"""Friction between listed cells: displacements that sticking cells must show in, shear tractions out. See `friction.py`.

The long steps of `solve_friction`, one contact a thread and serial inside. Cells must show `target` less what
pressure does to them, which is summed up first.

Floats of a contact: maps l, w (x, y), tau (x, y), pressure and then whether a cell slides; lists of l, the target and then the slope
C tau - w, tau, the way d (x, y each), D; the tiles of x and y.
"""

from simtouch._taichi import Flat, FlatInt, launched, ti
from simtouch.gel.dense_cells import GROUP, HOLD, TILE, ZX, ZY, gather, onto_disc, origin_of, room_of, tiles_of
from simtouch.gel.friction import AT_THE_LIMIT, LONG_STEPS

MAX_ITERATIONS = 400
_TINY = 1e-30
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
    """D from the tiles, and d = tau."""
    for e in range(GROUP):
        work_out[lists + 5 * room + n + e], work_out[lists + 6 * room + n + e] = 0.0, 0.0
    for k in range(n):
        work_out[lists + 7 * room + k] = work_out[tiles + cells[slots + k]]
        work_out[lists + 5 * room + k], work_out[lists + 6 * room + k] = (
            work_out[lists + 3 * room + k],
            work_out[lists + 4 * room + k],
        )


@ti.func
def find_slope(lists, room, n, tiles, tiles_y, slots, cells: ti.template(), work_out: ti.template()):
    """C tau - w from C tau in the tiles."""
    for k in range(n):
        slot = cells[slots + k]
        work_out[lists + room + k] = work_out[tiles + slot] - work_out[lists + room + k]
        work_out[lists + 2 * room + k] = work_out[tiles_y + slot] - work_out[lists + 2 * room + k]


@ti.func
def find_way(lists, room, n, length, work_out: ti.template()):
    """d of (3) in `friction.py`; its largest component."""
    largest = 0.0
    for k in range(n):
        step = length / work_out[lists + 7 * room + k]
        x, y = work_out[lists + 3 * room + k], work_out[lists + 4 * room + k]
        to_x, to_y = onto_disc(
            x - step * work_out[lists + room + k], y - step * work_out[lists + 2 * room + k], work_out[lists + k]
        )
        work_out[lists + 5 * room + k], work_out[lists + 6 * room + k] = to_x - x, to_y - y
        largest = ti.max(largest, ti.max(ti.abs(to_x - x), ti.abs(to_y - y)))
    return largest


@ti.func
def measure(lists, room, n, tiles, tiles_y, slots, cells: ti.template(), work: ti.template()):
    """d'C d, d'D d and how steeply the energy falls along d, C d in the tiles."""
    bend, held, downhill = ti.cast(_TINY, ti.f64), ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    for k in range(n):
        slot, x, y = cells[slots + k], work[lists + 5 * room + k], work[lists + 6 * room + k]
        bend += ti.cast(x * work[tiles + slot] + y * work[tiles_y + slot], ti.f64)
        held += ti.cast((x * x + y * y) * work[lists + 7 * room + k], ti.f64)
        downhill -= ti.cast(x * work[lists + room + k] + y * work[lists + 2 * room + k], ti.f64)
    return ti.Vector([ti.max(bend, _TINY), held, downhill])


@ti.func
def go(lists, room, n, tiles, tiles_y, slots, share, cells: ti.template(), work_out: ti.template()):
    """tau + share d, and its slope with C d from the tiles."""
    for k in range(n):
        slot = cells[slots + k]
        for part in ti.static(range(2)):  # no +=, which would be atomic
            to, off = lists + (3 + part) * room + k, lists + (5 + part) * room + k
            work_out[to] = work_out[to] + share * work_out[off]
        work_out[lists + room + k] = work_out[lists + room + k] + share * work_out[tiles + slot]
        work_out[lists + 2 * room + k] = work_out[lists + 2 * room + k] + share * work_out[tiles_y + slot]


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


@launched
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
        drag(xx, yy, xy, h, w, ints, n, m, y, tiles, tiles_y, cells_out, work_out)
        find_slope(lists, room, n, tiles, tiles_y, slots, cells_out, work_out)
        length, iteration, going = 1.0, 0, ti.cast(n > 0, ti.i32)
        while going == 1:
            change = find_way(lists, room, n, length, work_out)
            going = ti.cast(change >= tolerance * largest and iteration < MAX_ITERATIONS, ti.i32)
            iteration, share = iteration + 1, 1.0
            if going == 1:
                drag(xx, yy, xy, h, w, ints, n, m, y, tiles, tiles_y, cells_out, work_out)
                along = measure(lists, room, n, tiles, tiles_y, slots, cells_out, work_out)
                length = ti.cast(along[1] / along[0], ti.f32)
                if iteration > LONG_STEPS:
                    share = ti.cast(ti.min(ti.max(along[2] / along[0], 0.0), 1.0), ti.f32)
            go(lists, room, n, tiles, tiles_y, slots, share, cells_out, work_out)
        finish(h, w, at, ints, n, cells_out, work_out)
