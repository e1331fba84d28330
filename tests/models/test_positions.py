"""Codes of places: the published tables, and what must hold for any grid."""

import hashlib
import platform

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models import EncoderConfig, VisionTransformer
from simtouch.models.positions import SinusoidalPositions, resize_positions
from tests.fixtures import sparsh_fixture
from tests.reference.vit import position_table

TABLES = ("base_320x240", "small_320x240", "base_224x224", "base_video_4x320x240", "predictor_192_320x240")
SMALL = {"embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 8}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_published_ones(name):
    notes, arrays = sparsh_fixture("pos_embed_tables")
    want = notes["tables"][name]
    grid = tuple(n // step for n, step in zip(want["size"], want["stride"], strict=True))
    table = SinusoidalPositions(want["embed_dim"], axes=len(grid))(grid)[0].numpy()
    assert list(table.shape) == want["shape"]
    np.testing.assert_allclose(table[arrays[f"{name}_rows"]], arrays[name], rtol=0, atol=2e-6)
    assert table.mean() == pytest.approx(want["mean"], abs=1e-6)
    assert table.std() == pytest.approx(want["std"], abs=1e-6)
    if platform.machine() == "x86_64":  # elsewhere the last bit of a sine may differ
        assert hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest() == want["sha256_float32"]


@pytest.mark.parametrize(("grid", "dim"), [((5, 3), 24), ((5, 3), 22), ((2, 4, 3), 20), ((1, 1, 1), 6), ((7, 1), 5)])
def test_tables_are_those_of_the_twin(grid, dim):
    positions = SinusoidalPositions(dim, axes=len(grid)).double()
    want = position_table(grid, positions.frequency_bands.numpy(), dim)
    np.testing.assert_allclose(positions(grid)[0].numpy(), want, rtol=0, atol=1e-12)


def test_a_larger_grid_keeps_the_codes_of_the_smaller():
    positions = SinusoidalPositions(24)
    small, large = positions((3, 4)).unflatten(1, (3, 4)), positions((9, 7)).unflatten(1, (9, 7))
    assert torch.equal(large[:, :3, :4], small)


def test_a_grid_of_other_axes_is_refused():
    with pytest.raises(ShapeError, match="`grid` must have 2 sides"):
        SinusoidalPositions(24)((2, 3, 4))


def test_half_precision_keeps_its_bands():
    """bfloat16 has 8 bits: a phase of 19 bands would be off by a tenth."""
    encoder = VisionTransformer(EncoderConfig(**SMALL, image_size=(160, 120)))
    x = torch.rand(1, 6, 160, 120)
    want = encoder.position_table(x)
    half = encoder.to(torch.bfloat16)
    assert half.patch_embed.proj.weight.dtype == torch.bfloat16
    assert torch.equal(half.position_table(x), want)
    assert half.embed(x).dtype == torch.bfloat16
    assert half.pos_embed.double().frequency_bands.dtype == torch.float64


def test_new_bands_make_a_new_table():
    positions = SinusoidalPositions(8)
    before = positions((3, 2))
    assert positions((3, 2)) is before
    positions.load_state_dict({"frequency_bands": positions.frequency_bands * 2})
    assert not torch.equal(positions((3, 2)), before)


def test_a_table_that_inference_made_can_be_trained_with():
    encoder = VisionTransformer(EncoderConfig(**SMALL, image_size=(24, 16)))
    x = torch.rand(1, 6, 24, 16)
    with torch.inference_mode():
        encoder(x)
    assert not encoder.position_table(x).is_inference()
    encoder(x).sum().backward()
    assert encoder.patch_embed.proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [(8, 8), (8, 40), (56, 24)])
def test_sinusoidal_positions_take_any_size(size):
    encoder = VisionTransformer(EncoderConfig(**SMALL, image_size=(24, 16)))
    assert encoder(torch.rand(2, 6, *size)).shape == (2, size[0] * size[1] // 64, 16)


@pytest.mark.parametrize("frames", [2, 4, 8])
def test_video_takes_any_number_of_tubelets(frames):
    config = EncoderConfig(**SMALL, image_size=(24, 16), channels=3, num_frames=4)
    assert VisionTransformer(config)(torch.rand(1, 3, frames, 16, 24)).shape == (1, frames // 2 * 6, 16)


def test_learned_positions_are_interpolated_when_asked_for():
    """A table that is smooth along the image: a plane stays that plane away from the rim, and the same size stays the same."""
    rows, columns = torch.meshgrid(torch.arange(10.0), torch.arange(8.0), indexing="ij")
    table = torch.stack([rows, columns, rows + 2 * columns], -1).reshape(1, 80, 3)
    torch.testing.assert_close(resize_positions(table, (10, 8), (10, 8)), table)
    larger = resize_positions(table, (10, 8), (20, 16)).reshape(20, 16, 3)
    want = torch.meshgrid((torch.arange(20) + 0.5) / 2 - 0.5, (torch.arange(16) + 0.5) / 2 - 0.5, indexing="ij")
    torch.testing.assert_close(larger[4:-4, 4:-4, 0], want[0][4:-4, 4:-4])
    torch.testing.assert_close(larger[4:-4, 4:-4, 2], (want[0] + 2 * want[1])[4:-4, 4:-4])


def test_frames_of_a_learned_table_are_interpolated_each_by_itself():
    table = torch.randn(1, 2 * 6, 4)
    found = resize_positions(table, (2, 3, 2), (2, 6, 5))
    assert torch.equal(found[:, :30], resize_positions(table[:, :6], (3, 2), (6, 5)))
    assert torch.equal(found[:, 30:], resize_positions(table[:, 6:], (3, 2), (6, 5)))
    with pytest.raises(ArgumentError, match="along rows and columns only"):
        resize_positions(table, (2, 3, 2), (4, 3, 2))
    with pytest.raises(ShapeError, match="N=6; got"):
        resize_positions(table, (3, 2), (6, 4))


def test_fit_to_changes_a_learned_encoder_for_another_size_and_nothing_else():
    encoder = VisionTransformer(EncoderConfig(**SMALL, image_size=(24, 16), positions="learned"))
    before = {name: value.clone() for name, value in encoder.state_dict().items() if name != "pos_embed"}
    assert encoder.fit_to((48, 40)) is encoder
    assert encoder.config.image_size == (48, 40)
    assert encoder(torch.rand(1, 6, 48, 40)).shape == (1, 30, 16)
    assert all(torch.equal(encoder.state_dict()[name], value) for name, value in before.items())
    sinusoidal = VisionTransformer(EncoderConfig(**SMALL, image_size=(24, 16))).fit_to((8, 16))
    assert sinusoidal.config.grid == (1, 2)
    with pytest.raises(ArgumentError, match="multiples of the patch"):
        encoder.fit_to((20, 16))
