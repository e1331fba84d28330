"""What computes: a settled config and the launcher's environment in, Lightning Fabric with its processes out.

One process needs no launcher; `torchrun --nproc-per-node 4 -m simtouch.pretrain ...` starts several, which find each other here.
"""

import inspect
import os
import warnings
from typing import Any

import torch
from torch import nn

from simtouch._checks import ArgumentError, MissingExtraError
from simtouch.models.blocks import Block
from simtouch.training.config import PretrainConfig


def start_fabric(config: PretrainConfig) -> Any:
    """A launched `lightning_fabric.Fabric`.

    Raises:
        ArgumentError: A device that is not here, or a batch that the processes cannot share equally.
        MissingExtraError: Lightning Fabric is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise MissingExtraError(f"pretraining needs Lightning Fabric ({error}): pip install 'simtouch[train]'") from error
    world, local = (int(os.environ.get(name, 1)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    device = _device(config.device)
    if config.precision == "16" and device != "cuda":
        raise ArgumentError(f"`--precision 16` is for CUDA; on {device} take `bf16` or `32`.")
    _check_shares(config, world)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32, as the published recipe has it
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning_fabric")  # hints to clusters and to hardware that was not chosen
        fabric = Fabric(
            accelerator=device,
            devices=local,
            num_nodes=world // local,
            strategy=strategy(config.strategy, world),
            plugins=_precision(config.precision, device),
        )
        fabric.launch()
    return fabric


def strategy(name: str, world: int) -> Any:
    """`auto`, or a strategy of Lightning Fabric: replicas for ddp, for fsdp every weight cut over the ranks.

    FSDP is the second edition, `torch.distributed.fsdp.fully_shard`: it cuts each weight alone, so that those of a teacher and of its
    student lie alike and one can follow the other where it is.
    """
    from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy

    if name == "fsdp":
        return ModelParallelStrategy(_shard, data_parallel_size=world, tensor_parallel_size=1)
    if name == "ddp" or world > 1:
        # Buffers, as DINO's centre, are the same on all ranks by what is computed. PyTorch 2.13 gave the argument another name.
        known = inspect.signature(nn.parallel.DistributedDataParallel).parameters
        return DDPStrategy(**{"forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False})
    return "auto"


def _shard(objective: nn.Module, mesh: Any) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    for module in objective.modules():
        if isinstance(module, Block):
            fully_shard(module, mesh=mesh["data_parallel"])
    return fully_shard(objective, mesh=mesh["data_parallel"], reshard_after_forward=False)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A weight, or what belongs to one, put together from all ranks: every rank must ask. Others as they are."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def cut_like(tensor: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """A whole tensor cut over the ranks as `model` is; as it is if that is whole."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(model, DTensor):
        return tensor
    return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements)


def _device(name: str) -> str:
    """cuda, mps or cpu."""
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return "cuda" if here["cuda"] else "cpu"
    if not here[name]:
        raise ArgumentError(f"`--device {name}`: PyTorch {torch.__version__} finds none here; take `cpu`.")
    return name


def _check_shares(config: PretrainConfig, world: int) -> None:
    assert config.batch_size
    if config.batch_size % (world * config.accumulate):
        parts = f"{world} process{'es' if world > 1 else ''} times {config.accumulate} part(s)"
        raise ArgumentError(
            f"`--batch-size` must be a multiple of {world * config.accumulate}, {parts}; got {config.batch_size}."
        )


def _precision(name: str, device: str) -> Any:
    from lightning_fabric.plugins import MixedPrecision, Precision

    class AutocastOnly(MixedPrecision):
        """Leaves what comes in as it is: images keep their 8 bits, chances their ties apart."""

        def convert_input(self, data: Any) -> Any:
            return data

    return Precision() if name == "32" else AutocastOnly("bf16-mixed" if name == "bf16" else "16-mixed", device)
