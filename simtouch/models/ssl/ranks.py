"""Sums and batches over all ranks of a training: a tensor of this rank in, what one process with the whole batch would see out.

Each rank r minimises its own loss L_r, and the gradients of the ranks are averaged afterwards, as DDP and FSDP do. So the
quantity that is minimised is J = mean_r L_r, and what these functions hand back to a tensor x_s of rank s is

    W dJ/dx_s = sum_r dL_r/dx_s,    W ranks                                           (1)

the sum over ranks of what came down to them: averaging over ranks then gives the gradient of J, whatever each rank does with the
result, also if all compute the same number from it. Without `torch.distributed`, or with one rank, all are the identity.
"""

import torch
import torch.distributed as dist


def world_size() -> int:
    """How many ranks there are; 1 without `torch.distributed`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """The sum of the tensors of all ranks, the same on each; gradient (1). All have one shape."""
    return tensor if world_size() == 1 else _Sum.apply(tensor)  # pyright: ignore[reportReturnType]


def mean_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """The mean of the tensors of all ranks, the same on each; gradient (1).

    A mean over equally many samples of each rank becomes that over all samples. As a loss its gradient is that of the rank's own.
    """
    return sum_over_ranks(tensor) / world_size()


def max_over_ranks(tensor: torch.Tensor) -> torch.Tensor:
    """The greatest of the tensors of all ranks, entry by entry, the same on each; no gradient."""
    greatest = tensor.detach().clone(memory_format=torch.contiguous_format)
    if world_size() > 1:
        dist.all_reduce(greatest, dist.ReduceOp.MAX)
    return greatest


def gather_rows(tensor: torch.Tensor) -> torch.Tensor:
    """Rows of all ranks, (B, ...) to (W B, ...), in the order of samples; gradient (1). All ranks have equally many.

    Sample k belongs to rank k mod W (`Place.mine`), so row b of rank r becomes row b W + r: the batch of one process alone.
    """
    return tensor if world_size() == 1 else _Gather.apply(tensor)  # pyright: ignore[reportReturnType]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _summed(tensor)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _summed(grad)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.stack(parts, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _summed(grad)[dist.get_rank() :: world_size()]


def _summed(tensor: torch.Tensor) -> torch.Tensor:
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total
