"""Equilibrium of the pad under given forces on its surface: Newton's method with preconditioned conjugate gradients.

    K(u) d = F - f(u)   to a share of the right-hand side,   u <- u + s d,   s <= 1                                  (1)

Residuals are measured as the work they would do, r . P r, with P the preconditioner: the square of an error in energy.
"""

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.gel.fem_kernels import Solid
from simtouch.gel.fem_mesh import Mesh
from simtouch.gel.fem_preconditioner import FlatInverse

_SMALLEST_J = 0.15  # an element squeezed below this share of its volume means that a step was too long
_HALVINGS = 6


class Pad:
    """Elastic pad whose surface is pushed by nodal forces."""

    def __init__(self, mesh: Mesh, youngs_modulus: float, poisson_ratio: float):
        """The modulus is in MPa."""
        mu = youngs_modulus / (2 * (1 + poisson_ratio))
        lame = youngs_modulus * poisson_ratio / ((1 + poisson_ratio) * (1 - 2 * poisson_ratio))
        self.mesh, self.moduli = mesh, (lame, mu)
        self._solid, self._inverse = Solid(mesh, lame, mu), FlatInverse(mesh, lame, mu)

    def rest(self) -> np.ndarray:
        """Displacement of the resting pad [mm], float32, (3, *padded)."""
        return np.zeros((3, *self.mesh.padded), np.float32)

    def on_surface(self, u: np.ndarray) -> np.ndarray:
        """The part of a field over the nodes that lies under the gel grid, (3, h, w)."""
        return u[(slice(None), *self.mesh.top)]

    def relax(
        self, u: np.ndarray, traction: np.ndarray, *, reduction: float, tolerance: float, most: int, max_steps: int = 4
    ) -> tuple[np.ndarray, float]:
        """Steps of (1) towards equilibrium; the displacement and the residual left, as the square root of a share of the forces' work.

        Args:
            u: Displacement [mm], float32, (3, *padded).
            traction: On the surface [MPa], (3, h, w).
            reduction: Share to which a step's linear system is solved; steps stop at twice this share of the first residual.
            tolerance: Residual at which steps stop in any case.
            most: Conjugate-gradient iterations in a step.
            max_steps: Newton steps.
        """
        force = np.zeros_like(u)
        force[(slice(None), *self.mesh.top)] = traction * np.float32(self.mesh.spacing**2)
        work = dot(force, self._inverse(force))
        if not work > 0:
            work = dot(u, self._solid.forces(u)[0])
        first = best = np.inf
        last, moved = u, np.zeros_like(u)
        for step in range(max_steps + 1):
            r = force - self._solid.forces(u)[0]
            z = self._inverse(r)
            error = float(np.sqrt(max(0.0, dot(r, z)) / max(work, 1e-30)))
            if not np.isfinite(error):
                raise SimtouchError("the finite-element gel diverged; press in smaller steps")
            first = error if step == 0 else first
            if error < max(tolerance, 2 * reduction * first) or step == max_steps:
                return u, error
            if error > best:  # too far: try a third of the way
                moved = moved / np.float32(3)
            else:
                last, best = u, error
                moved = self._conjugate_gradients(r, z, max(reduction, tolerance / error / 2), most)
            u = self._advance(last, moved)
        return u, error

    def _conjugate_gradients(self, r: np.ndarray, z: np.ndarray, reduction: float, most: int) -> np.ndarray:
        direction, x = z, np.zeros_like(r)
        size = first = dot(r, z)
        for _ in range(most):
            image = self._solid.tangent(direction)
            bend = dot(direction, image)
            if not bend > 0:  # not convex here: what we have is still a descent direction
                return x if x.any() else direction
            alpha = np.float32(size / bend)
            x += alpha * direction
            r = r - alpha * image
            z = self._inverse(r)
            before, size = size, dot(r, z)
            if size <= reduction**2 * first:
                break
            direction = z + np.float32(size / before) * direction
        return x

    def _advance(self, u: np.ndarray, step: np.ndarray) -> np.ndarray:
        """u + s d with the largest s = 1, 1/2, .. that leaves every element the right way out."""
        for halving in range(_HALVINGS):
            moved = u + np.float32(0.5**halving) * step
            if self._solid.forces(moved)[1] > _SMALLEST_J:
                return moved
        raise SimtouchError("the finite-element gel folded over; press in smaller steps")


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Inner product by pairwise summation: the same to the bit for any number of threads, unlike BLAS."""
    return float(np.sum(a * b, dtype=np.float64))
