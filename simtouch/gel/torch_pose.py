"""From a pose to the overlap in torch: where the indenter is in, how deep it lies below the resting gel out, with gradients.

The values are the indenter's own (`underside_m`, NumPy). Their derivative is that of a height map that moves as a rigid body: a point
r = (x, y, z) of the underside z(x, y) that moves by v changes the height over the place where it was by

    dz = v_z - v_x dz/dx - v_y dz/dy,    v = dT T^-1 r for a pose T,    v = t + w x r for a twist (t, w)             (1)

with the slopes by differences of the map. A step of the map is not seen: to either side the derivative is that side's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from simtouch._checks import ShapeError
from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Grid, Indenter
from simtouch.geometry.pose import inverse
from simtouch.sensors.spec import SensorSpec

_CREASE = 1.0  # change of slope from one pixel to the next from which the map is taken to have a step or a crease
_AWAY_M = -1.0  # overlap where there is no indenter above a cell, as in `contact.py`


class TorchOverlap(NamedTuple):
    """How deep an indenter lies below the resting gel, seen by a sensor."""

    cells_m: Tensor
    """Over the cells [m], (B, h, w); -1 where there is no indenter. What `TorchLayer.step` takes."""
    pixels_m: Tensor
    """Over the pixels [m], (B, H, W); -inf where there is no indenter. What `TorchLift.height_m` takes."""


def overlap_at(
    spec: SensorSpec,
    indenter: Indenter | Sequence[Indenter],
    gel_T_indenter: Tensor,
    *,
    dtype: torch.dtype | None = None,
    device: str | torch.device | None = None,
) -> TorchOverlap:
    """The overlap of an indenter at B poses, differentiable by the poses.

    Args:
        spec: The sensor.
        indenter: One for all, or B of them.
        gel_T_indenter: Poses, (B, 4, 4), float64 for the best values; `moved` makes them from a twist.
        dtype, device: Of the result; those of the poses by default.
    """
    if gel_T_indenter.dim() != 3 or gel_T_indenter.shape[1:] != (4, 4):
        raise ShapeError(f"`gel_T_indenter` must have shape (B, 4, 4); got {tuple(gel_T_indenter.shape)}.")
    indenters = list(indenter) if isinstance(indenter, Sequence) else [indenter] * len(gel_T_indenter)
    if len(indenters) != len(gel_T_indenter):
        raise ShapeError(f"`indenter` must be one or {len(gel_T_indenter)}; got {len(indenters)}.")
    pixels = spec.image_grid
    underside = _Underside.apply(gel_T_indenter, indenters, pixels)
    rest = torch.as_tensor(dome_height_m(pixels, spec.gel.dome_radius_m), device=underside.device)
    over = (rest - underside).to(device or gel_T_indenter.device, dtype or gel_T_indenter.dtype)
    return TorchOverlap(_over_cells(over, pixels.rows // spec.gel_grid.rows), over)


def moved(gel_T_indenter: Tensor, twist: Tensor) -> Tensor:
    """Poses, (B, 4, 4), turned about the origin of the gel frame and shifted; differentiable by both.

    Args:
        gel_T_indenter: Poses, (B, 4, 4) or (4, 4).
        twist: Translation [m] and rotation vector [rad] in the gel frame, (B, 6); zero leaves a pose as it is.
    """
    x, y, z = twist[:, 3:].to(gel_T_indenter.dtype).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    turn = torch.linalg.matrix_exp(cross)
    upper = torch.cat([turn, twist[:, :3, None].to(turn)], -1)
    lower = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=turn.dtype, device=turn.device).expand(len(turn), 1, 4)
    return torch.cat([upper, lower], 1) @ gel_T_indenter


def motion_between(spec: SensorSpec, gel_T_before: Tensor, gel_T_now: Tensor, overlap_cells_m: Tensor) -> Tensor:
    """In-plane motion of the indenter's surface over each cell [m], (B, h, w, 2), as `surface_motion`, with gradients.

    Args:
        spec: The sensor.
        gel_T_before, gel_T_now: Poses, (B, 4, 4).
        overlap_cells_m: Overlap at the pose now [m], (B, h, w).
    """
    grid, like = spec.gel_grid, overlap_cells_m
    change = torch.eye(4, dtype=gel_T_now.dtype, device=gel_T_now.device) - gel_T_before @ torch.linalg.inv(gel_T_now)
    rest = torch.as_tensor(dome_height_m(grid, spec.gel.dome_radius_m)).to(like)
    there = like > _AWAY_M
    x, y = (torch.as_tensor(axis).to(like) for axis in (grid.x_m[None, :], grid.y_m[:, None]))
    rows = change[:, :2].to(like)[..., None, None]  # (B, 2, 4, 1, 1)
    z = torch.where(there, rest - like, 0)[:, None]
    motion = rows[:, :, 0] * x + rows[:, :, 1] * y + rows[:, :, 2] * z + rows[:, :, 3]
    return torch.where(there[:, None], motion, 0).movedim(1, -1)


class _Underside(torch.autograd.Function):
    """`underside_m` at B poses, float64, (B, rows, cols), with the gradient (1)."""

    @staticmethod
    def forward(ctx, gel_T_indenter, indenters: list[Indenter], grid: Grid):
        poses = gel_T_indenter.detach().cpu().numpy().astype(np.float64)
        undersides = [body.underside_m(place, grid).astype(np.float64) for body, place in zip(indenters, poses, strict=True)]
        underside = torch.as_tensor(np.stack(undersides), device=gel_T_indenter.device)
        back = torch.as_tensor(np.stack([inverse(place) for place in poses]), device=gel_T_indenter.device)
        ctx.save_for_backward(underside, back)
        ctx.grid, ctx.dtype = grid, gel_T_indenter.dtype
        return underside

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        underside, back = ctx.saved_tensors
        there = torch.isfinite(underside)
        z = torch.where(there, underside, 0)
        x, y = (torch.as_tensor(axis, device=z.device) for axis in (ctx.grid.x_m[None, :], ctx.grid.y_m[:, None]))
        point = torch.stack(torch.broadcast_tensors(x, y, z, torch.ones_like(z)), -1)
        across = torch.stack([-_slope(underside, -1, ctx.grid.spacing_m), -_slope(underside, -2, ctx.grid.spacing_m)], -1)
        normal = torch.cat([across, torch.ones_like(across[..., :1])], -1) * torch.where(there, grad, 0)[..., None]
        by_motion = torch.einsum("bijk,bijl->bkl", normal, point) @ back.mT  # T^-1 r is the point in the body's frame
        return torch.cat([by_motion, torch.zeros_like(by_motion[:, :1])], 1).to(ctx.dtype), None, None


def _slope(field: Tensor, axis: int, spacing: float) -> Tensor:
    """Slope along an axis: of fourth order where the map is smooth, else of second; beside a step or a rim that of the flatter side."""
    field = field.movedim(axis, -1)
    sides = torch.diff(torch.nn.functional.pad(field, (2, 2), value=torch.inf), dim=-1) / spacing
    sides = sides.unfold(-1, 4, 1)  # the two differences before each cell and the two after it
    before, after = sides[..., 1], sides[..., 2]
    flatter = torch.where(before.abs() < after.abs().nan_to_num(torch.inf), before, after)
    fine = (7 * (before + after) - sides[..., 0] - sides[..., 3]) / 12
    plain = torch.where((before - after).abs() < _CREASE, (before + after) / 2, flatter)
    slope = torch.where(sides.amax(-1) - sides.amin(-1) < _CREASE, fine, plain)
    return torch.where(torch.isfinite(slope), slope, 0).movedim(-1, axis)


def _over_cells(over: Tensor, ratio: int) -> Tensor:
    """The mean of the four pixels around each cell's centre; half of the four decide where a body ends."""
    low, high = slice(ratio // 2 - 1, None, ratio), slice(ratio // 2, None, ratio)
    around = torch.stack([over[:, rows, cols] for rows in (low, high) for cols in (low, high)])
    there = torch.isfinite(around)
    count = there.sum(0)
    mean = torch.where(there, around, 0).sum(0) / count.clamp(min=1)
    return torch.where(count >= 2, mean, _AWAY_M)
