"""A small objective and a feed of made-up windows: what the loop needs, and nothing on disk."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from simtouch.models.ssl.objective import Objective
from simtouch.models.vit import EncoderConfig, VisionTransformer
from simtouch.training.config import PretrainConfig

SHAPE = EncoderConfig(embed_dim=24, depth=2, num_heads=2, patch_size=8, image_size=(32, 24), drop_path=0.2)
CONFIG = PretrainConfig(
    algorithm="mae",
    size="tiny",
    image_size=(32, 24),
    patch_size=8,
    epochs=10,
    steps=12,
    batch_size=8,
    lr=3e-3,
    lr_start=1e-4,
    lr_final=1e-5,
    warmup_epochs=2.0,
    weight_decay=0.04,
    weight_decay_final=0.1,
    betas=(0.9, 0.99),
    clip_norm=1.0,
    device="cpu",
)


def config(out: Path | None = None, **changes) -> PretrainConfig:
    return replace(CONFIG, out=out, **changes)


class Denoiser(Objective):
    """A student guesses what a slow teacher makes of the whole window from half of its patches."""

    encoder_prefix: ClassVar[str] = "teacher."

    def __init__(self, encoder: EncoderConfig = SHAPE):
        super().__init__()
        self.student, self.teacher = VisionTransformer(encoder), VisionTransformer(encoder)
        self.head = nn.Linear(encoder.embed_dim, encoder.embed_dim)
        self.register_buffer("centre", torch.zeros(encoder.embed_dim))
        self.teacher.requires_grad_(False)

    @property
    def encoder(self) -> VisionTransformer:
        return self.teacher

    def train(self, mode: bool = True):
        super().train(mode)
        self.teacher.eval()
        return self

    def draw(self, place):
        N, shape = 12, (place.batch_size, 2, 2)
        noise = torch.rand(place.batch_size, N, generator=place.generator("patches"))
        return {
            "kept": place.mine(noise.argsort(1)[:, : N // 2]),
            "chance": place.mine(torch.rand(shape, generator=place.generator("depth"))),
        }

    def forward(self, images, draws, clock):
        seen = self.student(images, [draws["kept"]], chance=draws["chance"].permute(1, 2, 0))
        with torch.no_grad():
            wanted = self.teacher(images).mean(1)
        error = (self.head(seen.mean(1)) - wanted).square().mean()
        small = self.head(seen).abs().mean()
        return {"loss": error + 0.1 * small, "small": small.detach()}

    @torch.no_grad()
    def follow(self, clock):
        for name, slow in self.teacher.named_parameters():
            slow.lerp_(self.student.get_parameter(name), 0.1)


def objective(seed: int = 0) -> Denoiser:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Denoiser()


@dataclass
class Windows:
    images: torch.Tensor
    sample: torch.Tensor
    where: list[str]


class MadeUpFeed:
    """Window k is a pure function of k; rank r of R has those with k mod R = r."""

    def __init__(
        self,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        *,
        bad: int | None = None,
        name: str = "made up",
        shape=(6, 32, 24),
    ):
        self.shape = shape
        self.batch_size, self.rank, self.world_size, self.bad, self.name = batch_size, rank, world_size, bad, name
        self.batches = 0
        self.steps_per_epoch = 5

    def __iter__(self):
        while True:
            whole = self.batch_size * self.world_size
            first = self.batches * whole
            ks = range(first + self.rank, first + whole, self.world_size)
            self.batches += 1
            where = [f"{self.name}, clip {k}, frame 0" for k in ks]
            yield Windows(torch.stack([self._window(k) for k in ks]), torch.tensor(list(ks)), where)

    def state_dict(self):
        return {"batches": self.batches, "mixture": self.name}

    def load_state_dict(self, state):
        assert state["mixture"] == self.name
        self.batches = state["batches"]

    def _window(self, k: int) -> torch.Tensor:
        window = torch.rand(self.shape, generator=torch.Generator().manual_seed(k))
        return window * torch.nan if k == self.bad else window
