"""Where a patch is: a grid of patches in, one code a patch out.

Of a grid with A axes in the order (time,) row, column and whole coordinates g_a = 0, 1, 2, ..., for D channels:

    n = ceil(D / 2A),  band_j = 10000^(-j / n),  j = 0 .. n-1                         (1)
    per axis sin(g_a band), then cos(g_a band); the axes one after the other; the first D columns of that              (2)

The bands of each axis are kept with the weights, shape (A, n), as in the published checkpoints. The table itself is made for
whatever grid is asked for, so a network with this code takes any input size. Source: the behaviour of the published models.
"""

import math

import torch
from torch import nn


class SinusoidalPositions(nn.Module):
    """Codes (1), (2) for D channels and A axes; `forward(grid)` gives the table of a grid, shape (1, N, D)."""

    frequency_bands: torch.Tensor

    def __init__(self, embed_dim: int, axes: int = 2):
        super().__init__()
        self.embed_dim = embed_dim
        count = math.ceil(embed_dim / (2 * axes))
        bands = 1.0 / 10000 ** (torch.arange(count, dtype=torch.float64) / count)
        self.register_buffer("frequency_bands", bands.to(torch.float32).repeat(axes, 1))
        self._tables: dict[tuple, torch.Tensor] = {}

    def forward(self, grid: tuple[int, ...]) -> torch.Tensor:
        """The table of a grid of patches, (1, N, D), N the product of the grid's sides, the last axis fastest."""
        key = (tuple(grid), self.frequency_bands.device, self.frequency_bands.dtype)
        if key not in self._tables:
            self._tables = {key: self._table(tuple(grid))}
        return self._tables[key]

    @torch.no_grad()
    def _table(self, grid: tuple[int, ...]) -> torch.Tensor:
        bands = self.frequency_bands
        sides = [torch.arange(n, device=bands.device, dtype=bands.dtype) for n in grid]
        places = torch.stack(torch.meshgrid(*sides, indexing="ij"), -1).reshape(-1, len(grid))
        phase = places[:, :, None] * bands
        return torch.cat([phase.sin(), phase.cos()], -1).flatten(1)[None, :, : self.embed_dim]

    def _apply(self, fn, recurse=True):
        self._tables = {}
        return super()._apply(fn, recurse)
