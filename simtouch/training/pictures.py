"""What an encoder looks at and guesses: an objective and a batch in, a sheet of pictures out, one row a window.

From left to right the frames of the window, newest first; where the objective can reconstruct, for each of them what the encoder saw and
what was guessed of the rest; and for each time of the encoder's grid the attention of its last block, mean over heads, that the
register tokens pay to the patches, or without registers all patches. Difference images are shown with more contrast.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.ssl.objective import Draws, Objective
from simtouch.models.vit import VisionTransformer

_GAP, _HEAD, _LEAST_HEIGHT = 4, 14, 128  # pixels
_CONTRAST = 2.0  # about 127
_PAPER, _HIDDEN = 255, 40
_LEAST_RANGE = (
    2.0  # times the mean: attention that is the same everywhere has the colour in the middle, not noise in full colours
)
_HEAT = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], float)  # dark to bright


def save_pictures(objective: Objective, images: torch.Tensor, draws: Draws, path: str | Path, *, windows: int = 6) -> Path:
    """Write `picture_sheet` as PNG, all or nothing; return where."""
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    Image.fromarray(picture_sheet(objective, images, draws, windows=windows)).save(part, format="png")
    os.replace(part, path)
    return path


@torch.no_grad()
def picture_sheet(objective: Objective, images: torch.Tensor, draws: Draws, *, windows: int = 6) -> np.ndarray:
    """The sheet, RGB, uint8, (H, W, 3); for TensorBoard `add_image(..., dataformats="HWC")`.

    Args:
        objective: Whose encoder; it is left as it is.
        images: Windows, float in [0, 1], (B, C, (T,) H, W), where the objective is.
        draws: Of the same samples.
        windows: Rows, or as many as there are windows; of more those that vary most over the image, in their order: where
            something is touched.
    """
    if windows < 1 or len(images) == 0:
        raise ArgumentError(f"a sheet needs at least one window; got `windows` {windows} of a batch of {len(images)}.")
    training = objective.training
    objective.eval()
    try:
        shown = _most_telling(images, windows)
        columns = {_name(i): frame for i, frame in enumerate(_frames(images[shown]))}
        if (reconstruct := getattr(objective, "reconstruct", None)) is not None:
            columns |= _reconstructions(reconstruct, images, draws, shown)
        columns |= _attention_columns(objective.encoder, images[shown])
    finally:
        objective.train(training)
    return _sheet(columns)


@torch.no_grad()
def attention_maps(encoder: VisionTransformer, images: torch.Tensor) -> torch.Tensor:
    """Attention of the last block to each patch, float32, (B, *grid): mean over heads and over registers, or all patches as queries.

    Args:
        encoder: In the mode in which it is wanted.
        images: Windows, (B, C, (T,) H, W).
    """
    x = encoder.embed(images)
    *before, last = encoder.blocks
    for block in before:
        x = block(x)
    weights = last.attn.weights(last.norm1(x)).float().mean(1)  # (B, queries, keys)
    R = encoder.config.num_registers
    queries = weights[:, :R] if R else weights
    grid = tuple(n // encoder.config.patch_size for n in images.shape[-2:])
    return queries[:, :, R:].mean(1).unflatten(1, (-1, *grid) if images.ndim == 5 else grid)


def _most_telling(images: torch.Tensor, count: int) -> torch.Tensor:
    """Rows of the `count` windows with the largest standard deviation over their pixels."""
    spread = images.flatten(2).float().std(2).mean(1)
    return spread.topk(min(count, len(images))).indices.sort().values


def _frames(images: torch.Tensor) -> list[np.ndarray]:
    """The frames of windows, newest first, each (B, H, W, 3), for the eye."""
    frames = images.unbind(2) if images.ndim == 5 else images.split(3, 1)
    if frames[0].shape[1] != 3:
        raise ShapeError(f"`images` must have frames of 3 channels; got {tuple(images.shape)}.")
    return [_bytes(frame.permute(0, 2, 3, 1)) for frame in frames]


def _bytes(values: torch.Tensor) -> np.ndarray:
    contrasted = 127.5 + 255 * _CONTRAST * (values.float().cpu() - 127 / 255)
    return contrasted.clamp(0, 255).to(torch.uint8).numpy()


def _reconstructions(reconstruct: Callable, images: torch.Tensor, draws: Draws, shown: torch.Tensor) -> dict[str, np.ndarray]:
    guessed, hidden = reconstruct(images, draws)
    mask = hidden[shown].cpu().numpy()
    columns = {}
    for i, (seen, guess) in enumerate(zip(_frames(images[shown]), _frames(guessed[shown]), strict=True)):
        columns[f"{_name(i)}, seen"] = np.where(mask[..., None], np.uint8(_HIDDEN), seen)
        columns[f"{_name(i)}, guessed"] = guess
    return columns


def _name(i: int) -> str:
    return f"older {i}" if i else "newest"


def _attention_columns(encoder: VisionTransformer, images: torch.Tensor) -> dict[str, np.ndarray]:
    maps = attention_maps(encoder, images)
    maps = maps if images.ndim == 5 else maps[:, None]
    maps = maps / maps.mean((1, 2, 3), keepdim=True)
    maps = maps / maps.amax((1, 2, 3), keepdim=True).clamp_min(_LEAST_RANGE)
    large = interpolate(maps, images.shape[-2:], mode="nearest").cpu().numpy()
    stops = np.linspace(0, 1, len(_HEAT))
    coloured = np.stack([np.interp(large, stops, _HEAT[:, c]) for c in range(3)], -1).round().astype(np.uint8)
    return {f"attention {i}" if len(maps[0]) > 1 else "attention": coloured[:, i] for i in range(coloured.shape[1])}


def _sheet(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Columns of pictures (B, H, W, 3) with their names above them."""
    from PIL import Image, ImageDraw

    rows, H, W, _ = next(iter(columns.values())).shape
    scale = max(1, -(-_LEAST_HEIGHT // H))  # small ones are enlarged
    high, wide = H * scale + _GAP, W * scale + _GAP
    sheet = np.full((_HEAD + rows * high + _GAP, len(columns) * wide + _GAP, 3), _PAPER, np.uint8)
    for j, pictures in enumerate(columns.values()):
        for i, picture in enumerate(pictures):
            top, left = _HEAD + _GAP + i * high, _GAP + j * wide
            sheet[top : top + H * scale, left : left + W * scale] = picture.repeat(scale, 0).repeat(scale, 1)
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    for j, name in enumerate(columns):
        draw.text((_GAP + j * wide, 2), name, fill=0)
    return np.asarray(image)
