"""The calibrated colour response in PyTorch: gel surfaces and touched pixels in, change of colour out, with gradients, in batches.

Equations (1) to (3) of `simtouch/sensors/colour_table.py`, the same numbers as `table_response.py` on any device and in any float type.
The gradient is that of the interpolated table: right between the nodes, and one of the two sides on a line between them. The touched
pixels are a choice of zone and carry none.
"""

import torch
from torch import Tensor, nn

from simtouch._checks import ShapeError
from simtouch.sensors.colour_table import POWERS, ColourTable


class TorchTable(nn.Module):
    """A colour table for images of one size; `.to(device)` and `.double()` move its numbers."""

    def __init__(self, table: ColourTable, shape: tuple[int, int], pixel_pitch_m: float):
        """Prepare the numbers; `shape` is (H, W), `pixel_pitch_m` the gel length seen by a pixel [m]."""
        super().__init__()
        self.shape, self.pixel_pitch_m, self.nodes = tuple(shape), float(pixel_pitch_m), table.nodes
        slope = torch.tensor(table.slope.array)
        self.register_buffer("slope", slope.permute(0, 3, 4, 1, 2).reshape(-1, 3, table.terms).contiguous())
        self.register_buffer("place", _place(table, self.shape))
        self.register_buffer("mix", torch.tensor(table.mix))

    def change(self, height_m: Tensor, touched: Tensor | None = None) -> Tensor:
        """Change of colour against the resting gel [grey levels], shape (B, H, W, 3).

        Args:
            height_m: Gel surfaces [m], 0 at rest, negative where pressed in, shape (B, H, W), of the table's float type.
            touched: Where they are touched, bool, shape (B, H, W); None for everywhere.
        """
        if height_m.ndim != 3 or tuple(height_m.shape[1:]) != self.shape:
            raise ShapeError(
                f"`height_m` must have shape (B, H, W), H={self.shape[0]}, W={self.shape[1]}; got {tuple(height_m.shape)}."
            )
        if touched is not None and touched.shape != height_m.shape:
            raise ShapeError(f"`touched` must have the shape of `height_m`; got {tuple(touched.shape)}.")
        zone = torch.ones_like(height_m, dtype=torch.long) if touched is None else (touched != 0).long()
        place = self.place.expand(len(height_m), -1, -1, -1, -1, -1)
        here = torch.where((zone == 1)[..., None, None], place[:, 1], place[:, 0])
        change = (self._between_nodes(self._tilt(height_m), zone) * here).sum(-1)
        return change @ self.mix.T

    def _tilt(self, height_m: Tensor) -> Tensor:
        """s of (2) as (x, y), shape (B, H, W, 2)."""
        along_y, along_x = torch.gradient(height_m / self.pixel_pitch_m, dim=(1, 2))
        g = torch.stack([along_x, along_y], -1)
        return g / (1 + (g * g).sum(-1, keepdim=True)).sqrt()

    def _between_nodes(self, s: Tensor, zone: Tensor) -> Tensor:
        """A of (1), shape (B, H, W, 3, R)."""
        n = self.nodes
        place = (s + 1) * ((n - 1) / 2)
        cell = place.detach().long().clamp(0, n - 2)
        x, y = (place - cell)[..., None].unbind(-2)
        x, y = x[..., None], y[..., None]
        at = (zone * n + cell[..., 1]) * n + cell[..., 0]
        upper = self.slope[at] * (1 - x) + self.slope[at + 1] * x
        lower = self.slope[at + n] * (1 - x) + self.slope[at + n + 1] * x
        return upper * (1 - y) + lower * y


def _place(table: ColourTable, shape: tuple[int, int]) -> Tensor:
    """B of (3), shape (2, H, W, 3, R), float32."""
    y, x = ((2 * torch.arange(n, dtype=torch.float64) + 1) / n - 1 for n in shape)
    x, y = x.clamp(*table.covered[0])[None, :], y.clamp(*table.covered[1])[:, None]
    terms = torch.stack([x**p * y**q for p, q in POWERS])
    return torch.einsum("zcrm,mhw->zhwcr", torch.tensor(table.place.array).double(), terms).float()
