"""`load_encoder` on our own files, folders and options; what it imports; what it says without its extra."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.models import licence
from simtouch.models.checkpoint import save_encoder
from simtouch.models.load import load_encoder
from tests.models.checkpoint_files import small_encoder

ROOT = Path(__file__).resolve().parents[2]


def rewritten(path: Path, **changes) -> Path:
    """One of our files with other things said in its config."""
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["simtouch"])
    out = path.with_name("changed.safetensors")
    save_file(load_file(path), out, {"simtouch": json.dumps(told | {"config": told["config"] | changes})})
    return out


def test_what_our_files_say_wins_over_what_shapes_suggest(tmp_path):
    encoder = small_encoder(num_heads=4, layer_scale=1e-5, drop_path=0.1)
    loaded = load_encoder(save_encoder(tmp_path, encoder))
    assert loaded.config == encoder.config
    assert loaded.config.num_heads == 4  # by its width it would be 1
    with pytest.raises(ArgumentError, match="says that it has 4 heads; got `num_heads=2`"):
        load_encoder(tmp_path, num_heads=2)


def test_another_image_size_is_another_table_of_positions(tmp_path):
    encoder = small_encoder()
    save_encoder(tmp_path, encoder)
    loaded = load_encoder(tmp_path, image_size=(96, 64))
    assert loaded.config.image_size == (96, 64)
    x = torch.rand(1, 6, 96, 64)
    assert torch.equal(loaded(x), encoder(x))
    learned = small_encoder(positions="learned")
    save_encoder(tmp_path, learned)
    assert load_encoder(tmp_path, image_size=(96, 64))(x).shape == (1, 24, 64)
    assert torch.equal(load_encoder(tmp_path).pos_embed, learned.pos_embed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": 3}, "3 blocks, its tensors 64 and 2"),
        ({"depth": 10**9}, "contradicts itself"),
        ({"embed_dim": 128}, "128 channels"),
        ({"mlp_ratio": 2.0}, "have another shape"),
        ({"mlp_ratio": 1e300}, "cannot be"),
        ({"num_registers": 2}, "have another shape"),
        ({"channels": 3}, "have another shape"),
        ({"patch_size": 8}, "have another shape"),
        ({"num_frames": 4}, "another shape"),
        ({"embed_dim": "wide"}, "is damaged"),
        ({"image_size": 7}, "is damaged"),
        ({"num_heads": 0}, "`num_heads`"),
        ({"tokens": 1}, "of a newer simtouch: its config has tokens"),
    ],
    ids=str,
)
def test_a_config_that_does_not_fit_its_tensors_is_one_sentence(tmp_path, changes, said):
    path = save_encoder(tmp_path, small_encoder())
    assert load_encoder(rewritten(path)).config.depth == 2
    with pytest.raises(SimtouchError, match=said) as error:
        load_encoder(rewritten(path, **changes))
    assert "\n" not in str(error.value)


def test_a_folder_gives_its_one_checkpoint(tmp_path):
    with pytest.raises(ArgumentError, match="holds no weights"):
        load_encoder(tmp_path)
    first = save_encoder(tmp_path / "a.safetensors", small_encoder(seed=1))
    assert load_encoder(tmp_path).config.depth == 2
    torch.save(small_encoder().state_dict(), tmp_path / "z.ckpt")
    assert torch.equal(load_encoder(tmp_path).norm.weight, load_encoder(first).norm.weight)
    save_encoder(tmp_path / "b.safetensors", small_encoder())
    with pytest.raises(ArgumentError, match=r"holds several checkpoints, `a\.safetensors`, `b\.safetensors`: name one"):
        load_encoder(tmp_path)
    own = small_encoder(seed=5)
    save_encoder(tmp_path, own)
    assert torch.equal(load_encoder(str(tmp_path)).norm.weight, own.norm.weight)


def test_a_training_checkpoint_gives_its_teacher(tmp_path):
    teacher, student = small_encoder(seed=1), small_encoder(seed=2)
    tensors = {f"teacher_encoder.backbone.{name}": tensor for name, tensor in teacher.state_dict().items()}
    tensors |= {f"student_encoder.backbone.{name}": tensor for name, tensor in student.state_dict().items()}
    save_file(tensors, tmp_path / "model.safetensors")
    save_file({"optimiser.x.step": torch.zeros(1)}, tmp_path / "training.safetensors")
    assert torch.equal(load_encoder(tmp_path).norm.weight, teacher.norm.weight)
    assert torch.equal(load_encoder(tmp_path, prefix="student_encoder.backbone.").norm.weight, student.norm.weight)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ArgumentError, match=r"there is no `.*encoder\.safetensors`: give a folder, a file, a hub id or `random`"):
        load_encoder(tmp_path / "encoder.safetensors")
    with pytest.raises(ArgumentError, match="there is no `radnom`"):
        load_encoder("radnom")


def test_the_window_must_be_what_the_file_reads(tmp_path):
    save_encoder(tmp_path, small_encoder())
    assert load_encoder(tmp_path, window="pair").config.channels == 6
    with pytest.raises(ArgumentError, match="reads images of 6 channels; got `window='video'`"):
        load_encoder(tmp_path, window="video")
    save_encoder(tmp_path, small_encoder(channels=3))
    with pytest.raises(ArgumentError, match="reads images of 3 channels; a pair has 6"):
        load_encoder(tmp_path, window="pair")
    save_encoder(tmp_path, small_encoder(channels=3, num_frames=4))
    with pytest.raises(ArgumentError, match="reads video, 4 frames; got `window='pair'`"):
        load_encoder(tmp_path, window="pair")


def test_precision_is_what_is_asked_for(tmp_path):
    encoder = small_encoder()
    save_encoder(tmp_path, encoder.to(torch.bfloat16))
    loaded = load_encoder(tmp_path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    half = load_encoder(tmp_path, dtype=torch.bfloat16, device="cpu")
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert half.pos_embed.frequency_bands.dtype == torch.float32
    assert torch.equal(half.pos_embed.frequency_bands, loaded.pos_embed.frequency_bands)
    assert half(torch.rand(1, 6, 64, 48).bfloat16()).isfinite().all()


def test_a_device_or_a_precision_that_cannot_be_is_one_sentence():
    for options in ({"device": "cuda:99"}, {"device": "nowhere"}, {"dtype": torch.int64}):
        with pytest.raises(ArgumentError, match="cannot be had here"):
            load_encoder("random", size="tiny", **options)


@pytest.mark.parametrize("hidden", [1, 37, 100, 191, 255])
def test_any_width_of_the_mlp_is_found(tmp_path, hidden):
    state = small_encoder(embed_dim=192, num_heads=3, mlp_ratio=math.nextafter(hidden / 192, 9), depth=1).state_dict()
    assert state["blocks.0.mlp.fc1.weight"].shape[0] == hidden
    save_file(state, tmp_path / "w.safetensors")
    assert load_encoder(tmp_path).blocks[0].mlp.fc1.out_features == hidden


def test_loading_draws_no_random_numbers(tmp_path):
    save_encoder(tmp_path, small_encoder())
    before = torch.get_rng_state()
    load_encoder(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_our_licence_line_is_what_the_file_says_and_plain(tmp_path, capsys):
    licence._told.clear()
    load_encoder(save_encoder(tmp_path / "a.safetensors", small_encoder(), {"licence": "mine\x1b[31m\nalone" + "!" * 999}))
    load_encoder(save_encoder(tmp_path / "b.safetensors", small_encoder()))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "mine\\x1b[31m\\nalone!" in said
    assert len(said) < 450


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


UNWANTED = {
    *("lightning_fabric", "tensorboard", "sklearn", "scipy", "torchvision", "huggingface_hub", "matplotlib", "transformers"),
    *("taichi", "mujoco", "timm", "xformers", "sympy", "tyro"),
}


def test_features_need_few_packages(tmp_path):
    """PyTorch and what it loads itself, NumPy, safetensors; for `TouchProcessor` Pillow and what streams are read with."""
    save_encoder(tmp_path, small_encoder())
    code = f"""
import sys, torch
before = set(sys.modules)
import simtouch
x = torch.rand(1, 6, 64, 48)
assert simtouch.load_encoder({str(tmp_path)!r})(x).shape == (1, 12, 64)
print(*sorted({{name.split('.')[0] for name in set(sys.modules) - before}}))
import numpy as np
processor = simtouch.TouchProcessor.for_sensor('gelsight_2017', image_size=(64, 48))
assert processor(np.zeros((1, 2, 480, 640, 3), np.uint8)).shape == x.shape
print(*sorted({{name.split('.')[0] for name in set(sys.modules) - before}}))
"""
    loading, everything = (set(line.split()) for line in run(code).splitlines())
    ours = {name for name in loading if name not in sys.stdlib_module_names and not name.startswith(("_", "torch", "numpy"))}
    assert ours == {"simtouch", "safetensors"}
    assert "PIL" in everything
    assert not everything & UNWANTED


@pytest.mark.parametrize("package", ["torch", "safetensors"])
def test_without_the_extra_the_message_names_it(package):
    code = f"""
import sys
sys.modules[{package!r}] = None
import simtouch
for ask in (lambda: __import__('simtouch.models'), lambda: simtouch.load_encoder, lambda: simtouch.TouchProcessor):
    try:
        ask()
    except simtouch.SimtouchError as error:
        assert isinstance(error, ImportError)
        print(error)
"""
    said = run(code).splitlines()
    assert len(said) == 3
    assert all("simtouch.models needs PyTorch and safetensors" in line for line in said)
    assert all("pip install 'simtouch[train]'" in line for line in said)
