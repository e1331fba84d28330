"""The kernels of the calibrated colour response: gel surface and touched pixels in, change of colour, or the whole image, out.

Equations (1) to (3) of `simtouch/sensors/colour_table.py`, two passes over each tile of pixels. The first finds nodes and weights of
all its pixels by vector instructions. The second looks up one pixel at a time: the numbers of a node lie side by side, the channels of
a term in four lanes (the fourth is 0), so a vector instruction reads two terms. It goes through the tile zone by zone, so that the
coefficients of B stay in registers. Most of a picture is free and hardly tilted: where a whole tile is, its pixels lie in the four cells
around the middle node, and vector instructions look up all of them; with u and v the way of s to the next nodes, and A = 0 in the middle,

    A = a |u| + (b + c |u|) |v|,   a, b from the next nodes in x and y, c = A(diagonal) - a - b             (1)

A tile where nothing is tilted changes no colour and skips it all. Lengths in pixels; touched pixels in rows filled up to whole tiles.

`numbers` holds, one after another: the coefficients of B in x for each row and zone, constant first, (H, 2, 4, lanes), lanes a power of
two, 8 at least; A, (2, n, n, lanes); the mix M, (9,); the range of x that is covered, (2,); the noise, a and b of each channel, (6,);
the resting picture and the gain of the surface, four planes; the eight numbers of (1) of each channel and term in the free zone: a left,
a right, b above, b below, c above left, above right, below left, below right, (3, R, 8). One array, because each costs a launch.
"""

from simtouch._taichi import ONE_THREAD, Flat, FlatByte, FlatInt, launched, ti
from simtouch.optics.camera import IntTile, as_byte, find_noise, hash32, store_row_pixels
from simtouch.optics.planes import PAD, TILE, Tile, store_tile

Lanes = ti.types.vector(8 * TILE, ti.f32)


@ti.func
def find_slopes(
    surface: ti.template(), per_pitch, i, start, rows, stride, slope_x_out: ti.template(), slope_y_out: ti.template()
):
    """Slopes of a tile by central differences; those of its row i begin at `start`."""
    above, below = ti.max(i - 1, 0) * stride, ti.min(i + 1, rows - 1) * stride
    per_row = per_pitch / ti.max(ti.min(i + 1, rows - 1) - ti.max(i - 1, 0), 1)
    for e in range(TILE):
        at = i * stride + start + e
        slope_x_out[e] = (surface[at + 1] - surface[at - 1]) * (0.5 * per_pitch)
        slope_y_out[e] = (surface[below + start + e] - surface[above + start + e]) * per_row


@ti.func
def count_tilted(slope_x: ti.template(), slope_y: ti.template(), unseen):
    """How many pixels of a tile are tilted at all; a sum, because vector instructions can add but not stop early."""
    tilted = 0
    for e in range(TILE):
        tilted += ti.cast((ti.abs(slope_x[e]) > unseen) | (ti.abs(slope_y[e]) > unseen), ti.i32)
    return tilted


@ti.func
def count_gentle(touched: ti.template(), first_pixel, slope_x: ti.template(), slope_y: ti.template(), n):
    """How many pixels of a tile are free and lie in the four cells around the middle node."""
    gentle, most = 0, 2.0 / (n - 1)
    for e in range(TILE):
        flat = (ti.abs(slope_x[e]) <= most) & (ti.abs(slope_y[e]) <= most)
        gentle += ti.cast(flat & (touched[first_pixel + e] == 0), ti.i32)
    return gentle


@ti.func
def find_nodes(
    slope_x: ti.template(), slope_y: ti.template(), n, node_out: ti.template(), here_out: ti.template(), right_out: ti.template(),
    lower_out: ti.template(), both_out: ti.template(),
):  # fmt: skip
    """Node above and left of each pixel's s of (2), and the weights of it and of those to its right, below it, and below to the right."""
    middle = 0.5 * (n - 1)
    for e in range(TILE):
        scale = middle / ti.sqrt(1.0 + slope_x[e] * slope_x[e] + slope_y[e] * slope_y[e])
        x, y = slope_x[e] * scale + middle, slope_y[e] * scale + middle
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
def find_places(
    numbers: ti.template(), i, tile, n, terms: ti.template(), lanes: ti.template(), rows, cols, places_out: ti.template()
):
    """B of (3) in the free zone on a tile: term by term, channel by channel."""
    least, most = numbers[(8 * rows + 2 * n * n) * lanes + 9], numbers[(8 * rows + 2 * n * n) * lanes + 10]
    first, step, at = (2.0 * tile * TILE + 1.0) / cols - 1.0, 2.0 / cols, 8 * i * lanes
    for k in range(3 * terms):
        lane = 4 * (k // 3) + k % 3
        for e in range(TILE):
            x = ti.min(ti.max(first + e * step, least), most)
            cubic = numbers[at + 3 * lanes + lane] * x + numbers[at + 2 * lanes + lane]
            places_out[k * TILE + e] = (cubic * x + numbers[at + lanes + lane]) * x + numbers[at + lane]


@ti.func
def look_up_gentle_tile(
    numbers: ti.template(), places: ti.template(), slope_x: ti.template(), slope_y: ti.template(), n, terms: ti.template(),
    lanes: ti.template(), rows, stride, red_out: ti.template(), green_out: ti.template(), blue_out: ti.template(),
):  # fmt: skip
    """As `look_up_tile` and `mix_tile` on a tile of gentle pixels, by (1)."""
    mix, middle = (8 * rows + 2 * n * n) * lanes, 0.5 * (n - 1)
    nodes = mix + 17 + 4 * rows * stride
    sums = ti.Vector([0.0 for _ in ti.static(range(3 * TILE))])
    for c in range(3):
        for e in range(TILE):
            scale = middle / ti.sqrt(1.0 + slope_x[e] * slope_x[e] + slope_y[e] * slope_y[e])
            left, above = slope_x[e] < 0.0, slope_y[e] < 0.0
            across, down, total = ti.abs(slope_x[e]) * scale, ti.abs(slope_y[e]) * scale, 0.0
            for r in ti.static(range(terms)):
                at = nodes + 8 * (c * terms + r)
                a, b = ti.select(left, numbers[at], numbers[at + 1]), ti.select(above, numbers[at + 2], numbers[at + 3])
                upper, under = (
                    ti.select(left, numbers[at + 4], numbers[at + 5]),
                    ti.select(left, numbers[at + 6], numbers[at + 7]),
                )
                slope = a * across + (b + ti.select(above, upper, under) * across) * down
                total += slope * places[(3 * r + c) * TILE + e]
            sums[c * TILE + e] = total
    for e in range(TILE):
        r, g, b = sums[e], sums[TILE + e], sums[2 * TILE + e]
        red_out[e] = numbers[mix] * r + numbers[mix + 1] * g + numbers[mix + 2] * b
        green_out[e] = numbers[mix + 3] * r + numbers[mix + 4] * g + numbers[mix + 5] * b
        blue_out[e] = numbers[mix + 6] * r + numbers[mix + 7] * g + numbers[mix + 8] * b


@ti.func
def end_of_zone(touched: ti.template(), first_pixel, e):
    """Where the zone of the e-th pixel of a tile ends, which begins at `first_pixel` of the map."""
    end = e + 1
    while end < TILE and touched[first_pixel + end] == touched[first_pixel + e]:
        end += 1
    return end


@ti.func
def look_up_tile(
    touched: ti.template(), numbers: ti.template(), node: ti.template(), here: ti.template(), right: ti.template(),
    lower: ti.template(), both: ti.template(), first_pixel, i, tile, n, terms: ti.template(), lanes: ti.template(), rows, cols,
    sums_out: ti.template(),
):  # fmt: skip
    """The inner sum of (1) on a tile, in eight lanes a pixel: that of even terms in four, of odd terms in the next four."""
    least, most = numbers[(8 * rows + 2 * n * n) * lanes + 9], numbers[(8 * rows + 2 * n * n) * lanes + 10]
    x, step = (2.0 * tile * TILE + 1.0) / cols - 1.0, 2.0 / cols
    begin = 0
    while begin < TILE:
        zone = ti.cast(touched[first_pixel + begin], ti.i32)
        end = end_of_zone(touched, first_pixel, begin)
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


@ti.func
def colour_tile(
    surface: ti.template(), per_pitch, touched: ti.template(), numbers: ti.template(), b, i, tile, unseen, n, terms: ti.template(),
    lanes: ti.template(), rows, cols, stride, placed: ti.template(), places: ti.template(), red_out: ti.template(),
    green_out: ti.template(), blue_out: ti.template(),
):  # fmt: skip
    """Equation (1) of the table on a tile of row i of the b-th picture; `places` are found by the first picture that asks."""
    slope_x, slope_y = Tile(0.0), Tile(0.0)
    find_slopes(surface, per_pitch, i, b * rows * stride + PAD + tile * TILE, rows, stride, slope_x, slope_y)
    first_pixel = (b * rows + i) * (stride - 2 * PAD) + tile * TILE
    if count_tilted(slope_x, slope_y, unseen) == 0:
        red_out, green_out, blue_out = Tile(0.0), Tile(0.0), Tile(0.0)
    elif count_gentle(touched, first_pixel, slope_x, slope_y, n) == TILE:
        if placed == 0:
            find_places(numbers, i, tile, n, terms, lanes, rows, cols, places)
            placed = 1
        look_up_gentle_tile(numbers, places, slope_x, slope_y, n, terms, lanes, rows, stride, red_out, green_out, blue_out)
    else:
        node, here, right, lower, both = IntTile(0), Tile(0.0), Tile(0.0), Tile(0.0), Tile(0.0)
        sums = Lanes(0.0)
        find_nodes(slope_x, slope_y, n, node, here, right, lower, both)
        look_up_tile(touched, numbers, node, here, right, lower, both, first_pixel, i, tile, n, terms, lanes, rows, cols, sums)
        mix_tile(sums, numbers, (8 * rows + 2 * n * n) * lanes, red_out, green_out, blue_out)


@launched
@ti.kernel
def _change(
    surface: Flat, touched: FlatByte, numbers: Flat, unseen: float, terms: ti.template(), lanes: ti.template(), n: int, rows: int,
    cols: int, stride: int, out: Flat,
):  # fmt: skip
    """Equation (1) of the table on three planes."""
    ti.loop_config(serialize=ONE_THREAD)
    for i in range(rows):
        red, green, blue, places = Tile(0.0), Tile(0.0), Tile(0.0), ti.Vector([0.0 for _ in ti.static(range(3 * terms * TILE))])
        for tile in range((stride - 2 * PAD) // TILE):
            placed = 0
            colour_tile(
                surface,
                1.0,
                touched,
                numbers,
                0,
                i,
                tile,
                unseen,
                n,
                terms,
                lanes,
                rows,
                cols,
                stride,
                placed,
                places,
                red,
                green,
                blue,
            )
            eighth, size = (i * stride + PAD + tile * TILE) // 8, rows * stride // 8
            store_tile(red, eighth, out)
            store_tile(green, eighth + size, out)
            store_tile(blue, eighth + 2 * size, out)


@launched
@ti.kernel
def _pictures(
    surface: Flat, per_pitch: float, touched: FlatByte, numbers: Flat, exposures: Flat, keys: FlatInt, unseen: float, grainy: int,
    terms: ti.template(), lanes: ti.template(), n: int, pictures: int, rows: int, cols: int, stride: int, out: FlatInt,
):  # fmt: skip
    """floor(exposure (resting picture + gain D) + noise + 1/2), held to 0..255; `out` has whole fours of pixels in a row."""
    ti.loop_config(serialize=ONE_THREAD)
    for i in range(rows):
        red, green, blue, places = Tile(0.0), Tile(0.0), Tile(0.0), ti.Vector([0.0 for _ in ti.static(range(3 * terms * TILE))])
        noise_r, noise_g, noise_b, packed = Tile(0.0), Tile(0.0), Tile(0.0), IntTile(0)
        mix, size = (8 * rows + 2 * n * n) * lanes, rows * stride
        for tile in range((stride - 2 * PAD) // TILE):
            placed = 0
            for b in range(pictures):
                colour_tile(
                    surface, per_pitch, touched, numbers, b, i, tile, unseen, n, terms, lanes, rows, cols, stride, placed, places,
                    red, green, blue,
                )  # fmt: skip
                if grainy > 0:  # not a kernel of its own: that would take seconds to compile
                    key = ti.cast(keys[b], ti.u32)
                    row_key = hash32(hash32(ti.cast(i, ti.u32) ^ key) + key)
                    find_noise(numbers, mix + 11, row_key, tile, noise_r, noise_g, noise_b)
                exposure = exposures[b]
                for e in range(TILE):
                    at = mix + 17 + i * stride + PAD + tile * TILE + e
                    gain = numbers[at + 3 * size]
                    r8 = as_byte(exposure * (numbers[at] + gain * red[e]) + noise_r[e])
                    g8 = as_byte(exposure * (numbers[at + size] + gain * green[e]) + noise_g[e])
                    b8 = as_byte(exposure * (numbers[at + 2 * size] + gain * blue[e]) + noise_b[e])
                    packed[e] = r8 | (g8 << 8) | (b8 << 16)
                fours = ti.min(TILE, cols - tile * TILE + 3) // 4
                store_row_pixels(packed, ((b * rows + i) * ((cols + 3) // 4) + tile * (TILE // 4)) * 3, fours, out)
