"""The predictor of I-JEPA and V-JEPA: tokens of what was seen in, guesses of the tokens of what was not out.

    x = [P c + code of the seen places;  m + code of the hidden places],  y = Q norm(blocks(x)), its hidden part          (1)

c are the tokens of the context, P and Q linear, m one learned token. Refs: Assran et al., CVPR 2023; Bardes et al., TMLR 2024.
"""

from dataclasses import dataclass

import torch
from torch import nn

from simtouch.models.blocks import LAYER_NORM_EPS, Block
from simtouch.models.positions import SinusoidalPositions
from simtouch.models.vit import EncoderConfig, init_linear, keep


@dataclass(frozen=True, kw_only=True)
class PredictorConfig:
    """Shape of a predictor."""

    dim: int
    depth: int
    heads: int
    mask_tokens: int = 1
    """One for each set of masks."""
    shared_mask_token: bool = False
    """All mask tokens are one parameter under several names."""


class Predictor(nn.Module):
    """(1), with the sinusoidal code of places.

    Args:
        encoder: Shape of the encoder whose tokens are read and guessed.
        config: Its own shape.
    """

    def __init__(self, encoder: EncoderConfig, config: PredictorConfig):
        super().__init__()
        D = config.dim
        self.input_projection = nn.Linear(encoder.embed_dim, D)
        first = nn.Parameter(torch.empty(1, D))
        others = (first if config.shared_mask_token else nn.Parameter(torch.empty(1, D)) for _ in range(config.mask_tokens - 1))
        self.mask_token = nn.ParameterList([first, *others])
        self.pos_embed = SinusoidalPositions(D, axes=len(encoder.grid))
        self.blocks = nn.ModuleList(Block(D, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(D, eps=LAYER_NORM_EPS)
        self.output_projection = nn.Linear(D, encoder.embed_dim)
        self.apply(init_linear)
        for token in self.mask_token:
            nn.init.trunc_normal_(token, std=0.02)

    def forward(self, tokens, seen: torch.Tensor, hidden: torch.Tensor, grid: tuple[int, ...], which: int = 0) -> torch.Tensor:
        """Guesses of the hidden tokens, (M B, L, encoder's width), set of hidden places by set.

        Args:
            tokens: Of the context, (B, K, encoder's width).
            seen: Their places, indices of patches, int64 (B, K).
            hidden: M sets of hidden places, each guessed by itself, int64 (B, M, L).
            grid: Patches along (time,) rows and columns.
            which: Number of the mask token.
        """
        M, L = hidden.shape[1:]
        places = hidden.transpose(0, 1).flatten(0, 1)
        x = self.input_projection(tokens)
        table = self.pos_embed(grid).to(x.dtype).expand(len(x), -1, -1)
        x = (x + keep(table, seen)).repeat(M, 1, 1)
        guesses = self.mask_token[which].to(x.dtype) + keep(table.repeat(M, 1, 1), places)
        x = torch.cat([x, guesses], 1)
        for block in self.blocks:
            x = block(x)
        return self.output_projection(self.norm(x)[:, -L:])


def normalised(tokens: torch.Tensor) -> torch.Tensor:
    """Tokens (..., D) with mean 0 and variance 1 each: a LayerNorm that learns nothing, eps 1e-5, in 32 bits at least."""
    tokens = tokens if tokens.dtype == torch.float64 else tokens.float()
    return nn.functional.layer_norm(tokens, tokens.shape[-1:])
