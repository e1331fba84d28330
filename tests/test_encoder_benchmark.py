"""The benchmark of the encoder: its peer has the same shape, its FLOPs are counted right, and it runs."""

import importlib.util
import json
import sys

import pytest
import torch

from simtouch import encoder_benchmark as bench
from simtouch._checks import ArgumentError, UnknownNameError
from simtouch.models import SIZES, EncoderConfig, VisionTransformer

SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2}
IMAGE = (48, 32)


@pytest.fixture(autouse=True)
def small_size(monkeypatch):
    monkeypatch.setitem(SIZES, "test", SMALL)


@pytest.mark.parametrize(("size", "gflop"), [("tiny", 4.2), ("small", 14.8), ("base", 55.2)])
def test_flops_of_the_published_sizes(size, gflop):
    assert bench.forward_flops(EncoderConfig(**SIZES[size])) / 1e9 == pytest.approx(gflop, abs=0.05)


def test_flops_of_few_tokens_are_counted_by_hand():
    """Two patches and a register in two blocks of 32 channels: 4 + 8 square maps a token, q k^T and its product with v."""
    by_hand = 2 * (2 * 1536 * 32) + 2 * (3 * 2 * 12 * 32 * 32 + 2 * (2 * 3 * 3 * 32))
    assert bench.forward_flops(EncoderConfig(**SMALL, image_size=(32, 16))) == by_hand


def test_flops_of_published_video():
    config = EncoderConfig(**SIZES["base"], channels=3, num_frames=4, num_registers=0)
    assert bench.forward_flops(config) / 1e9 == pytest.approx(116.8, abs=0.3)


@pytest.mark.slow  # importing transformers takes ten seconds
@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs transformers")
def test_the_peer_does_the_same_work():
    """As many tokens, the same attention, and with our weights in it, LayerScale at 1, the very same features."""
    torch.manual_seed(0)
    config = EncoderConfig(**SMALL, image_size=IMAGE)
    ours, peer, x = VisionTransformer(config).eval(), bench.plain_vit(config).eval(), torch.rand(2, 6, *IMAGE)
    assert peer.config._attn_implementation == bench.ATTENTION
    peer.load_state_dict(_in_their_words(ours, ours.position_table(x)))
    with torch.no_grad():
        tokens = torch.cat([ours.features(x).registers, ours(x)], 1)
        torch.testing.assert_close(peer(x).last_hidden_state, tokens, rtol=1e-5, atol=1e-5)


def _in_their_words(encoder: VisionTransformer, table: torch.Tensor) -> dict[str, torch.Tensor]:
    w = encoder.state_dict()
    theirs = {
        "embeddings.cls_token": w["register_tokens"],
        "embeddings.position_embeddings": torch.cat([torch.zeros_like(table[:, :1]), table], 1),
        **{f"embeddings.patch_embeddings.projection.{k}": w[f"patch_embed.proj.{k}"] for k in ("weight", "bias")},
        **{f"layernorm.{k}": w[f"norm.{k}"] for k in ("weight", "bias")},
    }
    names = {"norm1": "layernorm_before", "norm2": "layernorm_after", "attn.proj": "attention.o_proj"}
    names |= {"mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    for i in range(len(encoder.blocks)):
        for k in ("weight", "bias"):
            theirs |= {f"layers.{i}.{name}.{k}": w[f"blocks.{i}.{our}.{k}"] for our, name in names.items()}
            packed = w[f"blocks.{i}.attn.qkv.{k}"].chunk(3)
            theirs |= {f"layers.{i}.attention.{n}_proj.{k}": part for n, part in zip("qkv", packed, strict=True)}
    return theirs


def test_it_runs_and_writes_its_table(tmp_path, capsys):
    out = tmp_path / "made" / "encoder.json"
    ways = ("pair", "bf16", "kept 25%", "video")
    rows = bench.measure(
        bench.Config(size=("test",), image_size=IMAGE, batch_size=1, repeats=1, ways=ways, device="cpu", out=out)
    )
    assert [row["way"] for row in rows] == list(ways)
    assert all(row["images_per_s"] >= row["images_per_s_median"] > 0 for row in rows)
    assert rows[2]["gflop_forward"] < rows[0]["gflop_forward"] < rows[3]["gflop_forward"]
    written = json.loads(out.read_text())
    assert written["rows"] == rows
    assert written["made_by"]["torch"] == torch.__version__
    assert "images/s" in capsys.readouterr().out


def test_a_peak_gives_the_share_of_it():
    config = bench.Config(
        size=("test",), image_size=IMAGE, batch_size=1, repeats=1, ways=("pair",), device="cpu", peak_tflops=2.0
    )
    (row,) = bench.measure(config)
    assert row["mfu"] == pytest.approx(row["tflops"] / 2)


def test_without_transformers_the_peer_is_left_out_with_a_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "transformers", None)
    config = bench.Config(size=("test",), image_size=IMAGE, batch_size=1, repeats=1, ways=("pair", "transformers"), device="cpu")
    rows = bench.measure(config)
    assert [row["way"] for row in rows] == ["pair"]
    assert "to_transformers" not in rows[0]
    assert "pip install 'simtouch[peers]'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "error", "what"),
    [
        ({"batch_size": 0}, ArgumentError, "`--batch-size` must be >= 1"),
        ({"repeats": 0}, ArgumentError, "`--repeats`"),
        ({"peak_tflops": -1.0}, ArgumentError, "`--peak-tflops`"),
        ({"size": ("huge",)}, UnknownNameError, "Known: base"),
        ({"ways": ("pairs",)}, UnknownNameError, "Did you mean `pair`"),
    ],
)
def test_what_cannot_be_timed_is_refused_before_anything_runs(fields, error, what):
    with pytest.raises(error, match=what):
        bench.measure(bench.Config(**fields))
