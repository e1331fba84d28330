"""The kernels of the calibrated colour response: gel surface and touched pixels in, change of colour, or the whole image, out.

Equations (1) to (3) of `simtouch/sensors/colour_table.py`, two passes over each tile of pixels. The first finds nodes and weights of
all its pixels by vector instructions. The second looks up one pixel at a time: the numbers of a node lie side by side, the channels of
a term in four lanes (the fourth is 0), so a vector instruction reads two terms. It goes through the tile zone by zone, so that the
coefficients of B stay in registers. A tile where nothing is tilted changes no colour and skips both. Lengths in pixels.

`numbers` holds, one after another: the coefficients of B in x for each row and zone, constant first, (H, 2, 4, lanes), lanes a power of
two, 8 at least; A, (2, n, n, lanes); the mix M, (9,); the range of x that is covered, (2,); the noise, a and b of each channel, (6,);
and for the image the resting picture and the gain of the surface, four planes. One array, because each costs a launch 20 us.
"""

from simtouch._taichi import Flat, FlatByte, FlatInt, launched, ti
from simtouch.optics.camera import IntTile, as_byte, grain, hash32, rehash
from simtouch.optics.planes import PAD, TILE, Tile, store_tile

Lanes = ti.types.vector(8 * TILE, ti.f32)


@ti.func
def count_tilted(surface: ti.template(), i, start, rows, stride, unseen):
    """How many pixels of a tile are tilted at all; a sum, because vector instructions can add but not stop early."""
    above, below = ti.max(i - 1, 0) * stride, ti.min(i + 1, rows - 1) * stride
    per_row = 1.0 / ti.max(ti.min(i + 1, rows - 1) - ti.max(i - 1, 0), 1)
    tilted = 0
    for e in range(TILE):
        at = i * stride + start + e
        slope_x = (surface[at + 1] - surface[at - 1]) * 0.5
        slope_y = (surface[below + start + e] - surface[above + start + e]) * per_row
        tilted += ti.cast((ti.abs(slope_x) > unseen) | (ti.abs(slope_y) > unseen), ti.i32)
    return tilted


@ti.func
def find_nodes(
    surface: ti.template(), i, start, rows, stride, n, node_out: ti.template(), here_out: ti.template(), right_out: ti.template(),
    lower_out: ti.template(), both_out: ti.template(),
):  # fmt: skip
    """Node above and left of each pixel's s of (2), and the weights of it and of those to its right, below it, and below to the right."""
    above, below = ti.max(i - 1, 0) * stride, ti.min(i + 1, rows - 1) * stride
    per_row = 1.0 / ti.max(ti.min(i + 1, rows - 1) - ti.max(i - 1, 0), 1)
    middle = 0.5 * (n - 1)
    for e in range(TILE):
        at = i * stride + start + e
        slope_x = (surface[at + 1] - surface[at - 1]) * 0.5
        slope_y = (surface[below + start + e] - surface[above + start + e]) * per_row
        scale = middle / ti.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
        x, y = slope_x * scale + middle, slope_y * scale + middle
        col, row = ti.min(ti.cast(x, ti.i32), n - 2), ti.min(ti.cast(y, ti.i32), n - 2)
        across, down = x - col, y - row
        both = across * down
        lower = down - both
        node_out[e], both_out[e], lower_out[e], right_out[e] = row * n + col, both, lower, across - both
        here_out[e] = 1.0 - across - lower


@ti.func
def eight(numbers: ti.template(), at, lane: ti.template()):
    """Eight numbers from `at` on, whose low bits are free for `lane`: with `|` the compiler knows that they lie side by side."""
    return ti.Vector([numbers[at | (lane + c)] for c in ti.static(range(8))])


@ti.func
def end_of_zone(touched: ti.template(), first_pixel, e, most):
    """Where the zone of the e-th pixel of a tile ends, which begins at `first_pixel` of the map and holds `most` pixels."""
    end = e + 1
    while end < most and touched[first_pixel + end] == touched[first_pixel + e]:
        end += 1
    return ti.select(end == most, TILE, end)


@ti.func
def look_up_tile(
    touched: ti.template(), numbers: ti.template(), node: ti.template(), here: ti.template(), right: ti.template(),
    lower: ti.template(), both: ti.template(), i, tile, n, terms: ti.template(), lanes: ti.template(), rows, cols,
    sums_out: ti.template(),
):  # fmt: skip
    """The inner sum of (1) on a tile, in eight lanes a pixel: that of even terms in four, of odd terms in the next four."""
    least, most = numbers[(8 * rows + 2 * n * n) * lanes + 9], numbers[(8 * rows + 2 * n * n) * lanes + 10]
    x, step = (2.0 * tile * TILE + 1.0) / cols - 1.0, 2.0 / cols
    first_pixel, begin = i * cols + tile * TILE, 0
    while begin < TILE:
        zone = ti.cast(touched[first_pixel + begin], ti.i32)
        end = end_of_zone(touched, first_pixel, begin, ti.min(TILE, cols - tile * TILE))
        place, lattice = (2 * i + zone) * (4 * lanes), (8 * rows + zone * n * n) * lanes
        for e in range(begin, end):
            at = lattice + node[e] * lanes
            below = at + n * lanes
            held = ti.min(ti.max(x, least), most)
            # A running sum, which forbids the compiler to do eight pixels at once: it would have to gather, many times slower.
            x += step
            total = ti.Vector([0.0 for _ in ti.static(range(8))])
            for pair in ti.static(range(0, 4 * terms, 8)):
                slope = here[e] * eight(numbers, at, pair) + right[e] * eight(numbers, at + lanes, pair)
                slope += lower[e] * eight(numbers, below, pair) + both[e] * eight(numbers, below + lanes, pair)
                cubic = eight(numbers, place, 3 * lanes + pair) * held + eight(numbers, place, 2 * lanes + pair)
                cubic = (cubic * held + eight(numbers, place, lanes + pair)) * held + eight(numbers, place, pair)
                total += slope * cubic
            for c in ti.static(range(8)):  # with `&` and `|` the compiler knows that they lie side by side
                sums_out[8 * (e & (TILE - 1)) | c] = total[c]
        begin = end


@ti.func
def mix_tile(
    sums: ti.template(), numbers: ti.template(), mix, red_out: ti.template(), green_out: ti.template(), blue_out: ti.template()
):
    """Equation (1) on a tile: M times the inner sum."""
    for e in range(TILE):
        # The fourth lanes are 0. Read as well, they spare the compiler a slow loop for the last eight pixels.
        r, g, b = sums[8 * e] + sums[8 * e + 4], sums[8 * e + 1] + sums[8 * e + 5], sums[8 * e + 2] + sums[8 * e + 6]
        none = sums[8 * e + 3] + sums[8 * e + 7]
        red_out[e] = numbers[mix] * r + numbers[mix + 1] * g + (numbers[mix + 2] * b + none)
        green_out[e] = numbers[mix + 3] * r + numbers[mix + 4] * g + numbers[mix + 5] * b
        blue_out[e] = numbers[mix + 6] * r + numbers[mix + 7] * g + numbers[mix + 8] * b


@launched
@ti.kernel
def _change(
    surface: Flat, touched: FlatByte, numbers: Flat, unseen: float, terms: ti.template(), lanes: ti.template(), n: int, rows: int,
    cols: int, stride: int, out: Flat,
):  # fmt: skip
    """Equation (1) on three planes."""
    for i in range(rows):
        node, sums, here, right = IntTile(0), Lanes(0.0), Tile(0.0), Tile(0.0)
        lower, both = Tile(0.0), Tile(0.0)
        red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
        mix, size = (8 * rows + 2 * n * n) * lanes, rows * stride
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            if count_tilted(surface, i, start, rows, stride, unseen) > 0:
                find_nodes(surface, i, start, rows, stride, n, node, here, right, lower, both)
                look_up_tile(touched, numbers, node, here, right, lower, both, i, tile, n, terms, lanes, rows, cols, sums)
                mix_tile(sums, numbers, mix, red, green, blue)
            else:
                red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
            eighth = i * (stride // 8) + start // 8
            store_tile(red, eighth, out)
            store_tile(green, eighth + size // 8, out)
            store_tile(blue, eighth + size // 4, out)


@ti.func
def store_row_pixels(packed: ti.template(), word, fours, out: ti.template()):
    """Write `fours` times four 24-bit pixels of a tile as bytes r, g, b, from a word on: four pixels in three words."""
    for q in range(fours):
        for w in ti.static(range(3)):
            first, shift = 4 * q + w, 8 * w
            out[word + 3 * q + w] = ti.bit_shr(packed[first], shift) | (packed[first + 1] << (24 - shift))


@launched
@ti.kernel
def _picture(
    surface: Flat, touched: FlatByte, numbers: Flat, unseen: float, exposure: float, key: ti.u32, grainy: int, terms: ti.template(),
    lanes: ti.template(), n: int, rows: int, cols: int, stride: int, out: FlatInt,
):  # fmt: skip
    """floor(exposure (resting picture + gain (1)) + noise + 1/2), held to 0..255; `out` has whole fours of pixels in a row."""
    for i in range(rows):
        node, sums, here, right = IntTile(0), Lanes(0.0), Tile(0.0), Tile(0.0)
        lower, both = Tile(0.0), Tile(0.0)
        red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
        noise_r, noise_g, noise_b, packed = Tile(0.0), Tile(0.0), Tile(0.0), IntTile(0)
        mix, size = (8 * rows + 2 * n * n) * lanes, rows * stride
        row_key = hash32(hash32(ti.cast(i, ti.u32) ^ key) + key)
        for tile in range((stride - 2 * PAD) // TILE):
            start = PAD + tile * TILE
            if count_tilted(surface, i, start, rows, stride, unseen) > 0:
                find_nodes(surface, i, start, rows, stride, n, node, here, right, lower, both)
                look_up_tile(touched, numbers, node, here, right, lower, both, i, tile, n, terms, lanes, rows, cols, sums)
                mix_tile(sums, numbers, mix, red, green, blue)
            else:
                red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0)
            if grainy > 0:  # not a kernel of its own: that would take seconds to compile
                for e in range(TILE):
                    bits = hash32(row_key + ti.cast(tile * TILE + e, ti.u32))
                    noise_r[e] = grain(bits, numbers[mix + 11], numbers[mix + 12])
                    noise_g[e] = grain(rehash(bits, ti.u32(0x9E3779B1)), numbers[mix + 13], numbers[mix + 14])
                    noise_b[e] = grain(rehash(bits, ti.u32(0x85EBCA77)), numbers[mix + 15], numbers[mix + 16])
            for e in range(TILE):
                at = mix + 17 + i * stride + start + e
                gain = numbers[at + 3 * size]
                r8 = as_byte(exposure * (numbers[at] + gain * red[e]) + noise_r[e])
                g8 = as_byte(exposure * (numbers[at + size] + gain * green[e]) + noise_g[e])
                b8 = as_byte(exposure * (numbers[at + 2 * size] + gain * blue[e]) + noise_b[e])
                packed[e] = r8 | (g8 << 8) | (b8 << 16)
            fours = ti.min(TILE, cols - tile * TILE + 3) // 4
            store_row_pixels(packed, (i * ((cols + 3) // 4) + tile * (TILE // 4)) * 3, fours, out)
