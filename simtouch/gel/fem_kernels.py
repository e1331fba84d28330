"""Forces of a neo-Hookean solid on the nodes of its hexahedra: displacement in, nodal force out; the same for a small change of it.

    W = mu/2 (I1 - 3) - mu ln J + lambda/2 (ln J)^2,      J -> v / V in each element                                (1)

Whatever depends on J takes the element's mean, its volume v over that at rest V: so nearly incompressible gels do not lock. Then

    f   = mu L u + sum_e [psi' dv/dx + mu dV/dX],   psi'  = (lambda ln J - mu) / J                                  (2)
    K d = mu L d + sum_e [(psi''/V) (dv/dx . d) dv/dx + psi' d2v/dx2 d],   psi'' = (lambda + mu - lambda ln J) / J^2  (3)

L is the constant scalar Laplacian of `fem_mesh.py`, the same for each component. With a_1..a_6 the coefficients of xi, eta, zeta,
eta zeta, zeta xi, xi eta in the trilinear map of an element and [a, b, c] = a . (b x c),

    v / 8 = [a1, a2, a3] + ([a1, a6, a5] + [a6, a2, a4] + [a5, a4, a3]) / 3                                          (4)

(the coefficient of xi eta zeta drops out): the exact integral. Lengths in mm, moduli in MPa, forces in N.
Arrays over nodes are flat (3, *padded), over elements flat (8, 3, *elements); see `fem_mesh.py` for the ghosts.
"""

import numpy as np

from simtouch._taichi import Flat, ensure_runtime, launched, ti, vec3
from simtouch.gel.fem_mesh import Mesh

vec6 = ti.types.vector(6, ti.f32)


@ti.func
def _modes(u: ti.template(), p: int, row: int, plane: int):
    """Coefficients 1..6 of the trilinear map of one component; p is the place of the element's first node."""
    x0, x1, x2, x3 = u[p], u[p + 1], u[p + row], u[p + row + 1]
    q = p + plane
    x4, x5, x6, x7 = u[q], u[q + 1], u[q + row], u[q + row + 1]
    low_x, high_x = (x1 - x0) + (x3 - x2), (x5 - x4) + (x7 - x6)
    low_y, high_y = (x2 - x0) + (x3 - x1), (x6 - x4) + (x7 - x5)
    rise = (x4 - x0) + (x5 - x1) + (x6 - x2) + (x7 - x3)
    skew = (x3 - x2) - (x1 - x0) + (x7 - x6) - (x5 - x4)
    return vec6(low_x + high_x, low_y + high_y, rise, high_y - low_y, high_x - low_x, skew) * 0.125


@ti.func
def _volume_slopes(a1: vec3, a2: vec3, a3: vec3, a4: vec3, a5: vec3, a6: vec3):
    """Derivatives of (4) by a1..a6, three times over."""
    g1 = 3.0 * a2.cross(a3) + a6.cross(a5)
    g2 = 3.0 * a3.cross(a1) + a4.cross(a6)
    g3 = 3.0 * a1.cross(a2) + a5.cross(a4)
    g4 = a6.cross(a2) + a3.cross(a5)
    g5 = a1.cross(a6) + a4.cross(a3)
    g6 = a5.cross(a1) + a2.cross(a4)
    return g1, g2, g3, g4, g5, g6


@ti.func
def _changed(b: vec3, c: vec3, db: vec3, dc: vec3):
    """Change of b x c."""
    return db.cross(c) + b.cross(dc)


@ti.func
def _at_rest(column: ti.template(), layer: ti.template(), half_x: float, half_y: float, c: int, cells: int, k: int):
    """a1..a6 of the resting element: `column` holds T0..T3 over the columns, `layer` the middle and half growth of f."""
    T0, T1, T2, T3 = column[c], column[cells + c], column[2 * cells + c], column[3 * cells + c]
    middle, half = layer[2 * k], layer[2 * k + 1]
    a1, a2, a3 = vec3(half_x, 0.0, middle * T1), vec3(0.0, half_y, middle * T2), vec3(0.0, 0.0, half * T0)
    return a1, a2, a3, vec3(0.0, 0.0, half * T2), vec3(0.0, 0.0, half * T1), vec3(0.0, 0.0, middle * T3)


@ti.func
def _moved(u: ti.template(), p: int, row: int, plane: int, nodes: int):
    """Coefficients 1..6 of the three components."""
    return _modes(u, p, row, plane), _modes(u, p + nodes, row, plane), _modes(u, p + 2 * nodes, row, plane)


@ti.func
def _corner(g: vec6, node: ti.template()):
    """One component of the force on one node of an element, from those on the coefficients."""
    sx, sy, sz = ti.static(2 * (node & 1) - 1), ti.static(2 * ((node >> 1) & 1) - 1), ti.static(2 * (node >> 2) - 1)
    return sx * g[0] + sy * g[1] + sz * g[2] + (sy * sz) * g[3] + (sz * sx) * g[4] + (sx * sy) * g[5]


@launched
@ti.kernel
def _volume_forces(
    u: Flat,
    column: Flat,
    layer: Flat,
    half_x: Flat,
    half_y: Flat,
    lame: float,
    mu: float,
    nz: int,
    ny: int,
    nx: int,
    state_out: Flat,
    out: Flat,
):
    row, cells = nx + 2, (ny + 1) * (nx + 1)
    plane = row * (ny + 2)
    nodes, total = plane * (nz + 2), cells * (nz + 1)
    for block in range(nz * (ny - 1)):
        k, j = block // (ny - 1), block % (ny - 1) + 1
        for i in range(1, nx):
            c = j * (nx + 1) + i
            mx, my, mz = _moved(u, k * plane + j * row + i, row, plane, nodes)
            r1, r2, r3, r4, r5, r6 = _at_rest(column, layer, half_x[i], half_y[j], c, cells, k)
            h1, h2, h3, h4, h5, h6 = _volume_slopes(r1, r2, r3, r4, r5, r6)
            a1, a2, a3 = r1 + vec3(mx[0], my[0], mz[0]), r2 + vec3(mx[1], my[1], mz[1]), r3 + vec3(mx[2], my[2], mz[2])
            a4, a5, a6 = r4 + vec3(mx[3], my[3], mz[3]), r5 + vec3(mx[4], my[4], mz[4]), r6 + vec3(mx[5], my[5], mz[5])
            g1, g2, g3, g4, g5, g6 = _volume_slopes(a1, a2, a3, a4, a5, a6)
            volume = h1.dot(r1) + h4.dot(r4)
            J = (g1.dot(a1) + g4.dot(a4)) / volume
            log_J = ti.log(ti.max(J, 1e-3))
            first, second = (lame * log_J - mu) / J, (lame + mu - lame * log_J) / (J * J)
            e = k * cells + c
            state_out[e], state_out[total + e], state_out[2 * total + e] = J, first / 3.0, second / (3.0 * volume)
            for d in ti.static(range(3)):
                g = first * vec6(g1[d], g2[d], g3[d], g4[d], g5[d], g6[d]) + mu * vec6(h1[d], h2[d], h3[d], h4[d], h5[d], h6[d])
                for n in ti.static(range(8)):
                    out[(n * 3 + d) * total + e] = _corner(g, n) / 3.0


@launched
@ti.kernel
def _volume_tangent(
    u: Flat, du: Flat, state: Flat, column: Flat, layer: Flat, half_x: Flat, half_y: Flat, nz: int, ny: int, nx: int, out: Flat
):
    row, cells = nx + 2, (ny + 1) * (nx + 1)
    plane = row * (ny + 2)
    nodes, total = plane * (nz + 2), cells * (nz + 1)
    for block in range(nz * (ny - 1)):
        k, j = block // (ny - 1), block % (ny - 1) + 1
        for i in range(1, nx):
            p, c = k * plane + j * row + i, j * (nx + 1) + i
            mx, my, mz = _moved(u, p, row, plane, nodes)
            a1, a2, a3, a4, a5, a6 = _at_rest(column, layer, half_x[i], half_y[j], c, cells, k)
            a1, a2, a3 = a1 + vec3(mx[0], my[0], mz[0]), a2 + vec3(mx[1], my[1], mz[1]), a3 + vec3(mx[2], my[2], mz[2])
            a4, a5, a6 = a4 + vec3(mx[3], my[3], mz[3]), a5 + vec3(mx[4], my[4], mz[4]), a6 + vec3(mx[5], my[5], mz[5])
            mx, my, mz = _moved(du, p, row, plane, nodes)
            d1, d2, d3 = vec3(mx[0], my[0], mz[0]), vec3(mx[1], my[1], mz[1]), vec3(mx[2], my[2], mz[2])
            d4, d5, d6 = vec3(mx[3], my[3], mz[3]), vec3(mx[4], my[4], mz[4]), vec3(mx[5], my[5], mz[5])
            g1, g2, g3, g4, g5, g6 = _volume_slopes(a1, a2, a3, a4, a5, a6)
            grown = g1.dot(d1) + g2.dot(d2) + g3.dot(d3) + g4.dot(d4) + g5.dot(d5) + g6.dot(d6)
            e = k * cells + c
            first, second = state[total + e], state[2 * total + e] * grown
            t1 = second * g1 + first * (3.0 * _changed(a2, a3, d2, d3) + _changed(a6, a5, d6, d5))
            t2 = second * g2 + first * (3.0 * _changed(a3, a1, d3, d1) + _changed(a4, a6, d4, d6))
            t3 = second * g3 + first * (3.0 * _changed(a1, a2, d1, d2) + _changed(a5, a4, d5, d4))
            t4 = second * g4 + first * (_changed(a6, a2, d6, d2) + _changed(a3, a5, d3, d5))
            t5 = second * g5 + first * (_changed(a1, a6, d1, d6) + _changed(a4, a3, d4, d3))
            t6 = second * g6 + first * (_changed(a5, a1, d5, d1) + _changed(a2, a4, d2, d4))
            for d in ti.static(range(3)):
                g = vec6(t1[d], t2[d], t3[d], t4[d], t5[d], t6[d])
                for n in ti.static(range(8)):
                    out[(n * 3 + d) * total + e] = _corner(g, n)


@launched
@ti.kernel
def _gather(u: Flat, stencil: Flat, corners: Flat, mu: float, nz: int, ny: int, nx: int, out: Flat):
    row, cells = nx + 2, (ny + 1) * (nx + 1)
    plane = row * (ny + 2)
    nodes, total = plane * (nz + 2), cells * (nz + 1)
    for block in range(nz * ny):
        k, j = block // ny + 1, block % ny + 1
        for i in range(1, nx + 1):
            p, e = k * plane + j * row + i, k * cells + j * (nx + 1) + i
            force = vec3(0.0)
            for n in ti.static(range(27)):
                q = p + (n // 9 - 1) * plane + (n // 3 % 3 - 1) * row + n % 3 - 1
                force += stencil[n * nodes + p] * vec3(u[q], u[nodes + q], u[2 * nodes + q])
            force *= mu
            for n in ti.static(range(8)):
                q = n * 3 * total + e - (n >> 2) * cells - ((n >> 1) & 1) * (nx + 1) - (n & 1)
                force += vec3(corners[q], corners[total + q], corners[2 * total + q])
            for d in ti.static(range(3)):
                out[d * nodes + p] = force[d]


class Solid:
    """Elastic forces of a pad; owns the constant numbers of its elements and scratch memory."""

    def __init__(self, mesh: Mesh, lame: float, mu: float):
        """`lame` and `mu` are Lame's constants [MPa]."""
        self.counts, self.padded = mesh.counts, mesh.padded
        self._moduli = (lame, mu)
        elements = tuple(n + 1 for n in self.counts)
        half_x, half_y = mesh.half_sizes()
        rest = (mesh.columns(), np.stack(mesh.layers(), -1), half_x, half_y)
        self._rest = tuple(np.ascontiguousarray(v, np.float32).ravel() for v in rest)
        self._stencil = mesh.laplacian().ravel()
        self._corners = np.zeros((24, *elements), np.float32).ravel()
        self._state = np.ones((3, *elements), np.float32).ravel()
        ensure_runtime()

    def forces(self, u: np.ndarray) -> tuple[np.ndarray, float]:
        """Nodal forces (2) [N] that hold the displacement `u` [mm], float32, (3, *padded), and the smallest J."""
        out = np.zeros_like(u)
        _volume_forces(u.ravel(), *self._rest, *self._moduli, *self.counts, self._state, self._corners)
        self._at = u.copy()
        _gather(u.ravel(), self._stencil, self._corners, self._moduli[1], *self.counts, out.ravel())
        return out, float(self._state[: len(self._state) // 3].min())

    def tangent(self, du: np.ndarray) -> np.ndarray:
        """Change (3) of the forces for a small change `du`, at the displacement last given to `forces`."""
        out = np.zeros_like(du)
        _volume_tangent(self._at.ravel(), du.ravel(), self._state, *self._rest, *self.counts, self._corners)
        _gather(du.ravel(), self._stencil, self._corners, self._moduli[1], *self.counts, out.ravel())
        return out
