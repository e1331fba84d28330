"""Normal contact of B indenters in torch: overlap in, pressure out, with gradients. The problem and its method are those of `normal.py`.

With A the cells in touch, at the solution p_A = C_AA^-1 d_A, so for a loss J

    dJ/dd = s,    C_AA s_A = (dJ/dp)_A,    s = 0 off A                                                              (1)

one system with the solution's own matrix. Where a cell is just about to touch, this is one of two one-sided derivatives.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from simtouch.gel.torch_cg import conjugate_gradients
from simtouch.gel.torch_compliance import TorchCompliance, inner
from simtouch.gel.torch_windows import in_windows

_TINY = 1e-30


class _Run(NamedTuple):
    """Contacts that are still iterated on; every entry has a leading axis of them."""

    index: Tensor
    """Place in the batch."""
    is_open: Tensor
    """Not converged yet; what is closed is frozen."""
    fresh: Tensor
    """Starts its conjugate directions afresh."""
    d: Tensor
    scale: Tensor
    p: Tensor
    gap: Tensor
    direction: Tensor
    r: Tensor
    G: Tensor


def press(
    compliance: TorchCompliance, overlap: Tensor, start: Tensor, *, tolerance: float = 1e-3, max_iterations: int = 300
) -> tuple[Tensor, Tensor]:
    """Pressure p [MPa], (B, h, w), and the iterations that each contact took, (B,). No gradients: see `Press`.

    Args:
        compliance: Of the layer.
        overlap: d [mm], (B, h, w), finite.
        start: Pressure to start from [MPa], (B, h, w); zero starts cold.
        tolerance: On the gap, as a share of the contact's largest overlap.
        max_iterations: Most iterations.
    """
    out, taken = torch.zeros_like(overlap), torch.zeros(len(overlap), dtype=torch.long, device=overlap.device)
    touched = (overlap.amax((-2, -1)) > 0).nonzero().flatten()
    if len(touched) == 0:
        return out, taken
    run = _settled(_begin(compliance, touched, overlap[touched], start[touched]), tolerance)
    for iteration in range(max_iterations + 1):
        if iteration % compliance.check_every == 0 or iteration == max_iterations:
            out[run.index] = run.p
            kept = run.is_open.nonzero().flatten()
            if len(kept) == 0:
                break
            run = run if len(kept) == len(run.index) else _Run(*(entry[kept] for entry in run))
        taken[run.index] += run.is_open
        run = _settled(_iterate(compliance, run), tolerance)
    return out, taken


def _begin(compliance: TorchCompliance, index: Tensor, d: Tensor, start: Tensor) -> _Run:
    even = d.clamp(min=0)
    p = torch.where(_wide(start.flatten(1).any(1)), start.clamp(min=0), even)
    p, gap, good = _scaled(compliance, d, p)
    if not bool(good.all()):
        retry, retry_gap, _ = _scaled(compliance, d, even)
        p, gap = torch.where(_wide(good), p, retry), torch.where(_wide(good), gap, retry_gap)
    yes, zero = torch.ones_like(index, dtype=torch.bool), torch.zeros_like(d)
    return _Run(index, yes, yes, d, d.amax((-2, -1)), p, gap, zero, zero, torch.ones_like(index, dtype=torch.float64))


def _scaled(compliance: TorchCompliance, d: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`p` at the size that minimises the energy along it, its gap, and whether that size is above 0."""
    u = compliance.sink(p)
    factor = (inner(d, p) / inner(p, u).clamp(min=_TINY)).clamp(min=0)
    wide = _wide(factor).to(d.dtype)
    return p * wide, u * wide - d, factor > 0


def _settled(run: _Run, tolerance: float) -> _Run:
    """The same, closed where the problem is solved."""
    worst = torch.maximum(torch.where(run.p > 0, run.gap.abs(), 0).amax((-2, -1)), -run.gap.amin((-2, -1)))
    return run._replace(is_open=run.is_open & (worst >= tolerance * run.scale))


def _iterate(compliance: TorchCompliance, run: _Run) -> _Run:
    active = (run.p > 0) | (run.gap < 0)
    r = torch.where(active, run.gap, 0)
    z = torch.where(active, compliance.sink_inverse(r), 0)
    G = inner(r, z)
    beta = ((G - inner(run.r, z)) / run.G.clamp(min=_TINY)).clamp(min=0)
    beta = _wide(torch.where(run.fresh, 0, beta)).to(z.dtype)
    direction = torch.where(active, z + beta * run.direction, 0)
    q = compliance.sink(direction)
    alpha = inner(r, direction) / inner(direction, q).clamp(min=_TINY)
    alpha = _wide(torch.where(run.is_open, alpha, 0)).to(z.dtype)
    p = run.p - alpha * direction
    clipped = (p < 0).flatten(1).any(1)
    p = p.clamp(min=0)
    gap = _recomputed(compliance, p, run.d, clipped, run.gap - alpha * q)
    fresh = clipped | ((gap < 0) & ~active).flatten(1).any(1)
    return run._replace(p=p, gap=gap, fresh=fresh, direction=direction, r=r, G=G)


def _recomputed(compliance: TorchCompliance, p: Tensor, d: Tensor, clipped: Tensor, gap: Tensor) -> Tensor:
    """The gap, computed anew where pressure was clipped: an update would drift."""
    if compliance.device.type != "cpu":
        return torch.where(_wide(clipped), compliance.sink(p) - d, gap)
    rows = clipped.nonzero().flatten()
    if len(rows):
        gap[rows] = compliance.sink(p[rows]) - d[rows]
    return gap


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None]


class Press(torch.autograd.Function):
    """`press`, with (1) as the gradient of the overlap; the start has none."""

    @staticmethod
    def forward(ctx, overlap, start, compliance, tolerance, max_iterations):
        pressure, _ = press(compliance, overlap, start, tolerance=tolerance, max_iterations=max_iterations)
        ctx.save_for_backward(pressure > 0)
        ctx.compliance, ctx.tolerance, ctx.max_iterations = compliance, tolerance, max_iterations
        return pressure

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        (active,) = ctx.saved_tensors
        return press_adjoint(ctx.compliance, active, grad, ctx.tolerance, ctx.max_iterations)[0], None, None, None, None


def press_adjoint(
    compliance: TorchCompliance, active: Tensor, grad: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor]:
    """s of (1), (B, h, w), and the iterations that each contact took, (B,)."""

    def solve(part: TorchCompliance, on: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return conjugate_gradients(
            lambda s, on: torch.where(on, part.sink(s), 0),
            lambda r, on: torch.where(on, part.sink_inverse(r), 0),
            torch.where(on, b, 0),
            (on,),
            tolerance=tolerance,
            max_iterations=max_iterations,
            check_every=part.check_every,
        )

    return in_windows(compliance, active, solve, active, grad)
