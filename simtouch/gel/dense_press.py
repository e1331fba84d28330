"""Normal contact between listed cells: overlaps in, pressures out. See `normal.py`.

The conjugate gradients of `solve_normal`, one contact a thread and serial inside. Cells that may touch are those above -margin; a cell
elsewhere that the sink then shows to be pierced joins them, and the contact is solved again from the pressure found. No cell sinks by
less than -rise sum(p), so that only those above this need to be looked at.

Floats of a contact: maps d, p of h w each; lists of d, p, u = C p, r, the r before, the direction, whether a cell is active,
inputs; the tiles.
"""

from simtouch._taichi import Flat, FlatInt, launched, ti
from simtouch.gel.dense_cells import GROUP, INVERSE, TILE, ZZ, dot, gather, keep_nonzero, origin_of, room_of, tile_of, tiles_of

MAX_ITERATIONS = 300
_TINY = 1e-30


def floats_of(h: int, w: int) -> int:
    """Floats a contact needs."""
    return 2 * h * w + 8 * (h * w + GROUP) + tiles_of(h, w) * TILE


@ti.func
def begin(h, w, at, ints, n, cells: ti.template(), work_out: ti.template()):
    """Copy overlap and pressure into the lists; whether there is pressure to start from."""
    room, maps = room_of(h, w), h * w
    warm = 0
    for k in range(n):
        place = at + cells[ints + room + k]
        p = ti.max(work_out[place + maps], 0.0)
        work_out[at + 2 * maps + k], work_out[at + 2 * maps + room + k] = work_out[place], p
        work_out[at + 2 * maps + 3 * room + k] = 0.0
        if p > 0.0:
            warm = 1
    return warm


@ti.func
def press_evenly(d, p, n, work_out: ti.template()):
    """A first pressure without an older one: the overlap itself."""
    for k in range(n):
        work_out[p + k] = ti.max(work_out[d + k], 0.0)


@ti.func
def fit(d, p, u, n, work_out: ti.template()):
    """Scale pressure and sink to the size that minimises the energy along them; the factor."""
    factor = ti.cast(ti.max(0.0, dot(d, p, n, work_out) / ti.max(dot(p, u, n, work_out), _TINY)), ti.f32)
    for k in range(n):
        work_out[p + k], work_out[u + k] = work_out[p + k] * factor, work_out[u + k] * factor
    return factor


@ti.func
def convolve(tables: ti.template(), table, h, w, at, n, m, v, to, u, cells_out: ti.template(), work_out: ti.template()):
    """(1) of `dense_cells.py` from the listed values at `v` to all tiles, stored from `u` on."""
    kept = keep_nonzero(h, w, at, n, v, to, cells_out, work_out)
    for q in range(m):
        origin = origin_of(table, h, w) + cells_out[at + 5 * room_of(h, w) + q]
        sums = tile_of(tables, origin, cells_out, at + 3 * room_of(h, w), kept, work_out, to)
        for t in ti.static(range(TILE)):
            work_out[u + q * TILE + t] = sums[t]


@ti.func
def take(to, tiles, slots, n, cells: ti.template(), work_out: ti.template()):
    """Copy outputs from the tiles into a list."""
    for k in range(n):
        work_out[to + k] = work_out[tiles + cells[slots + k]]


@ti.func
def residual(d, room, n, lowering, work_out: ti.template()):
    """The gap, the indenter `lowering` further down, on active cells into r, what r was into its list; the largest violation, and whether
    an idle cell is pierced."""
    error, pierced = 0.0, 0
    for k in range(n):
        p, gap = work_out[d + room + k], work_out[d + 2 * room + k] - work_out[d + k] - lowering
        work_out[d + 4 * room + k] = work_out[d + 3 * room + k]
        active = p > 0.0 or gap < 0.0
        if active:
            error = ti.max(error, ti.abs(gap))
            if work_out[d + 6 * room + k] == 0.0:
                pierced = 1
        work_out[d + 3 * room + k] = ti.select(active, gap, 0.0)
        work_out[d + 6 * room + k] = ti.select(active, 1.0, 0.0)
    return error, pierced


@ti.func
def turn(d, room, n, tiles, slots, afresh, size_before, cells: ti.template(), work_out: ti.template()):
    """The next conjugate direction from z = P r in the tiles; <r, z>."""
    size, cross = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    for k in range(n):
        z = ti.cast(work_out[tiles + cells[slots + k]] * work_out[d + 6 * room + k], ti.f64)
        size += ti.cast(work_out[d + 3 * room + k], ti.f64) * z
        cross += ti.cast(work_out[d + 4 * room + k], ti.f64) * z
    beta = 0.0
    if afresh == 0:
        beta = ti.cast(ti.max(0.0, (size - cross) / ti.max(size_before, _TINY)), ti.f32)
    for k in range(n):
        z, t = work_out[tiles + cells[slots + k]], work_out[d + 5 * room + k]
        work_out[d + 5 * room + k] = work_out[d + 6 * room + k] * (z + ti.select(afresh == 0, beta * t, 0.0))
    return size


@ti.func
def advance(d, room, n, tiles, slots, cells: ti.template(), work_out: ti.template()):
    """Go along the direction, its sink in the tiles, to the lowest energy; whether a pressure was cut off at zero."""
    along, bend = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    for k in range(n):
        t = ti.cast(work_out[d + 5 * room + k], ti.f64)
        along += ti.cast(work_out[d + 3 * room + k], ti.f64) * t
        bend += t * ti.cast(work_out[tiles + cells[slots + k]], ti.f64)
    alpha = ti.cast(along / ti.max(bend, _TINY), ti.f32)
    cut = 0
    for k in range(n):
        p = work_out[d + room + k] - alpha * work_out[d + 5 * room + k]
        if p < 0.0:
            cut = 1
        work_out[d + room + k] = ti.max(p, 0.0)
        work_out[d + 2 * room + k] = work_out[d + 2 * room + k] - alpha * work_out[tiles + cells[slots + k]]
    return cut


@ti.func
def solve(tables: ti.template(), h, w, at, ints, n, m, allowed, cells_out: ti.template(), work_out: ti.template()):
    """Pressures of the listed cells, to a violation below `allowed`; iterations."""
    room, d = room_of(h, w), at + 2 * h * w
    tiles, slots, inputs = d + 8 * room, ints + 2 * room, d + 7 * room
    warm = begin(h, w, at, ints, n, cells_out, work_out)
    if warm == 0:
        press_evenly(d, d + room, n, work_out)
    # 2: u = C p for the first time; 1: u = C p afresh, because a cut came between; 0: u follows the direction.
    stale, afresh, size, iteration, going = 2, 1, ti.cast(1.0, ti.f64), 0, 1
    while going == 1:
        convolve(tables, ZZ, h, w, ints, n, m, d + ti.select(stale > 0, 1, 5) * room, inputs, tiles, cells_out, work_out)
        if stale > 0:
            take(d + 2 * room, tiles, slots, n, cells_out, work_out)
        elif advance(d, room, n, tiles, slots, cells_out, work_out) == 1:
            stale, afresh = 1, 1
            continue
        if stale == 2 and fit(d, d + room, d + 2 * room, n, work_out) == 0.0:
            press_evenly(d, d + room, n, work_out)
            continue
        error, pierced = residual(d, room, n, 0.0, work_out)
        afresh = ti.max(afresh, pierced)
        if error < allowed or iteration == MAX_ITERATIONS:
            going = 0
        else:
            convolve(tables, INVERSE, h, w, ints, n, m, d + 3 * room, inputs, tiles, cells_out, work_out)
            size = turn(d, room, n, tiles, slots, afresh, size, cells_out, work_out)
            stale, afresh, iteration = 0, 0, iteration + 1
    return iteration


@ti.func
def scatter(h, w, at, ints, n, cells: ti.template(), work_out: ti.template()):
    """Write the pressures into their map."""
    room, maps = room_of(h, w), h * w
    p = at + 2 * maps + room
    for place in range(maps):
        work_out[at + maps + place] = 0.0
    for k in range(n):
        work_out[at + maps + cells[ints + room + k]] = work_out[p + k]


@ti.func
def lies_open(h, w, at, flags, i, j, above, cells: ti.template(), work: ti.template()):
    """Whether a tile of the grid, from cell (i, j) on, has cells above `above` that are not listed."""
    found = 0
    for t in range(ti.min(TILE, w - j)):
        if work[at + i * w + j + t] > above and cells[flags + i * w + j + t] == 0:
            found = 1
    return found


@ti.func
def find_pierced(tables: ti.template(), h, w, at, ints, n, rise, allowed, cells_out: ti.template(), work_out: ti.template()):
    """Flag further cells that are pierced when the listed ones have sunk; says whether there are any."""
    room, p, pierced = room_of(h, w), at + 2 * h * w + room_of(h, w), 0
    flags, inputs = ints + 4 * room, at + 2 * h * w + 7 * room
    kept = keep_nonzero(h, w, ints, n, p, inputs, cells_out, work_out)
    total = 0.0
    for k in range(n):
        total += work_out[p + k]
    for line in range(h * ((w + TILE - 1) // TILE)):
        i, j = line % h, line // h * TILE
        if lies_open(h, w, at, flags, i, j, -rise * total, cells_out, work_out) == 1:
            sums = tile_of(tables, origin_of(ZZ, h, w) + i * 2 * w + j, cells_out, ints + 3 * room, kept, work_out, inputs)
            for t in range(ti.min(TILE, w - j)):
                place = i * w + j + t
                if sums[t] < work_out[at + place] - allowed and cells_out[flags + place] == 0:
                    cells_out[flags + place] = 1
                    pierced = 1
    return pierced


@ti.func
def flag_near(h, w, at, flags, margin, cells_out: ti.template(), work: ti.template()):
    """Flag the cells that may touch; the deepest overlap."""
    deepest = 0.0
    for place in range(h * w):
        d = work[at + place]
        cells_out[flags + place] = ti.cast(d > -margin, ti.i32)
        deepest = ti.max(deepest, d)
    return deepest


@launched
@ti.kernel
def _press(
    tables: Flat, contacts: int, h: int, w: int, margin: float, rise: float, tolerance: float, cells_out: FlatInt, work_out: Flat
):  # fmt: skip
    """Each contact's maps: overlap d, pressure (to start from, then the solution)."""
    ti.loop_config(block_dim=1)
    for b in range(contacts):
        at, ints = b * (work_out.shape[0] // contacts), b * (cells_out.shape[0] // contacts)
        deepest = flag_near(h, w, at, ints + 4 * room_of(h, w), margin, cells_out, work_out)
        going = ti.cast(deepest > 0.0, ti.i32)
        if going == 0:
            for place in range(h * w):
                work_out[at + h * w + place] = 0.0
        while going == 1:
            n, m = gather(h, w, TILE, ints, cells_out)
            solve(tables, h, w, at, ints, n, m, tolerance * deepest, cells_out, work_out)
            scatter(h, w, at, ints, n, cells_out, work_out)
            going = find_pierced(tables, h, w, at, ints, n, rise, tolerance * deepest, cells_out, work_out)
