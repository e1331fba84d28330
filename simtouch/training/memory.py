"""Whether a batch fits into memory: one small forward pass in, bytes out; and what to say when it does not.

    needed = batch x (bytes kept for the backward pass by one sample) + 4 x (bytes of the trained weights)             (1)

for their gradients, AdamW's two moments and the update. What kernels use in passing is not counted: a batch that (1) refuses cannot
fit, one that it lets pass may not.
"""

import contextlib
import os
from collections.abc import Iterator
from copy import deepcopy

import torch

from simtouch._checks import SimtouchError
from simtouch.models.ssl.objective import Clock, Objective, Place

_PROBED = 2  # samples: losses that compare samples need two


def bytes_for_backward(objective: Objective, images: torch.Tensor, clock: Clock) -> float:
    """Bytes a sample that a forward pass keeps for the backward pass; the objective is left as it was.

    Args:
        objective: On any device, not cut over ranks.
        images: Windows, (B, ...), B >= 2.
        clock: How far the training is.
    """
    count = min(_PROBED, len(images))
    kept: dict[int, int] = {}
    probe = deepcopy(objective)
    own = {t.untyped_storage().data_ptr() for t in (*probe.parameters(), *probe.buffers())}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    draws = probe.draw(Place(seed=0, step=0, batch_size=count))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        losses = probe(images[:count], {k: v.to(images.device) for k, v in draws.items()}, clock)
    del losses
    return sum(kept.values()) / count


def weight_bytes(objective: Objective) -> int:
    """The second part of (1)."""
    return 4 * sum(p.numel() * p.element_size() for _, p in objective.trained_parameters())


def free_bytes(device: torch.device) -> int | None:
    """Memory that is left on a device; None where that is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/meminfo") as file:
            found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}
        return found.get("MemAvailable")
    return None


def check_fits(needed: float, device: torch.device, *, samples: int, processes: int = 1) -> None:
    """Raise if `needed` bytes, for `samples` samples in each of the processes that share the memory, are not there.

    Raises:
        SimtouchError: With what to change.
    """
    free = free_bytes(device)
    if free is not None and needed * processes > free:
        raise SimtouchError(
            f"a step of {samples} windows needs at least {_gb(needed * processes)} of memory and {_gb(free)} are free: {_ADVICE}"
        )


@contextlib.contextmanager
def explained_when_full(samples: int) -> Iterator[None]:
    """Turn PyTorch's and Python's out-of-memory errors into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SimtouchError(f"the memory is full: a step of {samples} windows does not fit; {_ADVICE}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says so: on CUDA by its type, on the CPU by its words."""
    words = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(w in str(error).lower() for w in words)


def processes_beside(device: torch.device) -> int:
    """Training processes that share a device's memory: on the CPU all of this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if device.type == "cpu" else 1


_ADVICE = "make `--batch-size` smaller, or cut it into parts with `--accumulate 2` (4, 8, ...), which leaves the batch as it is."


def _gb(count: float) -> str:
    return f"{count / 1e9:.3g} GB"
