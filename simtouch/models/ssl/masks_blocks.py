"""Rectangular blocks of patches: a grid and a generator in, indices of patches out, (B, count, h w).

One size for the batch, one place a block. With u, a uniform number of the batch, and N the patches of a grid of rows and columns:

    area = N (s0 + u (s1 - s0)),  ratio = a0 + u (a1 - a0)                            (1)
    h = round(sqrt(area ratio)),  w = round(sqrt(area / ratio)), at most the grid     (2)
    top in 0 .. rows - h,  left in 0 .. columns - w, each as likely as the others     (3)

`draw_blocks` is the sampler for training: it draws (3) for the whole batch at once, makes a block that is too small larger instead of
drawing for ever, and so ends at any grid. `published_blocks` draws number by number in the order of the published recipes, which
gives their masks to the last index. The views of DINO and DINOv2 are the square case, ratio 1. Source: the masks of the published
recipes (two sizes, eight local and two global blocks; one size, four targets), the order of whose draws was found by experiment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from simtouch._checks import ArgumentError


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """A kind of block: how many a sample, how large, what shape."""

    count: int
    scale: tuple[float, float]
    """(s0, s1) of (1): share of all patches."""
    aspect: tuple[float, float] = (1.0, 1.0)
    """(a0, a1) of (1): height over width."""


def block_size(u: float, grid: tuple[int, int], blocks: Blocks, *, min_keep: int = 1) -> tuple[int, int]:
    """Height and width (2) of a block in patches; grown, the shorter side first, until it has `min_keep` patches or is the grid.

    Args:
        u: Uniform number in [0, 1) for size and shape both, as published.
        grid: Rows and columns of patches.
        blocks: The kind of block.
        min_keep: Least number of patches of a block.
    """
    return sized(_between(blocks.scale, u) * math.prod(grid), _between(blocks.aspect, u), grid, min_keep=min_keep)


def sized(area: float, ratio: float, grid: tuple[int, int], *, min_keep: int = 1) -> tuple[int, int]:
    """(2) for an area [patches] and a ratio, height over width; at least 1 by 1 and `min_keep` patches, at most the grid."""
    rows, columns = grid
    h = min(max(round(math.sqrt(area * ratio)), 1), rows)
    w = min(max(round(math.sqrt(area / ratio)), 1), columns)
    while h * w < min(min_keep, rows * columns):
        if (h <= w or w == columns) and h < rows:
            h += 1
        else:
            w += 1
    return h, w


def uniform(generator: torch.Generator) -> float:
    """One uniform number in [0, 1)."""
    return torch.rand(1, generator=generator).item()


def draw_blocks(generator, batch_size: int, grid: tuple[int, int], blocks: Blocks, *, min_keep: int = 1) -> torch.Tensor:
    """Blocks of one size for a batch, rising indices of patches, int64 (B, count, h w).

    Args:
        generator: Of `Place.generator`, on the CPU; two draws are made from it.
        batch_size: B, the samples of all ranks together.
        grid: Rows and columns of patches.
        blocks: The kind of block.
        min_keep: Least number of patches of a block; a drawn size below that is made larger.
    """
    size = block_size(uniform(generator), grid, blocks, min_keep=min_keep)
    return block_patches(draw_corners(generator, (batch_size, blocks.count), grid, size), grid, size)


def draw_corners(generator, shape: Sequence[int], grid: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """Places (3) of blocks of one size, (top, left), int64 (*shape, 2)."""
    room = torch.tensor([grid[0] - size[0] + 1, grid[1] - size[1] + 1], dtype=torch.float64)
    return (torch.rand((*shape, 2), generator=generator, dtype=torch.float64) * room).long()


def block_patches(corners: torch.Tensor, grid: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """Rising indices of the patches of blocks at (top, left), (..., 2) to (..., h w)."""
    inside = torch.arange(size[0])[:, None] * grid[1] + torch.arange(size[1])
    return (corners[..., :1] * grid[1] + corners[..., 1:]) + inside.flatten()


def published_blocks(generator, batch_size: int, grid: tuple[int, int], kinds: Sequence[Blocks]) -> list[torch.Tensor]:
    """Blocks as the published recipes draw them from `torch.Generator().manual_seed(step)`, one tensor (B, count, h w) a kind.

    The order of the numbers: one u a kind; then sample by sample, kind by kind, block by block, its top and its left. DINO and
    DINOv2 name their local views first, then the global ones.
    """
    sizes = [block_size(uniform(generator), grid, blocks) for blocks in kinds]
    corners: list[list[torch.Tensor]] = [[] for _ in kinds]
    for _ in range(batch_size):
        for found, blocks, size in zip(corners, kinds, sizes, strict=True):
            found.append(torch.stack([published_corner(generator, grid, size) for _ in range(blocks.count)]))
    return [block_patches(torch.stack(found), grid, size) for found, size in zip(corners, sizes, strict=True)]


def published_corner(generator: torch.Generator | None, grid: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """One place (3) as the published recipes draw it: top, then left; PyTorch's own generator if None."""
    return torch.cat([torch.randint(0, n - k + 1, (1,), generator=generator) for n, k in zip(grid, size, strict=True)])


def checked_grid(grid: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a grid, with or without time before them.

    Raises:
        ArgumentError: Fewer than 2 patches: nothing to see beside what is to be guessed.
    """
    rows, columns = grid[-2:]
    if rows * columns < 2:
        raise ArgumentError(f"`grid` must have at least 2 patches, one to see and one to guess; got {rows} x {columns}.")
    return rows, columns


def _between(ends: tuple[float, float], u: float) -> float:
    return ends[0] + u * (ends[1] - ends[0])
