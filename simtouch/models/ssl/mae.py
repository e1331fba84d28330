"""MAE: a quarter of the patches in, the pixels of the others out.

    kept = the K patches of lowest noise, K = int(.25 N);  z = encoder(x, kept)                                          (1)
    y = decoder(z at its places, one learned token at all others) + code of the place                                    (2)
    loss = mean over hidden patches of mean_i (y_i - t_i)^2,  t the pixels of the patch                                  (3)

A patch's pixels run along rows, columns, channels. With `normalise_patches` t is (t - mean t) / sqrt(var t + 1e-6), var with N - 1.
Refs: He et al., CVPR 2022; Higuera et al., "Sparsh", CoRL 2024.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from simtouch._checks import ArgumentError
from simtouch.models.blocks import LAYER_NORM_EPS, Block
from simtouch.models.positions import SinusoidalPositions
from simtouch.models.ssl.masks_random import as_blocks_want, depth_chance, keep_lowest, patch_noise
from simtouch.models.ssl.objective import Clock, Draws, Objective, Place
from simtouch.models.vit import NO_CHANGE, EncoderConfig, VisionTransformer, init_linear


@dataclass(frozen=True, kw_only=True)
class MaeConfig:
    """The published recipe."""

    keep_share: float = 0.25
    """Of the patches that the encoder sees."""
    normalise_patches: bool = False
    """Predict each patch less its mean, over its standard deviation."""
    pixel_gain: float | None = None
    """Predict pixels as (x - 127/255) times this: difference images have a few hundredths of the range, less than the steps of the
    optimiser move the last layer. None: pixels as they are, as published."""
    decoder_dim: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 16
    decoder_positions: Literal["learned", "sinusoidal"] = "learned"
    """Learned ones fit the image size of the encoder's config alone; the sinusoidal code fits any."""


class PixelDecoder(nn.Module):
    """(2): tokens of the kept patches to pixels of all patches."""

    def __init__(self, encoder: EncoderConfig, config: MaeConfig):
        super().__init__()
        D = config.decoder_dim
        self.decoder_embed = nn.Linear(encoder.embed_dim, D)
        self.mask_token = nn.Parameter(torch.empty(1, 1, D))
        if config.decoder_positions == "sinusoidal":
            self.pos_embed = SinusoidalPositions(D, axes=len(encoder.grid))
        else:
            self.pos_embed = nn.Parameter(torch.empty(1, math.prod(encoder.grid), D))
        self.blocks = nn.ModuleList(Block(D, config.decoder_heads) for _ in range(config.decoder_depth))
        self.norm = nn.LayerNorm(D, eps=LAYER_NORM_EPS)
        self.decoder_pred = nn.Linear(D, encoder.channels * encoder.patch_size**2)
        self.apply(init_linear)
        for tensor in (self.mask_token, self.pos_embed):
            if isinstance(tensor, nn.Parameter):
                nn.init.trunc_normal_(tensor, std=0.02)

    def forward(self, tokens: torch.Tensor, ranks: torch.Tensor, grid: tuple[int, ...]) -> torch.Tensor:
        """Pixels of all patches, (B, N, p p C).

        Args:
            tokens: Of the kept patches, (B, K, D).
            ranks: For each patch its row in `tokens`, K or more for a hidden one, int64 (B, N).
            grid: Patches along rows and columns.
        """
        x = self.decoder_embed(tokens)
        B, K, D = x.shape
        filled = torch.cat([x, self.mask_token.to(x.dtype).expand(B, ranks.shape[1] - K, D)], 1)
        x = filled.gather(1, ranks[:, :, None].expand(-1, -1, D))
        table = self.pos_embed(grid) if isinstance(self.pos_embed, SinusoidalPositions) else self.pos_embed
        x = x + table.to(x.dtype)
        for block in self.blocks:
            x = block(x)
        return self.decoder_pred(self.norm(x))


class MaskedAutoencoder(Objective):
    """(1) to (3).

    Args:
        encoder: Shape of the encoder; of images, not of video.
        config: The recipe.
    """

    encoder_prefix: ClassVar[str] = "encoder."

    def __init__(self, encoder: EncoderConfig, config: MaeConfig = MaeConfig()):
        super().__init__()
        if encoder.num_frames > 1:
            raise ArgumentError(f"`encoder` of MAE must be one of images, num_frames=1; got {encoder.num_frames}.")
        self.config = config
        self._modules["encoder"] = VisionTransformer(encoder)  # its name is that of the property
        self.decoder = PixelDecoder(encoder, config)

    @property
    def encoder(self) -> VisionTransformer:
        """The encoder, which sees the kept patches."""
        return self._modules["encoder"]  # pyright: ignore[reportReturnType]

    def draw(self, place: Place) -> Draws:
        """`noise` (B, N), and `chance` for an encoder with stochastic depth."""
        shape = self.encoder.config
        return {"noise": patch_noise(place, shape.grid), **depth_chance(place, shape)}

    def forward(self, images: torch.Tensor, draws: Draws, clock: Clock | None = None) -> dict[str, torch.Tensor]:
        """{"loss": (3)}; arguments as in `Objective.forward`."""
        predicted, ranks, kept = self.predict(images, draws)
        target = patchify(images, self.encoder.config.patch_size)
        target = target.to(torch.promote_types(target.dtype, torch.float32))
        mean, deviation = self._units(target)
        target = (target - mean) / deviation
        error = (predicted.to(target.dtype) - target).square().mean(-1)
        hidden = (ranks >= kept).to(error.dtype)
        return {"loss": (error * hidden).sum() / hidden.sum()}

    def predict(self, images: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Pixels of all patches (B, N, p p C), each patch's rank (B, N), and how many ranks the encoder saw."""
        kept, ranks = keep_lowest(draws["noise"], self.config.keep_share)
        tokens = self.encoder(images, [kept], chance=as_blocks_want(draws.get("chance")))
        p = self.encoder.config.patch_size
        return self.decoder(tokens, ranks, (images.shape[-2] // p, images.shape[-1] // p)), ranks, kept.shape[1]

    def _units(self, patches: torch.Tensor) -> tuple[torch.Tensor | float, torch.Tensor | float]:
        """(offset, scale) of what is predicted: pixels = offset + scale * prediction."""
        if self.config.normalise_patches:
            return patch_statistics(patches)
        gain = self.config.pixel_gain
        return (0.0, 1.0) if gain is None else (NO_CHANGE, 1 / gain)

    @torch.no_grad()
    def reconstruct(self, images: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        """For pictures: windows (B, C, H, W), visible patches as they are, the others as guessed; hidden pixels, bool (B, H, W).

        Args:
            images: Windows in [0, 1], (B, C, H, W).
            draws: Of `draw`, on the same device.
        """
        predicted, ranks, kept = self.predict(images, draws)
        p, target = self.encoder.config.patch_size, patchify(images, self.encoder.config.patch_size)
        mean, deviation = self._units(target)
        predicted = predicted * deviation + mean
        hidden = ranks >= kept
        whole = torch.where(hidden[:, :, None], predicted.to(target.dtype), target)
        grid = (images.shape[-2] // p, images.shape[-1] // p)
        mask = hidden.unflatten(1, grid).repeat_interleave(p, 1).repeat_interleave(p, 2)
        return unpatchify(whole, p, grid), mask


def patchify(images: torch.Tensor, patch_size: int) -> torch.Tensor:
    """Windows (B, C, H, W) to the pixels of each patch, (B, N, p p C): rows of the patch, columns, channels."""
    p = patch_size
    B, C, H, W = images.shape
    x = images.reshape(B, C, H // p, p, W // p, p)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(B, (H // p) * (W // p), p * p * C)


def unpatchify(patches: torch.Tensor, patch_size: int, grid: tuple[int, int]) -> torch.Tensor:
    """The inverse of `patchify`, for a grid of (rows, columns) of patches."""
    p, (rows, columns) = patch_size, grid
    x = patches.reshape(len(patches), rows, columns, p, p, -1)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, rows * p, columns * p)


def patch_statistics(patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each patch, (B, N, 1)."""
    return patches.mean(-1, keepdim=True), (patches.var(-1, keepdim=True) + 1e-6).sqrt()
