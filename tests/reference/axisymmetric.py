"""Large strain of a round gel pad pressed by a ball, independent of `simtouch.gel`: quadratic axisymmetric elements in SciPy.

    W = mu/2 (I1 - 3 - 2 ln J) + lambda/2 (ln J)^2,      E, nu -> mu = E / 2(1 + nu), lambda = E nu / (1 + nu)(1 - 2 nu)

Eight-node serendipity elements with 2 x 2 points (no locking), graded towards the contact; base bonded, outer edge free; the surface
at rest z = t - r^2 / 2 R_dome. The ball is rigid, its lowest point `depth` below the apex: frictionless contact by penalty on the
surface's own integration points, or infinite friction: a node that touches keeps its place on the ball. Lengths in mm, E in MPa.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

_G = 1 / np.sqrt(3)
_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [0, -1], [1, 0], [0, 1], [-1, 0]])
_ROUNDING = 2e-5  # of the corner in the penalty [mm]: Newton's method needs slopes
_LINE = np.array([-np.sqrt(0.6), 0, np.sqrt(0.6)]), np.array([5, 8, 5]) / 9


class Press(NamedTuple):
    """One press."""

    force: float
    """[N]"""
    contact_radius: float
    """Of the deformed surface [mm]."""
    r: np.ndarray
    """Places of the surface nodes at rest [mm]."""
    u: np.ndarray
    """Their motion (u_r, u_z) [mm], (n, 2)."""


def shapes(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """The eight functions and their derivatives, (8,) and (2, 8)."""
    N, dN = np.empty(8), np.empty((2, 8))
    for i, (x, e) in enumerate(_CORNERS):
        if i < 4:
            N[i] = (1 + a * x) * (1 + b * e) * (a * x + b * e - 1) / 4
            dN[:, i] = x * (1 + b * e) * (2 * a * x + b * e) / 4, e * (1 + a * x) * (a * x + 2 * b * e) / 4
        elif x == 0:
            N[i], dN[:, i] = (1 - a * a) * (1 + b * e) / 2, (-a * (1 + b * e), e * (1 - a * a) / 2)
        else:
            N[i], dN[:, i] = (1 + a * x) * (1 - b * b) / 2, (x * (1 - b * b) / 2, -b * (1 + a * x))
    return N, dN


class RoundPad:
    """Mesh and material of a round pad."""

    def __init__(self, thickness, modulus, poisson, *, radius=12.0, dome_radius=np.inf, fine_to=2.5, columns=(40, 30), rows=16):
        """`columns`: elements as far as `fine_to` [mm] and beyond it, there growing outwards; `rows` grow towards the base."""
        self.mu, self.lame = modulus / 2 / (1 + poisson), modulus * poisson / (1 + poisson) / (1 - 2 * poisson)
        edges = np.concatenate(
            [np.linspace(0, fine_to, columns[0] + 1), fine_to + (radius - fine_to) * np.linspace(0, 1, columns[1] + 1)[1:] ** 1.6]
        )
        share = 1 - np.linspace(1, 0, rows + 1) ** 1.4
        r, f = _halved(edges), _halved(share)
        col, row = np.meshgrid(np.arange(len(r)), np.arange(len(f)), indexing="ij")
        used = ~((col % 2 == 1) & (row % 2 == 1))
        index = np.cumsum(used).reshape(used.shape) - 1
        height = thickness - r**2 / (2 * dome_radius)
        self.places = np.stack([r[col[used]], f[row[used]] * height[col[used]]], 1)
        i, j = (2 * v.ravel() for v in np.meshgrid(np.arange(len(edges) - 1), np.arange(rows), indexing="ij"))
        self.elements = np.stack([index[i + 1 + c[0], j + 1 + c[1]] for c in _CORNERS], 1)
        self.top, self.thickness = index[:, -1], thickness
        self.fixed = np.zeros((len(self.places), 2), bool)
        self.fixed[index[:, 0][used[:, 0]]] = True
        self.fixed[index[0][used[0]], 0] = True
        self.dofs = (2 * self.elements[:, :, None] + np.arange(2)).reshape(len(self.elements), 16)
        self._points = [self._point(a, b) for a in (-_G, _G) for b in (-_G, _G)]

    def _point(self, a, b):
        """Gradient operator (Frr, Frz, Fzr, Fzz, Ftt), (E, 5, 16), and weight, (E,), of one integration point."""
        N, dN = shapes(a, b)
        X = self.places[self.elements]
        jacobian = np.einsum("kn,end->ekd", dN, X)
        grads = np.linalg.solve(jacobian, np.broadcast_to(dN, (len(X), 2, 8)))
        r = X[:, :, 0] @ N
        B = np.zeros((len(X), 5, 16))
        B[:, 0, 0::2], B[:, 1, 0::2], B[:, 2, 1::2], B[:, 3, 1::2] = grads[:, 0], grads[:, 1], grads[:, 0], grads[:, 1]
        B[:, 4, 0::2] = N / r[:, None]
        return B, 2 * np.pi * r * np.linalg.det(jacobian)

    def elastic(self, u: np.ndarray) -> tuple[np.ndarray, sp.csr_matrix]:
        """Internal forces and tangent at the displacement u, (n, 2)."""
        flat, n = u.ravel()[self.dofs], u.size
        force, values = np.zeros(n), np.zeros((len(self.elements), 16, 16))
        for B, weight in self._points:
            F = np.einsum("eij,ej->ei", B, flat) + np.array([1.0, 0, 0, 1, 1])
            plane = F[:, 0] * F[:, 3] - F[:, 1] * F[:, 2]
            if not (plane * F[:, 4] > 0).all():
                raise ValueError("an element is inside out")
            inverse = np.stack([F[:, 3] / plane, -F[:, 2] / plane, -F[:, 1] / plane, F[:, 0] / plane, 1 / F[:, 4]], 1)  # F^-T
            log_J = np.log(plane * F[:, 4])
            stress = self.mu * (F - inverse) + (self.lame * log_J)[:, None] * inverse
            turned = np.zeros((len(F), 5, 5))
            square = inverse[:, :4].reshape(-1, 2, 2)
            turned[:, :4, :4] = np.einsum("eil,ejk->eikjl", square, square).reshape(-1, 4, 4)
            turned[:, 4, 4] = inverse[:, 4] ** 2
            tangent = self.mu * np.eye(5) + (self.mu - self.lame * log_J)[:, None, None] * turned
            tangent += self.lame * inverse[:, :, None] * inverse[:, None, :]
            np.add.at(force, self.dofs, np.einsum("eij,ei,e->ej", B, stress, weight))
            values += np.einsum("eia,eib->eab", B, np.einsum("eij,ejb,e->eib", tangent, B, weight, optimize=True), optimize=True)
        rows, cols = np.repeat(self.dofs, 16, 1).ravel(), np.tile(self.dofs, (1, 16)).ravel()
        return force, sp.csr_matrix((values.ravel(), (rows, cols)), shape=(n, n))

    def press(
        self, ball_radius: float, depths, *, sticks: bool = False, stiffness: float = 2000.0, steps: int = 4
    ) -> list[Press]:
        """Presses to each of growing `depths` [mm]; the penalty is `stiffness` times the Young modulus per mm."""
        contact = _Ball(self, ball_radius, stiffness * 2 * self.mu * 1.48, sticks)
        u, last, found = np.zeros(self.places.shape), 0.0, []
        for depth in depths:
            for part in np.linspace(last, depth, steps + 1)[1:]:
                u = self._settle(u, contact, part)
            found.append(contact.read(u, depth))
            last = depth
        return found

    def _settle(self, u, contact, depth):
        free = ~self.fixed.ravel()
        out_of_balance, K = self._balance(u, contact, depth)
        for _ in range(80):
            du = np.zeros(u.size)
            du[free] = splu(K[free][:, free].tocsc()).solve(out_of_balance[free])
            size = np.abs(du).max()
            u, out_of_balance, K = self._advance(u, du.reshape(u.shape), np.abs(out_of_balance[free]).sum(), contact, depth)
            if size < 1e-6:
                contact.remember(u, depth)
                return u
        raise ValueError(f"no equilibrium at a depth of {depth} mm")

    def _balance(self, u, contact, depth):
        (inner, K), (push, more) = self.elastic(u), contact.forces(u, depth)
        return push - inner, K + more

    def _advance(self, u, du, before, contact, depth):
        """The longest step that turns no element inside out and improves the balance of forces, if there is one."""
        free, found = ~self.fixed.ravel(), None
        for halving in range(7):
            moved = u + du / 2**halving
            try:
                balance = self._balance(moved, contact, depth)
            except ValueError:
                continue
            found = (moved, *balance)
            if np.abs(balance[0][free]).sum() < before:
                break
        if found is None:
            raise ValueError("no step is short enough")
        return found


class _Ball:
    """Contact of the ball with the surface."""

    def __init__(self, pad: RoundPad, radius: float, stiffness: float, sticks: bool):
        self.pad, self.radius, self.stiffness, self.sticks = pad, radius, stiffness, sticks
        self.anchors = np.full(len(pad.top), np.nan)  # angle on the ball at which a node has touched first
        edges = np.stack([pad.top[:-2:2], pad.top[1:-1:2], pad.top[2::2]], 1)
        s, w = _LINE
        self.shape = np.stack([s * (s - 1) / 2, 1 - s * s, s * (s + 1) / 2], 1)
        places = pad.places[edges, 0]
        self.edges = edges
        self.weight = 2 * np.pi * np.einsum("gn,en->eg", self.shape, places) * w * (places[:, 2:] - places[:, :1]) / 2

    def centre(self, depth):
        return np.array([0, self.pad.thickness + self.radius - depth])

    def forces(self, u, depth):
        """Forces on the nodes and the tangent they add."""
        n = u.size
        x = np.einsum("gn,enc->egc", self.shape, (self.pad.places + u)[self.edges]) - self.centre(depth)
        rho = np.linalg.norm(x, axis=-1)
        normal, depth_in = x / rho[..., None], self.radius - rho
        root = np.hypot(depth_in, _ROUNDING)
        pierced = (depth_in + root) / 2  # max(depth_in, 0), rounded off
        push = (self.stiffness * self.weight * pierced)[..., None] * normal
        force = np.zeros((len(self.pad.places), 2))
        np.add.at(force, self.edges, np.einsum("gn,egc->enc", self.shape, push))
        outer = normal[..., :, None] * normal[..., None, :]
        block = (pierced / root)[..., None, None] * outer - (pierced / rho)[..., None, None] * (np.eye(2) - outer)
        block *= (self.stiffness * self.weight)[..., None, None]
        values = np.einsum("gn,gm,egcd->encmd", self.shape, self.shape, block)
        dofs = (2 * self.edges[:, :, None] + np.arange(2)).reshape(len(self.edges), 6)
        rows, cols = np.repeat(dofs, 6, 1).ravel(), np.tile(dofs, (1, 6)).ravel()
        tangent = sp.csr_matrix((values.ravel(), (rows, cols)), shape=(n, n))
        if self.sticks:
            held = np.flatnonzero(np.isfinite(self.anchors))
            place = self.centre(depth)[0] + self.radius * np.sin(self.anchors[held])
            k = self.stiffness * self._area()[held]
            force[self.pad.top[held], 0] += k * (place - (self.pad.places + u)[self.pad.top[held], 0])
            tangent = tangent + sp.csr_matrix((k, (2 * self.pad.top[held], 2 * self.pad.top[held])), shape=(n, n))
        return force.ravel(), tangent

    def remember(self, u, depth):
        """Note where nodes have touched."""
        x = (self.pad.places + u)[self.pad.top] - self.centre(depth)
        new = (np.linalg.norm(x, axis=1) < self.radius) & ~np.isfinite(self.anchors)
        self.anchors[new] = np.arctan2(x[new, 0], -x[new, 1])

    def read(self, u, depth) -> Press:
        force = self.forces(u, depth)[0].reshape(u.shape)
        x = np.einsum("gn,enc->egc", self.shape, (self.pad.places + u)[self.edges]) - self.centre(depth)
        touched = np.linalg.norm(x, axis=-1) < self.radius
        return Press(
            -force[:, 1].sum(), float(x[..., 0][touched].max(initial=0)), self.pad.places[self.pad.top, 0], u[self.pad.top]
        )

    def _area(self):
        """Share of the surface that each node stands for [mm^2]."""
        r = self.pad.places[self.pad.top, 0]
        edge = np.concatenate([[0], (r[1:] + r[:-1]) / 2, r[-1:]])
        return np.pi * np.diff(edge**2)


def _halved(v: np.ndarray) -> np.ndarray:
    out = np.empty(2 * len(v) - 1)
    out[::2], out[1::2] = v, (v[1:] + v[:-1]) / 2
    return out
