"""Linear systems of B contacts at once: right-hand sides in, solutions out, by preconditioned conjugate gradients. For adjoints.

Each contact has its own step lengths and stops on its own; what has stopped is frozen and leaves the batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from simtouch.gel.torch_compliance import inner

_TINY = 1e-300

Operator = Callable[..., Tensor]


def conjugate_gradients(
    apply: Operator,
    precondition: Operator,
    b: Tensor,
    maps: tuple[Tensor, ...],
    *,
    tolerance: float,
    max_iterations: int,
    check_every: int = 1,
) -> tuple[Tensor, Tensor]:
    """Solve A x = b for each contact; A and its preconditioner are symmetric and positive where b may differ from 0.

    Args:
        apply: A, called as `apply(x, *maps)`.
        precondition: Roughly the inverse of A, called alike.
        b: Right-hand sides, (B, ...).
        maps: What the operators need of each contact, with a leading axis of B; contacts that are done leave these too.
        tolerance: On the residual, as a share of b.
        max_iterations: Most iterations.
        check_every: Iterations between looks at what has converged.

    Returns:
        x, (B, ...), and the iterations that each contact took, (B,).
    """
    out, taken = torch.zeros_like(b), torch.zeros(len(b), dtype=torch.long, device=b.device)
    size = inner(b, b)
    index = (size > 0).nonzero().flatten()
    if len(index) == 0:
        return out, taken
    stop = (size * tolerance**2)[index]
    x, r, maps = torch.zeros_like(b[index]), b[index], tuple(m[index] for m in maps)
    z = precondition(r, *maps)
    direction, G = z, inner(r, z)
    is_open = torch.ones(len(index), dtype=torch.bool, device=b.device)
    for iteration in range(1, max_iterations + 1):
        q = apply(direction, *maps)
        alpha = _where_open(is_open, G / inner(direction, q).clamp(min=_TINY), x)
        x, r = x + alpha * direction, r - alpha * q
        taken[index] += is_open
        is_open = is_open & (inner(r, r) > stop)
        if iteration % check_every == 0 or iteration == max_iterations:
            out[index] = x
            kept = is_open.nonzero().flatten()
            if len(kept) == 0:
                break
            index, stop, G, is_open = index[kept], stop[kept], G[kept], is_open[kept]
            x, r, direction, maps = x[kept], r[kept], direction[kept], tuple(m[kept] for m in maps)
        z = precondition(r, *maps)
        G_old, G = G, inner(r, z)
        direction = z + _where_open(is_open, G / G_old.clamp(min=_TINY), x) * direction
    return out, taken


def _where_open(is_open: Tensor, factor: Tensor, like: Tensor) -> Tensor:
    """`factor` (B,) shaped and typed to multiply `like`; 0 for a contact that is done."""
    return torch.where(is_open, factor, 0).to(like.dtype).reshape(-1, *[1] * (like.dim() - 1))
