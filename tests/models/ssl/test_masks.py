"""Contexts, targets and views: the published masks to the last index, and what holds for any."""

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError
from simtouch.models.ssl.masks import (
    draw_context_and_targets,
    draw_tubes,
    published_context_and_targets,
    published_tubes,
)
from simtouch.models.ssl.masks_blocks import Blocks, block_patches, block_size, draw_blocks, draw_corners, published_blocks
from simtouch.models.ssl.masks_random import keep_lowest
from tests.fixtures import sparsh_fixture

CONTEXT = Blocks(count=1, scale=(0.85, 1.0))
TARGETS = Blocks(count=4, scale=(0.15, 0.2), aspect=(0.75, 1.5))
FEW = Blocks(count=2, scale=(0.7, 0.7), aspect=(0.75, 1.5))
MANY = Blocks(count=8, scale=(0.15, 0.15), aspect=(0.75, 1.5))
VIEWS = {"dino": ((0.1, 0.48), (0.48, 1.0)), "dinov2": ((0.1, 0.32), (0.32, 1.0))}
GRID = (20, 15)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("step", [0, 1, 2, 17])
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_the_published_ones(name: str, step: int):
    _, arrays = sparsh_fixture("masks_official_320x240")
    local, whole = VIEWS[name]
    kinds = [Blocks(count=8, scale=local), Blocks(count=2, scale=whole)]
    views, large = published_blocks(seeded(step), 4, GRID, kinds)
    np.testing.assert_array_equal(views, np.stack([arrays[f"{name}_s{step}_B{k}"] for k in range(8)], 1))
    np.testing.assert_array_equal(large, np.stack([arrays[f"{name}_s{step}_A{k}"] for k in range(2)], 1))


@pytest.mark.parametrize("step", [0, 1, 2, 17])
def test_contexts_and_targets_are_the_published_ones(step: int):
    _, arrays = sparsh_fixture("masks_official_320x240")
    masks = published_context_and_targets(seeded(step), 4, GRID, CONTEXT, TARGETS, min_keep=10)
    np.testing.assert_array_equal(masks.context, arrays[f"ijepa_s{step}_A0"])
    np.testing.assert_array_equal(masks.targets, np.stack([arrays[f"ijepa_s{step}_B{k}"] for k in range(4)], 1))


def test_tubes_are_the_published_ones():
    _, arrays = sparsh_fixture("masks_official_320x240")
    positions = seeded(0)
    for call in range(3):
        for k, blocks in enumerate((MANY, FEW)):
            masks = published_tubes(positions, 4, (2, *GRID), blocks, call=call)
            np.testing.assert_array_equal(masks.context, arrays[f"vjepa_call{call}_enc{k}"])
            np.testing.assert_array_equal(masks.targets, arrays[f"vjepa_call{call}_pred{k}"])


def test_masks_of_the_small_networks_are_the_published_ones():
    _, arrays = sparsh_fixture("alg_ijepa")
    masks = published_context_and_targets(seeded(0), 3, (6, 4), CONTEXT, TARGETS, min_keep=2)
    np.testing.assert_array_equal(masks.context, arrays["encoder_mask_0"])
    np.testing.assert_array_equal(masks.targets, np.stack([arrays[f"predictor_mask_{k}"] for k in range(4)], 1))
    _, arrays = sparsh_fixture("alg_vjepa")
    positions = seeded(7)
    for k, (count, scale) in enumerate(((2, 0.15), (1, 0.5))):
        blocks = Blocks(count=count, scale=(scale, scale), aspect=(0.75, 1.5))
        masks = published_tubes(positions, 3, (2, 4, 3), blocks, call=0)
        np.testing.assert_array_equal(masks.context, arrays[f"enc_mask_{k}"])
        np.testing.assert_array_equal(masks.targets, arrays[f"pred_mask_{k}"])


def test_block_has_its_share_of_patches_and_its_shape():
    assert block_size(0.0, (40, 30), Blocks(count=1, scale=(0.25, 1.0))) == (17, 17)  # sqrt(300) = 17.3
    assert block_size(0.5, (40, 30), Blocks(count=1, scale=(0.12, 0.12), aspect=(0.5, 1.5))) == (12, 12)
    assert block_size(0.0, (40, 30), Blocks(count=1, scale=(0.15, 0.15), aspect=(5.0, 5.0))) == (30, 6)
    assert block_size(0.0, (4, 3), Blocks(count=1, scale=(1.0, 1.0))) == (3, 3)


def test_small_block_grows_to_its_least_size_or_the_grid():
    tiny = Blocks(count=1, scale=(0.01, 0.01))
    assert block_size(0.0, (4, 3), tiny, min_keep=4) == (2, 2)
    assert block_size(0.0, (4, 3), tiny, min_keep=5) == (3, 2)
    assert block_size(0.0, (4, 3), tiny, min_keep=100) == (4, 3)
    assert block_size(0.0, (2, 9), tiny, min_keep=10) == (2, 5)


def test_blocks_lie_in_the_grid_and_reach_each_of_its_edges():
    blocks = draw_blocks(seeded(0), 200, (6, 5), Blocks(count=3, scale=(0.3, 0.3)))
    assert blocks.shape == (200, 3, 9)
    rows, columns = blocks // 5, blocks % 5
    assert (blocks.diff(dim=-1) > 0).all()
    assert rows.amin((0, 1, 2)) == 0
    assert rows.amax((0, 1, 2)) == 5
    assert columns.amax((0, 1, 2)) == 4
    assert ((rows.amax(-1) - rows.amin(-1)) == 2).all()
    assert ((columns.amax(-1) - columns.amin(-1)) == 2).all()


def test_places_are_equally_likely():
    corners = draw_corners(seeded(1), (30_000,), (6, 5), (3, 3))
    counts = torch.bincount(corners[:, 0] * 3 + corners[:, 1], minlength=12).float()
    assert (counts / 2500 - 1).abs().max() < 5 * 2500**-0.5


def test_patches_of_a_block_by_hand():
    assert block_patches(torch.tensor([1, 2]), (4, 5), (2, 3)).tolist() == [7, 8, 9, 12, 13, 14]


@pytest.mark.parametrize("grid", [(20, 15), (8, 6), (4, 4)])
def test_context_and_targets_share_no_patch(grid: tuple[int, int]):
    masks = draw_context_and_targets(seeded(3), 32, grid, CONTEXT, TARGETS, min_keep=10)
    assert masks.targets.shape[:2] == (32, 4)
    for context, targets in zip(masks.context.tolist(), masks.targets.tolist(), strict=True):
        assert not set(context) & {patch for block in targets for patch in block}
        assert context == sorted(set(context))


@pytest.mark.parametrize("blocks", [MANY, FEW])
def test_tubes_go_through_all_times_and_context_and_targets_share_none(blocks: Blocks):
    masks = draw_tubes(seeded(5), 32, (3, 8, 6), blocks, min_keep=4)
    for part in masks:
        frames = part.unflatten(1, (3, -1))
        assert torch.equal(frames[:, 0] + 48, frames[:, 1])
        assert torch.equal(frames[:, 0] + 96, frames[:, 2])
    for context, targets in zip(masks.context.tolist(), masks.targets.tolist(), strict=True):
        assert not set(context) & set(targets)


def test_context_is_as_large_as_wanted_where_there_is_room():
    for seed in range(20):
        assert draw_context_and_targets(seeded(seed), 64, GRID, CONTEXT, TARGETS, min_keep=10).context.shape[1] >= 10
        assert draw_tubes(seeded(seed), 64, (2, *GRID), FEW, min_keep=10).context.shape[1] >= 20


def test_cut_contexts_keep_patches_of_all_rows():
    """Published ones lose their last rows, so that some patches are hardly ever seen."""

    def lowest_quarter(context: torch.Tensor) -> float:
        return (context >= 225).float().mean().item()

    fair = [draw_context_and_targets(seeded(s), 32, GRID, CONTEXT, TARGETS, min_keep=10).context for s in range(10)]
    cut = [published_context_and_targets(seeded(s), 32, GRID, CONTEXT, TARGETS, min_keep=10).context for s in range(10)]
    assert np.mean([lowest_quarter(c) for c in fair]) > 0.2
    assert np.mean([lowest_quarter(c) for c in cut]) < 0.1


def test_targets_that_cover_all_are_moved_onto_one_another():
    """On two patches four targets mostly hide both: then all take one, and the other is seen."""
    masks = draw_context_and_targets(seeded(0), 64, (2, 1), CONTEXT, TARGETS, min_keep=10)
    assert masks.context.shape == (64, 1)
    assert masks.targets.shape == (64, 4, 1)
    assert (masks.targets == 1 - masks.context[:, None]).all()


def test_a_single_patch_cannot_be_split():
    with pytest.raises(ArgumentError, match="at least 2 patches"):
        draw_context_and_targets(seeded(0), 4, (1, 1), CONTEXT, TARGETS, min_keep=1)
    with pytest.raises(ArgumentError, match="at least 2 patches"):
        draw_tubes(seeded(0), 4, (2, 1, 1), FEW, min_keep=1)
    with pytest.raises(ArgumentError, match="at least 2 patches"):
        keep_lowest(torch.rand(3, 1), 0.25)


def test_published_samplers_stop_where_there_is_no_context():
    with pytest.raises(ArgumentError, match="sampler='bounded'"):
        published_context_and_targets(seeded(0), 4, (4, 4), CONTEXT, TARGETS, min_keep=10)
    with pytest.raises(ArgumentError, match="sampler='bounded'"):
        published_tubes(seeded(0), 4, (2, 4, 4), Blocks(count=1, scale=(1.0, 1.0)), call=0)


def test_a_quarter_of_the_patches_is_kept_those_of_lowest_noise():
    noise = torch.tensor([[0.9, 0.1, 0.5, 0.3, 0.2, 0.8, 0.7, 0.6]])
    kept, ranks = keep_lowest(noise, 0.25)
    assert kept.tolist() == [[1, 4]]
    assert ranks.tolist() == [[7, 0, 3, 2, 1, 6, 5, 4]]
    assert keep_lowest(torch.rand(2, 3), 0.25)[0].shape == (2, 1)
    assert keep_lowest(torch.rand(2, 3), 0.999)[0].shape == (2, 2)
