"""DINOv2 with blocks of patches for views: DINO on the registers, iBOT on the patches, and KoLeo: windows in, a loss out.

    loss = DINO / (G L + G (G - 1)) + .5 iBOT + .1 sum over global views of KoLeo                                        (1)

G global and L local views. DINO and iBOT are sums over pairs of views (iBOT: of global ones), see `dino_loss`; KoLeo is of the
student's registers. The teacher's probabilities are centred, or assigned by Sinkhorn-Knopp over the batch of all ranks. As
published DINO's divisor is the number of pairs of different views though also a view paired with itself counts. What is published
and doubtful is a field of the config. Refs: Oquab et al., "DINOv2", TMLR 2024; Higuera et al., "Sparsh", CoRL 2024.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from simtouch.models.ssl.dino import entropy
from simtouch.models.ssl.dino_loss import CenteredLoss
from simtouch.models.ssl.distillation import Distillation, Seen
from simtouch.models.ssl.ibot import matching_tokens
from simtouch.models.ssl.koleo import koleo
from simtouch.models.ssl.objective import Clock, Draws
from simtouch.models.ssl.ranks import mean_over_ranks
from simtouch.models.ssl.sinkhorn import sinkhorn
from simtouch.models.ssl.view_pairs import count_pairs
from simtouch.models.vit import EncoderConfig


@dataclass(frozen=True, kw_only=True)
class Dinov2Config:
    """The published recipe; its encoder has `layer_scale=1e-5` and `drop_path=0.1`."""

    out_dim: int = 65536
    """Prototypes of each head; a few thousand do on small data."""
    hidden_dim: int = 2048
    bottleneck_dim: int = 256
    head_layers: int = 3
    global_views: int = 2
    local_views: int = 8
    global_scale: tuple[float, float] = (0.32, 1.0)
    """Share of the patches of a global view, least and most."""
    local_scale: tuple[float, float] = (0.1, 0.32)
    min_keep: int = 4
    """Least patches of a view."""
    student_temperature: float = 0.1
    teacher_temperature: tuple[float, float] = (0.04, 0.06)
    """First and last."""
    teacher_warmup_epochs: float = 30.0
    """Epochs from the first to the last."""
    centering: Literal["centering", "sinkhorn_knopp"] = "centering"
    center_momentum: float = 0.9
    ema_momentum: float = 0.994
    """Share of itself that the teacher keeps in a step."""
    dino_weight: float = 1.0
    ibot_weight: float = 0.5
    koleo_weight: float = 0.1
    same_view_pairs: bool = True
    """Also compare a view with itself. False: pairs of different views only."""
    ibot_matching: bool = False
    """iBOT compares tokens of the same patch. As published the n-th token of one view with the n-th of another."""
    copy_head: bool = False
    """The teacher starts with the student's heads. As published it starts with its own."""
    teacher_eval: bool = False
    """The teacher leaves out no branch. As published its stochastic depth is that of the student."""


class Dinov2(Distillation):
    """(1).

    Args:
        encoder: Shape of the encoder: of images, with at least one register.
        config: The recipe.
    """

    config: Dinov2Config

    def __init__(self, encoder: EncoderConfig, config: Dinov2Config = Dinov2Config()):
        super().__init__(encoder, config, ("dino_head", "ibot_head"))
        self.ibot_patch_loss = self._new_loss(tokens=True)

    def forward(self, images: torch.Tensor, draws: Draws, clock: Clock) -> dict[str, torch.Tensor]:
        """{"loss": (1), "dino", "ibot", "koleo": its three terms, "teacher_entropy"}; arguments as in `Objective.forward`."""
        c, temperature = self.config, self.teacher_temperature(clock)
        seen = self._see(images, draws)
        student, teacher = self._dino(seen)
        probabilities = self._teach(self.dino_loss, teacher, temperature)
        dino = self.dino_loss(student, probabilities, same_view_pairs=c.same_view_pairs)
        divisor = max(count_pairs(len(student), len(teacher), same_view_pairs=False), 1)
        terms = {
            "dino": c.dino_weight * mean_over_ranks(dino / divisor),
            "ibot": c.ibot_weight * mean_over_ranks(self._ibot(seen, draws["global_masks"], temperature)),
            "koleo": c.koleo_weight * self._koleo(seen),
        }
        return {"loss": sum(terms.values()), **terms, "teacher_entropy": mean_over_ranks(entropy(probabilities))}

    def _ibot(self, seen: Seen, masks: torch.Tensor, temperature: float) -> torch.Tensor:
        c = self.config
        student = self.student_encoder["ibot_head"](seen.student.patches).unflatten(0, (c.global_views, -1))
        with torch.no_grad():
            teacher = self.teacher_encoder["ibot_head"](seen.teacher.patches).unflatten(0, (c.global_views, -1))
        probabilities = self._teach(self.ibot_patch_loss, teacher, temperature)
        if not c.ibot_matching:
            return self.ibot_patch_loss(student, probabilities, same_view_pairs=c.same_view_pairs)
        rows, columns = self.encoder.config.grid
        return matching_tokens(
            student, probabilities, masks, rows * columns, c.student_temperature, same_view_pairs=c.same_view_pairs
        )

    def _teach(self, loss: CenteredLoss, logits: torch.Tensor, temperature: float) -> torch.Tensor:
        if self.config.centering == "sinkhorn_knopp":
            return sinkhorn(logits, temperature)
        return loss.teacher_probabilities(logits, temperature)

    def _koleo(self, seen: Seen) -> torch.Tensor:
        views = seen.student.registers.mean(1).unflatten(0, (self.config.global_views, -1))
        return torch.stack([koleo(view) for view in views]).sum()
