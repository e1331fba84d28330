"""The same few steps of training in one process and in two that talk by gloo: what rows of a batch lie where must not matter."""

import math
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch.nn.parallel import DistributedDataParallel

from simtouch.models.ssl.dino import Dino, DinoConfig
from simtouch.models.ssl.dinov2 import Dinov2, Dinov2Config
from simtouch.models.ssl.objective import Clock, Objective, Place
from simtouch.models.ssl.ranks import gather_rows, max_over_ranks, mean_over_ranks, sum_over_ranks
from simtouch.models.vit import EncoderConfig

BATCH, STEPS, IMAGE = 6, 3, (96, 64)
ENCODER = EncoderConfig(embed_dim=24, depth=2, num_heads=2, image_size=IMAGE, drop_path=0.1)
HEADS = {"out_dim": 20, "hidden_dim": 24, "bottleneck_dim": 12, "local_views": 2}


def objectives() -> dict[str, Objective]:
    made = {
        "dino": (Dino, DinoConfig(**HEADS)),
        "dino corrected": (
            Dino,
            DinoConfig(**HEADS, same_view_pairs=False, mean_of_pairs=True, copy_head=True, teacher_eval=True),
        ),
        "dinov2": (Dinov2, Dinov2Config(**HEADS)),
        "dinov2 sinkhorn": (Dinov2, Dinov2Config(**HEADS, centering="sinkhorn_knopp", ibot_matching=True, same_view_pairs=False)),
    }
    found = {}
    for name, (cls, config) in made.items():
        torch.manual_seed(3)
        found[name] = cls(ENCODER, config).train()
        with torch.no_grad():  # a fresh encoder sees all samples alike, and what KoLeo divides by is noise
            for parameter in found[name].parameters():
                parameter += 0.15 * torch.randn_like(parameter)
    return found


def training(rank: int, ranks: int, ddp: bool) -> dict[str, torch.Tensor]:
    """Losses of each step by term, the averaged gradients of the first step and all weights after the last one."""
    found = {}
    for name, objective in objectives().items():
        network = DistributedDataParallel(objective) if ddp else objective
        for step in range(STEPS):
            place = Place(seed=1, step=step, batch_size=BATCH, rank=rank, world_size=ranks)
            clock = Clock(step=step, steps_per_epoch=2, epochs=3)
            images = _images(torch.Generator().manual_seed(step))
            losses = network(place.mine(images), objective.draw(place), clock)
            losses["loss"].backward()
            for key, parameter in objective.trained_parameters():
                if not ddp:
                    parameter.grad = sum_over_ranks(parameter.grad) / ranks  # what DDP does
                if step == 0:
                    found[f"{name}/gradient {key}"] = parameter.grad.clone()
                with torch.no_grad():
                    parameter -= 0.01 * parameter.grad
                parameter.grad = None
            objective.follow(clock)
            found |= {f"{name}/step {step} {key}": value.detach() for key, value in losses.items()}
        found |= {f"{name}/end {key}": value.clone() for key, value in objective.state_dict().items()}
    return found


def ranks_functions(rank: int, ranks: int) -> dict[str, torch.Tensor]:
    """Values of the functions of `ranks`, and the averaged gradient of a loss that is another function on each rank."""
    rows = torch.randn(BATCH, 3, generator=torch.Generator().manual_seed(0)).double()
    weight = torch.linspace(-1, 1, 9, dtype=torch.float64).reshape(3, 3).requires_grad_()
    mine = Place(seed=0, step=0, batch_size=BATCH, rank=rank, world_size=ranks).mine(rows) @ weight
    gathered = gather_rows(mine)
    total = sum_over_ranks(mine.sum(0))
    every = [_loss(gathered, total, r) for r in range(2)]  # the losses that two ranks minimise
    loss = every[rank] if ranks == 2 else sum(every) / 2
    loss = loss + mean_over_ranks(mine.square().mean())
    loss.backward()
    assert weight.grad is not None
    found = {"gathered": gathered, "sum": total, "mean": mean_over_ranks(mine.mean(0)), "max": max_over_ranks(mine.amax(0))}
    return {key: value.detach() for key, value in found.items()} | {"gradient": sum_over_ranks(weight.grad) / ranks}


def _images(generator: torch.Generator) -> torch.Tensor:
    coarse = torch.rand(BATCH, 6, 3, 2, generator=generator)
    return torch.nn.functional.interpolate(coarse, IMAGE, mode="bilinear")


def _loss(gathered: torch.Tensor, total: torch.Tensor, rank: int) -> torch.Tensor:
    picked = gathered[rank::2] if rank else gathered.roll(1, 0)
    return (picked * gathered[: len(picked)]).sin().mean() * (rank + 1) + (total * (rank + 0.5)).cos().sum()


def everything(rank: int = 0, ranks: int = 1, ddp: bool = False) -> dict[str, torch.Tensor]:
    functions = {f"functions/{key}": value for key, value in ranks_functions(rank, ranks).items()}
    return functions | training(rank, ranks, ddp)


def work(rank: int, ranks: int, ddp: bool, folder: str) -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks, timeout=timedelta(seconds=120)
    )
    try:
        found = everything(rank, ranks, ddp)
        save_file({key: value.contiguous() for key, value in found.items()}, f"{folder}/{rank}.safetensors")
    finally:
        dist.destroy_process_group()


def in_two_processes(folder: Path, *, ddp: bool = False) -> list[dict[str, torch.Tensor]]:
    """What each of two processes found; with `ddp` PyTorch's own averages the gradients, which takes seconds to import."""
    torch.multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])  # PyTorch is imported once, not twice
    torch.multiprocessing.start_processes(work, (2, ddp, str(folder)), nprocs=2, start_method="forkserver")
    return [load_file(folder / f"{rank}.safetensors") for rank in range(2)]


def greatest_difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], prefix: str) -> float:
    """max |a - b| / max(1, |b|) over all tensors whose name starts with the prefix."""
    assert a.keys() == b.keys()
    names = [name for name in a if name.startswith(prefix)]
    assert names, prefix
    differences = [((a[n] - b[n]).abs() / b[n].abs().clamp(min=1)).max().item() for n in names]
    assert all(map(math.isfinite, differences))
    return max(differences)
