"""Files of weights: what was saved comes back to the bit, and what lies is one sentence before it costs memory."""

import json
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import simtouch
from simtouch._checks import ArgumentError, SimtouchError
from simtouch.models.checkpoint import own_metadata, read_weights, save_encoder
from simtouch.models.load import load_encoder
from tests.models.checkpoint_files import pickled_tensor, saved, small_encoder, zipped

STATE = {
    "a": torch.arange(12.0).reshape(3, 4),
    "turned": torch.arange(12.0).reshape(3, 4).t(),
    "part": torch.arange(10)[3:7],
    "every other": torch.arange(10.0)[::2],
    "half": torch.rand(5).bfloat16(),
    "double": torch.rand(2, 2, dtype=torch.float64),
    "flags": torch.tensor([True, False]),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "empty": torch.zeros(0, 3),
    "one": torch.tensor(2.5),
    "weight": torch.nn.Parameter(torch.rand(3)),
}


@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "around", [lambda s: s, lambda s: {"model": s, "epoch": 3, "optim": {"state": {0: s["a"]}}}], ids=["bare", "nested"]
)
def test_what_torch_saved_comes_back_to_the_bit(tmp_path, zip_format, around):
    path = tmp_path / "file.ckpt"
    path.write_bytes(saved(around(STATE), _use_new_zipfile_serialization=zip_format))
    weights = read_weights(path)
    assert list(weights) == list(STATE)
    for name, tensor in STATE.items():
        assert weights.shapes[name] == tuple(tensor.shape)
        assert weights[name].dtype == tensor.dtype
        assert torch.equal(weights[name], tensor.detach())


def test_views_of_one_storage_stay_cheap(tmp_path):
    """A hundred views of 8 MB: a reader that copies the storage for each would take 800 MB."""
    base = torch.zeros(2_000_000)
    path = tmp_path / "views.pth"
    torch.save({f"v{k}": base[k : k + 10] for k in range(100)}, path)
    tracemalloc.start()
    total = sum(tensor.numel() for tensor in read_weights(path).values())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 1000
    assert peak < 2_000_000


def test_a_saved_encoder_is_loaded_bit_equal(tmp_path):
    for changes in ({}, {"positions": "learned", "layer_scale": None}, {"channels": 3, "num_frames": 4, "num_registers": 0}):
        encoder = small_encoder(**changes)
        loaded = load_encoder(save_encoder(tmp_path, encoder), quiet=True)
        assert loaded.config == encoder.config
        assert not loaded.training
        assert list(loaded.state_dict()) == list(encoder.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), encoder.state_dict().values(), strict=True))
        x = torch.rand(2, *encoder.config.window_shape)
        assert torch.equal(loaded(x), encoder(x))


def test_metadata_says_where_weights_are_from(tmp_path):
    told = {"algorithm": "dino", "training": {"lr": 1e-3, "betas": [0.9, 0.999]}, "seed": 3, "data": ["a", "b"], "licence": "MIT"}
    path = save_encoder(tmp_path / "deep" / "mine.safetensors", small_encoder(), told)
    assert path.name == "mine.safetensors"
    assert (path.stat().st_mode & 0o777) & 0o444 == 0o444 & ~_umask()
    found = own_metadata(read_weights(path).metadata)
    assert {name: found[name] for name in told} == told
    assert found["config"]["embed_dim"] == 64
    assert found["version"] == simtouch.__version__


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_equal_encoders_are_equal_bytes(tmp_path):
    told = {"algorithm": "mae", "seed": 1, "data": ["x"]}
    a, b = (save_encoder(tmp_path / name, small_encoder(), told).read_bytes() for name in "ab")
    assert a == b


def test_a_failed_save_leaves_what_was_there(tmp_path):
    path = save_encoder(tmp_path, small_encoder(seed=1))
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="what JSON can"):
        save_encoder(tmp_path, small_encoder(seed=2), {"seed": object()})
    broken = small_encoder(seed=2)
    broken.norm.weight = torch.nn.Parameter(torch.zeros(64).to_sparse(), requires_grad=False)
    with pytest.raises(RuntimeError, match="memory format"):
        save_encoder(tmp_path, broken)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArgumentError, match="cannot be written"):
        save_encoder(tmp_path / "file", small_encoder())


def test_a_compiled_encoder_is_saved_under_the_same_names(tmp_path):
    encoder = small_encoder()
    compiled = torch.nn.Module()  # what `torch.compile` makes, without loading a compiler
    compiled._orig_mod, compiled.config = encoder, encoder.config
    assert save_encoder(tmp_path / "a", compiled).read_bytes() == save_encoder(tmp_path / "b", encoder).read_bytes()


def cuts(data: bytes):
    return {n: data[:n] for n in (0, 1, 7, 8, 9, 40, 100, len(data) // 3, len(data) // 2, len(data) - 100, len(data) - 1)}


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_a_file_cut_short_anywhere_is_one_sentence(tmp_path, kind):
    path = tmp_path / f"file.{kind}"
    if kind == "safetensors":
        save_file({name: tensor.detach().contiguous() for name, tensor in STATE.items()}, path)
    else:
        path.write_bytes(saved(STATE, _use_new_zipfile_serialization=kind == "zip"))
    for size, data in cuts(path.read_bytes()).items():
        path.write_bytes(data)
        with pytest.raises(SimtouchError) as error:
            sum(tensor.numel() for tensor in read_weights(path).values())
        assert str(path) in str(error.value), size
        assert "\n" not in str(error.value)


def header(table: dict, data: bytes = b"") -> bytes:
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2**31) + b"{" + b" " * 100,
        header({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        header({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}, bytes(16)),
        header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}, bytes(16)),
        header({"w": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}),
        header({"w": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
        header({"w": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, bytes(8)),
        struct.pack("<Q", 5) + b"{nope" + bytes(8),
    ],
    ids=range(9),
)
def test_headers_that_promise_too_much_cost_nothing(tmp_path, data):
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(SimtouchError, match=r"damaged \.safetensors file"):
        read_weights(path)


LIES = [
    ({"count": 5}, "promises 5 numbers"),
    ({"count": 2**40}, "promises 1099511627776 numbers"),
    ({"count": "4"}, "where its size must be"),
    ({"count": 2**60}, "where its size must be"),
    ({"shape": (5,)}, "larger than its storage of 4"),
    ({"first": 1}, "larger than its storage of 4"),
    ({"shape": (2, 2), "strides": (4, 1)}, "larger than its storage of 4"),
    ({"shape": (2**20, 2**20), "strides": (0, 0)}, "repeats the 4 numbers"),
    ({"shape": (-1,)}, "no shape"),
    ({"strides": (-1,)}, "no shape"),
    ({"first": -1}, "no shape"),
    ({"first": True}, "no shape"),
    ({"shape": [4]}, "no shape"),
    ({"shape": (2**60,), "strides": (1,)}, "no shape"),
    ({"shape": (1,) * 40, "strides": (1,) * 40}, "no shape"),
    ({"shape": (2, 2)}, "strides that are not of its shape"),
    ({"key": "7"}, "the file does not hold"),
    ({"kind": "QInt8Storage"}, "torch.QInt8Storage"),
]


@pytest.mark.parametrize(("lie", "said"), LIES, ids=range(len(LIES)))
def test_tensors_that_claim_more_than_is_there_are_refused(tmp_path, lie, said):
    honest = zipped(tmp_path / "honest.ckpt", {"data.pkl": pickled_tensor(), "data/0": np.float32([1, 2, 3, 4]).tobytes()})
    assert read_weights(honest)["w"].tolist() == [1, 2, 3, 4]
    path = zipped(tmp_path / "w.ckpt", {"data.pkl": pickled_tensor(**lie), "data/0": bytes(16)})
    with pytest.raises(ArgumentError, match=said):
        read_weights(path)


def test_bombs_are_refused_unread(tmp_path, monkeypatch):
    storages = {"data/0": bytes(16)}
    packed = zipped(tmp_path / "packed.ckpt", {"data.pkl": pickled_tensor(), **storages}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ArgumentError, match="compressed or encrypted entry"):
        read_weights(packed)
    with pytest.raises(ArgumentError, match=r"no data\.pkl"):
        read_weights(zipped(tmp_path / "none.ckpt", storages))
    with pytest.raises(ArgumentError, match="big-endian"):
        read_weights(zipped(tmp_path / "big.ckpt", {"data.pkl": pickled_tensor(), "byteorder": b"big", **storages}))
    monkeypatch.setattr("simtouch._pickled_tensors.MOST_PICKLE_BYTES", 100)
    with pytest.raises(ArgumentError, match="larger than"):
        read_weights(zipped(tmp_path / "long.ckpt", {"data.pkl": pickled_tensor(), **storages}))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"),
        (b"<!doctype html><html>", "web page"),
        (b"hello, weights" * 10, "neither a .safetensors file nor one of `torch.save`"),
        (saved([1, 2, 3]), "must hold a state dict"),
        (saved({"epoch": 3}), "must hold a state dict"),
    ],
    ids=range(6),
)
def test_what_is_no_file_of_weights_is_called_what_it_is(tmp_path, data, said):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(SimtouchError, match=said):
        read_weights(path)
