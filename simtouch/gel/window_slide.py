"""Friction in a window, and how the whole surface answers: what sticking cells must show in, shear tractions and displacements out.

The long steps of `solve_friction` (`friction.py`), one contact a thread and serial inside, eight cells at once; convolutions by
`torus.py`. Cells of the window without contact have a limit of 0, and so no shear.

Rows of lanes of a contact, maps of the window first: l, slope C tau - w (x, y), what is touched and then D, p, tau (x, y), the way d
(x, y), three answers, w (x, y); then the four fields of the grid, and room to convolve in.
"""

from simtouch._taichi import LANES, Flat, FlatByte, FlatInt, Lanes, Rows, launched, ti
from simtouch.gel.friction import AT_THE_LIMIT, LONG_STEPS
from simtouch.gel.torus import DRAG, FIELDS, PLACE, SETUP, convolve, groups_of

MAX_ITERATIONS = 400
MAPS = 14
SLOPE, HOLD, PRESSED, TAU, WAY, ANSWER, TARGET = 1, 3, 4, 5, 7, 9, 12
STATE = 5
"""Maps that a contact is remembered by: shear traction (x, y) [MPa], what a cell must show if it sticks (x, y), sink by shear [mm]."""
SURFACE = 8
"""Maps of the surface: pressure, then shear, slip and displacement in turn, two, two and three numbers a cell; Pa and m."""
_TINY = 1e-30
_ROUNDING = 1.001  # of D by transforms, relative to a sum of positive terms
_ROOM = 1 - 1e-6  # keeps |tau| <= l after rounding, as in `friction.py`
_NUMBERS = len(PLACE)


@ti.func
def share_of(x, y, limit):
    """What takes (x, y) to the nearest vector that is no longer than `limit`."""
    return limit / ti.max(ti.max(ti.sqrt(x * x + y * y), limit), _TINY)


@ti.func
def sum_of(lanes):
    """Of eight numbers, in order."""
    total = ti.cast(0.0, ti.f64)
    for e in ti.static(range(LANES)):
        total += ti.cast(lanes[e], ti.f64)
    return total


@ti.func
def largest_of(lanes):
    """Of eight numbers >= 0."""
    found = 0.0
    for e in ti.static(range(LANES)):
        found = ti.max(found, lanes[e])
    return found


@ti.func
def begin(
    places: ti.template(), place, pressure: ti.template(), motion: ti.template(), state: ti.template(), b, h, w, friction, scale, at,
    work_out: ti.template(),
):  # fmt: skip
    """The maps of a window: limit, minus target, what is touched, pressure, first shear traction; the largest limit."""
    rows, columns, first = places[place + 2], places[place + 3], places[place] * w + places[place + 1]
    groups, maps, largest = groups_of(columns), h * w, 0.0
    area, before = rows * groups, b * STATE * maps + first
    for i in range(rows):
        for g in range(groups):
            p, touched, limit = Lanes(0.0), Lanes(0.0), Lanes(0.0)
            x, y, to_x, to_y = Lanes(0.0), Lanes(0.0), Lanes(0.0), Lanes(0.0)
            for e in range(ti.min(LANES, columns - g * LANES)):
                cell = i * w + g * LANES + e
                p[e], moved = pressure[b * maps + first + cell], 2 * (b * maps + first + cell)
                touched[e], limit[e] = ti.select(p[e] > 0.0, 1.0, 0.0), friction * ti.max(p[e], 0.0) * _ROOM
                x[e], y[e] = state[before + cell], state[before + maps + cell]
                to_x[e] = state[before + 2 * maps + cell] + motion[moved] * scale
                to_y[e] = state[before + 3 * maps + cell] + motion[moved + 1] * scale
                largest = ti.max(largest, limit[e])
            share, k = share_of(x, y, limit), at + i * groups + g
            work_out[k], work_out[k + HOLD * area], work_out[k + PRESSED * area] = limit, touched, p
            work_out[k + SLOPE * area], work_out[k + (SLOPE + 1) * area] = Lanes(0.0) - to_x, Lanes(0.0) - to_y
            work_out[k + TARGET * area], work_out[k + (TARGET + 1) * area] = to_x, to_y
            work_out[k + TAU * area], work_out[k + (TAU + 1) * area] = x * share, y * share
    return largest


@ti.func
def set_up(at, area, work_out: ti.template()):
    """What pressure does in-plane onto the slope, D from the answers, and d = tau."""
    for k in range(at, at + area):
        for axis in ti.static(range(2)):
            slope = k + (SLOPE + axis) * area
            work_out[slope] = work_out[slope] + work_out[k + (ANSWER + axis) * area]
            work_out[k + (WAY + axis) * area] = work_out[k + (TAU + axis) * area]
        work_out[k + HOLD * area] = ti.max(work_out[k + (ANSWER + 2) * area] * _ROUNDING, _TINY)


@ti.func
def find_way(at, area, length, work_out: ti.template()):
    """d of (3) in `friction.py`; its largest component."""
    largest = Lanes(0.0)
    for k in range(at, at + area):
        step = length / work_out[k + HOLD * area]
        x, y, limit = work_out[k + TAU * area], work_out[k + (TAU + 1) * area], work_out[k]
        to_x, to_y = x - step * work_out[k + SLOPE * area], y - step * work_out[k + (SLOPE + 1) * area]
        share = share_of(to_x, to_y, limit)
        x, y = to_x * share - x, to_y * share - y
        work_out[k + WAY * area], work_out[k + (WAY + 1) * area] = x, y
        largest = ti.max(largest, ti.max(ti.max(x, Lanes(0.0) - x), ti.max(y, Lanes(0.0) - y)))
    return largest_of(largest)


@ti.func
def measure(at, area, work: ti.template()):
    """d'C d, d'D d and how steeply the energy falls along d, with C d among the answers."""
    bend, held, uphill = Lanes(0.0), Lanes(0.0), Lanes(0.0)
    for k in range(at, at + area):
        x, y = work[k + WAY * area], work[k + (WAY + 1) * area]
        bend += x * work[k + ANSWER * area] + y * work[k + (ANSWER + 1) * area]
        held += (x * x + y * y) * work[k + HOLD * area]
        uphill += x * work[k + SLOPE * area] + y * work[k + (SLOPE + 1) * area]
    return ti.max(sum_of(bend), _TINY), sum_of(held), -sum_of(uphill)


@ti.func
def go(at, area, to, way, share, work_out: ti.template()):
    """A map and the one behind it (x, y) by a share of two others."""
    for k in range(at, at + 2 * area):
        work_out[k + to * area] = work_out[k + to * area] + share * work_out[k + way * area]


@ti.func
def proceed(at, area, stage, length_before, work_out: ti.template()):
    """Take the way in stages from 2 on, carry the slope on by the answer; the next length a of (3)."""
    share, length = 1.0, length_before
    if stage > 1:
        bend, held, downhill = measure(at, area, work_out)
        length = ti.cast(held / bend, ti.f32)
        if stage - 1 > LONG_STEPS:
            share = ti.cast(ti.min(ti.max(downhill / bend, 0.0), 1.0), ti.f32)
        go(at, area, TAU, WAY, share, work_out)
    go(at, area, SLOPE, ANSWER, share, work_out)
    return length


@ti.func
def slide(
    places: ti.template(), place, h, w, at, fields, room, largest, tolerance, turns: ti.template(), spectra: ti.template(),
    work_out: ti.template(),
):  # fmt: skip
    """Stage 0 sets up, 1 finds the first slope, those from 2 on iterate; the last one, -1, is the surface's answer."""
    area, columns = places[place + 2] * groups_of(places[place + 3]), places[place + 3]
    stage, length, going = 0, 1.0, 1
    while going == 1:
        mode, given, wanted, whole = ti.select(stage == 0, SETUP, DRAG), 2, ti.select(stage == 0, 3, 2), 0
        src, to = at + ti.select(stage == 0, HOLD, WAY) * area, at + ANSWER * area
        rows_out, columns_out = places[place + 2], columns
        if stage == -1:
            mode, given, wanted, whole = FIELDS, 3, 4, 1
            src, to, rows_out, columns_out = at + PRESSED * area, fields, h, w
        convolve(
            mode, given, wanted, places, place + whole * _NUMBERS, src, rows_out, columns_out, whole, to, room, turns, spectra, work_out
        )  # fmt: skip
        if stage == -1:
            going = 0
        elif stage == 0:
            set_up(at, area, work_out)
            stage = 1
        else:
            length = proceed(at, area, stage, length, work_out)
            change = find_way(at, area, length, work_out)
            stage += 1
            if change < tolerance * largest or stage > MAX_ITERATIONS:
                go(at, area, TAU, WAY, 1.0, work_out)
                stage = -1


@ti.func
def show_grid(b, h, w, fields, length, state_out: ti.template(), surface_out: ti.template(), work: ti.template()):
    """What the fields alone say of every cell: its motion, what a free one must show, its sink by shear."""
    maps, groups = h * w, groups_of(w)
    state, moved = b * STATE * maps + 2 * maps, b * SURFACE * maps + 5 * maps
    for line in range(h * groups):
        k, first = fields + line, line // groups * w + line % groups * LANES
        x, y, shear = work[k], work[k + h * groups], work[k + 3 * h * groups]
        down = work[k + 2 * h * groups] + shear
        for e in range(ti.min(LANES, w - line % groups * LANES)):
            cell = first + e
            state_out[state + cell], state_out[state + maps + cell], state_out[state + 2 * maps + cell] = x[e], y[e], shear[e]
            out = moved + 3 * cell
            surface_out[out], surface_out[out + 1], surface_out[out + 2] = x[e] * length, y[e] * length, -down[e] * length


@ti.func
def show_contact(
    places: ti.template(), place, b, h, w, at, length, stress, state_out: ti.template(), surface_out: ti.template(),
    slides_out: ti.template(), work: ti.template(),
):  # fmt: skip
    """What holds of touched cells: tractions, how far one slid, what one that sticks must show."""
    rows, columns, first = places[place + 2], places[place + 3], places[place] * w + places[place + 1]
    groups, maps = groups_of(columns), h * w
    area, state, surface = rows * groups, b * STATE * maps, b * SURFACE * maps
    for line in range(area):
        k, begin = at + line, first + line // groups * w + line % groups * LANES
        x, y, to_x, to_y = (
            work[k + TAU * area],
            work[k + (TAU + 1) * area],
            work[k + TARGET * area],
            work[k + (TARGET + 1) * area],
        )
        over, p = ti.sqrt(x * x + y * y) - work[k] * (1.0 - AT_THE_LIMIT), work[k + PRESSED * area]
        for e in range(ti.min(LANES, columns - line % groups * LANES)):
            if p[e] > 0.0:
                cell = begin + e
                out, to = surface + maps + 2 * cell, state + 2 * maps + cell
                surface_out[surface + cell] = p[e] * stress
                state_out[state + cell], state_out[state + maps + cell] = x[e], y[e]
                surface_out[out], surface_out[out + 1] = x[e] * stress, y[e] * stress
                if over[e] >= 0.0:
                    slides_out[b * maps + cell] = ti.u8(1)
                    surface_out[out + 2 * maps] = (to_x[e] - state_out[to]) * length
                    surface_out[out + 2 * maps + 1] = (to_y[e] - state_out[to + maps]) * length
                else:
                    state_out[to], state_out[to + maps] = to_x[e], to_y[e]


@launched
@ti.kernel
def _slide(
    turns: Flat, spectra: Rows, h: int, w: int, room: int, friction: float, tolerance: float, length: float, stress: float,
    contacts: int, places: FlatInt, pressure: Flat, motion: Flat, state: Flat, state_out: Flat, surface_out: Flat,
    slides_out: FlatByte, work_out: Rows,
):  # fmt: skip
    """Contacts with a window each, and a torus for it and one for the grid (`PLACE`); `length` and `stress` are mm and MPa in SI."""
    ti.loop_config(block_dim=1)
    for b in range(contacts):
        at, place = b * room, b * 2 * _NUMBERS
        if places[place + 2] > 0:
            fields = at + MAPS * places[place + 2] * groups_of(places[place + 3])
            space = fields + 4 * h * groups_of(w)
            largest = begin(places, place, pressure, motion, state, b, h, w, friction, 1.0 / length, at, work_out)
            slide(places, place, h, w, at, fields, space, largest, tolerance, turns, spectra, work_out)
            show_grid(b, h, w, fields, length, state_out, surface_out, work_out)
            show_contact(places, place, b, h, w, at, length, stress, state_out, surface_out, slides_out, work_out)
