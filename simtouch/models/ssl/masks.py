"""What a predictive network sees and what it must guess: a grid in, context and target indices out (I-JEPA, V-JEPA).

    hidden = union of the target blocks;  context = patches of the context block that are not hidden                    (1)

Both are cut to the shortest of the batch (of all ranks), so that they stack. The samplers for training end at any grid of two
patches or more and leave nobody without context or target. They relax in this order:

    1. a sample whose context (1) has fewer than `min_keep` patches is placed again, up to `TRIES` times;
    2. then the placement with the most context is taken;
    3. where that has none, all its targets take the place of its first, and its context is all that is left.

A set that is longer than the shortest of the batch loses patches at random. `published_*` draw and cut as the published recipes do:
in their order, the first patches kept; they stop with an error where there is no context to be found.
"""

from typing import NamedTuple

import torch

from simtouch._checks import ArgumentError
from simtouch.models.ssl.masks_blocks import (
    Blocks,
    block_patches,
    block_size,
    checked_grid,
    draw_corners,
    published_corner,
    sized,
    uniform,
)

TRIES = 16
"""Placements of one sample before the sampler relaxes."""
PUBLISHED_TRIES = 200
"""Placements of one context before a published sampler gives up."""


class ContextAndTargets(NamedTuple):
    """Indices of patches, rising."""

    context: torch.Tensor
    """(B, K)."""
    targets: torch.Tensor
    """(B, M, h w) of M blocks, or (B, L) of their union."""


def draw_context_and_targets(
    generator, batch_size: int, grid: tuple[int, int], context: Blocks, targets: Blocks, *, min_keep: int
) -> ContextAndTargets:
    """I-JEPA: one context block less the target blocks, and the blocks: (B, K), (B, M, h w).

    Args:
        generator: Of `Place.generator`, on the CPU.
        batch_size: B, the samples of all ranks together.
        grid: Rows and columns of patches.
        context, targets: The kinds of block.
        min_keep: Wanted number of patches in a context.

    Raises:
        ArgumentError: Fewer than two patches.
    """
    grid = checked_grid(grid)
    size = not_all(block_size(uniform(generator), grid, targets), grid)
    around = block_size(uniform(generator), grid, context)
    seen, corners = _place(generator, batch_size, grid, targets.count, size, around, min_keep)
    return ContextAndTargets(_cut(seen, generator), block_patches(corners, grid, size))


def draw_tubes(
    generator, batch_size: int, grid: tuple[int, int, int], blocks: Blocks, *, min_keep: int, u: float | None = None
) -> ContextAndTargets:
    """V-JEPA: blocks hidden at all times, and what is left: (B, K), (B, L), whole tubes through time, time first in the index.

    Args:
        generator: Of `Place.generator`, on the CPU.
        batch_size: B, the samples of all ranks together.
        grid: Patches along time, rows and columns.
        blocks: The kind of block.
        min_keep: Wanted number of tubes in a context.
        u: Uniform number for the size of the blocks; drawn if not given.

    Raises:
        ArgumentError: Fewer than two patches in a frame.
    """
    frame = checked_grid(grid)
    size = not_all(block_size(uniform(generator) if u is None else u, frame, blocks), frame)
    seen, corners = _place(generator, batch_size, frame, blocks.count, size, frame, min_keep)
    hidden = _union(corners, frame, size)
    return ContextAndTargets(through_time(_cut(seen, generator), grid), through_time(_cut(hidden, generator), grid))


def published_context_and_targets(
    generator, batch_size: int, grid: tuple[int, int], context: Blocks, targets: Blocks, *, min_keep: int
) -> ContextAndTargets:
    """I-JEPA's masks as published, from `torch.Generator().manual_seed(step)`; arguments of `draw_context_and_targets`.

    The order of the numbers: u of the targets, u of the context; then sample by sample the targets' corners and the context's. What
    the recipe does with a context that is too small is not known; here the context is placed again.

    Raises:
        ArgumentError: No context of more than `min_keep` patches after many placements; the published recipe may hang there.
    """
    grid = checked_grid(grid)
    size, around = block_size(uniform(generator), grid, targets), block_size(uniform(generator), grid, context)
    seen, corners = [], []
    for _ in range(batch_size):
        corners.append(torch.stack([published_corner(generator, grid, size) for _ in range(targets.count)]))
        for _ in range(PUBLISHED_TRIES):
            left = _seen(corners[-1][None], published_corner(generator, grid, around)[None], grid, size, around)
            if left.sum() > min_keep:
                break
        else:
            raise _hangs(min_keep, grid)
        seen.append(left)
    return ContextAndTargets(_cut(torch.cat(seen)), block_patches(torch.stack(corners), grid, size))


def published_tubes(generator, batch_size: int, grid: tuple[int, int, int], blocks: Blocks, *, call: int) -> ContextAndTargets:
    """V-JEPA's masks as published; arguments of `draw_tubes`.

    The size comes from `torch.Generator().manual_seed(call)`: three numbers, for time (all of it), area and ratio. Then sample by
    sample, block by block, top, left and first frame (always 0) come from `generator`, PyTorch's own if None. What the recipe does
    with an empty context is not known; here the sample is placed again.

    Raises:
        ArgumentError: No context after many placements.
    """
    frame = checked_grid(grid)
    _, for_area, for_ratio = torch.rand(3, generator=torch.Generator().manual_seed(call)).tolist()
    area = (blocks.scale[0] + for_area * (blocks.scale[1] - blocks.scale[0])) * frame[0] * frame[1]
    size = sized(area, blocks.aspect[0] + for_ratio * (blocks.aspect[1] - blocks.aspect[0]), frame)
    hidden = torch.cat([_published_hidden(generator, blocks.count, size, frame) for _ in range(batch_size)]).repeat(1, grid[0])
    return ContextAndTargets(_cut(~hidden), _cut(hidden))


def not_all(size: tuple[int, int], grid: tuple[int, int]) -> tuple[int, int]:
    """A block's size, its longer side one shorter if it covers the whole grid."""
    if size != grid:
        return size
    return (size[0] - 1, size[1]) if size[0] > size[1] else (size[0], size[1] - 1)


def through_time(patches: torch.Tensor, grid: tuple[int, int, int]) -> torch.Tensor:
    """Indices of patches of a frame (B, K) to those of the tubes through all times, (B, T K), rising if those are."""
    times = torch.arange(grid[0]) * (grid[1] * grid[2])
    return (times[:, None] + patches[:, None, :]).flatten(1)


def _place(generator, batch_size, grid, count, size, around, min_keep) -> tuple[torch.Tensor, torch.Tensor]:
    """Steps 1 to 3 of the module: patches seen, bool (B, N), and the targets' corners, (B, count, 2)."""
    tries = draw_corners(generator, (batch_size, TRIES, count), grid, size)
    contexts = draw_corners(generator, (batch_size, TRIES), grid, around)
    corners, seen = tries[:, 0].clone(), _seen(tries[:, 0], contexts[:, 0], grid, size, around)
    for k in range(1, TRIES):
        short = (seen.sum(1) < min_keep).nonzero()[:, 0]
        if len(short) == 0:
            break
        again = _seen(tries[short, k], contexts[short, k], grid, size, around)
        better = again.sum(1) > seen[short].sum(1)
        corners[short[better]], seen[short[better]] = tries[short, k][better], again[better]
    blind = (~seen.any(1)).nonzero()[:, 0]
    corners[blind] = corners[blind, :1]
    seen[blind] = ~_union(corners[blind], grid, size)
    return seen, corners


def _seen(corners, context, grid, size, around) -> torch.Tensor:
    return _union(context[:, None], grid, around) & ~_union(corners, grid, size)


def _union(corners: torch.Tensor, grid: tuple[int, int], size: tuple[int, int]) -> torch.Tensor:
    """Patches of blocks at (B, M, 2), bool (B, N)."""
    past = [torch.arange(n) - corners[..., axis, None] for axis, n in enumerate(grid)]
    rows, columns = ((k >= 0) & (k < n) for k, n in zip(past, size, strict=True))
    inside = torch.zeros(len(corners), *grid, dtype=torch.bool)
    for block in range(corners.shape[1]):
        inside |= rows[:, block, :, None] & columns[:, block, None, :]
    return inside.flatten(1)


def _cut(chosen: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Indices of the chosen, bool (B, N) to (B, K), K the fewest of a sample: the first K, or any K if there is a generator."""
    fewest = int(chosen.sum(1).min())
    if generator is None:
        kept = chosen & (chosen.cumsum(1) <= fewest)
    else:
        chance = torch.where(chosen, torch.rand(chosen.shape, generator=generator), 2.0)
        kept = torch.zeros_like(chosen).scatter_(1, chance.topk(fewest, largest=False, sorted=False).indices, True)
    return kept.nonzero()[:, 1].unflatten(0, (len(chosen), fewest))


def _published_hidden(generator, count: int, size: tuple[int, int], frame: tuple[int, int]) -> torch.Tensor:
    """Patches that the blocks of one sample hide, bool (1, N), not all of them."""
    corners = torch.empty(1, count, 2, dtype=torch.long)
    for _ in range(PUBLISHED_TRIES):
        for corner in corners[0]:
            corner[:] = published_corner(generator, frame, size)
            torch.randint(0, 1, (1,), generator=generator)
        hidden = _union(corners, frame, size)
        if not hidden.all():
            return hidden
    raise _hangs(1, frame)


def _hangs(min_keep: int, grid: tuple[int, int]) -> ArgumentError:
    return ArgumentError(
        f"the published sampler finds no context of {min_keep} patches in a grid of {grid[0]} x {grid[1]}: use sampler='bounded'."
    )
