"""Several processes: two with half a batch each make the losses of one with the whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simtouch.models.ssl.algorithms import ALGORITHMS
from simtouch.training import devices
from tests.training import standins

ROOT = Path(__file__).resolve().parents[2]
STEPS = 20
BUDGET_S = 900


def losses(out: Path, processes: int, *wanted: str) -> dict[str, list[dict[str, float]]]:
    """Losses and norms of every step of each algorithm, as rank 0 saw them; last the sum of all weights."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [sys.executable, *launcher, str(ROOT / "tests/training/rank_script.py"), str(out), str(STEPS), *wanted]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUDGET_S, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())


def worst(a: list[dict[str, float]], b: list[dict[str, float]]) -> float:
    assert len(a) == len(b) == STEPS + 1
    return max(
        abs(x[name] - y[name]) / (max(1, abs(x[name])) if name != "loss" else 1) for x, y in zip(a, b, strict=True) for name in x
    )


@pytest.mark.slow
def test_two_processes_make_the_losses_of_one_with_the_whole_batch(tmp_path):
    """Weights in each process, and weights cut over both."""
    names = ("stand-in", *ALGORITHMS)
    one = losses(tmp_path / "one", 1, *names)
    two = losses(tmp_path / "two", 2, *names, *(f"{name}:fsdp" for name in names))
    found = {name: worst(one[name.partition(":")[0]], lines) for name, lines in two.items()}
    print(found)
    assert all(lines[0]["loss"] != lines[-2]["loss"] for lines in one.values())
    assert max(found.values()) < 1e-4, found


def test_parts_and_ranks_share_a_batch_without_rest(monkeypatch):
    """The places of all parts of all ranks name every sample once."""
    from simtouch.training.loop import Training

    class Rank:
        world_size = 3

        def __init__(self, rank):
            self.global_rank = rank

    import torch

    seen = []
    for rank in range(3):
        of = object.__new__(Training)
        of.config, of.fabric, of.step = standins.config(batch_size=12, accumulate=2), Rank(rank), 0
        rows = torch.arange(rank, 12, 3)  # what the feed gives this rank
        for part in range(2):
            drawn = of._place(part).mine(torch.arange(12))
            assert torch.equal(rows[part::2], drawn)
            seen += drawn.tolist()
    assert sorted(seen) == list(range(12))


def test_a_strategy_for_two_processes_does_not_broadcast_buffers():
    (synced,) = devices.strategy("auto", 2)._ddp_kwargs.values()
    assert synced is False
