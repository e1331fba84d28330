"""I-JEPA: one part of a window in, the features of four others guessed.

    z = context encoder(x, context),  y_k = predictor(z, targets k),  t = layer norm(target encoder(x))                  (1)
    loss = mean_k,i of smooth L1(y_k,i - t_i),  smooth L1(e) = e^2 / 2 where |e| < 1, |e| - 1/2 elsewhere                (2)
    target <- m target + (1 - m) context after each step of the optimiser, m from .996 to 1                              (3)

Refs: Assran et al., CVPR 2023; Higuera et al., "Sparsh", CoRL 2024.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from simtouch._checks import ArgumentError
from simtouch.models.ssl.masks import draw_context_and_targets, published_context_and_targets
from simtouch.models.ssl.masks_blocks import Blocks
from simtouch.models.ssl.masks_random import as_blocks_want, depth_chance
from simtouch.models.ssl.objective import Clock, Draws, Objective, Place
from simtouch.models.ssl.predictor import Predictor, PredictorConfig, normalised
from simtouch.models.ssl.schedules import momentum
from simtouch.models.vit import EncoderConfig, VisionTransformer, keep


@dataclass(frozen=True, kw_only=True)
class IjepaConfig:
    """The published recipe, with a sampler of masks that ends at any image size."""

    predictor_dim: int = 192
    predictor_depth: int = 6
    predictor_heads: int = 12
    context_scale: tuple[float, float] = (0.85, 1.0)
    """Of the patches, in one square block."""
    targets: int = 4
    target_scale: tuple[float, float] = (0.15, 0.2)
    target_aspect: tuple[float, float] = (0.75, 1.5)
    min_keep: int = 10
    """Wanted number of patches in a context, see `simtouch.models.ssl.masks`."""
    sampler: Literal["bounded", "published"] = "bounded"
    """`published` has the published order of draws, and stops with an error where that recipe goes on for ever."""
    ema_momentum: tuple[float, float] = (0.996, 1.0)
    ema_schedule: Literal["linear", "cosine"] = "linear"


class Ijepa(Objective):
    """(1) to (3).

    Args:
        encoder: Shape of the encoders; of images, not of video.
        config: The recipe.
    """

    encoder_prefix: ClassVar[str] = "target_encoder."

    def __init__(self, encoder: EncoderConfig, config: IjepaConfig = IjepaConfig()):
        super().__init__()
        if encoder.num_frames > 1:
            raise ArgumentError(f"`encoder` of I-JEPA must be one of images, num_frames=1; got {encoder.num_frames}.")
        self.config = config
        self.context_encoder = VisionTransformer(encoder)
        self.target_encoder = frozen_copy(self.context_encoder)
        shape = PredictorConfig(dim=config.predictor_dim, depth=config.predictor_depth, heads=config.predictor_heads)
        self.predictor = Predictor(encoder, shape)

    @property
    def encoder(self) -> VisionTransformer:
        """The target encoder."""
        return self.target_encoder

    def train(self, mode: bool = True):
        """As of any module; the target encoder stays in evaluation."""
        super().train(mode)
        self.target_encoder.eval()
        return self

    def draw(self, place: Place) -> Draws:
        """`context` (B, K), `targets` (B, M, L), and `chance` for an encoder with stochastic depth."""
        c, shape = self.config, self.encoder.config
        context = Blocks(count=1, scale=c.context_scale)
        targets = Blocks(count=c.targets, scale=c.target_scale, aspect=c.target_aspect)
        published = c.sampler == "published"
        generator = torch.Generator().manual_seed(place.step) if published else place.generator("context, targets")
        draw = published_context_and_targets if published else draw_context_and_targets
        masks = draw(generator, place.batch_size, (shape.grid[0], shape.grid[1]), context, targets, min_keep=c.min_keep)
        mine = {"context": place.mine(masks.context), "targets": place.mine(masks.targets)}
        return {**mine, **depth_chance(place, shape)}

    def forward(self, images: torch.Tensor, draws: Draws, clock: Clock | None = None) -> dict[str, torch.Tensor]:
        """{"loss": (2)}; arguments as in `Objective.forward`."""
        guessed = self.predict(images, draws)
        with torch.no_grad():
            truth = normalised(self.target_encoder(images))
            wanted = torch.cat([keep(truth, places) for places in draws["targets"].unbind(1)])
        return {"loss": nn.functional.smooth_l1_loss(guessed.to(wanted.dtype), wanted)}

    def predict(self, images: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Guesses of the target tokens (1), (M B, L, D), target by target."""
        context = draws["context"]
        tokens = self.context_encoder(images, [context], chance=as_blocks_want(draws.get("chance")))
        p = self.encoder.config.patch_size
        return self.predictor(tokens, context, draws["targets"], (images.shape[-2] // p, images.shape[-1] // p))

    @torch.no_grad()
    def follow(self, clock: Clock) -> None:
        """(3)."""
        first, last = self.config.ema_momentum
        follow(self.target_encoder, self.context_encoder, momentum(clock, first, last, kind=self.config.ema_schedule))


def frozen_copy(encoder: VisionTransformer) -> VisionTransformer:
    """An encoder with the same weights that is not trained, in evaluation."""
    return copy.deepcopy(encoder).requires_grad_(False).eval()


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, share: float) -> None:
    """target <- share target + (1 - share) source, parameter by parameter."""
    torch._foreach_lerp_([*target.parameters()], [*source.parameters()], 1 - share)
