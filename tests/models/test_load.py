"""`load_encoder` on what is published: fixtures, prefixes, lists of keys; and on what is something else."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import simtouch
from simtouch._checks import ArgumentError, SimtouchError, UnknownNameError
from simtouch.models import licence
from simtouch.models.checkpoint import save_encoder
from simtouch.models.infer import find_prefix, infer_config
from simtouch.models.load import load_encoder
from simtouch.models.vit import SIZES, EncoderConfig
from tests.models.checkpoint_files import RELEASE, small_encoder, sparsh_path

ENCODERS = ("image_mae", "image_dino", "image_dinov2", "image_ijepa", "image_learned", "video_vjepa", "video_vjepa_learned")
PREFIXES = {
    "mae": "encoder.",
    "dino": "teacher_encoder.backbone.",
    "dinov2_centering": "teacher_encoder.backbone.",
    "ijepa": "target_encoder.",
    "vjepa": "target_encoder.backbone.",
}


def inputs_and_outputs(name: str) -> dict[str, torch.Tensor]:
    with np.load(sparsh_path(name)) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in ("x", "patch_tokens")}


def test_the_release_like_checkpoint_gives_the_published_output():
    encoder = load_encoder(sparsh_path(RELEASE), num_heads=2, quiet=True)
    known = inputs_and_outputs(RELEASE.replace(".ckpt", "_out.npz"))
    assert (encoder.config.embed_dim, encoder.config.depth, encoder.config.num_registers) == (24, 1, 1)
    assert encoder.config.image_size == (320, 240)
    assert not encoder.training
    assert torch.allclose(encoder(known["x"]), known["patch_tokens"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_of_the_fixtures_loads_and_agrees(name):
    made = json.loads(sparsh_path(f"enc_{name}.json").read_text())["kwargs"]
    encoder = load_encoder(sparsh_path(f"enc_{name}.safetensors"), num_heads=made["num_heads"], image_size=made["img_size"])
    config, known = encoder.config, inputs_and_outputs(f"enc_{name}.npz")
    assert config.num_frames == made.get("num_frames", 1)
    assert (config.positions, config.num_registers) == (made["pos_embed_fn"], made["num_register_tokens"])
    assert (config.layer_scale is None) == (made.get("init_values", 1) == 0)
    assert torch.allclose(encoder(known["x"]), known["patch_tokens"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", PREFIXES)
def test_the_published_encoder_of_each_algorithm_is_found(name):
    path = sparsh_path(f"alg_{name}.safetensors")
    stored = load_file(path)
    assert find_prefix({key: tuple(tensor.shape) for key, tensor in stored.items()}) == PREFIXES[name]
    loaded = load_encoder(path, num_heads=3).state_dict()
    assert all(torch.equal(tensor, stored[PREFIXES[name] + key]) for key, tensor in loaded.items())
    others = [key.removesuffix("norm.weight") for key in stored if key.endswith(("backbone.norm.weight", "_encoder.norm.weight"))]
    for other in set(others) - {PREFIXES[name]} - {key for key in others if "predictor" in key}:
        chosen = load_encoder(path, num_heads=3, prefix=other.rstrip(".")).state_dict()
        assert all(torch.equal(tensor, stored[other + key]) for key, tensor in chosen.items())


def official() -> dict[str, dict]:
    return json.loads(sparsh_path("official_keys.json").read_text())


def test_configs_of_the_published_encoders_follow_from_their_shapes():
    """Heads and sizes are those of the table in the paper; the model built from the config has the very same keys and shapes."""
    seen = 0
    for name, told in official().items():
        if "_vit" not in name:
            continue
        shapes = {key: tuple(shape) for key, shape in told["keys"].items()}
        config = infer_config(shapes)
        size = SIZES["small" if "vitsmall" in name else "base"]
        video = name.startswith("vjepa")
        learned = "learned" in name
        assert config == EncoderConfig(
            **size,
            channels=3 if video else 6,
            num_frames=4 if video else 1,
            num_registers=int("register_tokens" in shapes),
            positions="learned" if learned else "sinusoidal",
        )
        seen += 1
    assert seen == 11


def test_learned_positions_must_fit_the_image_size():
    path = sparsh_path("enc_image_learned.safetensors")
    with pytest.raises(ArgumentError, match="24 learned positions of patches of 8; 320 x 240 and 224 x 224 pixels"):
        load_encoder(path, num_heads=3)
    with pytest.raises(ArgumentError, match="64 x 64 pixels do not fit"):
        load_encoder(path, num_heads=3, image_size=(64, 64))
    assert load_encoder(path, num_heads=3, image_size=(32, 48)).config.grid == (4, 6)


def test_a_width_that_64_does_not_divide_asks_for_the_heads():
    with pytest.raises(ArgumentError, match=r"24 wide.*`num_heads=`"):
        load_encoder(sparsh_path(RELEASE))


def others():
    """State dicts of other models, by the words that must be said of them."""
    ours = {name: tensor.clone() for name, tensor in small_encoder().state_dict().items()}
    patch = {"patch_embed.proj.weight": torch.zeros(64, 3, 16, 16), "patch_embed.proj.bias": torch.zeros(64)}
    block = {name: tensor for name, tensor in ours.items() if name.startswith(("blocks.", "norm."))}
    yield "timm", patch | {"cls_token": torch.zeros(1, 1, 64), "pos_embed": torch.zeros(1, 301, 64)} | block
    yield "timm", patch | {"cls_token": torch.zeros(1, 1, 64), "pos_embed": torch.zeros(1, 300, 64)} | block
    yield "ResNet", {"conv1.weight": torch.zeros(8, 3, 7, 7), "layer1.0.conv1.weight": torch.zeros(8, 8, 3, 3)}
    yield "transformers", {"vit.embeddings.patch_embeddings.projection.weight": torch.zeros(8, 3, 16, 16)}
    yield "CLIP", {"visual.transformer.resblocks.0.ln_1.weight": torch.zeros(8)}
    yield "probe", {"model_task.probe.0.weight": torch.zeros(3, 8), "model_task.pooler.query_tokens": torch.zeros(1, 1, 8)}
    yield "predictor", {"predictor.input_projection.weight": torch.zeros(8, 8)}
    yield "1 tensors, such as `weight`", {"weight": torch.zeros(3)}
    yield "takes 4 channels; windows have 3 a frame", ours | {"patch_embed.proj.weight": torch.zeros(64, 4, 16, 16)}
    yield "1 tensors are missing (`blocks.1.norm2.bias`)", {k: v for k, v in ours.items() if k != "blocks.1.norm2.bias"}
    yield "1 have no place (`head.weight`)", ours | {"head.weight": torch.zeros(3)}
    yield "`norm.weight` is (32,), not (64,)", ours | {"norm.weight": torch.zeros(32)}
    yield "no encoder of windows", ours | {"patch_embed.proj.weight": torch.zeros(64, 768)}
    yield "holds NaN", ours | {"norm.weight": torch.full((64,), torch.nan)}
    yield "not floating-point", ours | {"norm.weight": torch.zeros(64, dtype=torch.int64)}
    yield "most are missing", {name.replace("blocks.1.", "blocks.9000."): tensor for name, tensor in ours.items()}


def test_other_models_are_called_what_they_are(tmp_path):
    for number, (said, tensors) in enumerate(others()):
        path = tmp_path / f"{number}.safetensors"
        save_file(tensors, path)
        with pytest.raises(SimtouchError) as error:
            load_encoder(path)
        assert said in str(error.value), f"{said!r} is not in {str(error.value)!r}"
        assert "\n" not in str(error.value)


def test_probes_of_the_fixtures_are_called_probes():
    for name in ("force", "slip_force", "attentive_pooler", "forcefield_dpt"):
        with pytest.raises(SimtouchError, match="a Sparsh probe, which has no encoder"):
            load_encoder(sparsh_path(f"probe_{name}.safetensors"))


def test_an_encoder_beside_a_probe_is_loaded_when_it_is_asked_for(tmp_path):
    encoder = small_encoder()
    tensors = {f"model_encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    save_file(tensors | {"model_task.probe.0.weight": torch.zeros(3, 64)}, tmp_path / "w.safetensors")
    with pytest.raises(ArgumentError, match=r"a probe's checkpoint.*`prefix='model_encoder.'` loads it"):
        load_encoder(tmp_path / "w.safetensors")
    loaded = load_encoder(tmp_path / "w.safetensors", prefix="model_encoder.", image_size=(64, 48))
    assert torch.equal(loaded.norm.weight, encoder.norm.weight)


def test_several_encoders_without_a_rule_ask_for_the_prefix(tmp_path):
    state = small_encoder().state_dict()
    tensors = {f"{name}.{key}": tensor.clone() for name in ("left", "right") for key, tensor in state.items()}
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(ArgumentError, match=r"2 encoders, under `left.`, `right.`: say which by `prefix=`"):
        load_encoder(tmp_path / "w.safetensors")
    with pytest.raises(ArgumentError, match=r"no encoder under `up.`; it has them under `left.`, `right.`"):
        load_encoder(tmp_path / "w.safetensors", prefix="up")
    assert load_encoder(tmp_path / "w.safetensors", prefix="left").config.depth == 2


def test_the_licence_of_published_weights_is_stated_once(capsys):
    licence._told.clear()
    for _ in range(2):
        load_encoder(sparsh_path(RELEASE), num_heads=2)
    said = capsys.readouterr()
    assert said.err.count("CC-BY-NC-4.0") == 1
    assert said.out == ""
    licence._told.clear()
    load_encoder(sparsh_path(RELEASE), num_heads=2, quiet=True)
    assert capsys.readouterr().err == ""


def test_random_encoders_have_their_own_seed(monkeypatch):
    monkeypatch.setitem(SIZES, "mini", {"embed_dim": 64, "depth": 1, "num_heads": 1})
    before = torch.get_rng_state()
    a, b, c = (simtouch.load_encoder("random", size="mini", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert not torch.equal(a.patch_embed.proj.weight, c.patch_embed.proj.weight)
    assert a.config.window_shape == (6, 320, 240)
    video = load_encoder("random", size="mini", window="video", image_size=(64, 48), num_heads=2)
    assert video.config.window_shape == (3, 4, 64, 48)
    assert video.config.num_heads == 2
    with pytest.raises(UnknownNameError, match="`huge` is not a known size"):
        load_encoder("random", size="huge")


@pytest.mark.parametrize(
    "changes", [{}, {"positions": "learned", "layer_scale": None}, {"channels": 3, "num_frames": 4}], ids=str
)
def test_what_the_constructor_makes_is_what_loading_makes(tmp_path, changes):
    """Loading skips the drawing of weights; nothing else may differ."""
    made = small_encoder(**changes)
    loaded = load_encoder(save_encoder(tmp_path, made))
    assert str(loaded) == str(made)
    for found, known in ((loaded.named_parameters(), made.named_parameters()), (loaded.named_buffers(), made.named_buffers())):
        assert [(name, t.dtype, t.device, t.requires_grad) for name, t in found] == [
            (name, t.dtype, t.device, t.requires_grad) for name, t in known
        ]
