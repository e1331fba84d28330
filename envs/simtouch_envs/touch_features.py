"""Touch features: tactile images of several pads in, what a frozen encoder makes of their windows out.

A window is the frame of now and the one of `lag_steps` before it, both minus the resting sensor, as `TouchProcessor` makes it; at the
start of an episode the first frame is shown again. All pads of all environments go through the encoder in one batch; the mean and the
standard deviation over the patches are kept. The encoder ends in a LayerNorm of gain g and bias b, so that

    |feature_i| <= sqrt(D - 1) |g_i| + |b_i|                                                                             (1)

for the mean, and the standard deviation is at most sqrt(D - 1) |g_i|: the bounds of the observation space.
"""

import os
from collections.abc import Sequence

import numpy as np
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.features import pooled
from simtouch.models.load import load_encoder
from simtouch.models.processor import TouchProcessor
from simtouch.models.touch_stream import TouchStream
from simtouch.models.vit import VisionTransformer

RANDOM_SIZE = (128, 96)
"""(H, W) of the input of the `random` encoder, a tiny one, that of the `laptop` preset."""


def frozen_encoder(encoder: VisionTransformer | str | os.PathLike, *, seed: int = 0) -> VisionTransformer:
    """An encoder in eval mode, without gradients.

    Args:
        encoder: One, or a name, folder or file for `simtouch.load_encoder`; `random` is a ViT-tiny of the `laptop` preset's input.
        seed: Of a random one.
    """
    if not isinstance(encoder, VisionTransformer):
        random = {"size": "tiny", "image_size": RANDOM_SIZE, "seed": seed} if encoder == "random" else {}
        encoder = load_encoder(encoder, **random)
    return encoder.eval().requires_grad_(False)


class TouchFeatures:
    """Features of P pads of any number of seats; a seat is one environment, whose past is kept.

    Args:
        encoder: See `frozen_encoder`.
        backgrounds: Resting image of each pad, uint8, (H, W, 3), P of them.
        sensor: Name of the sensor's type, or its spec.
        lag_steps: Steps of the environment between the two frames of a window.
        seed: Of a random encoder.
    """

    def __init__(self, encoder, *, backgrounds: Sequence[np.ndarray], sensor="digit", lag_steps: int = 2, seed: int = 0):
        if len(backgrounds) == 0:
            raise ArgumentError("`backgrounds` must hold one resting image for each pad; got none.")
        self.encoder, self.lag_steps = frozen_encoder(encoder, seed=seed), lag_steps
        processor = TouchProcessor.for_encoder(self.encoder, sensor, stride=lag_steps)
        raw = processor.window.background == "none"
        self._make = [lambda b=None if raw else b: processor.stream(background=b, at_start="repeat") for b in backgrounds]
        self._streams: dict[int, list[TouchStream]] = {}

    @property
    def pads(self) -> int:
        """P."""
        return len(self._make)

    @property
    def size(self) -> int:
        """Numbers of one seat, P x 2 D."""
        return self.pads * 2 * self.encoder.config.embed_dim

    @property
    def bounds(self) -> np.ndarray:
        """Upper bound (1) of the size of each feature, float32 (P x 2 D,)."""
        norm = self.encoder.norm
        spread = (self.encoder.config.embed_dim - 1) ** 0.5 * norm.weight.detach().float().abs()
        mean = spread + norm.bias.detach().float().abs()
        one = torch.cat([mean, spread]) * (1 + 1e-4) + 1e-4  # rounding of float32
        return one.repeat(self.pads).numpy()

    def begin(self, seat: int = 0) -> None:
        """An episode begins: forget what the seat felt before."""
        for stream in self._streams.setdefault(seat, [make() for make in self._make]):
            stream.reset()

    def windows(self, images: Sequence[Sequence[np.ndarray]], seats: Sequence[int]) -> torch.Tensor:
        """Take one tactile image of each pad of each seat; their windows, float32, (B P, 6, H, W).

        Args:
            images: B seats with P images each, uint8, (h, w, 3).
            seats: Which, B of them, each begun.
        """
        if len(images) != len(seats) or any(len(of) != self.pads for of in images):
            raise ShapeError(
                f"`images` must hold {self.pads} of each of the {len(seats)} seats; got {[len(of) for of in images]}."
            )
        for seat in seats:
            if seat not in self._streams:
                self.begin(seat)
        pushed = [s.push(i) for seat, of in zip(seats, images, strict=True) for s, i in zip(self._streams[seat], of, strict=True)]
        return torch.cat([window for window in pushed if window is not None])

    @torch.inference_mode()
    def __call__(self, images: Sequence[Sequence[np.ndarray]], seats: Sequence[int] = (0,)) -> np.ndarray:
        """Features of the newest windows, float32 (B, P x 2 D): for each pad the mean, then the spread; arguments as for `windows`."""
        return self.encode(self.windows(images, seats)).reshape(len(seats), self.size)

    @torch.inference_mode()
    def encode(self, windows: torch.Tensor) -> np.ndarray:
        """Mean and spread of the patch tokens of windows (N, 6, H, W): float32 (N, 2 D)."""
        return pooled(self.encoder(windows), "mean_std").float().numpy()
