"""Seeded weights and lists of keys of the published models; tests that need them skip without."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.fixtures import ROOT


def fixture_weights(name: str) -> dict[str, torch.Tensor]:
    """The weights of a fixture."""
    return load_file(_file(f"{name}.safetensors"))


def official_keys(name: str) -> tuple[dict[str, list[int]], int]:
    """(shape of each key, number of parameters) of a published model."""
    told = json.loads(_file("official_keys.json").read_text())[name]
    return told["keys"], told["n_params"]


def _file(name: str) -> Path:
    path = Path(os.environ.get("SIMTOUCH_FIXTURES", ROOT.parent / "shared" / "fixtures" / "sparsh")) / name
    if not path.is_file():
        pytest.skip(f"no fixture `{name}` here")
    return path
