"""Discrete Fourier transforms inside kernels, of eight columns at once: complex rows of eight lanes in and out.

    X_k = sum_j x_j exp(-2 pi i j k / n),   n = 2^a 3^b                                                              (1)

Stockham's algorithm: passes of radix 4, 3 and 2 from one stretch of memory to another and back, results in order. A complex row is two
rows of eight floats, its real part at `at` + j and its imaginary one at `at` + n + j; with both exchanged, (1) goes back. Kernels that
use these must be compiled to vector instructions (`simtouch._taichi`). Van Loan, Computational Frameworks for the FFT, 1992.
"""

import numpy as np

from simtouch._taichi import LANES, Lanes, ti

_HALF_ROOT_3 = 3**0.5 / 2


def smooth_size(least: int) -> int:
    """The smallest length >= `least` and >= 8 that (1) takes."""
    n = max(least, LANES)
    while True:
        rest = n
        for factor in (2, 3):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1


def turns_of(n: int) -> np.ndarray:
    """cos and sin of the n angles of (1), in turn, float32, (2 n,)."""
    angle = -2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32).ravel()


@ti.func
def turned(x, y, turns: ti.template(), at):
    """x + i y times the turn at `at`."""
    c, s = turns[at], turns[at + 1]
    return x * c - y * s, x * s + y * c


@ti.func
def halves(src, to, n, m, s, turns: ti.template(), t, work_out: ti.template()):
    """A pass of radix 2: n rows, m = what is left over 2, s = what is done."""
    for p in range(m):
        for q in range(s):
            i, o = src + q + s * p, to + q + 2 * s * p
            ax, ay, bx, by = work_out[i], work_out[n + i], work_out[i + s * m], work_out[n + i + s * m]
            work_out[o], work_out[n + o] = ax + bx, ay + by
            work_out[o + s], work_out[n + o + s] = turned(ax - bx, ay - by, turns, t + 2 * p * s)


@ti.func
def thirds(src, to, n, m, s, turns: ti.template(), t, work_out: ti.template()):
    """A pass of radix 3."""
    for p in range(m):
        for q in range(s):
            i, o = src + q + s * p, to + q + 3 * s * p
            ax, ay, bx, by = work_out[i], work_out[n + i], work_out[i + s * m], work_out[n + i + s * m]
            cx, cy = work_out[i + 2 * s * m], work_out[n + i + 2 * s * m]
            x, y, across, down = bx + cx, by + cy, (bx - cx) * _HALF_ROOT_3, (by - cy) * _HALF_ROOT_3
            work_out[o], work_out[n + o] = ax + x, ay + y
            x, y = ax - x * 0.5, ay - y * 0.5
            work_out[o + s], work_out[n + o + s] = turned(x + down, y - across, turns, t + 2 * p * s)
            work_out[o + 2 * s], work_out[n + o + 2 * s] = turned(x - down, y + across, turns, t + 4 * p * s)


@ti.func
def quarters(src, to, n, m, s, turns: ti.template(), t, work_out: ti.template()):
    """A pass of radix 4."""
    for p in range(m):
        for q in range(s):
            i, o = src + q + s * p, to + q + 4 * s * p
            ax, ay, bx, by = work_out[i], work_out[n + i], work_out[i + s * m], work_out[n + i + s * m]
            cx, cy = work_out[i + 2 * s * m], work_out[n + i + 2 * s * m]
            dx, dy = work_out[i + 3 * s * m], work_out[n + i + 3 * s * m]
            x, y, across, down = ax + cx, ay + cy, ax - cx, ay - cy
            odd_x, odd_y, turn_x, turn_y = bx + dx, by + dy, dy - by, bx - dx
            work_out[o], work_out[n + o] = x + odd_x, y + odd_y
            work_out[o + s], work_out[n + o + s] = turned(across - turn_x, down - turn_y, turns, t + 2 * p * s)
            work_out[o + 2 * s], work_out[n + o + 2 * s] = turned(x - odd_x, y - odd_y, turns, t + 4 * p * s)
            work_out[o + 3 * s], work_out[n + o + 3 * s] = turned(across + turn_x, down + turn_y, turns, t + 6 * p * s)


@ti.func
def transform(at, beside, n, turns: ti.template(), t, work_out: ti.template()):
    """(1) of n complex rows at `at`, by the table of turns at `t`; the result lies there or at `beside`, which is returned."""
    src, to, left, done = at, beside, n, 1
    while left > 1:
        if left % 4 == 0:
            left //= 4
            quarters(src, to, n, left, done, turns, t, work_out)
            done *= 4
        elif left % 3 == 0:
            left //= 3
            thirds(src, to, n, left, done, turns, t, work_out)
            done *= 3
        else:
            left //= 2
            halves(src, to, n, left, done, turns, t, work_out)
            done *= 2
        src, to = to, src
    return src


@ti.func
def odd_passes(n):
    """Whether `transform` leaves its result beside."""
    left, odd = n, 0
    while left > 1:
        left, odd = left // ti.select(left % 4 == 0, 4, ti.select(left % 3 == 0, 3, 2)), 1 - odd
    return odd


@ti.func
def transpose(src, step, to, to_step, work_out: ti.template()):
    """Eight rows at `src`, `step` apart, as eight columns."""
    a, b, c, d = work_out[src], work_out[src + step], work_out[src + 2 * step], work_out[src + 3 * step]
    e, f, g, h = work_out[src + 4 * step], work_out[src + 5 * step], work_out[src + 6 * step], work_out[src + 7 * step]
    for k in ti.static(range(LANES)):
        work_out[to + k * to_step] = Lanes(a[k], b[k], c[k], d[k], e[k], f[k], g[k], h[k])


def rows_of_lanes(count: int) -> np.ndarray:
    """Room for rows of eight floats, float32, (count, 8), where vector instructions want them: at a multiple of 64 bytes."""
    room = np.empty(LANES * (count + 2), np.float32)
    first = -(room.ctypes.data // 4) % 16
    return room[first : first + LANES * count].reshape(count, LANES)
