"""The KoLeo regulariser: features in, a number out that is low where they are spread evenly over the sphere.

    loss = -mean_b log(|u_b - u_nn(b) + e| + e),    u = x / |x|,  nn(b) the sample nearest to b, e = 1e-8                   (1)

It is a quantity of the batch, here of that of all ranks. Ref: Sablayrolles et al., "Spreading vectors for similarity search",
ICLR 2019.
"""

import torch
from torch.nn import functional as F

from simtouch.models.ssl.ranks import gather_rows

_EPS = 1e-8


def koleo(x: torch.Tensor) -> torch.Tensor:
    """(1) of the features of this rank (B, D) among those of all ranks; the same number on each, 0 for a single sample."""
    with torch.autocast(x.device.type, enabled=False):
        u = gather_rows(F.normalize(x.float(), dim=-1, eps=_EPS))
        if len(u) < 2:
            return (0 * u).sum()
        with torch.no_grad():
            nearest = (u @ u.T).fill_diagonal_(-2).argmax(1)
        return -(F.pairwise_distance(u, u[nearest], eps=_EPS) + _EPS).log().mean()
