"""Chance that has no shape: an order of patches, and who is left out of which branch. A `Place` in, uniform numbers out.

Every tensor has the sample as its first axis and is drawn for the samples of all ranks, of which the rank keeps its own.
"""

import math

import torch

from simtouch._checks import ArgumentError
from simtouch.models.ssl.objective import Place
from simtouch.models.vit import EncoderConfig


def patch_noise(place: Place, grid: tuple[int, ...], purpose: str = "patch order") -> torch.Tensor:
    """One uniform number in [0, 1) a patch, (B, N), N the patches of `grid`."""
    return place.mine(torch.rand(place.batch_size, math.prod(grid), generator=place.generator(purpose)))


def keep_lowest(noise: torch.Tensor, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Which patches are kept, those with the lowest numbers: their indices in rising noise (B, K), and each patch's rank (B, N).

    K = int(share N), at least 1 and at most N - 1: there is always something to see and something to guess.

    Args:
        noise: Of `patch_noise`, (B, N), N >= 2.
        share: Of the patches to keep, in (0, 1).

    Raises:
        ArgumentError: A share outside (0, 1), or a single patch.
    """
    if not 0 < share < 1:
        raise ArgumentError(f"`share` must be in (0, 1); got {share}.")
    if noise.shape[1] < 2:
        raise ArgumentError(f"`noise` must have at least 2 patches to hide one of them; got {noise.shape[1]}.")
    order = noise.argsort(stable=True, dim=1)
    kept = min(max(int(noise.shape[1] * share), 1), noise.shape[1] - 1)
    return order[:, :kept], order.argsort(1)


def depth_chance(place: Place, config: EncoderConfig, passes: int = 1, purpose: str = "depth") -> dict[str, torch.Tensor]:
    """For an encoder with stochastic depth {"chance": uniform numbers (B, depth, 2, passes)}, for another an empty dict."""
    if config.drop_path == 0:
        return {}
    shape = (place.batch_size, config.depth, 2, passes)
    return {"chance": place.mine(torch.rand(shape, generator=place.generator(purpose)))}


def as_blocks_want(chance: torch.Tensor | None) -> torch.Tensor | None:
    """(B, depth, 2, passes) as an encoder takes it: (depth, 2, passes B), pass by pass."""
    return None if chance is None else chance.permute(1, 2, 3, 0).flatten(2)
