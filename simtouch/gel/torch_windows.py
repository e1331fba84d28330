"""Contacts cut down to where they touch: maps of B contacts in, the same solved on small windows out.

A contact's window depends on its own cells alone, and contacts with windows of one size are solved together, so that on a CPU results
do not depend on the batch. On other devices the whole grid is solved at once: windows would have to be asked for, and waited for.
"""

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor

from simtouch.gel.torch_compliance import TorchCompliance

_QUANTUM = 8  # windows come in multiples of it, so that few sizes occur


def in_windows(
    compliance: TorchCompliance, cells: Tensor, solve: Callable[..., tuple[Tensor, ...]], *fields: Tensor
) -> tuple[Tensor, ...]:
    """`solve(compliance, *fields)` on windows that hold `cells`.

    Args:
        compliance: Of the layer on the whole grid.
        cells: Where results may differ from zero, bool, (B, h, w).
        solve: Takes a compliance and fields, returns fields and numbers for each contact.
        fields: (B, ..., h, w) each.
    """
    if compliance.device.type != "cpu" or not bool(cells.any()):
        return solve(compliance, *fields)
    rows, cols = _spans(cells.any(2)), _spans(cells.any(1))
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (row, col) in enumerate(zip(rows, cols, strict=True)):
        if row[1] > row[0]:
            groups[row[1] - row[0], col[1] - col[0]].append(index)
    out: tuple[Tensor, ...] = ()
    for shape, members in groups.items():
        places = [(..., slice(*rows[index]), slice(*cols[index])) for index in members]
        cut = (torch.stack([field[index][place] for index, place in zip(members, places, strict=True)]) for field in fields)
        solved = solve(compliance.window(shape), *cut)
        out = out or tuple(_room(result, cells) for result in solved)
        for whole, result in zip(out, solved, strict=True):
            for one, index, place in zip(result, members, places, strict=True):
                whole[index][place if one.dim() else ...] = one
    return out


def _room(result: Tensor, cells: Tensor) -> Tensor:
    """Zeros for the whole batch and grid, of the kind of one window's result."""
    inner = (*result.shape[1:-2], *cells.shape[1:]) if result.dim() > 1 else ()
    return result.new_zeros((len(cells), *inner))


def _spans(touched: Tensor) -> list[tuple[int, int]]:
    """For each contact the first row and the stop of a window that holds the rows `touched`, bool, (B, n); (0, 0) for none."""
    count, n = touched.shape
    place = torch.arange(n)
    first = torch.where(touched, place, n).amin(1)
    stop = torch.where(touched, place + 1, 0).amax(1)
    length = (-(-(stop - first) // _QUANTUM) * _QUANTUM).clamp(0, n)
    start = torch.minimum(first, n - length)
    return [(int(a), int(a + b)) if b else (0, 0) for a, b in zip(start, length, strict=True)]
