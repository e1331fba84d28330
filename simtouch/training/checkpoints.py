"""Training checkpoints: all that a training is at a step in, a folder of safetensors and JSON out, and back to the same numbers.

    checkpoints/step-00000300/
        model.safetensors       state_dict of the objective, names of the published checkpoints
        training.safetensors    optimiser.NAME.KEY for every trained weight; rng.* of PyTorch's generators
        state.json              step, place in the data, scale of the losses, version

Nothing is ever pickled. A checkpoint is written beside its place, forced to the disk and then renamed, so that one that has its name
is whole; older ones go after that. Chance comes from (seed, step) alone, so the generators are kept for code that breaks that rule.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from simtouch._checks import SimtouchError
from simtouch.models.ssl.objective import Objective
from simtouch.training.devices import cut_like, whole

_MODEL, _TRAINING, _STATE, _UNFINISHED = "model.safetensors", "training.safetensors", "state.json", ".unfinished"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training at a step, on the CPU."""

    model: dict[str, torch.Tensor]
    training: dict[str, torch.Tensor]
    state: dict[str, Any]
    """Plain JSON; `step` is the number of steps done."""


def take(objective: Objective, optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> Checkpoint:
    """A copy of all that a training is. Every rank must ask, since weights may be cut over the ranks.

    Args:
        objective: Its networks.
        optimiser: Of `simtouch.training.optimiser.make_optimiser`, which knows the names of its parameters.
        state: What else there is, plain JSON.
    """
    model = {name: _copy(tensor) for name, tensor in objective.state_dict().items()}
    training = {"rng.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        training["rng.cuda"] = torch.cuda.get_rng_state()
    for name, parameter in _named(optimiser):
        for key, value in optimiser.state.get(parameter, {}).items():
            training[f"optimiser.{name}.{key}"] = _copy(value)
    return Checkpoint(model=model, training=training, state=state)


def put_back(checkpoint: Checkpoint, objective: Objective, optimiser: torch.optim.Optimizer) -> None:
    """Make a training what it was.

    Raises:
        SimtouchError: Its weights are not those of this objective; the first one is named.
    """
    own = objective.state_dict()
    _check_names(own, checkpoint.model)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(cut_like(checkpoint.model[name].to(tensor.device), tensor))
    for name, parameter in _named(optimiser):
        prefix = f"optimiser.{name}."
        found = {k.removeprefix(prefix): v for k, v in checkpoint.training.items() if k.startswith(prefix)}
        found = {k: v for k, v in found.items() if "." not in k}
        if found:
            optimiser.state[parameter] = {
                k: v if v.ndim == 0 else cut_like(v.to(parameter.device), parameter) for k, v in found.items()
            }
    torch.set_rng_state(checkpoint.training["rng.cpu"])
    if torch.cuda.is_available() and "rng.cuda" in checkpoint.training:
        torch.cuda.set_rng_state(checkpoint.training["rng.cuda"])


def save(folder: Path, checkpoint: Checkpoint, *, keep: int = 1) -> Path:
    """Write a checkpoint and forget all but the newest `keep`; the one before it is there until this one is whole.

    Args:
        folder: Of all checkpoints of the run.
        checkpoint: What to write.
        keep: How many to keep.

    Raises:
        SimtouchError: It cannot be written; the one before it is kept.
    """
    final = folder / f"step-{checkpoint.state['step']:08d}"
    if final.exists():
        return final  # whole, and of the same numbers
    temporary = final.with_name(final.name + _UNFINISHED)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_file(checkpoint.model, temporary / _MODEL)
        save_file(checkpoint.training, temporary / _TRAINING)
        (temporary / _STATE).write_text(json.dumps(checkpoint.state, indent=1))
        for path in (*temporary.iterdir(), temporary):
            force_to_disk(path)
        temporary.rename(final)
        force_to_disk(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise SimtouchError(f"the checkpoint `{final}` cannot be written: {error}; the one before it is kept.") from error
    for old in finished(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load(path: Path) -> Checkpoint:
    """Read a checkpoint of `save`.

    Raises:
        SimtouchError: A file is missing or damaged.
    """
    try:
        return Checkpoint(
            model=load_file(path / _MODEL), training=load_file(path / _TRAINING), state=json.loads((path / _STATE).read_text())
        )
    except (OSError, SafetensorError, ValueError) as error:
        raise SimtouchError(
            f"the checkpoint `{path}` cannot be read: {error}; remove it to go on from the one before it."
        ) from error


def finished(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(p for p in folder.glob("step-*") if p.suffix != _UNFINISHED)


def clear_unfinished(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    for path in folder.glob(f"step-*{_UNFINISHED}"):
        shutil.rmtree(path, ignore_errors=True)


def force_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, handle)
        os.fsync(handle)


def _named(optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, torch.Tensor]]:
    for group in optimiser.param_groups:
        yield from zip(group["names"], group["params"], strict=True)


def _copy(value: Any) -> torch.Tensor:
    """On the CPU, with memory of its own: two names of one weight are two tensors in the file."""
    return whole(torch.as_tensor(value).detach()).to("cpu", copy=True).contiguous()


def _check_names(own: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> None:
    for name in sorted(set(own) | set(found)):
        mine, theirs = own.get(name), found.get(name)
        if mine is None or theirs is None or mine.shape != theirs.shape:
            here, there = (None if t is None else tuple(t.shape) for t in (mine, theirs))
            raise SimtouchError(f"the checkpoint is of other networks: `{name}` has shape {there} there and {here} here.")
