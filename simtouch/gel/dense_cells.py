"""Convolution between the cells of a contact by real-space tables: lists of cells and values in, tiles of outputs out.

    u(i, j) = sum_(k, l) T(i - k, j - l) v(k, l)                                                                    (1)

T is a flat table over the offsets -h..h-1, -w..w-1 (`Compliance.offset_tables`), its rows S = 2 w long, offset (0, 0) at h S + w;
`TABLES` lie one after the other. A cell's address is i S + j, so that T's index is a difference of addresses. Inputs are a list of cells,
four at a time; outputs come in tiles of a row, which read T without gaps: a tile's columns may lie beyond the cells that are wanted,
and beyond the grid. A wanted cell finds its output at its slot among the tiles.
"""

from simtouch._taichi import ti

TABLES = ("zz", "inverse", "hold", "zx", "zy", "xx", "yy", "xy")
"""The tables in the order in which they are laid one after the other, each with `TILE` zeros behind it."""
ZZ, INVERSE, HOLD, ZX, ZY, XX, YY, XY = range(8)
TILE = 32
"""Outputs that are summed at once, in a local vector: Taichi vectorises loops over one, and not loops that store into arrays."""
Tile = ti.types.vector(TILE, ti.f32)
GROUP = 4
"""Inputs that are summed before a tile is touched again."""


def ints_of(h: int, w: int) -> int:
    """Integers a contact needs.

    Lists of addresses, places in a map, slots and inputs' addresses; a flag for each place; the tiles' addresses.
    """
    return 5 * (h * w + GROUP) + tiles_of(h, w)


def tiles_of(h: int, w: int) -> int:
    """Most tiles a contact can need, of `TILE` or half of it."""
    return h * -(-w // (TILE // 2))


@ti.func
def room_of(h, w):
    """Length of a list."""
    return h * w + GROUP


@ti.func
def origin_of(table, h, w):
    """Index of a table's offset (0, 0) among all tables."""
    return table * (4 * h * w + TILE) + 2 * h * w + w


@ti.func
def gather(h, w, width, at, cells_out: ti.template()):
    """List the flagged cells of a contact, whose integers start `at`, and cover them with tiles of `width`; both numbers."""
    room = room_of(h, w)
    n, m = 0, 0
    for i in range(h):
        end = 0
        for j in range(w):
            if cells_out[at + 4 * room + i * w + j] != 0:
                if j >= end:
                    cells_out[at + 5 * room + m] = i * 2 * w + j
                    m, end = m + 1, j + width
                cells_out[at + n] = i * 2 * w + j
                cells_out[at + room + n] = i * w + j
                cells_out[at + 2 * room + n] = m * width + j - end
                n += 1
    for e in range(GROUP):
        cells_out[at + n + e] = cells_out[at]
    return n, m


@ti.func
def keep_nonzero(h, w, at, n, v, to, cells_out: ti.template(), work_out: ti.template()):
    """List as inputs the listed cells with a value at `v` that is not zero, the values from `to` on; how many they are."""
    inputs, kept = at + 3 * room_of(h, w), 0
    for k in range(n):
        if work_out[v + k] != 0.0:
            cells_out[inputs + kept], work_out[to + kept] = cells_out[at + k], work_out[v + k]
            kept += 1
    for e in range(GROUP):
        cells_out[inputs + kept + e], work_out[to + kept + e] = cells_out[at], 0.0
    return kept


@ti.func
def tile_of(table: ti.template(), origin, cells: ti.template(), at, n, values: ti.template(), v):
    """Equation (1) on one tile; `origin` is `origin_of` T plus the address of the tile's first cell."""
    sums = Tile(0.0)
    for g in range((n + GROUP - 1) // GROUP):
        a, b = at + g * GROUP, v + g * GROUP
        o0, o1, o2, o3 = origin - cells[a], origin - cells[a + 1], origin - cells[a + 2], origin - cells[a + 3]
        v0, v1, v2, v3 = values[b], values[b + 1], values[b + 2], values[b + 3]
        for t in range(TILE):
            sums[t] += (table[o0 + t] * v0 + table[o1 + t] * v1) + (table[o2 + t] * v2 + table[o3 + t] * v3)
    return sums


@ti.func
def dot(a, b, n, work: ti.template()):
    """Inner product of two lists, in order and in float64."""
    total = ti.cast(0.0, ti.f64)
    for k in range(n):
        total += ti.cast(work[a + k], ti.f64) * ti.cast(work[b + k], ti.f64)
    return total


@ti.func
def onto_disc(x, y, limit):
    """The nearest vector that is no longer than `limit`."""
    size = ti.sqrt(x * x + y * y)
    scale = ti.select(size > limit, limit / ti.max(size, 1e-30), 1.0)
    return x * scale, y * scale
