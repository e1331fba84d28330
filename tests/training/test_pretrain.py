"""The verb: a small pretraining as a user starts it, what it leaves, and what it says to nonsense."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from simtouch import generate, pretrain
from simtouch._checks import MissingExtraError, SimtouchError
from simtouch.models.load import load_encoder
from simtouch.training import networks, session
from simtouch.training.config import PretrainConfig

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"image_size": (32, 24), "patch_size": 8, "batch_size": 4, "device": "cpu", "set": ("decoder_dim=24",)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("pretrain") / "s"
    generate.main(generate.Config(sensor="digit", clips=12, frames=9, object=("sphere",), motion=("press",), out=out))
    return out


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    """A run that came to its end: its folder and result."""
    out = tmp_path_factory.mktemp("done") / "run"
    return out, pretrain.main(PretrainConfig(data=(data,), out=out, steps=6, checkpoint_every=2, **SMALL))


def test_a_run_leaves_its_parts(done):
    out, result = done
    names = {
        "checkpoints",
        "config.json",
        "encoder.safetensors",
        "log.jsonl",
        "monitors.jsonl",
        "pictures",
        "result.json",
        "tensorboard",
    }
    assert {p.name for p in out.iterdir()} == names
    assert [p.name for p in (out / "checkpoints").iterdir()] == ["step-00000006"]
    assert json.loads((out / "result.json").read_text()) == result
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(6))
    assert result["last_loss"] == log[-1]["loss"]
    assert {"loss", "lr", "weight_decay", "grad_norm", "images_per_s"} <= set(log[0])
    assert result["monitors"]["last"]["step"] == 6
    assert result["monitors"]["last"]["feature_rank"] > 0
    assert result["data"]["sources"]
    assert len(list((out / "pictures").glob("*.png"))) == len((out / "monitors.jsonl").read_text().splitlines())


def test_its_encoder_loads_and_is_the_trained_one(done):
    out, result = done
    encoder = load_encoder(out)
    assert encoder.config.image_size == (32, 24)
    random = networks.build(session.settled(PretrainConfig(data=(out,), out=out, **SMALL))).encoder
    weight = encoder.blocks[0].attn.qkv.weight
    assert torch.isfinite(weight).all()
    assert not torch.equal(weight, random.blocks[0].attn.qkv.weight)
    assert np.isfinite(result["last_loss"])


def test_a_finished_run_is_found_done(done, data):
    out, result = done
    before = sorted((p, p.stat().st_mtime_ns) for p in out.rglob("*"))
    assert pretrain.main(PretrainConfig(data=(data,), out=out, steps=6, resume=True, **SMALL)) == result
    assert sorted((p, p.stat().st_mtime_ns) for p in out.rglob("*")) == before


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(data, tmp_path, monkeypatch):
    real = networks.ALGORITHMS["mae"].objective.forward

    def spoilt(self, images, draws, clock):
        return {k: v * (torch.nan if clock.step == 3 else 1) for k, v in real(self, images, draws, clock).items()}

    monkeypatch.setattr(networks.ALGORITHMS["mae"].objective, "forward", spoilt)
    with pytest.raises(SimtouchError, match=r"the loss is nan in step 3; its batch: s, clip \d+, frame \d+; .*step-00000002`"):
        pretrain.main(PretrainConfig(data=(data,), out=tmp_path / "x", steps=6, checkpoint_every=2, monitor_every=0, **SMALL))
    assert [p.name for p in (tmp_path / "x" / "checkpoints").iterdir()] == ["step-00000002"]
    monkeypatch.undo()
    assert (
        pretrain.main(PretrainConfig(data=(data,), out=tmp_path / "x", steps=6, monitor_every=0, resume=True, **SMALL))["steps"]
        == 6
    )


def test_a_batch_that_cannot_fit_writes_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr(session.memory, "free_bytes", lambda device: 1000)
    with pytest.raises(SimtouchError, match=r"needs at least .* of memory and 1e-06 GB are free: make `--batch-size` smaller"):
        pretrain.main(PretrainConfig(data=(data,), out=tmp_path / "x", steps=2, **SMALL))
    assert not (tmp_path / "x").exists()


def test_a_missing_extra_is_named(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'simtouch\[train\]'"):
        pretrain.main(PretrainConfig(data=(data,), out=tmp_path / "x", steps=2, **SMALL))
    assert not (tmp_path / "x").exists()


def other_sensor(data: Path, folder: Path) -> dict:
    out = folder / "mini"
    generate.main(generate.Config(sensor="gelsight_mini", clips=1, frames=8, object=("sphere",), motion=("press",), out=out))
    return {"data": (data, out)}


def empty(data: Path, folder: Path) -> dict:
    (folder / "empty").mkdir()
    return {"data": (folder / "empty",)}


def beside(data: Path, folder: Path) -> dict:
    (folder / "file").write_text("")
    return {"out": folder / "file" / "x"}


NONSENSE = {
    "no data": (lambda d, f: {"data": ()}, "say what to learn from: `--data`"),
    "empty folder": (empty, r"the data folder `.*empty` cannot be used"),
    "no folder": (lambda d, f: {"data": (f / "none",)}, r"the data folder `.*none` cannot be used"),
    "other sensor": (other_sensor, r"is of another sensor, .*--allow-sensor-mix"),
    "a share of what is not there": (lambda d, f: {"synthetic_share": 0.5}, "there is no real source"),
    "out in a file": (beside, "cannot be a folder"),
    "steps": (lambda d, f: {"steps": 0}, "`--steps` must be a whole number >= 1"),
    "size": (lambda d, f: {"size": "tinny"}, "Did you mean `tiny`"),
    "preset": (lambda d, f: {"preset": "papr"}, "Did you mean `paper`"),
    "patch": (lambda d, f: {"patch_size": 9}, "multiples of the patch, 9"),
    "batch": (lambda d, f: {"accumulate": 3}, "`--batch-size` must be a multiple of 3"),
    "epoch below a batch": (lambda d, f: {"batch_size": 4096}, "has no full batch of 4096"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_gets_one_sentence_and_leaves_nothing(case, data, tmp_path):
    made, said = NONSENSE[case]
    given = {"data": (data,), "out": tmp_path / "out", "steps": 2, **SMALL}
    with pytest.raises(SimtouchError, match=said) as error:
        pretrain.main(PretrainConfig(**given | made(data, tmp_path)))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_values_of_an_algorithm_are_listed(capsys):
    assert pretrain.main(PretrainConfig(algorithm="dino", set=("help",))) == {}
    assert "--set teacher_eval=False" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_keeps_the_last_checkpoint(data, tmp_path):
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "simtouch.pretrain",
        "--data",
        str(data),
        "--out",
        str(out),
        "--steps",
        "100000",
        "--device",
        "cpu",
    ]
    command += [
        "--batch-size",
        "4",
        "--image-size",
        "32",
        "24",
        "--patch-size",
        "8",
        "--checkpoint-every",
        "2",
        "--monitor-every",
        "0",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while process.poll() is None and not list((out / "checkpoints").glob("step-????????")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "the last checkpoint is kept and `--resume` goes on with it" in said
    assert "Traceback" not in said
    assert list((out / "checkpoints").glob("step-????????"))
