"""Each algorithm with networks as small as can be, for laws that hold for all of them."""

from dataclasses import replace

import torch

from simtouch.models.ssl.algorithms import build_objective
from simtouch.models.ssl.dino import DinoConfig
from simtouch.models.ssl.dinov2 import Dinov2Config
from simtouch.models.ssl.ijepa import IjepaConfig
from simtouch.models.ssl.mae import MaeConfig
from simtouch.models.ssl.objective import Clock, Objective
from simtouch.models.ssl.vjepa import VjepaConfig
from simtouch.models.vit import EncoderConfig

_HEAD = {"out_dim": 16, "hidden_dim": 16, "bottleneck_dim": 8}
_PREDICTOR = {"predictor_dim": 12, "predictor_depth": 1, "predictor_heads": 1}
CONFIGS = {
    "mae": MaeConfig(decoder_dim=12, decoder_depth=1, decoder_heads=1),
    "dino": DinoConfig(**_HEAD),
    "dinov2": Dinov2Config(**_HEAD),
    "ijepa": IjepaConfig(**_PREDICTOR),
    "vjepa": VjepaConfig(**_PREDICTOR),
}
CLOCK = Clock(step=0, steps_per_epoch=10, epochs=2)


def small_objective(
    name: str, image_size: tuple[int, int] = (64, 48), patch_size: int = 16, *, changes=None, **encoder
) -> Objective:
    """An objective of one block of width 24, the same weights at each call; `changes` are to its config."""
    video = {"channels": 3, "num_frames": 4} if name == "vjepa" else {}
    shape = EncoderConfig(
        **{"embed_dim": 24, "depth": 1, "num_heads": 2} | video | encoder, image_size=image_size, patch_size=patch_size
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_objective(name, shape, replace(CONFIGS[name], **changes or {}))


def windows(objective: Objective, count: int, seed: int = 0) -> torch.Tensor:
    """A batch of noise for it."""
    return torch.rand(count, *objective.encoder.config.window_shape, generator=torch.Generator().manual_seed(seed))
