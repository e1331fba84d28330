"""DINO's loss, and iBOT's: logits of the views of two networks in, one number out.

    p = softmax((teacher - c) / T_t),    loss = sum over pairs of views of mean_b H(p_b, student_b)        (1)
    c <- m c + (1 - m) mean_b teacher_b, after its use: the next batch is the first to see it              (2)

H is the cross-entropy of `view_pairs`, c the centre, m its momentum. Means are over samples b (iBOT: samples and tokens), those
of (2) over the samples of all ranks. Refs: Caron et al., ICCV 2021; Zhou et al., "iBOT", ICLR 2022.
"""

import torch
from torch import nn

from simtouch.models.ssl.ranks import mean_over_ranks
from simtouch.models.ssl.view_pairs import sum_over_pairs


class CenteredLoss(nn.Module):
    """(1) and (2).

    Args:
        out_dim: Prototypes, K.
        student_temperature: Of the student's softmax.
        center_momentum: m of (2).
        tokens: Logits are (views, B, N, K), one a token, instead of (views, B, K); the centre then is saved as (1, 1, K).
    """

    center: torch.Tensor

    def __init__(self, out_dim: int, *, student_temperature: float = 0.1, center_momentum: float = 0.9, tokens: bool = False):
        super().__init__()
        self.student_temperature, self.center_momentum = student_temperature, center_momentum
        self.register_buffer("center", torch.zeros(*((1, 1) if tokens else (1,)), out_dim))
        self.register_load_state_dict_pre_hook(_reshape_center)

    @torch.no_grad()
    def teacher_probabilities(self, logits: torch.Tensor, temperature: float) -> torch.Tensor:
        """p of (1), float32, shape of `logits`; in training the centre then moves by (2).

        Args:
            logits: Of the teacher, views first, (G, B, (N,) K).
            temperature: T_t.
        """
        logits = logits.float()
        probabilities = ((logits - self.center) / temperature).softmax(-1)
        if self.training:
            mean = mean_over_ranks(logits.flatten(0, -2).mean(0))
            self.center.lerp_(mean.expand_as(self.center), 1 - self.center_momentum)
        return probabilities

    def forward(self, logits: torch.Tensor, probabilities: torch.Tensor, *, same_view_pairs: bool = True) -> torch.Tensor:
        """The loss of the samples of this rank, a sum over pairs.

        Args:
            logits: Of the student, S views, global ones first, (S, B, (N,) K).
            probabilities: Of the teacher, (G, B, (N,) K).
            same_view_pairs: Also pairs of one view with itself, as published.
        """
        return sum_over_pairs(logits, probabilities, self.student_temperature, same_view_pairs=same_view_pairs).mean()


def _reshape_center(module: nn.Module, state: dict, prefix: str, *_) -> None:
    """In published checkpoints of a training the centre has gained an axis."""
    saved, center = state.get(f"{prefix}center"), module.get_buffer("center")
    if saved is not None and saved.numel() == center.numel():
        state[f"{prefix}center"] = saved.reshape(center.shape)
