"""Vision transformers that read touch: windows of tactile images in, one feature vector a patch out.

A window is (6, H, W), the newest frame and an older one, or (3, T, H, W), T frames, newest first, each RGB in [0, 1]. It is cut into
patches, each patch gets the code of its place, register tokens are put before them, and depth blocks and a LayerNorm follow. The
output is that of the patches alone. Names of weights are those of the published Sparsh checkpoints, so that these load as they
are. Written from the described behaviour and seeded fixtures; no published code is used. Ref: Higuera et al., "Sparsh", CoRL 2024.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.blocks import LAYER_NORM_EPS, Block
from simtouch.models.positions import SinusoidalPositions, resize_positions

SIZES = {
    "tiny": {"embed_dim": 192, "depth": 12, "num_heads": 3},
    "small": {"embed_dim": 384, "depth": 12, "num_heads": 6},
    "base": {"embed_dim": 768, "depth": 12, "num_heads": 12},
    "large": {"embed_dim": 1024, "depth": 24, "num_heads": 16},
    "giant2": {"embed_dim": 1536, "depth": 40, "num_heads": 24},
}
"""Widths and depths by name: `EncoderConfig(**SIZES["tiny"])`."""
NO_CHANGE = 127 / 255
"""What a difference image shows where nothing changed."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Shape of an encoder."""

    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_ratio: float = 4.0
    patch_size: int = 16
    image_size: tuple[int, int] = (320, 240)
    """(H, W) it was made for; with sinusoidal positions any multiple of the patch works as well."""
    channels: int = 6
    """Of one image: 6 for a pair of frames, 3 for video."""
    num_frames: int = 1
    """More than 1 makes a video encoder."""
    tubelet_size: int = 2
    """Frames of one patch of a video encoder."""
    num_registers: int = 1
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    layer_scale: float | None = 1.0
    """Initial LayerScale; DINOv2 has 1e-5. None for none at all."""
    drop_path: float = 0.0
    """Probability of leaving a branch out, in training."""
    input_gain: float | None = None
    """Of the first weights alone: the map of a patch begins so many times as large, and with 0 for no change, 127 in a difference
    image, whose contrast is a few hundredths of the range. None: as usual."""

    def __post_init__(self):
        object.__setattr__(self, "image_size", tuple(self.image_size))  # JSON has lists
        for name in ("embed_dim", "depth", "num_heads", "patch_size", "channels", "num_frames", "tubelet_size"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"`{name}` must be >= 1; got {getattr(self, name)}.")
        if self.input_gain is not None and not self.input_gain > 0:
            raise ArgumentError(f"`input_gain` must be > 0, or None; got {self.input_gain}.")
        if self.num_registers < 0 or not 0 <= self.drop_path < 1 or not self.mlp_ratio > 0:
            raise ArgumentError("`num_registers` must be >= 0, `drop_path` in [0, 1) and `mlp_ratio` > 0.")
        if self.positions not in ("sinusoidal", "learned"):
            raise ArgumentError(f"`positions` must be sinusoidal or learned; got {self.positions!r}.")
        if self.embed_dim % self.num_heads:
            raise ArgumentError(f"`embed_dim` must be a multiple of `num_heads`; got {self.embed_dim} and {self.num_heads}.")
        if len(self.image_size) != 2 or any(n % self.patch_size or n < self.patch_size for n in self.image_size):
            raise ArgumentError(f"`image_size` must be multiples of the patch, {self.patch_size}; got {self.image_size}.")
        if self.num_frames > 1 and self.num_frames % self.tubelet_size:
            raise ArgumentError(f"`num_frames` must be a multiple of {self.tubelet_size}, the tubelet; got {self.num_frames}.")

    @property
    def grid(self) -> tuple[int, ...]:
        """Patches along (time,) rows and columns."""
        image = tuple(n // self.patch_size for n in self.image_size)
        return (self.num_frames // self.tubelet_size, *image) if self.num_frames > 1 else image

    @property
    def window_shape(self) -> tuple[int, ...]:
        """Shape of one window: (C, H, W) or (C, T, H, W)."""
        return (self.channels, *((self.num_frames,) if self.num_frames > 1 else ()), *self.image_size)


class Tokens(NamedTuple):
    """What comes out of the last block."""

    patches: torch.Tensor
    """(B, N, D), after the last LayerNorm."""
    registers: torch.Tensor
    """(B, R, D), likewise."""
    before_norm: torch.Tensor
    """(B, R + N, D), registers first."""


class PatchEmbedding(nn.Module):
    """Windows to patches: one linear map of each patch, (B, C, (T,) H, W) to (B, N, D).

    The weights are kept as those of a convolution whose stride is its kernel, and used as what they are, a matrix: its gradient
    is then one product too, and patches that a mask hides need not be mapped.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        video, p = config.num_frames > 1, config.patch_size
        self.patch = (config.tubelet_size, p, p) if video else (p, p)
        self.proj = (nn.Conv3d if video else nn.Conv2d)(config.channels, config.embed_dim, self.patch, stride=self.patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.project(self.cut(x))

    def cut(self, x: torch.Tensor) -> torch.Tensor:
        """The numbers of each patch, (B, N, C (t) p p), the last axis of the grid fastest."""
        axes = len(self.patch)
        for axis, side in zip(range(2, 2 + 2 * axes, 2), self.patch, strict=True):
            x = x.unflatten(axis, (-1, side))
        within = range(3, 3 + 2 * axes, 2)
        return x.permute(0, *range(2, 2 + 2 * axes, 2), 1, *within).flatten(axes + 1).flatten(1, axes)

    def project(self, patches: torch.Tensor) -> torch.Tensor:
        """Numbers of patches (B, N, C (t) p p) to (B, N, D)."""
        return F.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class VisionTransformer(nn.Module):
    """An encoder; `forward` gives the patch tokens, (B, N, D).

    Args:
        config: Its shape. Weights are drawn from PyTorch's generator: truncated normal, std .02.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        D = config.embed_dim
        self.patch_embed = PatchEmbedding(config)
        if config.positions == "sinusoidal":
            self.pos_embed = SinusoidalPositions(D, axes=len(config.grid))
        else:
            self.pos_embed = nn.Parameter(torch.empty(1, math.prod(config.grid), D))
        self.register_tokens = nn.Parameter(torch.empty(1, config.num_registers, D)) if config.num_registers else None
        self.blocks = nn.ModuleList(
            Block(D, config.num_heads, config.mlp_ratio, config.layer_scale, config.drop_path) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(D, eps=LAYER_NORM_EPS)
        self.init_weights()

    def init_weights(self) -> None:
        """Draw all weights anew."""
        for tensor in (self.pos_embed, self.register_tokens):
            if isinstance(tensor, nn.Parameter):
                nn.init.trunc_normal_(tensor, std=0.02)
        self.apply(init_linear)
        # As a linear map of the patch, which is what it is.
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.view(self.config.embed_dim, -1))
        if (gain := self.config.input_gain) is not None:
            with torch.no_grad():
                self.patch_embed.proj.weight.mul_(gain)
                self.patch_embed.proj.bias.copy_(self.patch_embed.proj.weight.flatten(1).sum(1) * -NO_CHANGE)

    def forward(self, x: torch.Tensor, masks: Sequence[torch.Tensor] | None = None, *, chance: torch.Tensor | None = None):
        """Patch tokens after the last LayerNorm, (B, N, D); with masks those of the kept patches, (M B, K, D).

        Args:
            x: Windows, float in [0, 1], (B, C, H, W) or (B, C, T, H, W).
            masks: M tensors of the indices of patches to keep, int64 (B, K), all of one K; their outputs are stacked mask by mask.
            chance: For stochastic depth in training, uniform numbers in [0, 1), (depth, 2, M B); drawn if not given.
        """
        return self.features(x, masks, chance=chance).patches

    def features(self, x, masks=None, *, chance=None) -> Tokens:
        """All that comes out, see `Tokens`; arguments of `forward`."""
        x = self.embed(x, masks)
        for i, block in enumerate(self.blocks):
            x = block(x, None if chance is None else chance[i])
        R, y = self.config.num_registers, self.norm(x)
        return Tokens(y[:, R:], y[:, :R], x)

    def intermediate(self, x, blocks: Sequence[int], *, norm: bool = False) -> list[torch.Tensor]:
        """Outputs of some blocks, each (B, R + N, D), registers first; counted from the end if negative.

        Args:
            x: Windows, as for `forward`.
            blocks: Which, in any order; 0 is the first.
            norm: Pass them through the last LayerNorm.
        """
        depth = len(self.blocks)
        if unknown := [i for i in blocks if not -depth <= i < depth]:
            raise ArgumentError(f"`blocks` must be in [{-depth}, {depth - 1}]; got {unknown[0]}.")
        wanted = [i % depth for i in blocks]
        x, found = self.embed(x), {}
        for i in range(max(wanted, default=-1) + 1):
            x = self.blocks[i](x)
            if i in wanted:
                found[i] = self.norm(x) if norm else x
        return [found[i] for i in wanted]

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of the patch tokens, (B, D)."""
        return self(x).mean(1)

    def embed(self, x: torch.Tensor, masks: Sequence[torch.Tensor] | None = None) -> torch.Tensor:
        """What the first block sees: registers, then (kept) patches with the codes of their places."""
        patches = self.patch_embed.cut(self._checked(x))
        # Half precision gets rounded codes, autocast whole ones: its sums along the depth are in float32 then.
        table = self.position_table(x).to(self.patch_embed.proj.weight.dtype)
        if masks is None:
            tokens = self.patch_embed.project(patches) + table
        else:
            self._check_masks(masks, len(x))
            if sum(mask.shape[1] for mask in masks) < patches.shape[1]:
                places = table.expand(len(x), -1, -1)
                kept = torch.cat([keep(patches, mask) for mask in masks])
                tokens = self.patch_embed.project(kept) + torch.cat([keep(places, mask) for mask in masks])
            else:
                tokens = self.patch_embed.project(patches) + table
                tokens = torch.cat([keep(tokens, mask) for mask in masks])
        if self.register_tokens is None:
            return tokens
        return torch.cat([self.register_tokens.expand(len(tokens), -1, -1), tokens], 1)

    def position_table(self, x: torch.Tensor) -> torch.Tensor:
        """The codes for windows of the shape of `x`, (1, N, D)."""
        if not isinstance(self.pos_embed, SinusoidalPositions):
            return self.pos_embed
        p, c = self.config.patch_size, self.config
        time = (x.shape[2] // c.tubelet_size,) if c.num_frames > 1 else ()
        return self.pos_embed((*time, x.shape[-2] // p, x.shape[-1] // p))

    def fit_to(self, image_size: tuple[int, int]) -> "VisionTransformer":
        """Make it, in place, an encoder of images of another size (H, W): learned positions are interpolated; returns itself.

        With sinusoidal positions any size works without; then this only changes what `config` says.
        """
        config = replace(self.config, image_size=image_size)
        if isinstance(self.pos_embed, nn.Parameter):
            table = resize_positions(self.pos_embed, self.config.grid, config.grid)
            self.pos_embed = nn.Parameter(table, requires_grad=self.pos_embed.requires_grad)
        self.config = config
        return self

    def _checked(self, x: torch.Tensor) -> torch.Tensor:
        c = self.config
        is_video = c.num_frames > 1
        if x.ndim != (5 if is_video else 4) or x.shape[1] != c.channels:
            want = "(B, C, T, H, W)" if is_video else "(B, C, H, W)"
            raise ShapeError(f"`x` must have shape {want}, C={c.channels}; got {tuple(x.shape)}.")
        if not x.is_floating_point():
            raise ArgumentError(f"`x` must be floating-point numbers in [0, 1]; got {x.dtype}.")
        H, W = x.shape[-2:]
        if H % c.patch_size or W % c.patch_size or not min(H, W):
            raise ShapeError(f"`x` must have sides that are multiples of the patch, {c.patch_size}; got H={H}, W={W}.")
        if is_video and (x.shape[2] % c.tubelet_size or not x.shape[2]):
            raise ShapeError(f"`x` must have a multiple of {c.tubelet_size} frames, the tubelet; got T={x.shape[2]}.")
        if c.positions == "learned" and tuple(x.shape[1:]) != c.window_shape:
            raise ShapeError(
                f"`x` must have shape (B, {', '.join(map(str, c.window_shape))}), for which the positions were learned; "
                f"got {tuple(x.shape)}. `fit_to` interpolates them for another H and W."
            )
        return x.to(self.patch_embed.proj.weight.dtype)

    def _check_masks(self, masks: Sequence[torch.Tensor], batch: int) -> None:
        shapes = {tuple(mask.shape) for mask in masks}
        if len(shapes) != 1 or any(len(shape) != 2 or shape[0] != batch for shape in shapes):
            raise ShapeError(f"`masks` must be one or more tensors (B, K), B={batch}, all of one K; got {sorted(shapes)}.")


def keep(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The tokens (B, K, D) that a mask (B, K) of indices names."""
    return tokens.gather(1, mask[:, :, None].expand(-1, -1, tokens.shape[-1]))


def init_linear(module: nn.Module) -> None:
    """Linear maps: truncated normal, std .02, no bias; LayerNorm: identity."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.LayerNorm):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
