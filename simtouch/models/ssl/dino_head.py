"""A projection head: features (..., D) in, logits of K prototypes (..., K) out.

    z = mlp(x) / |mlp(x)|,    logit_k = g_k (v_k . z) / |v_k|                         (1)

so that a logit is a cosine times the gain g_k of its prototype v_k; the gains are trained, from 1. Weights of the mlp are drawn with a
deviation of 1 / sqrt(inputs), .022 for the published 2048: with .02 the mlp of a small head has next to no output, and as (1)
divides by it, its biases have gradients that leave nothing of the others' after clipping. Ref: Caron et al., ICCV 2021.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from simtouch._checks import ArgumentError


class Prototypes(nn.Module):
    """The last map of (1): a linear map without bias whose rows have length `weight_g` and direction `weight_v`."""

    def __init__(self, in_dim: int, out_dim: int):
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(out_dim, 1))
        self.weight_v = nn.Parameter(torch.empty(out_dim, in_dim))
        nn.init.trunc_normal_(self.weight_v, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_dim) to (..., out_dim)."""
        return F.linear(x, self.weight_g * F.normalize(self.weight_v, dim=1))


class ProjectionHead(nn.Module):
    """(1), with names as in the published checkpoints: `mlp.0`, `mlp.2`, ..., `last_layer.weight_g`, `last_layer.weight_v`.

    Args:
        in_dim: Channels of the features, D.
        out_dim: Prototypes, K.
        hidden_dim: Width of the inner layers.
        bottleneck_dim: Width of z.
        layers: Linear maps of the mlp, a GELU between two.
    """

    def __init__(self, in_dim: int, out_dim: int, *, hidden_dim: int = 2048, bottleneck_dim: int = 256, layers: int = 3):
        super().__init__()
        if min(layers, out_dim, hidden_dim, bottleneck_dim) < 1:
            raise ArgumentError(f"a head needs sizes >= 1; got {layers=}, {out_dim=}, {hidden_dim=}, {bottleneck_dim=}.")
        sizes = [in_dim, *[hidden_dim] * (layers - 1), bottleneck_dim]
        maps = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.GELU())]
        self.mlp = nn.Sequential(*maps[:-1])
        for linear in maps[::2]:
            nn.init.trunc_normal_(linear.weight, std=linear.in_features**-0.5, a=-2, b=2)
            nn.init.zeros_(linear.bias)
        self.last_layer = Prototypes(bottleneck_dim, out_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (..., D) to logits (..., K)."""
        return self.last_layer(F.normalize(self.mlp(x), dim=-1))
