"""From the gel grid to the image in torch: z displacement on h x w cells in, height map on H x W pixels out, with gradients.

    height = min(A_y u_z A_x', -d)                                                                                  (1)

A_y and A_x hold the spline filter and the weights of `lift.py` along columns and rows, so that (1) is `Lift.lift_height`.
"""

import numpy as np
import torch
from scipy.ndimage import spline_filter1d
from torch import Tensor

from simtouch.gel.lift import spline_weights
from simtouch.sensors.spec import SensorSpec


class TorchLift:
    """Lifts B maps from the gel grid of a sensor to its pixels."""

    def __init__(self, spec: SensorSpec, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32):
        ratio = spec.image_grid.rows // spec.gel_grid.rows
        rows, cols = (torch.as_tensor(_lifting(n, ratio), dtype=dtype, device=device) for n in spec.gel_grid.shape)
        self._rows, self._cols = rows, cols.T.contiguous()

    def lift(self, field: Tensor) -> Tensor:
        """The spline through `field`, (B, h, w), at the pixels, (B, H, W)."""
        return self._rows @ (field.to(self._rows) @ self._cols)

    def height_m(self, displacement_m: Tensor, overlap_m: Tensor) -> Tensor:
        """Return (1) [m], (B, H, W).

        Args:
            displacement_m: Motion of the surface (x, y, z) [m], (B, h, w, 3).
            overlap_m: Overlap of the indenter with the resting gel per pixel [m], (B, H, W); -inf where there is none.
        """
        return torch.minimum(self.lift(displacement_m[..., 2]), -overlap_m.to(self._rows))


def _lifting(n: int, ratio: int) -> np.ndarray:
    """From n cells to n ratio pixels along one axis, float64, (n ratio, n)."""
    coefficients = spline_filter1d(np.eye(n), order=3, axis=0, mode="mirror")
    weights = spline_weights(ratio).astype(np.float64)
    out = np.zeros((n * ratio, n))
    for pixel in range(n * ratio):
        phase = pixel % ratio
        first = pixel // ratio - 2 + (2 * phase + 1 > ratio)
        around = np.abs(np.arange(first, first + 4))
        out[pixel] = weights[phase] @ coefficients[np.minimum(around, 2 * (n - 1) - around)]
    return out
