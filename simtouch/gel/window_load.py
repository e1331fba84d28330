"""Normal contact under a given load in a window: overlaps and loads in, pressures and lowerings out. The problem is (1) of `dense_load.py`.

Its conjugate gradients that keep the sum, one contact a thread and serial inside, eight cells at once; convolutions by `torus.py`. Every
cell of the window may touch. The lowering is NaN where none is found, and where a cell outside might be pierced: no cell sinks by less
than -rise L, L being the load.

Rows of lanes of a contact, maps of the window: d, p, u = C p, the gap g, g before, the direction, whether a cell is active, z, M 1, what is
cut off at zero, an answer; then room to convolve in.
"""

from simtouch._taichi import LANES, Flat, FlatInt, Lanes, Rows, launched, ti
from simtouch.gel.dense_load import MAX_ITERATIONS, NOWHERE
from simtouch.gel.torus import PLACE, SINK, convolve, groups_of
from simtouch.gel.window_slide import STATE, largest_of, sum_of

MAPS = 11
PRESSED, SUNK, GAP, BEFORE, WAY, ACTIVE, NEAR, EVENLY, CUT, ANSWER = range(1, MAPS)
_TINY = 1e-30
_NUMBERS = len(PLACE)


@ti.func
def take_in(
    places: ti.template(), place, overlap: ti.template(), state: ti.template(), start: ti.template(), b, h, w, scale, load, at,
    work_out: ti.template(),
):  # fmt: skip
    """Overlap and pressure of a window, the pressure scaled to the load; the deepest overlap, -inf if there is no pressure."""
    rows, columns, first = places[place + 2], places[place + 3], b * h * w + places[place] * w + places[place + 1]
    sink = first + (b * (STATE - 1) + STATE - 1) * h * w
    groups, deepest, total = groups_of(columns), -1e9, ti.cast(0.0, ti.f64)
    area = rows * groups
    for i in range(rows):
        for g in range(groups):
            d, p = Lanes(NOWHERE), Lanes(0.0)
            for e in range(ti.min(LANES, columns - g * LANES)):
                cell = i * w + g * LANES + e
                d[e], p[e] = overlap[first + cell] * scale - state[sink + cell], ti.max(start[first + cell], 0.0)
                deepest, total = ti.max(deepest, d[e]), total + ti.cast(p[e], ti.f64)
            k = at + i * groups + g
            work_out[k], work_out[k + PRESSED * area] = d, p
            for map_ in ti.static((GAP, WAY, ACTIVE)):
                work_out[k + map_ * area] = Lanes(0.0)
    factor = ti.cast(load / ti.max(total, _TINY), ti.f32)
    for k in range(at + PRESSED * area, at + (PRESSED + 1) * area):
        work_out[k] = work_out[k] * factor
    return ti.select(total > 0.0, deepest, -ti.math.inf)


@ti.func
def mean_gap(at, area, work: ti.template()):
    """a: the mean of C p - d where there is pressure."""
    total, count = Lanes(0.0), Lanes(0.0)
    for k in range(at, at + area):
        pressed = ti.select(work[k + PRESSED * area] > 0.0, 1.0, 0.0)
        total += pressed * (work[k + SUNK * area] - work[k])
        count += pressed
    return ti.cast(sum_of(total) / ti.max(sum_of(count), 1.0), ti.f32)


@ti.func
def residual(at, area, lowering, work_out: ti.template()):
    """The gap on active cells, what it was into its map; the largest violation, and whether an idle cell is pierced."""
    error, pierced = Lanes(0.0), Lanes(0.0)
    for k in range(at, at + area):
        gap = work_out[k + SUNK * area] - work_out[k] - lowering
        active = ti.max(ti.select(work_out[k + PRESSED * area] > 0.0, 1.0, 0.0), ti.select(gap < 0.0, 1.0, 0.0))
        pierced = ti.max(pierced, active - work_out[k + ACTIVE * area])
        gap *= active
        error = ti.max(error, ti.max(gap, Lanes(0.0) - gap))
        work_out[k + BEFORE * area], work_out[k + GAP * area] = work_out[k + GAP * area], gap
        work_out[k + ACTIVE * area] = active
    return largest_of(error), ti.cast(largest_of(pierced) > 0.0, ti.i32)


@ti.func
def near(at, rows, groups, src, to, own, beside, below, corner, work_out: ti.template()):
    """M times the map `src`, on active cells, into the map `to`; the sum."""
    area, total = rows * groups, Lanes(0.0)
    for i in range(rows):
        here = at + src * area + i * groups
        over, under = ti.select(i > 0, -groups, 0), ti.select(i < rows - 1, groups, 0)  # a rim stands for what is beyond it
        before, sides = Lanes(0.0), work_out[here] * beside + (work_out[here + over] + work_out[here + under]) * corner
        for g in range(groups):
            own_, around = work_out[here + g], work_out[here + g + over] + work_out[here + g + under]
            after = Lanes(0.0)
            if g < groups - 1:
                after = (
                    work_out[here + g + 1] * beside + (work_out[here + g + 1 + over] + work_out[here + g + 1 + under]) * corner
                )
            left = Lanes(before[7], sides[0], sides[1], sides[2], sides[3], sides[4], sides[5], sides[6])
            right = Lanes(sides[1], sides[2], sides[3], sides[4], sides[5], sides[6], sides[7], after[0])
            z = (own_ * own + around * below + (left + right)) * work_out[at + ACTIVE * area + i * groups + g]
            work_out[at + to * area + i * groups + g] = z
            total += z
            before, sides = sides, after
    return sum_of(total)


@ti.func
def turn(at, area, by, afresh, size_before, work_out: ti.template()):
    """The next conjugate direction, which moves no load, from z and M 1; <g, z>."""
    sizes, crosses, total, count = Lanes(0.0), Lanes(0.0), Lanes(0.0), Lanes(0.0)
    for k in range(at, at + area):
        z = work_out[k + NEAR * area] - work_out[k + EVENLY * area] * by
        work_out[k + NEAR * area] = z
        sizes += work_out[k + GAP * area] * z
        crosses += work_out[k + BEFORE * area] * z
    size = sum_of(sizes)
    beta = ti.select(afresh == 0, ti.cast(ti.max(0.0, (size - sum_of(crosses)) / ti.max(size_before, _TINY)), ti.f32), 0.0)
    for k in range(at, at + area):
        t = work_out[k + ACTIVE * area] * (work_out[k + NEAR * area] + work_out[k + WAY * area] * beta)
        work_out[k + WAY * area] = t
        total += t
        count += work_out[k + ACTIVE * area]
    mean = ti.cast(sum_of(total) / ti.max(sum_of(count), 1.0), ti.f32)
    for k in range(at, at + area):
        work_out[k + WAY * area] = work_out[k + WAY * area] - work_out[k + ACTIVE * area] * mean
    return size


@ti.func
def advance(at, area, work_out: ti.template()):
    """Go along the direction, its sink the answer, to the lowest energy; what was cut off at zero into its map, and whether."""
    along, bend, most = Lanes(0.0), Lanes(0.0), Lanes(0.0)
    for k in range(at, at + area):
        t = work_out[k + WAY * area]
        along += work_out[k + GAP * area] * t
        bend += t * work_out[k + ANSWER * area]
    alpha = ti.cast(sum_of(along) / ti.max(sum_of(bend), _TINY), ti.f32)
    for k in range(at, at + area):
        p = work_out[k + PRESSED * area] - work_out[k + WAY * area] * alpha
        cut = ti.max(Lanes(0.0) - p, 0.0)
        most = ti.max(most, cut)
        work_out[k + CUT * area], work_out[k + PRESSED * area] = cut, ti.max(p, 0.0)
        work_out[k + SUNK * area] = work_out[k + SUNK * area] - work_out[k + ANSWER * area] * alpha
    return ti.cast(largest_of(most) > 0.0, ti.i32)


@ti.func
def make_good(at, area, load, work_out: ti.template()):
    """The sink of what was cut off, the answer, onto u; then pressure and sink scaled to the load."""
    total = Lanes(0.0)
    for k in range(at + PRESSED * area, at + (PRESSED + 1) * area):
        total += work_out[k]
    factor = ti.cast(load / ti.max(sum_of(total), _TINY), ti.f32)
    for k in range(at, at + area):
        work_out[k + SUNK * area] = (work_out[k + SUNK * area] + work_out[k + ANSWER * area]) * factor
        work_out[k + PRESSED * area] = work_out[k + PRESSED * area] * factor


@ti.func
def solve(
    places: ti.template(), place, at, load, deepest, tolerance, own, beside, below, corner, turns: ti.template(), spectra: ti.template(),
    work_out: ti.template(),
):  # fmt: skip
    """Pressures of a window, and the lowering. What the answer is of: 0 the first pressure, 1 the direction, 2 what was cut off."""
    rows, columns = places[place + 2], places[place + 3]
    groups = groups_of(columns)
    area, lowering = rows * groups, ti.math.nan
    of, afresh, iteration, size, going = 0, 1, 0, ti.cast(1.0, ti.f64), 1
    while going == 1:
        src = at + ti.select(of == 0, PRESSED, ti.select(of == 1, WAY, CUT)) * area
        convolve(SINK, 1, 1, places, place, src, rows, columns, 0, at + ANSWER * area, at + MAPS * area, turns, spectra, work_out)
        if of == 1:
            afresh = advance(at, area, work_out)
            if afresh == 1:
                of = 2
                continue
        elif of == 0:
            for k in range(at + SUNK * area, at + (SUNK + 1) * area):
                work_out[k] = work_out[k + (ANSWER - SUNK) * area]
        else:
            make_good(at, area, load, work_out)
        a = mean_gap(at, area, work_out)
        error, pierced = residual(at, area, a, work_out)
        afresh, iteration, of = ti.max(afresh, pierced), iteration + 1, 1
        if error < tolerance * (deepest + a):
            lowering, going = a, 0
        elif iteration > MAX_ITERATIONS:
            going = 0
        else:
            moved = near(at, rows, groups, GAP, NEAR, own, beside, below, corner, work_out)
            evenly = near(at, rows, groups, ACTIVE, EVENLY, own, beside, below, corner, work_out)
            size = turn(at, area, ti.cast(moved / ti.max(evenly, _TINY), ti.f32), afresh, size, work_out)
    return lowering


@ti.func
def deepest_outside(places: ti.template(), place, overlap: ti.template(), state: ti.template(), b, h, w, scale):
    """Of the cells that are not in the window."""
    deepest, sink = -1e9, (b * (STATE - 1) + STATE - 1) * h * w
    for i in range(h):
        outside = i < places[place] or i >= places[place] + places[place + 2]
        left, right = ti.select(outside, w, places[place + 1]), places[place + 1] + places[place + 3]
        for j in range(w):
            if j < left or j >= right:
                cell = (b * h + i) * w + j
                deepest = ti.max(deepest, overlap[cell] * scale - state[sink + cell])
    return deepest


@launched
@ti.kernel
def _carry(
    turns: Flat, spectra: Rows, h: int, w: int, room: int, scale: float, rise: float, tolerance: float, own: float, beside: float,
    below: float, corner: float, contacts: int, places: FlatInt, loads: Flat, overlap: Flat, state: Flat, start: Flat,
    pressure_out: Flat, lowering_out: Flat, work_out: Rows,
):  # fmt: skip
    """Contacts with a window and its torus each (`PLACE`); pressures go into maps that are 0. The last four numbers are of M."""
    ti.loop_config(block_dim=1)
    for b in range(contacts):
        at, place, lowering = b * room, b * _NUMBERS, ti.math.nan
        area = places[place + 2] * groups_of(places[place + 3])
        deepest = take_in(places, place, overlap, state, start, b, h, w, scale, loads[b], at, work_out)
        if deepest > -1e9:
            lowering = solve(
                places, place, at, loads[b], deepest, tolerance, own, beside, below, corner, turns, spectra, work_out
            )
            if deepest_outside(places, place, overlap, state, b, h, w, scale) + lowering > -rise * loads[b]:
                lowering = ti.math.nan
        groups = groups_of(places[place + 3])
        for line in range(area):
            p, column = work_out[at + PRESSED * area + line], line % groups * LANES
            cell = (b * h + places[place] + line // groups) * w + places[place + 1] + column
            for e in range(ti.min(LANES, places[place + 3] - column)):
                pressure_out[cell + e] = p[e]
        lowering_out[b] = lowering
