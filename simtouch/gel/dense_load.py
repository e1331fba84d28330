"""Normal contact under a given load between listed cells: overlaps and loads in, pressures and lowerings out.

    minimise  1/2 p'C p - p'd   subject to  p >= 0,  sum p = L;   gap g = C p - d - a >= 0,  p g = 0                 (1)

The indenter is lowered by a until the cells carry the load L, so that one solution takes the place of a search for the depth. Conjugate
gradients that keep the sum, after Polonsky and Keer, Wear 231, 1999: a is the mean of C p - d where there is pressure, a cut at zero is
made good by scaling, and the preconditioned residual is projected, z <- M g - c M 1 with sum z = 0. M holds the nearest nine entries of
the inverse of C, which do as much as all of them for a hundredth of the work. The start must have pressure: the first list of cells is
taken around it, and cells that turn out to be pierced join as in `dense_press.py`.

Floats of a contact: maps d, p of h w each; lists of d, p, u = C p, g, the g before, the direction, whether a cell is active, inputs and z,
M 1; the tiles.
"""

from simtouch._taichi import Flat, FlatInt, launched, ti
from simtouch.gel.dense_cells import GROUP, INVERSE, TILE, ZZ, gather, origin_of, room_of, tiles_of
from simtouch.gel.dense_press import convolve, find_pierced, residual, scatter, take

MAX_ITERATIONS = 60
"""After these the lowering is NaN: the caller searches."""
SLACK = 0.15
"""How much further up than the cells that start in contact may touch, as a share of their range of heights."""
NOWHERE = -100.0
"""Overlap [mm] below which there is no indenter above a cell."""
_TINY = 1e-30


def floats_of(h: int, w: int) -> int:
    """Floats a contact needs."""
    return 2 * h * w + 9 * (h * w + GROUP) + tiles_of(h, w) * TILE


@ti.func
def flag_around(h, w, at, flags, cells_out: ti.template(), work: ti.template()):
    """Flag the cells that may touch: as deep as those with pressure, with some slack."""
    low, high = 1e9, -1e9
    for place in range(h * w):
        d = work[at + place]
        low = ti.select(work[at + h * w + place] > 0.0 and d > NOWHERE, ti.min(low, d), low)
        high = ti.max(high, d)
    low = low - SLACK * (high - low)
    for place in range(h * w):
        cells_out[flags + place] = ti.cast(work[at + place] >= low, ti.i32)


@ti.func
def take_load(h, w, at, ints, n, load, cells: ti.template(), work_out: ti.template()):
    """Copy overlap and pressure into the lists, scaled to the load, and clear the map of pressures; the sum that was found."""
    room, maps = room_of(h, w), h * w
    total = ti.cast(0.0, ti.f64)
    for k in range(n):
        place = at + cells[ints + room + k]
        p = ti.max(work_out[place + maps], 0.0)
        work_out[at + 2 * maps + k], work_out[at + 2 * maps + room + k] = work_out[place], p
        total += ti.cast(p, ti.f64)
    for place in range(maps):
        work_out[at + maps + place] = 0.0
    factor = ti.cast(load / ti.max(total, _TINY), ti.f32)
    for k in range(n):
        p = at + 2 * maps + room + k
        work_out[p] = work_out[p] * factor
        work_out[p + 2 * room], work_out[p + 4 * room], work_out[p + 5 * room] = 0.0, 0.0, 0.0
    return total


@ti.func
def mean_gap(d, room, n, work: ti.template()):
    """a: the mean of C p - d where there is pressure."""
    total, count = ti.cast(0.0, ti.f64), 0
    for k in range(n):
        if work[d + room + k] > 0.0:
            total += ti.cast(work[d + 2 * room + k] - work[d + k], ti.f64)
            count += 1
    return ti.cast(total / ti.max(count, 1), ti.f32)


@ti.func
def near(tables: ti.template(), h, w, at, ints, n, v, to, cells: ti.template(), work_out: ti.template()):
    """M times the list at `v`, on active cells, into the list `to`; the sum. Uses the map of pressures, and leaves it clear."""
    room, scratch = room_of(h, w), at + h * w
    active = at + 2 * h * w + 6 * room
    o = origin_of(INVERSE, h, w)
    own, beside, below, corner = tables[o], tables[o + 1], tables[o + 2 * w], tables[o + 2 * w + 1]
    for k in range(n):
        work_out[scratch + cells[ints + room + k]] = work_out[v + k]
    total = ti.cast(0.0, ti.f64)
    for k in range(n):
        place = cells[ints + room + k]
        i, j = place // w, place % w
        up, down = scratch + ti.max(i - 1, 0) * w + j, scratch + ti.min(i + 1, h - 1) * w + j
        left, right = -ti.cast(j > 0, ti.i32), ti.cast(j < w - 1, ti.i32)  # a rim stands for what is beyond it
        here = scratch + place
        sides = work_out[here + left] + work_out[here + right]
        corners = (work_out[up + left] + work_out[up + right]) + (work_out[down + left] + work_out[down + right])
        z = own * work_out[here] + beside * sides + (below * (work_out[up] + work_out[down]) + corner * corners)
        work_out[to + k] = z * work_out[active + k]
        total += ti.cast(work_out[to + k], ti.f64)
    for k in range(n):
        work_out[scratch + cells[ints + room + k]] = 0.0
    return total


@ti.func
def turn(d, room, n, by, afresh, size_before, work_out: ti.template()):
    """The next conjugate direction, which moves no load, from z and M 1; <g, z>."""
    size, cross = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    for k in range(n):
        z = work_out[d + 7 * room + k] - by * work_out[d + 8 * room + k]
        work_out[d + 7 * room + k] = z
        size += ti.cast(work_out[d + 3 * room + k] * z, ti.f64)
        cross += ti.cast(work_out[d + 4 * room + k] * z, ti.f64)
    beta = 0.0
    if afresh == 0:
        beta = ti.cast(ti.max(0.0, (size - cross) / ti.max(size_before, _TINY)), ti.f32)
    total, count = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    for k in range(n):
        active = work_out[d + 6 * room + k]
        t = active * (work_out[d + 7 * room + k] + ti.select(afresh == 0, beta * work_out[d + 5 * room + k], 0.0))
        work_out[d + 5 * room + k] = t
        total, count = total + ti.cast(t, ti.f64), count + ti.cast(active, ti.f64)
    mean = ti.cast(total / ti.max(count, 1.0), ti.f32)
    for k in range(n):
        work_out[d + 5 * room + k] = work_out[d + 5 * room + k] - mean * work_out[d + 6 * room + k]
    return size


@ti.func
def advance(d, room, n, tiles, slots, cells: ti.template(), work_out: ti.template()):
    """Go along the direction, its sink in the tiles, to the lowest energy; what was cut off at zero into the list of z, and whether."""
    along, bend = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    for k in range(n):
        t = work_out[d + 5 * room + k]
        along += ti.cast(work_out[d + 3 * room + k] * t, ti.f64)
        bend += ti.cast(t * work_out[tiles + cells[slots + k]], ti.f64)
    alpha, cut = ti.cast(along / ti.max(bend, _TINY), ti.f32), 0
    for k in range(n):
        p = work_out[d + room + k] - alpha * work_out[d + 5 * room + k]
        if p < 0.0:
            cut = 1
        work_out[d + 8 * room + k] = ti.max(-p, 0.0)
        work_out[d + room + k] = ti.max(p, 0.0)
        work_out[d + 2 * room + k] = work_out[d + 2 * room + k] - alpha * work_out[tiles + cells[slots + k]]
    return cut


@ti.func
def make_good(d, room, n, tiles, slots, load, cells: ti.template(), work_out: ti.template()):
    """The sink of what was cut off, in the tiles, onto u; then pressure and sink scaled to the load."""
    total = ti.cast(0.0, ti.f64)
    for k in range(n):
        total += ti.cast(work_out[d + room + k], ti.f64)
    factor = ti.cast(load / ti.max(total, _TINY), ti.f32)
    for k in range(n):
        u = work_out[d + 2 * room + k] + work_out[tiles + cells[slots + k]]
        work_out[d + room + k], work_out[d + 2 * room + k] = work_out[d + room + k] * factor, u * factor


@ti.func
def solve(
    tables: ti.template(), h, w, at, ints, n, m, load, deepest, tolerance, cells_out: ti.template(), work_out: ti.template()
):
    """Pressures of the listed cells; the lowering, NaN if it is not found."""
    room, d = room_of(h, w), at + 2 * h * w
    tiles, slots, inputs = d + 9 * room, ints + 2 * room, d + 7 * room
    total = take_load(h, w, at, ints, n, load, cells_out, work_out)
    convolve(tables, ZZ, h, w, ints, n, m, d + room, inputs, tiles, cells_out, work_out)
    take(d + 2 * room, tiles, slots, n, cells_out, work_out)
    afresh, size, iteration, going, lowering = 1, ti.cast(1.0, ti.f64), 0, ti.cast(total > 0.0, ti.i32), ti.math.nan
    while going == 1:
        a = mean_gap(d, room, n, work_out)
        error, pierced = residual(d, room, n, a, work_out)
        afresh, iteration = ti.max(afresh, pierced), iteration + 1
        if error < tolerance * (deepest + a):
            lowering, going = a, 0
        elif iteration > MAX_ITERATIONS:
            going = 0
        else:
            moved = near(tables, h, w, at, ints, n, d + 3 * room, d + 7 * room, cells_out, work_out)
            evenly = near(tables, h, w, at, ints, n, d + 6 * room, d + 8 * room, cells_out, work_out)
            size = turn(d, room, n, ti.cast(moved / ti.max(evenly, _TINY), ti.f32), afresh, size, work_out)
            convolve(tables, ZZ, h, w, ints, n, m, d + 5 * room, inputs, tiles, cells_out, work_out)
            afresh = advance(d, room, n, tiles, slots, cells_out, work_out)
            if afresh == 1:
                convolve(tables, ZZ, h, w, ints, n, m, d + 8 * room, inputs, tiles, cells_out, work_out)
                make_good(d, room, n, tiles, slots, load, cells_out, work_out)
    return lowering


@launched
@ti.kernel
def _carry(
    tables: Flat, loads: Flat, contacts: int, h: int, w: int, rise: float, tolerance: float, cells_out: FlatInt, work_out: Flat,
    lowering_out: Flat,
):  # fmt: skip
    """Each contact's maps: overlap d, pressure (to start from, then the solution). The map of overlaps is lowered as well."""
    ti.loop_config(block_dim=1)
    for b in range(contacts):
        at, ints = b * (work_out.shape[0] // contacts), b * (cells_out.shape[0] // contacts)
        flag_around(h, w, at, ints + 4 * room_of(h, w), cells_out, work_out)
        lowered, going = 0.0, 1
        while going == 1:
            n, m = gather(h, w, TILE, ints, cells_out)
            deepest = -1e9
            for place in range(h * w):
                deepest = ti.max(deepest, work_out[at + place])
            a = solve(tables, h, w, at, ints, n, m, loads[b], deepest, tolerance, cells_out, work_out)
            lowered, going = lowered + a, ti.cast(a == a, ti.i32)
            if going == 1:
                for place in range(h * w):
                    work_out[at + place] = work_out[at + place] + a
                scatter(h, w, at, ints, n, cells_out, work_out)
                allowed = tolerance * (deepest + a)
                going = find_pierced(tables, h, w, at, ints, n, rise, allowed, cells_out, work_out)
        lowering_out[b] = lowered
