"""Probes with true labels: windows of a simulated stream and their features in, predicted force, shear and slip of unseen clips out.

A probe is linear, on mean-pooled features; it is fitted to clips of the split `train`, its strength by 5-fold cross-validation over
these clips, and tested on those of `val` and `test`. A pretraining on the stream sees, without labels, clips of `train` alone.

    force    (fx, fy, fz) on the gel [N]                      mean absolute error over the components [N]
    shear    length of (fx, fy) [N]                           mean absolute error [N]
    slip     whether the whole contact slides in the frame    F1 of sliding; the threshold that is best in cross-validation
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from simtouch.models.probes import linear_probe
from simtouch.models.scores import f1_score, mean_absolute_error
from simtouch.stream.mixing import Mixture, WindowSpec, loader
from simtouch.tacbench.baselines import pixel_statistics

SCORES: dict[str, Callable[..., float]] = {"force": mean_absolute_error, "shear": mean_absolute_error, "slip": f1_score}
"""Score of each task, of (truth, predicted)."""
_ZERO = 127  # of a difference image
_STRENGTHS = tuple(10.0**k for k in range(-4, 2))
_CHUNK, _BATCH = 4, 64  # windows of a visit to a clip: few, so that a short draw visits all clips


@dataclass(frozen=True, kw_only=True)
class SimulatedWindows:
    """N windows of a stream and what is true of their newest frames."""

    images: torch.Tensor
    """uint8, (N, 6, H, W) or (N, 3, T, H, W)."""
    truth: dict[str, np.ndarray]
    """By task: force (N, 3), shear (N,), slip (N,), 0 or 1."""
    clip: np.ndarray
    """(N,)."""
    held_out: np.ndarray
    """Whether the clip is one to test on, bool, (N,)."""


def read_windows(stream: str | Path, window: WindowSpec, *, train: int, test: int, seed: int = 0) -> SimulatedWindows:
    """Draw windows of a stream, spread over all of its clips.

    Args:
        stream: Its folder.
        window: What a window is.
        train, test: How many to fit to and to test on.
        seed: Of the draw.
    """
    parts = [_drawn(stream, window, count, seed, held_out) for held_out, count in ((False, train), (True, test))]
    images, force_n, slip, clip, held_out = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    truth = {"force": force_n, "shear": np.linalg.norm(force_n[:, :2], axis=1), "slip": slip}
    return SimulatedWindows(images=torch.from_numpy(images), truth=truth, clip=clip, held_out=held_out)


def predict(windows: SimulatedWindows, x: np.ndarray) -> dict[str, np.ndarray]:
    """What linear probes on the features (N, D) say of the windows to test on, by task, (M, ...)."""
    fit, out = np.flatnonzero(~windows.held_out), {}
    for task, y in windows.truth.items():
        slip = task == "slip"
        probe = linear_probe(
            x[fit], y[fit], task="classification" if slip else "regression", groups=windows.clip[fit],
            select="f1" if slip else None, strengths=_STRENGTHS,
        )  # fmt: skip
        out[task] = probe.predict(x[windows.held_out])
    return out


def predict_constant(windows: SimulatedWindows) -> dict[str, np.ndarray]:
    """What is said without looking: the training rows' mean, and that all slips, which has the best F1 of all constants."""
    fit, count = ~windows.held_out, int(windows.held_out.sum())
    constant = {task: y[fit].mean(0) for task, y in windows.truth.items()} | {"slip": np.ones((), int)}
    return {task: np.repeat(np.asarray(value)[None], count, 0) for task, value in constant.items()}


def pixel_features(windows: SimulatedWindows) -> np.ndarray:
    """`pixel_statistics` of the difference images of the newest and of the oldest frame of each window, side by side."""
    images = windows.images.numpy()
    frames = [images[:, :3], images[:, -3:]] if images.ndim == 4 else [images[:, :, 0], images[:, :, -1]]
    return np.hstack([pixel_statistics(np.moveaxis(f, 1, -1).astype(np.float32) - _ZERO) for f in frames])


def _drawn(stream: str | Path, window: WindowSpec, count: int, seed: int, held_out: bool) -> tuple[np.ndarray, ...]:
    """(images, force, slip, clip, held out)."""
    first, second = ("val", "test") if held_out else ("train", None)
    splits = [(first, count if second is None else count // 3)] + ([] if second is None else [(second, count - count // 3)])
    rows: list[tuple[np.ndarray, ...]] = []
    for split, wanted in splits:
        mixture = Mixture([stream], window=window, split=split, seed=seed, epoch_windows=wanted, chunk_windows=_CHUNK)
        for batch in loader(mixture, batch_size=_BATCH, labels=("force_n", "slip_state"), drop_last=False):
            slip = np.array([state == "slip" for state in batch.labels["slip_state"]], int)
            force_n, clip = np.asarray(batch.labels["force_n"], np.float64), batch.clip_id.numpy()
            rows.append((batch.images.numpy(), force_n, slip, clip, np.full(len(clip), held_out)))
    return tuple(np.concatenate(arrays) for arrays in zip(*rows, strict=True))
