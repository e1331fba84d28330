"""Heads of attentive probes: patch tokens in, (B, N, D), the answers of one task out.

Each is an `AttentivePooler` and a small MLP, D to D/4 to K; names of weights are those of the published TacBench probes, so that these
load under their prefix `model_task.`. Forces and their changes come out scaled to [-1, 1] (normal force [0, 1]); the scales are
the task's. Ref: Higuera et al., "Sparsh", CoRL 2024, section 4.
"""

import torch
from torch import nn
from torch.nn import functional as F

from simtouch.models.pooler import POOLER_NORM_EPS, AttentivePooler

FORCE_SCALE_N = {"digit": (4.0, 4.0, 5.0), "gelsight_mini": (1.5, 1.5, 2.0)}
"""What a scaled force of 1 is in the published task [N]: (x, y, z)."""
FORCE_CHANGE_SCALE_N = (0.25, 0.25, 0.15)
"""What a scaled change of force of 1 is in the published slip task [N]."""


def mlp(embed_dim: int, outputs: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """D to D/4 to K."""
    return nn.Sequential(nn.Linear(embed_dim, embed_dim // 4), activation(), nn.Linear(embed_dim // 4, outputs))


class AttentiveHead(nn.Module):
    """Pooler and MLP: tokens (B, N, D) to K numbers, (B, K); grasp success has K = 2, textiles 20.

    Args:
        embed_dim: D.
        num_heads: Of the pooler.
        outputs: K.
    """

    def __init__(self, embed_dim: int, num_heads: int, outputs: int):
        super().__init__()
        self.pooler = AttentivePooler(embed_dim, num_heads)
        self.probe = mlp(embed_dim, outputs)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.probe(self.pooler(tokens)[:, 0])


class GraspProbe(AttentiveHead):
    """Scores of (slips away, is held), (B, 2)."""

    def __init__(self, embed_dim: int, num_heads: int = 12):
        super().__init__(embed_dim, num_heads, 2)


class TextileProbe(AttentiveHead):
    """Scores of the textiles, (B, K)."""

    def __init__(self, embed_dim: int, num_heads: int = 12, num_classes: int = 20):
        super().__init__(embed_dim, num_heads, num_classes)


class ForceProbe(AttentiveHead):
    """Scaled force, (B, 3): x and y in (-1, 1), z in (0, 1); any number if `bounded` is False."""

    def __init__(self, embed_dim: int, num_heads: int = 12, *, bounded: bool = True):
        super().__init__(embed_dim, num_heads, 3)
        self.bounded = bounded

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """See the class."""
        force = super().forward(tokens)
        return torch.cat([force[:, :2].tanh(), force[:, 2:].sigmoid()], 1) if self.bounded else force


class SlipForceProbe(nn.Module):
    """Scores of (no slip, slip), (B, 2), and the scaled change of force, (B, 3), in [-1, 1].

    Args:
        embed_dim: D.
        num_heads: Of the pooler.
        num_classes: Of slip.
    """

    def __init__(self, embed_dim: int, num_heads: int = 12, num_classes: int = 2):
        super().__init__()
        self.pooler = AttentivePooler(embed_dim, num_heads)
        self.fc_norm = nn.LayerNorm(embed_dim, eps=POOLER_NORM_EPS)
        # The published one has a sigmoid here, where all other heads have a ReLU.
        self.probe = mlp(embed_dim, num_classes, nn.Sigmoid)
        self.force_probe = mlp(embed_dim, 3)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        pooled = self.fc_norm(self.pooler(tokens)[:, 0])
        return self.probe(pooled), F.hardtanh(self.force_probe(pooled))


class PoseProbe(nn.Module):
    """Scores of the bins of the object's motion (tx, ty, yaw), three of (B, K)."""

    def __init__(self, embed_dim: int, num_heads: int = 12, num_classes: int = 11):
        super().__init__()
        self.pooler = AttentivePooler(embed_dim, num_heads)
        self.probe_tx = mlp(embed_dim, num_classes)
        self.probe_ty = mlp(embed_dim, num_classes)
        self.probe_yaw = mlp(embed_dim, num_classes)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """See the class."""
        pooled = self.pooler(tokens)[:, 0]
        return self.probe_tx(pooled), self.probe_ty(pooled), self.probe_yaw(pooled)


class AttentiveClassifier(nn.Module):
    """Pooler and one linear map: tokens (B, N, D) to K numbers, (B, K)."""

    def __init__(self, embed_dim: int, num_heads: int = 12, num_classes: int = 2):
        super().__init__()
        self.pooler = AttentivePooler(embed_dim, num_heads)
        self.linear = nn.Linear(embed_dim, num_classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.linear(self.pooler(tokens)[:, 0])
