"""A pretraining that is killed at any moment goes on to the numbers of one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simtouch.generate import Config as StreamConfig
from simtouch.generate import main as generate

ROOT = Path(__file__).resolve().parents[2]
STEPS, PATIENCE_S = 30, 600


def start(stream: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "simtouch.pretrain", "--algorithm", "dino", "--data", str(stream), "--out", str(out)]
    command += [
        "--steps",
        str(STEPS),
        "--batch-size",
        "4",
        "--image-size",
        "64",
        "48",
        "--patch-size",
        "8",
        "--set",
        "out_dim=64",
    ]
    command += ["--drop-path", "0.1", "--checkpoint-every", "3", "--monitor-every", "0", "--device", "cpu", "--resume"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def lines(out: Path) -> list[dict]:
    path = out / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(out: Path, steps: int, process: subprocess.Popen) -> None:
    begin = time.monotonic()
    while process.poll() is None and not ((out / "log.jsonl").exists() and (out / "log.jsonl").read_text().count("\n") >= steps):
        assert time.monotonic() - begin < PATIENCE_S
        time.sleep(0.01)


@pytest.mark.slow
def test_a_run_killed_twice_gives_the_losses_of_one_that_was_not(tmp_path):
    generate(StreamConfig(sensor="digit", clips=10, frames=12, object=("sphere", "cone"), motion=("slide",), out=tmp_path / "s"))
    whole = start(tmp_path / "s", tmp_path / "whole")
    assert whole.wait(PATIENCE_S) == 0, whole.stderr.read()
    expected = lines(tmp_path / "whole")
    for steps in (8, 17):
        killed = start(tmp_path / "s", tmp_path / "killed")
        wait_for(tmp_path / "killed", steps, killed)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait(PATIENCE_S) == -signal.SIGKILL
        killed.stderr.close()
        assert not (tmp_path / "killed" / "result.json").exists()
    last = start(tmp_path / "s", tmp_path / "killed")
    assert last.wait(PATIENCE_S) == 0, last.stderr.read()
    found = lines(tmp_path / "killed")
    assert [line["step"] for line in found] == [line["step"] for line in expected] == list(range(STEPS))
    worst = max(abs(a[k] - b[k]) for a, b in zip(found, expected, strict=True) for k in ("loss", "lr", "grad_norm"))
    print(f"worst difference of losses, rates and gradient norms: {worst:.3g}")
    assert worst < 1e-6
    for process in (whole, last):
        process.stderr.close()
