"""Checkpoints that ask for code: refused by the name of what they ask for, and nothing runs."""

import io
import os
import pickle
import random
import sys
import zipfile

import pytest
import torch

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.models.checkpoint import read_weights
from simtouch.models.load import load_encoder
from tests.models.checkpoint_files import RELEASE, pickled_tensor, rezipped, saved, sparsh_path, zipped

FOREIGN = [
    ("posix", "system"),
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("__builtin__", "getattr"),
    ("subprocess", "Popen"),
    ("importlib", "import_module"),
    ("functools", "partial"),
    ("operator", "methodcaller"),
    ("numpy", "load"),
    ("torch", "load"),
    ("torch.hub", "load"),
    ("torch.storage", "_load_from_bytes"),
    ("torch._utils", "_rebuild_device_tensor_from_numpy"),
    ("torch.jit", "load"),
    ("torch.nn.modules.linear", "Linear"),
    ("torch.optim.adamw", "AdamW.step"),
    ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ("tactile_ssl.model.custom_scheduler", "os.system"),
    ("tactile_ssl.model.vision_transformer", "VisionTransformer"),
]


def marker(tmp_path) -> str:
    return f"echo run > {tmp_path / 'ran'}"


def call(module: str, name: str, argument: str, *, stacked: bool = False) -> bytes:
    """Opcodes that call a global with one text and throw the result away."""
    text = pickle.dumps(argument, 2)[2:-1]
    if stacked:
        named = b"".join(b"X" + len(part).to_bytes(4, "little") + part.encode() for part in (module, name)) + b"\x93"
    else:
        named = f"c{module}\n{name}\n".encode()
    return named + text + b"\x85R0"


@pytest.mark.parametrize("stacked", [False, True], ids=["GLOBAL", "STACK_GLOBAL"])
@pytest.mark.parametrize(("module", "name"), FOREIGN, ids=[".".join(pair) for pair in FOREIGN])
def test_a_foreign_global_is_refused_by_name_and_nothing_runs(tmp_path, module, name, stacked):
    data = pickled_tensor()
    tampered = data[:2] + call(module, name, marker(tmp_path), stacked=stacked) + data[2:]
    path = zipped(tmp_path / "w.ckpt", {"data.pkl": tampered, "data/0": bytes(16)})
    with pytest.raises(ArgumentError) as error:
        read_weights(path)
    assert f"`{module}.{name}`" in str(error.value)
    assert "nothing was executed" in str(error.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("module", "name"), [("posix", "system"), ("builtins", "eval"), ("torch.hub", "load")])
def test_a_tampered_release_is_refused_by_name(tmp_path, module, name):
    """Its scheduler's class becomes another one, or a call is put in front."""
    honest = sparsh_path(RELEASE)
    scheduler = b"ctactile_ssl.model.custom_scheduler\nWarmupCosineScheduler\n"
    swapped = rezipped(honest, tmp_path / "a.ckpt", lambda data: data.replace(scheduler, f"c{module}\n{name}\n".encode()))
    before = rezipped(honest, tmp_path / "b.ckpt", lambda data: data[:2] + call(module, name, marker(tmp_path)) + data[2:])
    for path in (swapped, before):
        with pytest.raises(ArgumentError, match=f"`{module}.{name}`"):
            load_encoder(path, num_heads=2, quiet=True)
    assert not (tmp_path / "ran").exists()


def test_the_mark_would_appear_if_the_pickle_were_run(tmp_path):
    """The tests above can fail: Python's own unpickler runs the very same bytes."""
    pickle.loads(b"\x80\x02" + call("posix", "system", marker(tmp_path)) + b"N.")
    assert (tmp_path / "ran").exists()


def test_the_release_needs_no_foreign_package_and_its_objects_stay_inert():
    weights = read_weights(sparsh_path(RELEASE))
    assert {name.split(".")[0] for name in weights.classes} == {"tactile_ssl", "torch"}
    assert "tactile_ssl" not in sys.modules
    assert all(isinstance(tensor, torch.Tensor) for tensor in weights.values())


def test_objects_of_the_release_cannot_be_called_or_filled(tmp_path):
    """The allowed classes are names for records: items, calls of records and storages made out of nothing are refused."""
    adamw, scheduler = b"ctorch.optim.adamw\nAdamW\n", b"ctactile_ssl.model.custom_scheduler\nCosineWDSchedule\n"
    text = pickle.dumps(marker(tmp_path), 2)[2:-1]
    for inserted, said in [
        (adamw + b")\x81" + text + b"\x85R0", "calls something that is no name"),
        (adamw + b")\x81" + text + b"K\x01s0", "sets items of something that is no dict"),
        (scheduler + b")R" + text + b"a0", "appends to something that is no list"),
        (b"ctorch\nFloatStorage\n" + text + b"\x85R0", "makes a storage of its own"),
        (b"(" + text + b"iposix\nsystem\n0", "INST"),
        (b"(cposix\nsystem\n" + text + b"o0", "posix.system"),
        (b"\x82\x010", "EXT1"),
        (adamw + b")}\x920", "NEWOBJ_EX"),
        (text + b"Q0", "which is no storage"),
        (b"Pstorage\n0", "which is no storage"),
    ]:
        data = pickled_tensor()
        path = zipped(tmp_path / "w.ckpt", {"data.pkl": data[:2] + inserted + data[2:], "data/0": bytes(16)})
        with pytest.raises(ArgumentError, match=said):
            read_weights(path)
    assert not (tmp_path / "ran").exists()


def test_a_whole_model_as_torch_pickles_it_is_refused_by_name(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(saved(torch.nn.Linear(2, 2)))
    with pytest.raises(ArgumentError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_weights(path)


def test_legacy_files_ask_for_code_in_vain(tmp_path):
    class Call:
        def __reduce__(self):
            return os.system, (marker(tmp_path),)

    path = tmp_path / "w.pth"
    for data in (saved({"w": Call()}, _use_new_zipfile_serialization=False), pickle.dumps(Call())):
        path.write_bytes(data)
        with pytest.raises(SimtouchError):
            read_weights(path)
    assert not (tmp_path / "ran").exists()


def mutations(data: bytes, count: int):
    """Copies with one to three bytes changed, most of them in the pickle and the table of the zip."""
    chance = random.Random(0)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        table = archive.start_dir
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            places = [(0, 15_200), (table, len(data)), (0, len(data))][chance.randrange(3)]
            changed[chance.randrange(*places)] = chance.randrange(256)
        yield bytes(changed)


def test_damage_anywhere_is_one_sentence_or_does_no_harm(tmp_path):
    """Whatever three bytes are changed, the file loads or is refused in one sentence of ours."""
    path, said = tmp_path / "w.ckpt", []
    for data in mutations(sparsh_path(RELEASE).read_bytes(), 50):
        path.write_bytes(data)
        try:
            load_encoder(path, num_heads=2, quiet=True)
        except SimtouchError as error:
            said.append(str(error))
    assert 6 < len(said) < 50
    assert max(map(len, said)) < 700
    assert not any("\n" in sentence for sentence in said)
