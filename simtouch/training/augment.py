"""Sparsh's augmentation: windows and the numbers of their samples in, the same windows flipped, cropped and rotated out.

All frames of a window change alike. With r the radius vector of a pixel from the image centre, in pixels, what is shown at r was at

    c R(-a) r,    R(a) the rotation by a,                                               (1)

c in [.6, .9] with probability .2 (the crop around the centre, enlarged to the whole again), else 1; a within 15 degrees with
probability .2, else 0; and before that the image is mirrored left to right with probability .5. One bilinear interpolation does
both, what lies outside the image takes the colour of its rim. No colours change. Source: the
published recipe of Sparsh, whose interpolation and fill are not stated.
"""

import math

import torch
from torch.nn.functional import grid_sample

from simtouch.stream.sample_order import hashed

FLIP, CROP, ROTATE = 0.5, 0.2, 0.2
"""Probabilities."""
SMALLEST_CROP, LARGEST_CROP, LARGEST_ANGLE_RAD = 0.6, 0.9, math.radians(15)
_PURPOSE = 0x6175676D656E74  # "augment": other numbers than anything else that is drawn from the seed


def drawn(sample: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How samples are changed: flip, bool; crop c and angle a [rad] of (1), float64; each (B,). Functions of (seed, sample) alone."""
    u = torch.tensor([[_uniform(seed, k, i) for i in range(5)] for k in sample.tolist()], dtype=torch.float64).reshape(-1, 5)
    crop = torch.where(u[:, 1] < CROP, SMALLEST_CROP + (LARGEST_CROP - SMALLEST_CROP) * u[:, 2], 1.0)
    angle = torch.where(u[:, 3] < ROTATE, LARGEST_ANGLE_RAD * (2 * u[:, 4] - 1), 0.0)
    return u[:, 0] < FLIP, crop, angle


def augment(images: torch.Tensor, sample: torch.Tensor, *, seed: int) -> torch.Tensor:
    """The windows, changed as `drawn` says; those that stay as they are stay so to the bit.

    Args:
        images: Windows, float, (B, C, H, W) or (B, C, T, H, W), on any device.
        sample: Numbers of the samples, int64 (B,).
        seed: Of the whole training.
    """
    return changed(images, *drawn(sample, seed))


def changed(images: torch.Tensor, flip: torch.Tensor, crop: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """(1) for given flips, crops and angles, each (B,)."""
    out, device = images.clone(), images.device
    if len(rows := flip.nonzero()[:, 0].to(device)):
        out[rows] = out[rows].flip(-1)
    warped = ((crop != 1) | (angle != 0)).nonzero()[:, 0]
    if len(warped):
        rows = warped.to(device)
        flat = out[rows].flatten(1, -3)  # frames are channels: all of them move alike
        grid = _grid(crop[warped], angle[warped], *images.shape[-2:]).to(device, images.dtype)
        moved = grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
        out[rows] = moved.reshape(len(rows), *images.shape[1:])
    return out


def _grid(crop: torch.Tensor, angle: torch.Tensor, H: int, W: int) -> torch.Tensor:
    """Where each pixel was, (B, H, W, 2), (x, y) with the image from -1 to 1."""
    y = (torch.arange(H, dtype=torch.float64) + 0.5 - H / 2)[None, :, None]
    x = (torch.arange(W, dtype=torch.float64) + 0.5 - W / 2)[None, None, :]
    cos, sin = (c[:, None, None] for c in (crop * torch.cos(angle), crop * torch.sin(angle)))
    return torch.stack([(cos * x + sin * y) * (2 / W), (cos * y - sin * x) * (2 / H)], -1)


def _uniform(seed: int, sample: int, which: int) -> float:
    return hashed(seed, _PURPOSE, sample, which) / 2**64
