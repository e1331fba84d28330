"""DINO with blocks of patches for views: windows in, the cross-entropy between a teacher's and a student's prototypes out.

    loss = sum over the pairs of a student view and a global teacher view of mean_b H(p_b, student_b)                    (1)

p is the teacher's centred softmax, see `dino_loss`. As published, a sum, not a mean, over 10 x 2 pairs that count a view paired with
itself. What is published and doubtful is a field of the config. Refs: Caron et al., ICCV 2021; Higuera et al., "Sparsh", CoRL 2024.
"""

from dataclasses import dataclass

import torch

from simtouch.models.ssl.distillation import Distillation
from simtouch.models.ssl.objective import Clock, Draws
from simtouch.models.ssl.ranks import mean_over_ranks
from simtouch.models.ssl.view_pairs import count_pairs
from simtouch.models.vit import EncoderConfig


@dataclass(frozen=True, kw_only=True)
class DinoConfig:
    """The published recipe."""

    out_dim: int = 65536
    """Prototypes; a few thousand do on small data."""
    hidden_dim: int = 2048
    bottleneck_dim: int = 256
    head_layers: int = 3
    global_views: int = 2
    local_views: int = 8
    global_scale: tuple[float, float] = (0.48, 1.0)
    """Share of the patches of a global view, least and most."""
    local_scale: tuple[float, float] = (0.1, 0.48)
    min_keep: int = 4
    """Least patches of a view."""
    student_temperature: float = 0.1
    teacher_temperature: tuple[float, float] = (0.04, 0.07)
    """First and last."""
    teacher_warmup_epochs: float = 10.0
    """Epochs from the first to the last."""
    center_momentum: float = 0.9
    ema_momentum: float = 0.998
    """Share of itself that the teacher keeps in a step."""
    same_view_pairs: bool = True
    """Also compare a view with itself. False: pairs of different views only."""
    mean_of_pairs: bool = False
    """Divide the sum over pairs by their number, so that the loss does not depend on the number of views."""
    copy_head: bool = False
    """The teacher starts with the student's head. As published it starts with one of its own."""
    teacher_eval: bool = False
    """The teacher leaves out no branch. As published its stochastic depth is that of the student."""


class Dino(Distillation):
    """(1).

    Args:
        encoder: Shape of the encoder: of images, with at least one register.
        config: The recipe.
    """

    config: DinoConfig

    def __init__(self, encoder: EncoderConfig, config: DinoConfig = DinoConfig()):
        super().__init__(encoder, config, ("dino_head",))

    def forward(self, images: torch.Tensor, draws: Draws, clock: Clock) -> dict[str, torch.Tensor]:
        """{"loss": (1), "teacher_entropy": of p, log(K) where it knows nothing}; arguments as in `Objective.forward`."""
        c = self.config
        student, teacher = self._dino(self._see(images, draws))
        probabilities = self.dino_loss.teacher_probabilities(teacher, self.teacher_temperature(clock))
        loss = self.dino_loss(student, probabilities, same_view_pairs=c.same_view_pairs)
        if c.mean_of_pairs:
            loss = loss / count_pairs(len(student), len(teacher), same_view_pairs=c.same_view_pairs)
        return {"loss": mean_over_ranks(loss), "teacher_entropy": mean_over_ranks(entropy(probabilities))}


def entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """-sum_k p_k log p_k, the mean over all but the last axis, a scalar; log(K) for K equal ones, 0 for a certain one."""
    return torch.special.entr(probabilities.detach()).sum(-1).mean()
