"""From the gel grid to the image: a state of the gel on h x w cells in, the same on H x W pixels out, by cubic B-splines.

    u(x, y) = sum_ab c_ab B(y - a) B(x - b),   c from u by the spline filter                                         (1)
    height  = -max(-u_z, d)   where the surface follows the indenter                                                 (2)
    touched = [v >= 0 by straight lines between the cells' centres] and -d - height < 15 um                          (3)
    v = r = min(p^2 / (P - p^2), 1) in a cell in contact,  v = R - 1 elsewhere                                       (4)

B-splines have continuous slopes and curvatures, so shading shows no cells. (2) keeps the surface out of the indenter at every pixel: it
brings back what of the indenter's shape is finer than a cell. Between peaks finer than a cell the gel is taken to bridge.
Pressure falls to the rim of a contact like the root of the distance, so r of (4), with P the largest p^2 around a cell, is the way to
the rim in cells, and R, the largest r around, tells a free cell its own. The gap to the indenter only cuts out what is clearly away, as
between the peaks of a texture: in a sheared contact it holds some um of coupling, and would fray the edge.
Spline theory: Unser, IEEE Signal Processing Magazine 16(6), 1999.
"""

import numpy as np

from simtouch._checks import as_array
from simtouch._taichi import Bound
from simtouch.gel.lift_kernel import CELLS, _see


def spline_weights(ratio: int) -> np.ndarray:
    """Weights of the four coefficients around each of the `ratio` (even) pixels of a cell, float32, shape (ratio, 4)."""
    f = ((np.arange(ratio) + 0.5) / ratio - 0.5) % 1.0
    return (
        np.stack([(1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, 3 * (1 - f) ** 3 - 6 * (1 - f) ** 2 + 4, f**3], -1).astype(np.float32)
        / 6
    )


class Lift:
    """Lifts B states from an (h, w) grid to (h ratio, w ratio) pixels; owns the scratch memory."""

    touched: np.ndarray
    """Touched pixels of the last call, uint8, (B, H, stride - 2 pad)."""

    def __init__(self, shape: tuple[int, int], ratio: int, *, batch: int = 1, stride: int | None = None, pad: int = 8):
        """Rows of what is seen are `stride` long, and the image begins after `pad` of them, both multiples of 8."""
        (h, w), self.shape, self.ratio, self._batch = shape, shape, ratio, batch
        self._rows, self._cols = h * ratio, w * ratio
        self._stride, self._pad = stride or -(-self._cols // 8) * 8 + 2 * pad, pad
        self.touched = np.zeros((batch, self._rows, self._stride - 2 * pad), np.uint8)
        self._lowered = np.zeros(batch, np.float32)
        work = np.empty(batch * max(shape) * CELLS)
        scratch = np.zeros(batch * (h * (-(-w // 8) * 8 + 16) + 3 * h * w + 8) + 32, np.float32)
        sizes = (batch, h, w, ratio, pad, self._stride, work, scratch, self.touched.reshape(-1), None)
        self._launch = Bound(_see, None, None, None, self._lowered, spline_weights(ratio).ravel(), None, *sizes)

    def see(self, displacement_m, pressure, overlap_m, lowered_m, *, follows_indenter: bool = True) -> np.ndarray:
        """Height map (2), or (1) of a surface that does not follow [m], float32, shape (B, H, stride), the image from column `pad` on.

        Beyond the image a row goes on as the optics want it. Leaves (3) in `touched`.

        Args:
            displacement_m: Motion of the surface (x, y, z) [m], float32, contiguous, shape (B, h, w, 3).
            pressure: On the cells, in any unit, 0 where there is no contact, float32, contiguous, shape (B, h, w).
            overlap_m: Overlap of the indenter with the resting gel per pixel [m], float32, contiguous, shape (B, H, W); -inf where there
                is none.
            lowered_m: To add to it, shape (B,).
            follows_indenter: Whether the touched surface takes the indenter's shape.
        """
        self._lowered[:] = lowered_m
        self.touched[:] = 0
        out = np.empty((self._batch, self._rows, self._stride), np.float32)
        given = (displacement_m.reshape(-1), pressure.reshape(-1), overlap_m.reshape(-1))
        self._launch(*given, int(follows_indenter), out.reshape(-1))
        return out

    def image(self, seen: np.ndarray) -> np.ndarray:
        """The image part of such rows: a copy."""
        return np.ascontiguousarray(seen[..., self._pad : self._pad + self._cols])

    def lift(self, field) -> np.ndarray:
        """Return (1) of one map, shape (h, w): float32, shape (H, W)."""
        return self._lifted(field, np.zeros((self._rows, self._cols), np.float32), follows=False)

    def lift_height(self, field, overlap_m) -> np.ndarray:
        """Return (2) [m] of one map, float32, shape (H, W).

        Args:
            field: z displacement of the surface [m], shape (h, w).
            overlap_m: Overlap of the indenter with the resting gel per pixel [m], shape (H, W); -inf where there is none.
        """
        return self._lifted(field, np.ascontiguousarray(overlap_m, np.float32), follows=True)

    def _lifted(self, field, overlap_m: np.ndarray, *, follows: bool) -> np.ndarray:
        h, w = self.shape
        motion = np.zeros((1, h, w, 3), np.float32)
        motion[0, ..., 2] = as_array("field", field, "h w", h=h, w=w)
        return self.image(self.see(motion, np.zeros((1, h, w), np.float32), overlap_m[None], 0.0, follows_indenter=follows))[0]
