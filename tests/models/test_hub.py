"""Weights by hub id: the local cache first, the network only then, and every failure one sentence."""

import sys
import types
from pathlib import Path

import pytest
import torch

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError
from simtouch.models import licence
from simtouch.models.checkpoint import save_encoder
from simtouch.models.hub import SPARSH_IDS, hub_file, is_hub_id
from simtouch.models.load import load_encoder
from tests.models.checkpoint_files import small_encoder

DINO = "facebook/sparsh-dino-base"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(cache: Path, *names: str, repo: str = DINO, commit: str = "abc", ref: str = "main") -> Path:
    """A repository in the cache, laid out as huggingface_hub documents it: blobs, and links to them."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    for part in (snapshot, folder / "blobs", folder / "refs"):
        part.mkdir(parents=True, exist_ok=True)
    (folder / "refs" / ref).write_text(commit)
    for name in names:
        blob = save_encoder(folder / "blobs" / f"{commit}-{name}.safetensors", small_encoder())
        (snapshot / name).symlink_to(blob)
    return snapshot


@pytest.fixture
def no_network(monkeypatch):
    """A huggingface_hub that must not be asked."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)


@pytest.mark.usefixtures("no_network")
def test_what_is_cached_needs_neither_network_nor_package(cache, capsys):
    snapshot = cached(cache, "dino_vitbase.ckpt", "dino_vitbase.safetensors")
    assert hub_file(DINO) == snapshot / "dino_vitbase.safetensors"
    licence._told.clear()
    assert load_encoder(DINO).config.embed_dim == 64
    assert capsys.readouterr().err == ""  # a file of ours says its own licence, or none


@pytest.mark.usefixtures("no_network")
def test_published_weights_state_their_licence(cache, capsys):
    snapshot = cached(cache)
    torch.save(small_encoder().state_dict(), snapshot / "dino_vitbase.ckpt")
    licence._told.clear()
    load_encoder(DINO)
    assert f"`{DINO}`: published Sparsh weights, CC-BY-NC-4.0" in capsys.readouterr().err


def test_a_revision_is_another_snapshot(cache):
    cached(cache, "a.safetensors", commit="1" * 40)
    other = cached(cache, "b.safetensors", commit="2" * 40, ref="v2")
    assert hub_file(f"{DINO}@v2") == hub_file(f"{DINO}@{'2' * 40}") == other / "b.safetensors"
    assert hub_file(DINO).name == "a.safetensors"


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"])
def test_the_cache_is_where_its_variables_say(tmp_path, monkeypatch, variable):
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv(variable, str(tmp_path / "here"))
    inside = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub", "HOME": ".cache/huggingface/hub"}
    cached(tmp_path / "here" / inside[variable], "a.safetensors")
    assert hub_file(DINO, offline=True).name == "a.safetensors"


def fake_hub(monkeypatch, cache: Path, names: list[str]) -> list:
    """A huggingface_hub with these files; returns the log of what it was asked for."""
    asked = []

    def list_repo_files(repo, revision):
        asked.append(("list", repo, revision))
        return names

    def hf_hub_download(repo, name, revision):
        asked.append(("get", repo, name, revision))
        return str(cached(cache, name, repo=repo) / name)

    module = types.SimpleNamespace(list_repo_files=list_repo_files, hf_hub_download=hf_hub_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_the_network_is_asked_once_and_for_safetensors_first(cache, monkeypatch):
    asked = fake_hub(monkeypatch, cache, ["README.md", "dino_vitbase.ckpt", "dino_vitbase.safetensors"])
    for _ in range(2):
        load_encoder(DINO)
    assert asked == [("list", DINO, "main"), ("get", DINO, "dino_vitbase.safetensors", "main")]


@pytest.mark.parametrize(("names", "said"), [(["README.md"], "holds no weights"), (["a.ckpt", "b.ckpt"], "several checkpoints")])
def test_a_repository_without_one_checkpoint_says_so(cache, monkeypatch, names, said):
    fake_hub(monkeypatch, cache, names)
    with pytest.raises(ArgumentError, match=said):
        hub_file("someone/else")


def test_offline_never_asks(cache, monkeypatch):
    asked = fake_hub(monkeypatch, cache, ["a.safetensors"])
    with pytest.raises(SimtouchError, match="is not in the cache"):
        load_encoder(DINO, offline=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SimtouchError, match="must not be asked"):
        load_encoder(DINO)
    assert asked == []


def test_a_hub_that_fails_is_one_sentence(monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route\nto host")

    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(list_repo_files=fail))
    with pytest.raises(
        SimtouchError, match="neither a folder here nor in the cache, and the hub did not give it: no route to host"
    ):
        load_encoder(DINO)


def test_the_installed_hub_package_has_the_two_functions():
    """The fakes above stand for them."""
    import inspect

    hub = pytest.importorskip("huggingface_hub")
    inspect.signature(hub.list_repo_files).bind("a/b", revision="main")
    inspect.signature(hub.hf_hub_download).bind("a/b", "c", revision="main")


@pytest.mark.usefixtures("no_network")
def test_without_the_package_its_extra_is_named():
    with pytest.raises(MissingExtraError, match=r"huggingface_hub: pip install 'simtouch\[train\]'"):
        load_encoder(DINO)


def test_published_names_are_known_and_near_misses_are_helped():
    assert len(SPARSH_IDS) == 9
    assert "facebook/sparsh-dinov2-small" not in SPARSH_IDS
    with pytest.raises(ArgumentError, match="Did you mean `facebook/sparsh-dino-base`"):
        load_encoder("facebook/sparsh-dino-bsae")
    with pytest.raises(ArgumentError, match="a decoder of force fields, no encoder"):
        load_encoder("facebook/sparsh-digit-forcefield-decoder")


def test_ids_and_paths_are_told_apart():
    assert is_hub_id("facebook/sparsh-dino-base")
    assert is_hub_id("a/b@main")
    for path in ("runs/encoder.safetensors", "/abs/path", "a/b/c", "name", "./a/b", "w.ckpt"):
        assert not is_hub_id(path), path


def test_a_folder_that_is_missed_among_others_is_no_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = fake_hub(monkeypatch, tmp_path, ["a.safetensors"])
    (tmp_path / "runs" / "mae").mkdir(parents=True)
    with pytest.raises(ArgumentError, match="there is no `runs/mea`"):
        load_encoder("runs/mea")
    assert asked == []


def test_a_folder_here_wins_over_an_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = small_encoder(seed=3)
    save_encoder(tmp_path / "facebook" / "sparsh-dino-base", encoder)
    assert torch.equal(load_encoder(DINO).norm.weight, encoder.norm.weight)
