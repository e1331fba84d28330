"""Encoders by name: a hub id, a folder, a file or "random" in, a `VisionTransformer` ready to read touch out.

    encoder = load_encoder("facebook/sparsh-dino-base")
    features = encoder(windows)                                   # (B, 6, 320, 240) in [0, 1] -> (B, 300, 768)

The config is inferred from names and shapes (`infer.py`); a file that `save_encoder` wrote says it. Loading is strict: a tensor too
many, too few or of another shape is an error that says what the file seems to be.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import torch
from torch.overrides import TorchFunctionMode

from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch.models.checkpoint import FILE_NAME, Weights, own_metadata, read_weights
from simtouch.models.hub import hub_file, is_hub_id, pick_name
from simtouch.models.infer import (
    PUBLISHED_FRAMES,
    PUBLISHED_SIZE,
    Shapes,
    explain_mismatch,
    find_prefix,
    infer_config,
    looks_like,
)
from simtouch.models.licence import licence_of, state_once
from simtouch.models.vit import SIZES, EncoderConfig, VisionTransformer

Window = Literal["pair", "video"]
_FIRST = (FILE_NAME, "model.safetensors")
"""Files to take before others: of `save_encoder`, and of a checkpoint of our training, where the optimiser has one of its own."""


def load_encoder(
    source: str | os.PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    num_heads: int | None = None,
    size: str = "base",
    window: Window | None = None,
    seed: int = 0,
    prefix: str | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    offline: bool = False,
    quiet: bool = False,
) -> VisionTransformer:
    """Return an encoder in eval mode.

    Args:
        source: A hub id (`facebook/sparsh-dino-base`), its local cache first; a folder; a `.safetensors`, `.ckpt` or `.pth` file; or
            `random`, the floor that weights must beat.
        image_size: (H, W) it is for, multiples of the patch. By default what the file says or (320, 240). Learned positions of our
            own files are interpolated to it; a file that does not say its size must have a table of positions of this one.
        num_heads: Heads of its attention where the file does not say; by default one for 64 channels.
        size: Of a random encoder: `tiny`, `small`, `base`, `large` or `giant2`.
        window: `pair` (6 channels) or `video` (four frames): of a random encoder, by default a pair; of a file what it must be.
        seed: Of a random encoder; it has its own generator.
        prefix: Which of the encoders of a checkpoint; by default the published one, the teacher's or target's.
        device: Where to put it; by default the CPU.
        dtype: Precision of the weights; by default float32. Positions stay in float32.
        offline: Never ask the network.
        quiet: Do not state the licence of the weights.

    Raises:
        SimtouchError: The source is not there, is damaged, or is no such encoder; one sentence says what it is instead.
        MissingExtraError: A hub id that is not in the local cache needs huggingface_hub.
    """
    if window is not None:
        pick("window", window, {"pair": 0, "video": 0})
    if source == "random":
        encoder = _random(pick("size", size, SIZES), image_size or PUBLISHED_SIZE, num_heads, window or "pair", seed)
    else:
        weights = read_weights(_find(source, offline))
        said = own_metadata(weights.metadata)
        encoder = _from_file(weights, said, image_size, num_heads, window, prefix)
        if not quiet and (licence := licence_of(str(source), weights, said)) is not None:
            state_once(str(source), licence)
    try:
        return encoder.to(device=device, dtype=dtype).eval()
    except (AssertionError, RuntimeError, TypeError) as error:
        asked = ", ".join(f"{name}={value}" for name, value in (("device", device), ("dtype", dtype)) if value is not None)
        raise ArgumentError(f"`{asked}` cannot be had here: {' '.join(str(error).split())[:160]}.") from error


def _random(shape: Mapping[str, int], image_size, num_heads, window: Window, seed: int) -> VisionTransformer:
    video = {"channels": 3, "num_frames": PUBLISHED_FRAMES} if window == "video" else {}
    config = EncoderConfig(**{**shape, **({"num_heads": num_heads} if num_heads else {})}, image_size=tuple(image_size), **video)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VisionTransformer(config)


def _find(source: str | os.PathLike, offline: bool) -> Path:
    """The file that a source means."""
    path = Path(source).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return path
    if (
        isinstance(source, str) and is_hub_id(source) and not path.parent.is_dir()
    ):  # `runs/mae` beside other runs is a typing error
        return hub_file(source, offline=offline)
    raise ArgumentError(f"there is no `{source}`: give a folder, a file, a hub id or `random`.")


def _in_folder(folder: Path) -> Path:
    """The one file of weights in a folder: ours, else .safetensors before .ckpt."""
    names = [path.name for path in folder.iterdir() if path.is_file()]
    first = next((name for name in _FIRST if name in names), None)
    name = first or pick_name(names, str(folder))
    if name is None:
        raise ArgumentError(f"`{folder}` holds no weights: no `{FILE_NAME}`, no other .safetensors, .ckpt or .pth.")
    return folder / name


def _from_file(weights: Weights, said, image_size, num_heads, window: Window | None, prefix: str | None) -> VisionTransformer:
    where = str(weights.path)
    prefix = find_prefix(weights.shapes, prefix, where=where)
    shapes = {name.removeprefix(prefix): shape for name, shape in weights.shapes.items() if name.startswith(prefix)}
    if sum(map(math.prod, shapes.values())) > weights.path.stat().st_size:
        raise SimtouchError(f"`{where}` claims more numbers for its encoder than it has bytes.")
    if what := looks_like(shapes, of_encoder=True):
        raise SimtouchError(f"`{where}` is no encoder of touch windows: {what}.")
    if said:
        config = _said_config(said["config"], shapes, num_heads, where)
    else:
        config = infer_config(shapes, image_size=image_size, num_heads=num_heads, where=where)
    _check_window(config, window, where)
    encoder = _without_weights(config, where)
    want = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    if (wrong := explain_mismatch(shapes, want, where=where)) is not None:
        raise SimtouchError(wrong)
    encoder.load_state_dict({name: _numbers(weights, prefix + name) for name in want}, assign=True)
    return encoder if image_size is None else encoder.fit_to(image_size)


def _said_config(said: Mapping[str, Any], shapes: Shapes, num_heads, where: str) -> EncoderConfig:
    """The config that one of our own files carries."""
    known = {field.name for field in fields(EncoderConfig)}
    if not known >= set(said):
        raise SimtouchError(f"`{where}` is of a newer simtouch: its config has {', '.join(sorted(set(said) - known)):.80}.")
    try:
        own = EncoderConfig(**{name: tuple(value) if isinstance(value, list) else value for name, value in said.items()})
    except (TypeError, AttributeError, ZeroDivisionError) as error:
        raise SimtouchError(f"the config that `{where}` carries is damaged: {error}.") from error
    inferred = infer_config(shapes, image_size=own.image_size, num_heads=own.num_heads, num_frames=own.num_frames, where=where)
    if (own.embed_dim, own.depth) != (inferred.embed_dim, inferred.depth):
        raise SimtouchError(
            f"`{where}` contradicts itself: its config says {own.embed_dim!r:.20} channels and {own.depth!r:.20} blocks, its tensors "
            f"{inferred.embed_dim} and {inferred.depth}."
        )
    if num_heads not in (None, own.num_heads):
        raise ArgumentError(f"`{where}` says that it has {own.num_heads} heads; got `num_heads={num_heads}`.")
    return own


class _WithoutMemory(TorchFunctionMode):
    """Weights that are yet to come take no memory and no time. Only they: PyTorch loads a compiler, for seconds, when it is to compute
    numbers without memory, as positions would have to be."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def _without_weights(config: EncoderConfig, where: str) -> VisionTransformer:
    try:
        with _WithoutMemory():
            return VisionTransformer(config)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise SimtouchError(f"`{where}` describes an encoder that cannot be: {' '.join(str(error).split())[:120]}.") from error


def _check_window(config: EncoderConfig, window: Window | None, where: str) -> None:
    is_video = config.num_frames > 1
    if window is not None and (window == "video") != is_video:
        kind = f"video, {config.num_frames} frames" if is_video else f"images of {config.channels} channels"
        raise ArgumentError(f"`{where}` reads {kind}; got `window={window!r}`.")
    if window == "pair" and config.channels != 6:
        raise ArgumentError(f"`{where}` reads images of {config.channels} channels; a pair has 6.")


def _numbers(weights: Weights, name: str) -> torch.Tensor:
    """A copy of a tensor in float32, finite."""
    tensor = weights[name]
    if not tensor.is_floating_point():
        raise SimtouchError(f"`{weights.path}`: `{name}` holds {tensor.dtype}, not floating-point numbers.")
    tensor = tensor.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if not tensor.isfinite().all():
        raise SimtouchError(f"`{weights.path}`: `{name}` holds NaN or infinity.")
    return tensor
