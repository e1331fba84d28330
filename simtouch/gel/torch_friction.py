"""Coulomb friction of B contacts in torch: sticking displacement and limit in, shear traction out, with gradients.

The problem and its method are those of `friction.py`, with the bound of `TorchCompliance.largest_drag` for the step. At the solution
a sticking cell has C tau = w, and a sliding one tau = l t with t'(w - C tau) = lambda >= 0 and n'(w - C tau) = 0, n across t. With
Q = 1 where a cell sticks, n n' where it slides, 0 elsewhere, and D = lambda / l where it slides, for a loss J

    Q (C + D) Q s = Q dJ/dtau,    dJ/dw = s,    dJ/dl = t'(dJ/dtau - C s) where a cell slides                       (1)

The matrix is symmetric and positive on the range of Q. A cell between stick and slip gets one of two one-sided derivatives.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from simtouch.gel.friction import AT_THE_LIMIT
from simtouch.gel.torch_cg import conjugate_gradients
from simtouch.gel.torch_compliance import TorchCompliance, inner
from simtouch.gel.torch_windows import in_windows

_ROOM = 1 - 1e-6  # keeps |tau| <= mu p after rounding to float32
_ON_THE_DISC = 1 - 1e-5  # share of the limit from which the projection has put a cell there; rounding aside it gives 1


class _Run(NamedTuple):
    """Contacts that are still iterated on; every entry has a leading axis of them."""

    index: Tensor
    """Place in the batch."""
    is_open: Tensor
    """Not converged yet; what is closed is frozen."""
    w: Tensor
    limit: Tensor
    scale: Tensor
    step: Tensor
    tau: Tensor
    y: Tensor
    momentum: Tensor


def slide(
    compliance: TorchCompliance,
    target: Tensor,
    limit: Tensor,
    start: Tensor,
    *,
    tolerance: float = 2e-4,
    max_iterations: int = 400,
) -> tuple[Tensor, Tensor, Tensor]:
    """Shear traction [MPa], (B, 2, h, w), sliding cells, bool, (B, h, w), and iterations, (B,). No gradients: see `Slide`.

    Args:
        compliance: Of the layer.
        target: w [mm], (B, 2, h, w).
        limit: l = mu p >= 0 [MPa], (B, h, w); 0 outside the contact.
        start: Shear traction to start from [MPa], (B, 2, h, w).
        tolerance: On the change of an iteration, as a share of the contact's largest limit.
        max_iterations: Most iterations.
    """

    def solve(part: TorchCompliance, *fields: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _solve(part, *fields, tolerance, max_iterations)

    return in_windows(compliance, limit > 0, solve, target, limit, start)


def _solve(
    compliance: TorchCompliance, target: Tensor, limit: Tensor, start: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    limit = limit * _ROOM
    tau, taken = torch.zeros_like(target), torch.zeros(len(target), dtype=torch.long, device=target.device)
    index = (limit.amax((-2, -1)) > 0).nonzero().flatten()
    if len(index):
        run = _begin(compliance, index, target[index], limit[index], start[index])
        for iteration in range(1, max_iterations + 1):
            taken[run.index] += run.is_open
            run = _iterate(compliance, run, tolerance)
            if iteration % compliance.check_every == 0 or iteration == max_iterations:
                tau[run.index] = run.tau
                kept = run.is_open.nonzero().flatten()
                if len(kept) == 0:
                    break
                run = run if len(kept) == len(run.index) else _Run(*(entry[kept] for entry in run))
    slides = (limit > 0) & (_size(tau) >= limit * (1 - AT_THE_LIMIT))
    return tau, slides, taken


def _begin(compliance: TorchCompliance, index: Tensor, w: Tensor, limit: Tensor, start: Tensor) -> _Run:
    tau = _onto_discs(start, limit)
    step, scale = 1 / compliance.largest_drag(limit > 0), limit.amax((-2, -1))
    ones = torch.ones_like(index, dtype=torch.float64)
    return _Run(index, ones > 0, w, limit, scale, step, tau, tau, ones)


def _iterate(compliance: TorchCompliance, run: _Run, tolerance: float) -> _Run:
    new = _onto_discs(run.y - _wide(run.step) * (compliance.drag(run.y) - run.w), run.limit)
    error = (new - run.y).abs().amax((-3, -2, -1)) / run.scale
    momentum = torch.where(inner(run.y - new, new - run.tau) > 0, 1.0, run.momentum)
    following = 0.5 * (1 + torch.sqrt(1 + 4 * momentum**2))
    y = new + _wide((momentum - 1) / following).to(new.dtype) * (new - run.tau)
    frozen = _wide(~run.is_open)
    tau, y = torch.where(frozen, run.tau, new), torch.where(frozen, run.y, y)
    return run._replace(tau=tau, y=y, momentum=following, is_open=run.is_open & (error >= tolerance))


def _onto_discs(tau: Tensor, limit: Tensor) -> Tensor:
    """Nearest field with |tau| <= limit in every cell."""
    size = _size(tau)
    return tau * torch.where(size > limit, limit / size.clamp(min=torch.finfo(tau.dtype).tiny), 1)[:, None]


def _size(tau: Tensor) -> Tensor:
    return torch.sqrt(tau[:, 0] ** 2 + tau[:, 1] ** 2)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


class Slide(torch.autograd.Function):
    """`slide`, with (1) as the gradients of target and limit; the start has none. Returns shear traction and sliding cells."""

    @staticmethod
    def forward(ctx, target, limit, start, compliance, adjoint_tolerance, tolerance, max_iterations):
        tau, slides, _ = slide(compliance, target, limit, start, tolerance=tolerance, max_iterations=max_iterations)
        ctx.save_for_backward(target, limit, tau)
        ctx.mark_non_differentiable(slides)
        ctx.compliance, ctx.tolerance, ctx.max_iterations = compliance, adjoint_tolerance, max_iterations
        return tau, slides

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad, _):
        target, limit, tau = ctx.saved_tensors
        by_target, by_limit, _ = slide_adjoint(ctx.compliance, target, limit, tau, grad, ctx.tolerance, ctx.max_iterations)
        return by_target, by_limit, None, None, None, None, None


def slide_adjoint(
    compliance: TorchCompliance, target: Tensor, limit: Tensor, tau: Tensor, grad: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """dJ/dw, (B, 2, h, w), and dJ/dl, (B, h, w), of (1), and the iterations that each contact took, (B,)."""

    def solve(part: TorchCompliance, *fields: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _solve_adjoint(part, *fields, tolerance, max_iterations)

    return in_windows(compliance, limit > 0, solve, target, limit, tau, grad)


def _solve_adjoint(
    compliance: TorchCompliance, target: Tensor, limit: Tensor, tau: Tensor, grad: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    touched, size = limit > 0, _size(tau)
    slides = touched & (size >= limit * (_ROOM * _ON_THE_DISC))
    along = torch.where(slides[:, None], tau / size.clamp(min=torch.finfo(tau.dtype).tiny)[:, None], 0)
    multiplier = (along * (target - compliance.drag(tau))).sum(1).clamp(min=0)
    spring = torch.where(slides, multiplier / torch.where(slides, limit, 1), 0)[:, None]
    # A stiff spring leaves a cell nothing to do: weighed so that the inverse of C alone still preconditions.
    weight = torch.rsqrt(1 + spring / compliance.own_drag)

    def free(v: Tensor, along: Tensor, touched: Tensor) -> Tensor:
        return torch.where(touched[:, None], v - along * (along * v).sum(1, keepdim=True), 0)

    s, taken = conjugate_gradients(
        lambda v, spring, weight, *cells: free(compliance.drag(v) + spring * v, *cells),
        lambda r, spring, weight, *cells: free(weight * compliance.drag_inverse(weight * r), *cells),
        free(grad, along, touched),
        (spring, weight, along, touched),
        tolerance=tolerance,
        max_iterations=max_iterations,
        check_every=compliance.check_every,
    )
    by_limit = torch.where(slides, (along * (grad - compliance.drag(s))).sum(1), 0)
    return s, by_limit, taken
