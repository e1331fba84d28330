"""The kernel of the lift: a state of the gel on h x w cells in, its surface and the touched pixels on H x W pixels out.

Equations (1) to (4) of `lift.py`. The spline filter of (1) is two recursions along each line, there and back, in double precision,
mirrored about the rims. What is worked on lies in local vectors: after a store into an array Taichi reads its address anew.
"""

import numpy as np

from simtouch._taichi import ONE_THREAD, Flat, FlatByte, FlatDouble, launched, ti

CELLS = 8
"""Cells of a row, or lines of cells, that are worked on at once, by vector instructions."""
AWAY_M = 15e-6
"""Gap to the indenter from which on a pixel is not touched."""
_POLE = float(np.sqrt(3) - 2)
_SPAN = 40  # cells over which the recursion forgets all
_TINY = 1e-30


@ti.func
def _mirrored(i: int, n: int):
    """Index of a sample beyond the rim: mirrored about the rim sample."""
    low = ti.abs(i)
    return ti.min(low, 2 * (n - 1) - low)


@ti.func
def _begin(source: ti.template(), at, per_value, n):
    """First value of the recursion along a line from `at` on, mirrored at both ends; without the gain."""
    far, value, power = ti.f64(1.0), ti.cast(source[at], ti.f64), ti.f64(_POLE)
    for _ in range(ti.min(n - 1, 4 * _SPAN)):
        far *= ti.f64(_POLE)
    value += far * source[at + (n - 1) * per_value]
    for k in range(1, ti.min(n - 1, _SPAN)):
        value += power * (source[at + k * per_value] + far * source[at + (n - 1 - k) * per_value])
        power *= ti.f64(_POLE)
    return value / (ti.f64(1.0) - far * far)


@ti.func
def _filter(
    source: ti.template(), at, per_value, per_line, lines, n, room, begin, step, line_step, work_out: ti.template(), out: ti.template()
):  # fmt: skip
    """Spline coefficients of lines of n values, some lines at once; of `source` from `at` on, into `out` from `begin` on."""
    pole, value = ti.f64(_POLE), ti.Vector([ti.f64(0.0) for _ in ti.static(range(CELLS))])
    gain = (ti.f64(1.0) - pole) * (ti.f64(1.0) - ti.f64(1.0) / pole)
    for block in range((lines + CELLS - 1) // CELLS):
        first = ti.Vector([at + ti.min(block * CELLS + e, lines - 1) * per_line for e in ti.static(range(CELLS))])
        to = ti.Vector([begin + ti.min(block * CELLS + e, lines - 1) * line_step for e in ti.static(range(CELLS))])
        for e in ti.static(range(CELLS)):
            value[e] = gain * _begin(source, first[e], per_value, n)
            work_out[room + e] = value[e]
        for k in range(1, n):
            for e in ti.static(range(CELLS)):
                value[e] = gain * source[first[e] + k * per_value] + pole * value[e]
            for e in ti.static(range(CELLS)):
                work_out[room + k * CELLS + e] = value[e]
        for e in ti.static(range(CELLS)):
            value[e] = (pole * work_out[room + (n - 2) * CELLS + e] + value[e]) * pole / (pole * pole - ti.f64(1.0))
            out[to[e] + (n - 1) * step] = ti.cast(value[e], ti.f32)
        for back in range(1, n):
            k = n - 1 - back
            for e in ti.static(range(CELLS)):
                value[e] = pole * (value[e] - work_out[room + k * CELLS + e])
            for e in ti.static(range(CELLS)):
                out[to[e] + k * step] = ti.cast(value[e], ti.f32)


@ti.func
def _mirror(first, h, w, width, out: ti.template()):
    """Two more coefficients beyond both ends of each row of a map that begins at `first`, its rows `width` long."""
    for i in range(h):
        start = first + i * width
        for k in ti.static(range(1, 3)):
            out[start - k] = out[start + k]
            out[start + w - 1 + k] = out[start + w - 1 - k]


@ti.func
def _largest(values: ti.template(), at, i, j, h, w):
    """Largest of the nine values around a cell, less at the rims; those of the map begin at `at`."""
    largest = 0.0
    for a in range(ti.max(i - 1, 0), ti.min(i + 2, h)):
        for b in range(ti.max(j - 1, 0), ti.min(j + 2, w)):
            largest = ti.max(largest, values[at + a * w + b])
    return largest


@ti.func
def _contact_box(pressure: ti.template(), at, h, w):
    """First and last row and column with contact; h, -1, w, -1 without."""
    top, bottom, left, right = h, -1, w, -1
    for i in range(h):
        touched = 0
        for j in range(w):
            touched += ti.cast(pressure[at + i * w + j] > 0.0, ti.i32)
        if touched > 0:
            top, bottom = ti.min(top, i), i
            for j in range(w):
                if pressure[at + i * w + j] > 0.0:
                    left, right = ti.min(left, j), ti.max(right, j)
    return ti.Vector([top, bottom, left, right])


@ti.func
def _ways_to_the_rim(pressure: ti.template(), at, h, w, first, out: ti.template()):
    """v of (4) on the cells, the third of three maps from `first` on, after p^2 and r; and the box that it is at home in."""
    square, rim, value = first, first + h * w, first + 2 * h * w
    for k in range(h * w):
        out[value + k] = -1.0
    box = _contact_box(pressure, at, h, w)
    for i in range(ti.max(box[0] - 2, 0), ti.min(box[1] + 3, h)):
        for j in range(ti.max(box[2] - 2, 0), ti.min(box[3] + 3, w)):
            p = pressure[at + i * w + j]
            out[square + i * w + j], out[rim + i * w + j] = p * p, 0.0
    for i in range(box[0], box[1] + 1):
        for j in range(box[2], box[3] + 1):
            own = out[square + i * w + j]
            if own > 0.0:
                rise = _largest(out, square, i, j, h, w) - own
                out[rim + i * w + j] = own / ti.max(rise, ti.max(own, _TINY))
    for i in range(ti.max(box[0] - 1, 0), ti.min(box[1] + 2, h)):
        for j in range(ti.max(box[2] - 1, 0), ti.min(box[3] + 2, w)):
            k = i * w + j
            out[value + k] = ti.select(out[square + k] > 0.0, out[rim + k], _largest(out, rim, i, j, h, w) - 1.0)
    for k in ti.static(range(4)):
        out[first + 3 * h * w + k] = ti.cast(box[k] + ti.static(4 * (k % 2) - 2), ti.f32)


@ti.func
def _across(values: ti.template(), first, weights: ti.template(), i, h, width, ratio: ti.template(), line_out: ti.template()):
    """Spline along y at image row i, over some cells of it; `first`: the coefficient of the first of them in the first row."""
    phase = i % ratio
    cell = i // ratio - 2 + (2 * phase + 1 > ratio)
    a, b = first + _mirrored(cell, h) * width, first + _mirrored(cell + 1, h) * width
    c, d = first + _mirrored(cell + 2, h) * width, first + _mirrored(cell + 3, h) * width
    at = phase * 4
    for e in range(2 * CELLS):
        value = weights[at] * values[a + e] + weights[at + 1] * values[b + e]
        line_out[e] = (value + weights[at + 2] * values[c + e]) + weights[at + 3] * values[d + e]


@ti.func
def _along(line: ti.template(), weights: ti.template(), ratio: ti.template(), pixels_out: ti.template()):
    """Spline along x over some cells, the first of which is the fourth of the line."""
    for q in ti.static(range(ratio)):
        shift = ti.static(2 + 2 * q // ratio)
        for c in range(CELLS):
            value = weights[4 * q] * line[c + shift] + weights[4 * q + 1] * line[c + shift + 1]
            value = (value + weights[4 * q + 2] * line[c + shift + 2]) + weights[4 * q + 3] * line[c + shift + 3]
            pixels_out[c * ratio + q] = value


@ti.func
def _extend(first, cols, stride, pad, out: ti.template()):
    """A row of a plane beyond the image: see `Planes.extend_linearly` of the optics."""
    start, last = first + pad, first + pad + cols
    if (stride - 2 * pad) > cols:
        for k in range(last, first + stride):
            out[k] = out[last - 1]
    out[start - 1] = out[start] + (out[start] - out[start + 1])
    out[last] = out[last - 1] + (out[last - 1] - out[last - 2])


@ti.func
def _mark(
    scratch: ti.template(), maps, surface: ti.template(), row, overlap: ti.template(), at, lowered, i, h, w, ratio: ti.template(),
    to, out: ti.template(),
):  # fmt: skip
    """(3) on row i of the image, as far as v is at home; maps and box as `_ways_to_the_rim` leaves them; rims repeated."""
    box, place = maps + 3 * h * w, (i + 0.5) / ratio - 0.5
    if (i // ratio >= scratch[box]) & (i // ratio <= scratch[box + 1]):
        upper = ti.cast(ti.floor(place), ti.i32)
        share, above, below = (
            place - upper,
            maps + 2 * h * w + ti.max(upper, 0) * w,
            maps + 2 * h * w + ti.min(upper + 1, h - 1) * w,
        )
        first, last = ti.max(ti.cast(scratch[box + 2], ti.i32), 0), ti.min(ti.cast(scratch[box + 3], ti.i32), w - 1)
        before = ti.max(first - 1, 0)
        left = scratch[above + before] + share * (scratch[below + before] - scratch[above + before])
        here = scratch[above + first] + share * (scratch[below + first] - scratch[above + first])
        for c in range(first, last + 1):
            after = ti.min(c + 1, w - 1)
            right = scratch[above + after] + share * (scratch[below + after] - scratch[above + after])
            for q in ti.static(range(ratio)):
                value = here + ti.static(abs((q + 0.5) / ratio - 0.5)) * ((left if ti.static(2 * q < ratio) else right) - here)
                touched = (value >= 0.0) & (overlap[at + c * ratio + q] + lowered + surface[row + c * ratio + q] > -AWAY_M)
                out[to + c * ratio + q] = ti.cast(touched, ti.u8)
            left, here = here, right


@launched
@ti.kernel
def _see(
    displacement: Flat, pressure: Flat, overlap: Flat, lowered: Flat, weights: Flat, follows: int, count: int, h: int, w: int,
    ratio: ti.template(), pad: int, stride: int, work_out: FlatDouble, scratch_out: Flat, touched_out: FlatByte, out: Flat,
):  # fmt: skip
    """(1) to (4) of some contacts. A contact's scratch: spline coefficients in long rows, then what `_ways_to_the_rim` writes."""
    ti.loop_config(serialize=ONE_THREAD)
    for b in range(count):
        size, width, room = h * w, (w + 7) // 8 * 8 + 16, b * ti.max(h, w) * CELLS
        maps = b * (h * width + 3 * size + 8)
        first = maps + 3 * size + 16
        _filter(displacement, 3 * b * size + 2, 3 * w, 3, w, h, room, first, width, 1, work_out, scratch_out)
        _filter(scratch_out, first, 1, width, h, w, room, first, 1, width, work_out, scratch_out)
        _mirror(first, h, w, width, scratch_out)
        _ways_to_the_rim(pressure, b * size, h, w, maps, scratch_out)
    ti.loop_config(serialize=ONE_THREAD)
    for line in range(count * h * ratio):
        b, i, cols, width = line // (h * ratio), line % (h * ratio), w * ratio, (w + 7) // 8 * 8 + 16
        maps, row = b * (h * width + 3 * h * w + 8), line * stride + pad
        pixels = ti.Vector([0.0 for _ in ti.static(range(CELLS * ratio))])
        deep, across = (
            ti.Vector([0.0 for _ in ti.static(range(CELLS * ratio))]),
            ti.Vector([0.0 for _ in ti.static(range(2 * CELLS))]),
        )
        for block in range((w + CELLS - 1) // CELLS):
            p = block * CELLS * ratio
            _across(scratch_out, maps + 3 * h * w + 16 - 4 + block * CELLS, weights, i, h, width, ratio, across)
            _along(across, weights, ratio, pixels)
            if follows > 0:
                for e in range(ti.min(CELLS, w - block * CELLS) * ratio):
                    deep[e] = -(overlap[line * cols + p + e] + lowered[b])
                for e in range(CELLS * ratio):
                    pixels[e] = ti.select(pixels[e] < deep[e], pixels[e], deep[e])
            for group in range(ti.min(CELLS * ratio, stride - pad - p) // 8):
                for e in ti.static(range(8)):
                    out[((row + p) // 8 + group) * 8 + e] = pixels[8 * group + e]
        _extend(row - pad, cols, stride, pad, out)
        _mark(
            scratch_out, maps, out, row, overlap, line * cols, lowered[b], i, h, w, ratio, line * (stride - 2 * pad), touched_out
        )
