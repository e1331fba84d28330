"""Sinkhorn-Knopp: logits of a batch in, assignments to prototypes out that use all prototypes equally.

    Q_bk = v_b M_bk u_k,    M_bk = exp(x_bk / T),    v = 1, then repeated:
    u_k = (B / K) / sum_b v_b M_bk,    v_b = 1 / sum_k M_bk u_k                       (1)

so that each row sums to 1, and the more often it is repeated, each column to B / K. Sums over samples b are over those of all
ranks. Instead of the table its scales v, u are iterated, and each row of M has its greatest entry taken out and put into v, so
no logit is too large. Refs: Cuturi, NeurIPS 2013; Caron et al., "SwAV", NeurIPS 2020.
"""

import torch

from simtouch.models.ssl.ranks import max_over_ranks, sum_over_ranks, world_size

_LEAST = 1e-30  # a prototype that no sample comes near gets this as its sum, not 0


@torch.no_grad()
def sinkhorn(logits: torch.Tensor, temperature: float, *, iterations: int = 3) -> torch.Tensor:
    """(1), float32, shape of `logits`.

    Args:
        logits: (..., K); all but the last axis are samples, of one batch.
        temperature: T.
        iterations: How often (1) is repeated.
    """
    x = logits.float().flatten(0, -2) / temperature
    greatest = x.amax(1)
    table = (x - greatest[:, None]).exp()
    v = (greatest - max_over_ranks(greatest.max())).exp()
    u = table.new_ones(table.shape[1])
    share = len(table) * world_size() / len(u)
    for _ in range(iterations):
        u = share / sum_over_ranks(v @ table).clamp(min=_LEAST)
        v = 1 / (table @ u).clamp(min=_LEAST)
    return (table * u * v[:, None]).reshape(logits.shape)
