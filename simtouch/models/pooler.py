"""Attentive pooling: the patch tokens of a window in, (B, N, D), a few vectors that have looked at all of them out, (B, Q, D).

    z = q + attention(q, norm1 x),    out = z + mlp(norm2 z)                           (1)

q are Q learned queries; only keys and values are normed. Without the complete block it is attention(q, x) alone. LayerNorm has eps
1e-5, unlike in the encoder. Names of weights are those of the published probes. Refs: Lee et al., "Set Transformer", ICML 2019;
Bardes et al., "V-JEPA", 2024, appendix (the attentive probe).
"""

import torch
from torch import nn
from torch.nn import functional as F

from simtouch._checks import ArgumentError
from simtouch.models.blocks import Mlp

POOLER_NORM_EPS = 1e-5


class CrossAttention(nn.Module):
    """Queries (B, Q, D) and tokens (B, N, D) in, what the queries found out, (B, Q, D)."""

    def __init__(self, embed_dim: int, num_heads: int):
        super().__init__()
        if embed_dim % num_heads:
            raise ArgumentError(f"`embed_dim` must be a multiple of `num_heads`; got {embed_dim} and {num_heads}.")
        self.num_heads = num_heads
        self.q = nn.Linear(embed_dim, embed_dim)
        self.kv = nn.Linear(embed_dim, 2 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, queries: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        (B, Q, D), N, h = queries.shape, x.shape[1], self.num_heads
        q = self.q(queries).reshape(B, Q, h, D // h).transpose(1, 2)
        k, v = self.kv(x).reshape(B, N, 2, h, D // h).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class CrossAttentionBlock(nn.Module):
    """(1)."""

    def __init__(self, embed_dim: int, num_heads: int, mlp_ratio: float = 4.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=POOLER_NORM_EPS)
        self.xattn = CrossAttention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim, eps=POOLER_NORM_EPS)
        self.mlp = Mlp(embed_dim, int(embed_dim * mlp_ratio))

    def forward(self, queries: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Queries (B, Q, D) and tokens (B, N, D) to (B, Q, D)."""
        z = queries + self.xattn(queries, self.norm1(x))
        return z + self.mlp(self.norm2(z))


class AttentivePooler(nn.Module):
    """Tokens (B, N, D) to (B, Q, D), N of any length.

    Args:
        embed_dim: D.
        num_heads: Heads of the attention; 12 in the published probes, whatever the encoder.
        num_queries: Q.
        complete_block: (1), or the attention alone.
    """

    def __init__(self, embed_dim: int, num_heads: int, *, num_queries: int = 1, complete_block: bool = True):
        super().__init__()
        self.query_tokens = nn.Parameter(torch.empty(1, num_queries, embed_dim))
        kind = CrossAttentionBlock if complete_block else CrossAttention
        self.cross_attention_block = kind(embed_dim, num_heads)
        nn.init.trunc_normal_(self.query_tokens, std=0.02)
        self.apply(_init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.cross_attention_block(self.query_tokens.expand(len(x), -1, -1), x)


def _init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
