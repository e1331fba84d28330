"""Features: an encoder and batches of windows in, arrays of features with their labels and clips out, on the CPU.

from simtouch.models.features import encode

features = encode(encoder, loader(mixture, batch_size=128, labels=("force_n",)), labels=("force_n",))
features.x, features.labels["force_n"], features.groups     # (N, D), (N, 3), (N,)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch

from simtouch._checks import ArgumentError, pick
from simtouch.models.vit import VisionTransformer
from simtouch.stream.mixing import unit_floats

Pooling = Literal["mean", "mean_std"]
_POOLINGS = ("mean", "mean_std")
_SOURCE_STEP = 2**40  # clip numbers of two sources never meet


@dataclass(frozen=True, kw_only=True)
class Features:
    """N windows as an encoder sees them."""

    x: np.ndarray
    """float32, (N, D) pooled over patches, or (N, patches, D)."""
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    """By name, N rows each; words as an array of strings."""
    groups: np.ndarray
    """Clip of each window, int64 (N,): its number, and 2^40 more for each source before its own."""

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows) -> "Features":
        """Some of the rows: a mask, indices or a slice."""
        return replace(
            self, x=self.x[rows], labels={name: values[rows] for name, values in self.labels.items()}, groups=self.groups[rows]
        )


@torch.no_grad()
def encode(
    encoder: VisionTransformer,
    batches: Iterable,
    *,
    labels: Sequence[str] = (),
    tokens: bool = False,
    pooling: Pooling = "mean",
    device: str | torch.device | None = None,
    limit: int | None = None,
) -> Features:
    """Features of windows, with the encoder frozen and in evaluation mode; its mode is put back afterwards.

    Args:
        encoder: What reads them.
        batches: `Batch`es of a loader, or (images, labels, groups) of uint8 or float windows, a dict and whole numbers.
        labels: Which labels to keep; a loader must have been asked for them.
        tokens: Keep every patch: (N, patches, D) in memory.
        pooling: `mean` over patches, or `mean_std`, mean and standard deviation side by side, (N, 2 D).
        device: Where to encode; by default where the encoder is.
        limit: Windows at most; no more batches are drawn than that takes.

    Raises:
        ArgumentError: No window came, or a label was not handed out.
    """
    pick("pooling", pooling, dict.fromkeys(_POOLINGS))
    place = next(encoder.parameters()).device if device is None else torch.device(device)
    training, kept = encoder.training, _Kept(tuple(labels))
    encoder.to(place).eval()
    try:
        for batch in batches:
            images, named, groups = unpack(batch)
            room = len(images) if limit is None else limit - kept.rows
            found = encoder(unit_floats(images[:room].to(place, non_blocking=True)))
            kept.add(found if tokens else pooled(found, pooling), named, groups[:room])
            if limit is not None and kept.rows >= limit:
                break
    finally:
        encoder.train(training)
    return kept.features()


def pooled(tokens: torch.Tensor, pooling: Pooling = "mean") -> torch.Tensor:
    """Patch tokens (B, N, D) to one vector a window, see `encode`."""
    mean = tokens.mean(1)
    return mean if pooling == "mean" else torch.cat([mean, tokens.std(1, correction=0)], 1)


def unpack(batch) -> tuple[torch.Tensor, dict, np.ndarray]:
    """Images, labels and groups of a `Batch`, or of a plain (images, labels, groups)."""
    if isinstance(batch, tuple):
        images, named, groups = batch
        return images, named, np.asarray(groups, np.int64)
    return batch.images, batch.labels, (batch.source * _SOURCE_STEP + batch.clip_id).numpy()


class _Kept:
    """What has come so far."""

    def __init__(self, labels: tuple[str, ...]):
        self.rows = 0
        self._x: list[np.ndarray] = []
        self._groups: list[np.ndarray] = []
        self._labels: dict[str, list] = {name: [] for name in labels}

    def add(self, x: torch.Tensor, named: dict, groups: np.ndarray) -> None:
        for name, values in self._labels.items():
            values.append(np.asarray(pick("label of the batches", name, named))[: len(x)])
        self._x.append(x.float().cpu().numpy())
        self._groups.append(groups)
        self.rows += len(x)

    def features(self) -> Features:
        if not self.rows:
            raise ArgumentError("`batches` held no window to encode.")
        named = {name: np.concatenate(values) for name, values in self._labels.items()}
        return Features(x=np.concatenate(self._x), labels=named, groups=np.concatenate(self._groups))
