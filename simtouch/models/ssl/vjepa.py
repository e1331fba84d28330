"""V-JEPA: some tubes of a video in, the features of the others guessed.

    z_s = context encoder(x, seen s),  y_s = predictor(z_s, hidden s),  t = layer norm(target encoder(x))                (1)
    loss = mean over the sets of masks s of mean |y_s - t|                                                               (2)
    target <- m target + (1 - m) context after each step of the optimiser, m from .997 to 1                              (3)

A tube is a patch at all times. Refs: Bardes et al., TMLR 2024; Higuera et al., "Sparsh", CoRL 2024.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from simtouch._checks import ArgumentError
from simtouch.models.ssl.ijepa import follow, frozen_copy
from simtouch.models.ssl.masks import ContextAndTargets, draw_tubes, published_tubes
from simtouch.models.ssl.masks_blocks import Blocks
from simtouch.models.ssl.masks_random import as_blocks_want, depth_chance
from simtouch.models.ssl.objective import Clock, Draws, Objective, Place
from simtouch.models.ssl.predictor import Predictor, PredictorConfig, normalised
from simtouch.models.ssl.schedules import momentum
from simtouch.models.vit import EncoderConfig, VisionTransformer, keep


@dataclass(frozen=True, kw_only=True)
class VjepaConfig:
    """The published recipe, with a sampler of masks that ends at any image size."""

    predictor_dim: int = 384
    predictor_depth: int = 12
    predictor_heads: int = 12
    mask_blocks: tuple[int, ...] = (8, 2)
    """Blocks of each set of masks."""
    mask_scale: tuple[float, ...] = (0.15, 0.7)
    """Share of a frame's patches in a block, for each set of masks."""
    mask_aspect: tuple[float, float] = (0.75, 1.5)
    min_keep: int = 10
    """Wanted number of tubes in a context, see `simtouch.models.ssl.masks`; the published sampler takes any."""
    sampler: Literal["bounded", "published"] = "bounded"
    """`published` has the published order of draws, and cuts sets of masks at their ends: the last rows at the last times."""
    shared_mask_token: bool = True
    """As published the mask tokens of all sets are one parameter. False: one each."""
    ema_momentum: tuple[float, float] = (0.997, 1.0)
    ema_schedule: Literal["linear", "cosine"] = "linear"

    def __post_init__(self):
        if not self.mask_blocks or len(self.mask_blocks) != len(self.mask_scale):
            raise ArgumentError(
                f"`mask_blocks` and `mask_scale` must have one entry a set of masks; got {self.mask_blocks} and {self.mask_scale}."
            )


class Vjepa(Objective):
    """(1) to (3).

    Args:
        encoder: Shape of the encoders; of video.
        config: The recipe.
    """

    encoder_prefix: ClassVar[str] = "target_encoder.backbone."
    window: ClassVar[Literal["pair", "video"]] = "video"

    def __init__(self, encoder: EncoderConfig, config: VjepaConfig = VjepaConfig()):
        super().__init__()
        if encoder.num_frames < 2:
            raise ArgumentError(f"`encoder` of V-JEPA must be one of video, num_frames=4; got {encoder.num_frames}.")
        self.config = config
        self.context_encoder = nn.ModuleDict({"backbone": VisionTransformer(encoder)})
        self.target_encoder = nn.ModuleDict({"backbone": frozen_copy(self._backbone("context_encoder"))})
        shape = PredictorConfig(
            dim=config.predictor_dim,
            depth=config.predictor_depth,
            heads=config.predictor_heads,
            mask_tokens=len(config.mask_blocks),
            shared_mask_token=config.shared_mask_token,
        )
        self.predictor = nn.ModuleDict({"backbone": Predictor(encoder, shape)})

    @property
    def encoder(self) -> VisionTransformer:
        """The target encoder."""
        return self._backbone("target_encoder")

    def train(self, mode: bool = True):
        """As of any module; the target encoder stays in evaluation."""
        super().train(mode)
        self.target_encoder.eval()
        return self

    def draw(self, place: Place) -> Draws:
        """For each set of masks s `context_s` (B, K_s), `targets_s` (B, L_s); `chance_s` with stochastic depth."""
        draws: Draws = {}
        for s in range(len(self.config.mask_blocks)):
            masks = self._masks(place, s)
            draws |= {f"context_{s}": place.mine(masks.context), f"targets_{s}": place.mine(masks.targets)}
            chance = depth_chance(place, self.encoder.config, purpose=f"depth {s}")
            draws |= {f"{name}_{s}": numbers for name, numbers in chance.items()}
        return draws

    def forward(self, images: torch.Tensor, draws: Draws, clock: Clock | None = None) -> dict[str, torch.Tensor]:
        """{"loss": (2), "loss_s": of the set of masks s}; arguments as in `Objective.forward`."""
        with torch.no_grad():
            truth = normalised(self.encoder(images))
        losses = []
        for s, guessed in enumerate(self.predict(images, draws)):
            losses.append((guessed.to(truth.dtype) - keep(truth, draws[f"targets_{s}"])).abs().mean())
        return {"loss": torch.stack(losses).mean(), **{f"loss_{s}": part.detach() for s, part in enumerate(losses)}}

    def predict(self, images: torch.Tensor, draws: Draws) -> list[torch.Tensor]:
        """Guesses of the hidden tokens (1), (B, L_s, D) for each set of masks s."""
        shape, guesses = self.encoder.config, []
        grid = (images.shape[2] // shape.tubelet_size, *(n // shape.patch_size for n in images.shape[-2:]))
        for s in range(len(self.config.mask_blocks)):
            seen, hidden = draws[f"context_{s}"], draws[f"targets_{s}"]
            chance = as_blocks_want(draws.get(f"chance_{s}"))
            tokens = self._backbone("context_encoder")(images, [seen], chance=chance)
            guesses.append(self.predictor["backbone"](tokens, seen, hidden[:, None], grid, s))
        return guesses

    @torch.no_grad()
    def follow(self, clock: Clock) -> None:
        """(3)."""
        first, last = self.config.ema_momentum
        follow(self.target_encoder, self.context_encoder, momentum(clock, first, last, kind=self.config.ema_schedule))

    def _masks(self, place: Place, s: int) -> ContextAndTargets:
        c, grid = self.config, self.encoder.config.grid
        blocks = Blocks(count=c.mask_blocks[s], scale=(c.mask_scale[s],) * 2, aspect=c.mask_aspect)
        generator, frames = place.generator(f"tubes {s}"), (grid[0], grid[1], grid[2])
        if c.sampler == "published":
            return published_tubes(generator, place.batch_size, frames, blocks, call=place.step)
        return draw_tubes(generator, place.batch_size, frames, blocks, min_keep=c.min_keep)

    def _backbone(self, name: str) -> VisionTransformer:
        return self.get_submodule(f"{name}.backbone")  # pyright: ignore[reportReturnType]
