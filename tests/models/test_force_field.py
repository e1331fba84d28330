"""The force-field decoder: the published values and keys, and the shapes it takes and gives."""

import pytest
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models import EncoderConfig, VisionTransformer
from simtouch.models.force_field import ForceFieldDecoder
from tests.fixtures import sparsh_fixture
from tests.models.sparsh_weights import fixture_weights, official_keys


@torch.no_grad()
def test_the_decoder_gives_the_published_maps():
    """The shear is of +-20: within 1e-5 of that, and of its own value."""
    _, arrays = sparsh_fixture("probe_forcefield_dpt")
    decoder = ForceFieldDecoder(48, grid=(4, 4), width=16, hooks=(0, 1, 2, 3))
    decoder.load_state_dict(fixture_weights("probe_forcefield_dpt"), strict=True)
    normal, shear = decoder([torch.from_numpy(arrays[f"t{i}"]) for i in range(4)])
    torch.testing.assert_close(normal, torch.from_numpy(arrays["normal"]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(shear / 20, torch.from_numpy(arrays["shear"]) / 20, atol=1e-5, rtol=1e-5)


def test_the_base_decoder_has_the_published_keys_and_count():
    keys, count = official_keys("probe_forcefield_base")
    with torch.device("meta"):
        decoder = ForceFieldDecoder(768)
    assert {f"model_task.{key}": list(value.shape) for key, value in decoder.state_dict().items()} == keys
    assert sum(p.numel() for p in decoder.parameters()) == count


@torch.no_grad()
def test_a_field_is_as_large_as_the_image_it_was_read_from():
    torch.manual_seed(0)
    config = EncoderConfig(embed_dim=16, depth=4, num_heads=2, image_size=(64, 32), num_registers=2)
    encoder, decoder = VisionTransformer(config), ForceFieldDecoder(16, grid=config.grid, width=8, hooks=(0, 1, 2, 3))
    normal, shear = decoder(encoder.intermediate(torch.rand(2, 6, 64, 32), decoder.hooks))
    assert normal.shape == (2, 1, 64, 32)
    assert shear.shape == (2, 2, 64, 32)
    assert ((normal > 0) & (normal < 1)).all()
    assert shear.abs().max() < 20


def test_registers_say_nothing_to_the_field():
    torch.manual_seed(0)
    decoder = ForceFieldDecoder(16, grid=(2, 2), width=8)
    tokens = [torch.randn(1, 6, 16) for _ in range(4)]
    others = [torch.cat([torch.randn(1, 2, 16), t[:, 2:]], 1) for t in tokens]
    for found, again in zip(decoder(tokens), decoder(others), strict=True):
        torch.testing.assert_close(found, again)


def test_a_grid_with_an_odd_side_is_refused():
    with pytest.raises(ArgumentError, match=r"even numbers.*got \(20, 15\)"):
        ForceFieldDecoder(16, grid=(20, 15))


def test_tokens_of_too_few_patches_are_refused():
    with pytest.raises(ShapeError, match="N >= 196"):
        ForceFieldDecoder(16)([torch.zeros(1, 100, 16)] * 4)
