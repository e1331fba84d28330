"""The experiments of the maze run as their first lines say, and leave what they promise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for needed in ("gymnasium", "torch", "mujoco", "stable_baselines3"):
    pytest.importorskip(needed)

ROOT = Path(__file__).resolve().parents[1]


def ran(script: str, *arguments: str, cwd: Path) -> str:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'envs'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "experiments" / script), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("how", [("bc", "none"), ("dagger", "cnn"), ("diffusion", "force"), ("ppo", "force"), ("sac", "random")])
def test_training_tells_of_every_seed(tmp_path, how):
    algorithm, observation = how
    ran("train_bead_maze.py", "--smoke", "--algorithm", algorithm, "--observations", observation, cwd=tmp_path)
    out = tmp_path / "runs" / "train_bead_maze" / "default-smoke"
    told = json.loads((out / "result.json").read_text())
    assert {row["seed"] for row in told["rows"]} == {0, 1}
    assert all(len(row["distance_cm"]) == 2 for row in told["rows"])
    assert told["config"]["algorithm"] == algorithm
    assert (out / "plot.png").is_file()
    assert observation in (out / "table.md").read_text()


@pytest.mark.slow
def test_demonstrations_are_counted_and_written(tmp_path):
    said = ran("collect_demos.py", "--smoke", cwd=tmp_path)
    assert json.loads(said.splitlines()[-1])["success"] == 1.0
    ran("collect_demos.py", "--smoke", "--obs-type", "tactile_state", "--to", "lerobot", "--out", "demos", cwd=tmp_path)
    assert json.loads((tmp_path / "demos" / "meta" / "info.json").read_text())["total_episodes"] == 2
