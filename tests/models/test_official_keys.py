"""Our encoders have the very keys, shapes and numbers of parameters of the published ones."""

import json

import pytest
import torch

from simtouch.models import SIZES, EncoderConfig, VisionTransformer

# Registers, positions and frames by name in the fixture; the width is in the name too.
OFFICIAL = {
    "mae_vitbase": {"num_registers": 0},
    "dino_vitbase": {},
    "dinov2_vitbase": {"layer_scale": 1e-5},
    "ijepa_vitbase_reg1": {},
    "ijepa_vitbase_reg0_asconfig": {"num_registers": 0},
    "vjepa_vitbase_reg1_sin": {"num_frames": 4, "channels": 3},
    "vjepa_vitbase_reg0_learned_asconfig": {"num_frames": 4, "channels": 3, "num_registers": 0, "positions": "learned"},
    "mae_vitsmall": {"num_registers": 0},
    "dino_vitsmall": {},
    "ijepa_vitsmall_reg1": {},
    "vjepa_vitsmall_reg1_sin": {"num_frames": 4, "channels": 3},
}


def on_meta(size: str, **fields) -> VisionTransformer:
    """No memory, no arithmetic: shapes only."""
    with torch.device("meta"):
        return VisionTransformer(EncoderConfig(**SIZES[size], **fields))


@pytest.fixture(scope="module")
def official(sparsh_fixtures) -> dict:
    return json.loads((sparsh_fixtures / "official_keys.json").read_text())


@pytest.mark.parametrize("name", OFFICIAL)
def test_keys_and_shapes_are_the_published_ones(official, name):
    encoder = on_meta("small" if "small" in name else "base", **OFFICIAL[name])
    ours = [(key, list(value.shape)) for key, value in encoder.state_dict().items()]
    assert sorted(ours) == sorted(official[name]["keys"].items())
    assert sum(p.numel() for p in encoder.parameters()) == official[name]["n_params"]


def test_every_published_encoder_is_compared(official):
    assert {name for name in official if not name.startswith("probe_")} == set(OFFICIAL)


@pytest.mark.parametrize(
    ("size", "count"), [("tiny", 5_638_656), ("small", 21_894_144), ("base", 86_255_616), ("large", 303_935_488)]
)
def test_sizes_have_the_published_numbers_of_parameters(size, count):
    encoder = on_meta(size)
    assert sum(p.numel() for p in encoder.parameters()) == count
    assert len(encoder.state_dict()) == 14 * encoder.config.depth + 6
