"""The parts of a vision transformer: tokens in, tokens out, (B, N, D).

    x <- x + s1 * attention(norm1(x)),    x <- x + s2 * mlp(norm2(x))                 (1)

s1, s2 are LayerScale's vectors. Softmax attention is PyTorch's fused kernel; LayerNorm has eps 1e-6, the GELU is the exact one,
and every linear map has a bias. Refs: Dosovitskiy et al., ICLR 2021; Touvron et al., ICCV 2021 (LayerScale); Huang et al., ECCV
2016 (stochastic depth).
"""

import torch
from torch import nn
from torch.nn import functional as F

LAYER_NORM_EPS = 1e-6


def scaled_linear(linear: nn.Module, x: torch.Tensor, scale: torch.Tensor | None) -> torch.Tensor:
    """A linear map and a factor for each of its outputs, `scale * (W x + b)`, (..., D) to (..., E).

    With more tokens than inputs the factor goes to the weights, `(scale W) x + scale b`: fewer products, and no output has to be
    kept for the gradient of the factor. Not in float16, where 1e-5 times a weight is nearly nothing, nor for what only stands in
    for a plain linear map (an adapter, a quantised one). Hooks on `linear` itself are not called then.

    Args:
        linear: The map.
        x: Its input, (..., D).
        scale: (E,), or None for 1.
    """
    if scale is None:
        return linear(x)
    if type(linear) is not nn.Linear or x.dtype == torch.float16 or x.numel() < x.shape[-1] ** 2:
        return linear(x) * scale
    return F.linear(x, linear.weight * scale[:, None], linear.bias * scale)


class Attention(nn.Module):
    """Self-attention; q, k and v packed in this order, each split into heads."""

    def __init__(self, embed_dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: torch.Tensor, scale: torch.Tensor | None = None) -> torch.Tensor:
        """Tokens (B, N, D) to tokens (B, N, D), each channel times `scale` (D,)."""
        q, k, v = self._heads(x)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return scaled_linear(self.proj, mixed.transpose(1, 2).flatten(2), scale)

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """Who looks at whom, (B, heads, N, N), rows sum to 1: for pictures, in the slow way."""
        q, k, _ = self._heads(x)
        return (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)

    def _heads(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # Split by columns: the gradient of that is one row-wise copy, that of a permuted (3, B, heads, N, d) two.
        return tuple(t.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))


class Mlp(nn.Module):
    """Two linear maps and a GELU between them."""

    def __init__(self, embed_dim: int, hidden_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(embed_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, embed_dim)

    def forward(self, x: torch.Tensor, scale: torch.Tensor | None = None) -> torch.Tensor:
        """(..., D) to (..., D), each channel times `scale` (D,)."""
        return scaled_linear(self.fc2, F.gelu(self.fc1(x)), scale)


class LayerScale(nn.Module):
    """One factor a channel, `gamma`."""

    def __init__(self, embed_dim: int, init: float):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((embed_dim,), float(init)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., D) to (..., D)."""
        return x * self.gamma


class Block(nn.Module):
    """(1). In training each of its two branches is left out of a sample with probability `drop_path`, and made up for else."""

    def __init__(self, embed_dim: int, num_heads: int, mlp_ratio: float = 4.0, layer_scale: float | None = 1.0, drop_path=0.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.attn = Attention(embed_dim, num_heads)
        self.ls1 = nn.Identity() if layer_scale is None else LayerScale(embed_dim, layer_scale)
        self.norm2 = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(embed_dim, int(embed_dim * mlp_ratio))
        self.ls2 = nn.Identity() if layer_scale is None else LayerScale(embed_dim, layer_scale)
        self.drop_path = drop_path

    def forward(self, x: torch.Tensor, chance: torch.Tensor | None = None) -> torch.Tensor:
        """Tokens (B, N, D) to tokens (B, N, D); `chance` (2, B) in [0, 1) decides who is left out, drawn here if not given."""
        s1, s2 = (ls.gamma if isinstance(ls, LayerScale) else None for ls in (self.ls1, self.ls2))
        if not (self.training and self.drop_path > 0):
            x = x + self.attn(self.norm1(x), s1)
            return x + self.mlp(self.norm2(x), s2)
        left_out = (torch.rand(2, len(x), device=x.device) if chance is None else chance) < self.drop_path
        kept = (~left_out).to(x.dtype)[:, :, None, None] / (1 - self.drop_path)
        x = x + kept[0] * self.attn(self.norm1(x), s1)
        return x + kept[1] * self.mlp(self.norm2(x), s2)
