"""What DINO and DINOv2 share: a student sees all views of a window, a teacher the global ones, and follows the student's weights.

A view is not a crop of the image but a square block of patches (`masks_blocks`), which an encoder sees alone. The register token at
the end of the encoder, the mean of several, stands for the view; DINO's head reads it.

    teacher <- m teacher + (1 - m) student, after each step of the optimiser                                             (1)
    T_t goes straight from its first to its last value in `teacher_warmup_epochs`, and stays                             (2)
"""

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import nn

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.ssl.dino_head import ProjectionHead
from simtouch.models.ssl.dino_loss import CenteredLoss
from simtouch.models.ssl.masks_blocks import Blocks, draw_blocks
from simtouch.models.ssl.masks_random import as_blocks_want, depth_chance
from simtouch.models.ssl.objective import Clock, Draws, Objective, Place
from simtouch.models.ssl.schedules import warm_linear
from simtouch.models.vit import EncoderConfig, Tokens, VisionTransformer

if TYPE_CHECKING:
    from simtouch.models.ssl.dino import DinoConfig
    from simtouch.models.ssl.dinov2 import Dinov2Config


class Seen(NamedTuple):
    """What the encoders make of the views of a batch, view by view: G global ones, L local ones."""

    teacher: Tokens
    """(G B, ...)."""
    student: Tokens
    """Of the global views, (G B, ...)."""
    student_local: Tokens | None
    """(L B, ...); None without local views."""


class Distillation(Objective):
    """A student and a teacher of one shape, `student_encoder` and `teacher_encoder`: a `backbone` and heads by name.

    Args:
        encoder: Shape of the encoder: of images, with at least one register.
        config: The recipe.
        heads: Names of the heads.
    """

    encoder_prefix: ClassVar[str] = "teacher_encoder.backbone."

    def __init__(self, encoder: EncoderConfig, config: "DinoConfig | Dinov2Config", heads: tuple[str, ...]):
        super().__init__()
        if encoder.num_frames > 1 or encoder.num_registers < 1:
            got = f"num_frames={encoder.num_frames}, num_registers={encoder.num_registers}"
            raise ArgumentError(
                f"`encoder` must be one of images (num_frames=1) with a register (num_registers >= 1); got {got}."
            )
        _check(config)
        self.config = config
        self.student_encoder = nn.ModuleDict({"backbone": VisionTransformer(encoder)})
        self.teacher_encoder = nn.ModuleDict({"backbone": VisionTransformer(encoder)})
        for network in (self.student_encoder, self.teacher_encoder):
            network.update({name: self._new_head(encoder.embed_dim) for name in heads})
        for name in ("backbone", *(heads if config.copy_head else ())):
            self.teacher_encoder[name].load_state_dict(self.student_encoder[name].state_dict())
        self.teacher_encoder.requires_grad_(False)
        self.dino_loss = self._new_loss(tokens=False)

    @property
    def encoder(self) -> VisionTransformer:
        """The teacher's."""
        return self._backbone("teacher_encoder")

    def train(self, mode: bool = True):
        """As `nn.Module.train`, but for a teacher that stays in evaluation."""
        super().train(mode)
        if self.config.teacher_eval:
            self.teacher_encoder.eval()
        return self

    def draw(self, place: Place) -> Draws:
        """`global_masks` (B, G, N), `local_masks` (B, L, n): int64, rising indices of patches.

        With stochastic depth also `chance_global`, `chance_local`, `chance_teacher`, uniform numbers (B, depth, 2, views).
        """
        c, shape = self.config, self.encoder.config
        rows, columns = shape.grid
        drawn = {}
        for name, blocks in view_blocks(c).items():
            generator = place.generator(f"{name} views")
            masks = draw_blocks(generator, place.batch_size, (rows, columns), blocks, min_keep=c.min_keep)
            drawn[f"{name}_masks"] = place.mine(masks)
        for name, count in {"global": c.global_views, "local": c.local_views, "teacher": c.global_views}.items():
            for numbers in depth_chance(place, shape, count, f"depth {name}").values():
                drawn[f"chance_{name}"] = numbers
        return drawn

    @torch.no_grad()
    def follow(self, clock: Clock) -> None:
        """(1)."""
        teacher, student = [*self.teacher_encoder.parameters()], [*self.student_encoder.parameters()]
        torch._foreach_lerp_(teacher, student, 1 - self.config.ema_momentum)

    def teacher_temperature(self, clock: Clock) -> float:
        """(2)."""
        return warm_linear(clock, *self.config.teacher_temperature, self.config.teacher_warmup_epochs)

    def _see(self, images: torch.Tensor, draws: Draws) -> Seen:
        shape = self.encoder.config.image_size
        if tuple(images.shape[-2:]) != shape:
            got = tuple(images.shape[-2:])
            raise ShapeError(
                f"`images` must have the size that views are drawn for, `image_size` of the encoder: {shape}; got {got}."
            )
        with torch.no_grad():
            teacher = self._tokens("teacher_encoder", images, draws, "global_masks", "chance_teacher")
        student = self._tokens("student_encoder", images, draws, "global_masks", "chance_global")
        if self.config.local_views == 0:
            return Seen(teacher, student, None)
        return Seen(teacher, student, self._tokens("student_encoder", images, draws, "local_masks", "chance_local"))

    def _tokens(self, network: str, images: torch.Tensor, draws: Draws, masks: str, chance: str) -> Tokens:
        views, numbers = draws[masks].unbind(1), as_blocks_want(draws.get(chance))
        return self._backbone(network).features(images, views, chance=numbers)

    def _dino(self, seen: Seen) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the student (G + L, B, K) and of the teacher (G, B, K)."""
        G = self.config.global_views
        parts = [_standing(part) for part in (seen.student, seen.student_local) if part is not None]
        student = self.student_encoder["dino_head"](torch.cat(parts))
        with torch.no_grad():
            teacher = self.teacher_encoder["dino_head"](_standing(seen.teacher))
        return student.unflatten(0, (G + self.config.local_views, -1)), teacher.unflatten(0, (G, -1))

    def _new_head(self, embed_dim: int) -> ProjectionHead:
        c = self.config
        return ProjectionHead(
            embed_dim, c.out_dim, hidden_dim=c.hidden_dim, bottleneck_dim=c.bottleneck_dim, layers=c.head_layers
        )

    def _new_loss(self, *, tokens: bool) -> CenteredLoss:
        c = self.config
        return CenteredLoss(
            c.out_dim, student_temperature=c.student_temperature, center_momentum=c.center_momentum, tokens=tokens
        )

    def _backbone(self, network: str) -> VisionTransformer:
        return self.get_submodule(f"{network}.backbone")  # pyright: ignore[reportReturnType]


def view_blocks(config: "DinoConfig | Dinov2Config") -> dict[str, Blocks]:
    """The blocks of the local and of the global views."""
    return {
        "local": Blocks(count=config.local_views, scale=config.local_scale),
        "global": Blocks(count=config.global_views, scale=config.global_scale),
    }


def _check(config: "DinoConfig | Dinov2Config") -> None:
    if config.global_views < 1 or config.local_views < 0:
        raise ArgumentError(
            f"`global_views` must be >= 1 and `local_views` >= 0; got {config.global_views}, {config.local_views}."
        )
    if min(config.student_temperature, *config.teacher_temperature) <= 0:
        got = f"{config.student_temperature}, {config.teacher_temperature}"
        raise ArgumentError(f"`student_temperature` and `teacher_temperature` must be > 0; got {got}.")
    if not all(0 < low <= high <= 1 for low, high in (config.local_scale, config.global_scale)):
        raise ArgumentError(f"scales of views must rise within (0, 1]; got {config.local_scale}, {config.global_scale}.")


def _standing(tokens: Tokens) -> torch.Tensor:
    """What stands for a view, (views B, D)."""
    return tokens.registers.mean(1)
