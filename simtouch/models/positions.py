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
from torch.nn import functional as F

from simtouch._checks import ArgumentError, ShapeError


class SinusoidalPositions(nn.Module):
    """Codes (1), (2) for D channels and A axes; `forward(grid)` gives the table of a grid, shape (1, N, D).

    The bands stay in float32 when the module goes to half precision, which could not tell far patches apart.
    """

    frequency_bands: torch.Tensor

    def __init__(self, embed_dim: int, axes: int = 2):
        super().__init__()
        self.embed_dim = embed_dim
        count = math.ceil(embed_dim / (2 * axes))
        # In float32, step by step as (1): bit for bit the bands of the published checkpoints.
        bands = 10000.0 ** -torch.linspace(0, 1, count + 1, dtype=torch.float32)[:-1]
        self.register_buffer("frequency_bands", bands.repeat(axes, 1))
        self._last: tuple[tuple, torch.Tensor] | None = None

    def forward(self, grid: tuple[int, ...]) -> torch.Tensor:
        """The table of a grid of patches, (1, N, D), N the product of the grid's sides, the last axis fastest."""
        bands = self.frequency_bands
        if len(grid) != len(bands):
            raise ShapeError(f"`grid` must have {len(bands)} sides; got {tuple(grid)}.")
        if torch.compiler.is_compiling():  # a compiler keeps what is constant by itself, and wants no memory here
            return self._table(tuple(grid))
        key = (tuple(grid), bands.device, bands.dtype)
        if self._last is None or self._last[0] != key:
            with torch.inference_mode(False):  # so that training may use it after inference made it
                self._last = key, self._table(tuple(grid))
        return self._last[1]

    @torch.no_grad()
    def _table(self, grid: tuple[int, ...]) -> torch.Tensor:
        codes = []
        for axis, (length, bands) in enumerate(zip(grid, self.frequency_bands, strict=True)):
            phase = torch.arange(length, device=bands.device, dtype=bands.dtype)[:, None] * bands
            places = [-1 if a == axis else 1 for a in range(len(grid))]
            codes.append(torch.cat([phase.sin(), phase.cos()], -1).view(*places, 2 * len(bands)).expand(*grid, -1))
        return torch.cat(codes, -1)[..., : self.embed_dim].reshape(1, -1, self.embed_dim)

    def _apply(self, fn, recurse=True):
        bands = self.frequency_bands
        super()._apply(fn, recurse)
        if self.frequency_bands.itemsize < 4:
            self.frequency_bands = bands.to(self.frequency_bands.device)
        self._last = None
        return self

    def _load_from_state_dict(self, *args, **kwargs):
        self._last = None
        return super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self):
        return {**self.__dict__, "_last": None}  # a copy, or a file, makes its own


def resize_positions(table: torch.Tensor, grid: tuple[int, ...], new_grid: tuple[int, ...]) -> torch.Tensor:
    """A learned table (1, N, D) for another size of image, by bicubic interpolation between its patches, (1, N', D).

    Args:
        table: One code a patch.
        grid: Patches it is for, along (time,) rows and columns; N is their product.
        new_grid: Patches wanted; the same along time.

    Raises:
        ShapeError: The table is not of `grid`.
        ArgumentError: The grids differ along time.
    """
    if table.ndim != 3 or table.shape[:2] != (1, math.prod(grid)):
        raise ShapeError(f"`table` must have shape (1, N, D), N={math.prod(grid)}; got {tuple(table.shape)}.")
    if len(grid) != len(new_grid) or grid[:-2] != new_grid[:-2]:
        raise ArgumentError(f"learned positions can be resized along rows and columns only; got grids {grid} and {new_grid}.")
    images = table.detach().float().reshape(-1, *grid[-2:], table.shape[-1]).permute(0, 3, 1, 2)
    resized = F.interpolate(images, size=new_grid[-2:], mode="bicubic", align_corners=False, antialias=True)
    return resized.permute(0, 2, 3, 1).reshape(1, -1, table.shape[-1]).to(table.dtype)
