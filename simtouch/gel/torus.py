"""Convolutions of a contact's window on a torus, inside kernels: maps of a window in, maps of a window or the whole grid out.

A map is rows of lanes: [row][group of eight columns], the lanes behind the last column 0. Two real columns are transformed as one
complex column along y, their half spectra turned over, transformed along x, multiplied with spectra of the layer (`tori.py`) and taken
back the same way. Products of a `mode`, hats for coefficients, i zx for the spectrum of the odd kernel zx:

    SETUP   touched, p    ->  i zx p, i zy p, hold touched                                                          (1)
    DRAG    x, y          ->  xx x + xy y, xy x + yy y                                                              (2)
    FIELDS  p, x, y       ->  (2) and (1) of p together; zz p; -i (zx x + zy y)                                     (3)
    SINK    p             ->  zz p                                                                                  (4)
"""

from simtouch._taichi import LANES, Lanes, ti
from simtouch.gel.lanes import odd_passes, transform, transpose

SETUP, DRAG, FIELDS, SINK = range(4)
ZZ, XX, YY, XY, ZX, ZY, HOLD = range(7)
PLACE = ("row", "column", "rows", "columns", "size_y", "size_x", "turns_y", "turns_x", "spectra")
"""Integers of a contact: its window, its torus, and where the tables of that begin."""


def rows_needed(maps: int, n_y: int, n_x: int) -> int:
    """Rows of lanes that a convolution works in, of so many maps in and out."""
    return 14 * max(n_y, n_x) + 4 * LANES + 2 * maps * n_x * -(-(n_y // 2 + 1) // LANES)


@ti.func
def groups_of(columns):
    """Rows of lanes that a row of a map takes."""
    return (columns + LANES - 1) // LANES


@ti.func
def part(src, n, half, to, work_out: ti.template()):
    """Twice the half spectra of columns a and b from the spectrum of a + i b: re and im of a, then of b, `half` apart."""
    for k in range(n // 2 + 1):
        m = ti.select(k > 0, n - k, 0)
        x, y, back_x, back_y = work_out[src + k], work_out[src + n + k], work_out[src + m], work_out[src + n + m]
        work_out[to + k], work_out[to + half + k] = x + back_x, y - back_y
        work_out[to + 2 * half + k], work_out[to + 3 * half + k] = y + back_y, back_x - x
    for k in range(n // 2 + 1, half):
        for which in range(4):
            work_out[to + which * half + k] = Lanes(0.0)


@ti.func
def join(src, n, half, to, work_out: ti.template()):
    """The spectrum of a + i b from the half spectra of a and b; re and im exchanged, so that the next transform goes back."""
    for k in range(n // 2 + 1):
        m = ti.select(k > 0, n - k, 0)
        x, y = work_out[src + k], work_out[src + half + k]
        of_b, of_b_y = work_out[src + 2 * half + k], work_out[src + 3 * half + k]
        work_out[to + n + m], work_out[to + m] = x + of_b_y, of_b - y
        work_out[to + n + k], work_out[to + k] = x - of_b_y, y + of_b


@ti.func
def forward(src, rows, groups, maps, first, column, n, n_x, turns: ti.template(), t, buffer, to, work_out: ti.template()):
    """Half spectra along y of maps whose first row and column are these of the torus, turned over: [map][lanes of k][re, im][x]."""
    deep = groups_of(n // 2 + 1)
    half, apart, count = deep * LANES, buffer + 4 * n, maps * groups
    for line in range(maps * deep * 2):
        for x in range(column):
            work_out[to + line * n_x + x] = Lanes(0.0)
        for x in range(column + groups * LANES, n_x):
            work_out[to + line * n_x + x] = Lanes(0.0)
    for pair in range((count + 1) // 2):
        for which in range(2):
            c = 2 * pair + which
            here, there = src + (c // groups) * rows * groups + c % groups, buffer + which * n
            used = ti.select(c < count, rows, 0)
            for j in range(first):
                work_out[there + j] = Lanes(0.0)
            for j in range(used):
                work_out[there + first + j] = work_out[here + j * groups]
            for j in range(first + used, n):
                work_out[there + j] = Lanes(0.0)
        part(transform(buffer, buffer + 2 * n, n, turns, t, work_out), n, half, apart, work_out)
        for which in range(ti.min(2, count - 2 * pair)):
            c = 2 * pair + which
            x = column + (c % groups) * LANES
            for v in range(deep):
                for z in range(2):
                    out = to + (((c // groups) * deep + v) * 2 + z) * n_x + x
                    transpose(apart + (2 * which + z) * half + v * LANES, 1, out, 1, work_out)


@ti.func
def backward(src, rows, groups, maps, n, n_x, turns: ti.template(), t, buffer, to, work_out: ti.template()):
    """The way back from `forward`, re and im exchanged, to the torus's first rows and columns."""
    deep, count = groups_of(n // 2 + 1), maps * groups
    half, apart = deep * LANES, buffer + 4 * n
    for pair in range((count + 1) // 2):
        for which in range(2):
            c = ti.min(2 * pair + which, count - 1)
            for v in range(deep):
                for z in range(2):
                    here = src + (((c // groups) * deep + v) * 2 + 1 - z) * n_x + (c % groups) * LANES
                    transpose(here, 1, apart + (2 * which + z) * half + v * LANES, 1, work_out)
        join(apart, n, half, buffer, work_out)
        found = transform(buffer, buffer + 2 * n, n, turns, t, work_out)
        for which in range(ti.min(2, count - 2 * pair)):
            c, here = 2 * pair + which, found + (1 - which) * n
            there = to + (c // groups) * rows * groups + c % groups
            for j in range(rows):
                work_out[there + j * groups] = work_out[here + j]


@ti.func
def multiply(mode, src, to, step, n, table, each, spectra: ti.template(), work_out: ti.template()):
    """(1) to (4) of n rows of coefficients, maps `step` apart; re and im of the products exchanged."""
    none, second, third, fourth = Lanes(0.0), to + step, to + 2 * step, to + 3 * step
    for k in range(n):
        a, t = src + k, table + k
        if mode == SINK:
            zz = spectra[t + ZZ * each]
            work_out[to + n + k], work_out[to + k] = zz * work_out[a], zz * work_out[a + n]
        elif mode == SETUP:
            px, py, zx, zy = work_out[a + step], work_out[a + step + n], spectra[t + ZX * each], spectra[t + ZY * each]
            hold = spectra[t + HOLD * each]
            work_out[to + n + k], work_out[to + k] = none - zx * py, zx * px
            work_out[second + n + k], work_out[second + k] = none - zy * py, zy * px
            work_out[third + n + k], work_out[third + k] = hold * work_out[a], hold * work_out[a + n]
        else:
            b = a + ti.select(mode == FIELDS, step, 0)
            xx, yy, xy = spectra[t + XX * each], spectra[t + YY * each], spectra[t + XY * each]
            xr, xi, yr, yi = work_out[b], work_out[b + n], work_out[b + step], work_out[b + step + n]
            ur, ui, vr, vi = xx * xr + xy * yr, xx * xi + xy * yi, xy * xr + yy * yr, xy * xi + yy * yi
            if mode == FIELDS:
                pr, pi, zz = work_out[a], work_out[a + n], spectra[t + ZZ * each]
                zx, zy = spectra[t + ZX * each], spectra[t + ZY * each]
                ur, ui, vr, vi = ur - zx * pi, ui + zx * pr, vr - zy * pi, vi + zy * pr
                work_out[third + n + k], work_out[third + k] = zz * pr, zz * pi
                work_out[fourth + n + k], work_out[fourth + k] = zx * xi + zy * yi, none - (zx * xr + zy * yr)
            work_out[to + n + k], work_out[to + k] = ur, ui
            work_out[second + n + k], work_out[second + k] = vr, vi


@ti.func
def across(
    mode, given, wanted, src, to, deep, n, turns: ti.template(), t, table, buffer, spectra: ti.template(), work_out: ti.template()
):
    """Along x: transform `given` maps, multiply, and take `wanted` ones back; re and im of these stay exchanged."""
    # A transform of an odd number of passes ends beside where it began; so none of its results has to be moved.
    odd, apart = odd_passes(n), deep * 2 * n
    for v in range(deep):
        found, step = ti.select(odd == 1, buffer, src + v * 2 * n), ti.select(odd == 1, 2 * n, apart)
        out = ti.select(odd == 1, buffer + 6 * n, to + v * 2 * n)
        for f in range(given + wanted):
            begin, beside = src + f * apart + v * 2 * n, buffer + f * 2 * n
            if f >= given:
                begin, beside = out + (f - given) * step, ti.select(odd == 1, to + v * 2 * n + (f - given) * apart, buffer)
            if f == given:
                multiply(mode, found, out, step, n, table + v * n, deep * n, spectra, work_out)
            transform(begin, beside, n, turns, t, work_out)


@ti.func
def convolve(
    mode, given, wanted, places: ti.template(), at, src, rows_out, columns_out, whole, to, room, turns: ti.template(),
    spectra: ti.template(), work_out: ti.template(),
):  # fmt: skip
    """`given` maps of a window at `src` to `wanted` maps at `to`: of the window, or where `whole` is 1 of the grid that it lies in."""
    rows, columns, n_y, n_x = places[at + 2], places[at + 3], places[at + 4], places[at + 5]
    deep, groups, groups_to = groups_of(n_y // 2 + 1), groups_of(columns), groups_of(columns_out)
    apart = room + 14 * ti.max(n_y, n_x) + 4 * LANES
    back = apart + given * deep * 2 * n_x
    forward(
        src,
        rows,
        groups,
        given,
        whole * places[at],
        whole * places[at + 1],
        n_y,
        n_x,
        turns,
        places[at + 6],
        room,
        apart,
        work_out,
    )
    across(mode, given, wanted, apart, back, deep, n_x, turns, places[at + 7], places[at + 8], room, spectra, work_out)
    backward(back, rows_out, groups_to, wanted, n_y, n_x, turns, places[at + 6], room, to, work_out)
