"""Masks of every algorithm, at any image size: drawn in bounded time, nobody left without something to see and to guess."""

import itertools

import pytest
import torch

from simtouch.models.ssl.algorithms import ALGORITHMS
from simtouch.models.ssl.masks_random import keep_lowest
from simtouch.models.ssl.objective import Draws, Objective, Place
from tests.models.ssl.small_objectives import small_objective

SQUARE = [(n, n) for n in (64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 288, 320)]
OBLONG = [(64, 48), (80, 64), (96, 72), (112, 80), (128, 96), (160, 112), (160, 120), (192, 144), (256, 192), (320, 240)]
GRIDS = [
    (size, patch)
    for size, patch in itertools.product([*SQUARE, *OBLONG, *[(w, h) for h, w in OBLONG]], (16, 8))
    if not any(n % patch for n in size)
]
BATCH = 4


def seen_and_hidden(objective: Objective, draws: Draws) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    """(indices seen, indices hidden from that or None where the rest is not guessed) of each mask of a step."""
    if "noise" in draws:
        kept = keep_lowest(draws["noise"], objective.config.keep_share)[0]
        everything = torch.arange(draws["noise"].shape[1]).expand(BATCH, -1)
        return [
            (kept, everything[~torch.zeros_like(everything, dtype=torch.bool).scatter(1, kept, True)].unflatten(0, (BATCH, -1)))
        ]
    if "context" in draws:
        return [(draws["context"], draws["targets"].flatten(1))]
    if "context_0" in draws:
        return [(draws[f"context_{s}"], draws[f"targets_{s}"]) for s in range(len(objective.config.mask_blocks))]
    views = (view for key in ("global_masks", "local_masks") for view in draws[key].unbind(1))
    return [(view, None) for view in views]


def draw_many(name: str, count: int, grids: list[tuple[tuple[int, int], int]]) -> int:
    """Draw `count` steps over the grids in turn and check each; how many were drawn."""
    objectives = [small_objective(name, size, patch) for size, patch in grids]
    for step in range(count):
        objective = objectives[step % len(objectives)]
        patches = objective.encoder.config.grid
        total = int(torch.tensor(patches).prod())
        masks = seen_and_hidden(objective, objective.draw(Place(seed=7, step=step, batch_size=BATCH)))
        for seen, hidden in masks:
            inside = torch.zeros(BATCH, total, dtype=torch.long)
            assert seen.shape[0] == BATCH
            assert seen.shape[1] >= 1
            inside.scatter_add_(1, seen, torch.ones_like(seen))
            assert inside.max() == 1
            if hidden is not None:
                assert hidden.shape[1] >= 1
                assert inside.gather(1, hidden).sum() == 0
        assert masks
    return count


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_hundred_draws_end_and_are_never_empty(name: str):
    assert draw_many(name, 120, GRIDS[::3]) == 120


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_ten_thousand_draws_end_and_are_never_empty(name: str):
    assert draw_many(name, 10_000, GRIDS) == 10_000
