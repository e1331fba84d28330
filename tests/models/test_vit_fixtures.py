"""The encoder gives what the published one gave, with seeded weights, to 1e-5."""

import pytest
import torch
from safetensors.torch import load_file

from simtouch.models import EncoderConfig, VisionTransformer
from tests.fixtures import sparsh_fixture

IMAGES = ("mae", "dino", "dinov2", "ijepa", "learned")
IMAGE_NAMES = [f"enc_image_{name}" for name in IMAGES]
VIDEO_NAMES = ["enc_video_vjepa", "enc_video_vjepa_learned"]


def of(names: list[str]):
    return pytest.mark.parametrize("case", names, indirect=True)


def close(found: torch.Tensor, want: torch.Tensor) -> None:
    assert found.shape == want.shape
    torch.testing.assert_close(found, want, rtol=1e-5, atol=1e-5)


@pytest.fixture
def case(request, sparsh_fixtures):
    """The encoder in eval mode with the fixture's weights, and the fixture's arrays."""
    notes, arrays = sparsh_fixture(request.param)
    k = notes["kwargs"]
    config = EncoderConfig(
        embed_dim=k["embed_dim"],
        depth=k["depth"],
        num_heads=k["num_heads"],
        mlp_ratio=k["mlp_ratio"],
        patch_size=k["patch_size"],
        image_size=k["img_size"],
        channels=k["in_chans"],
        num_frames=k.get("num_frames", 1),
        num_registers=k["num_register_tokens"],
        positions=k["pos_embed_fn"],
        layer_scale=k.get("init_values", 1.0) or None,
        drop_path=k.get("drop_path_rate", 0.0),
    )
    encoder = VisionTransformer(config)
    weights = load_file(sparsh_fixtures / f"{request.param}.safetensors")
    assert {name: w.shape for name, w in encoder.state_dict().items()} == {name: w.shape for name, w in weights.items()}
    assert len(weights) == notes["n_keys"]
    encoder.load_state_dict(weights)
    return encoder.eval(), {name: torch.from_numpy(array) for name, array in arrays.items()}


@of(IMAGE_NAMES + VIDEO_NAMES)
@torch.no_grad()
def test_tokens_of_patches_and_registers_agree_before_and_after_the_norm(case):
    encoder, want = case
    tokens = encoder.features(want["x"])
    close(encoder(want["x"]), want["patch_tokens"])
    close(tokens.patches, want.get("x_norm_patchtokens", want["patch_tokens"]))
    close(tokens.registers, want["x_norm_regtokens"])
    close(tokens.before_norm, want["x_prenorm"])


@of(IMAGE_NAMES)
@torch.no_grad()
def test_every_block_agrees(case):
    encoder, want = case
    for i, block in enumerate(encoder.intermediate(want["x"], range(len(encoder.blocks)))):
        close(block, want[f"block_{i}"])


@of(IMAGE_NAMES + VIDEO_NAMES)
@torch.no_grad()
def test_masked_windows_agree_mask_by_mask(case):
    encoder, want = case
    close(encoder(want["x"], [want["mask_keep"]]), want["masked_tokens"])
    if "mask_keep2" in want:
        close(encoder(want["x"], [want["mask_keep"], want["mask_keep2"]]), want["masked_tokens_two"])


@of(VIDEO_NAMES)
@torch.no_grad()
def test_codes_of_video_patches_agree(case):
    encoder, want = case
    close(encoder.position_table(want["x"]).reshape(want["pos_embed"].shape), want["pos_embed"])


@of([name for name in IMAGE_NAMES + VIDEO_NAMES if "learned" not in name])
@torch.no_grad()
def test_bands_agree_to_the_bit(case):
    """So a network of ours that is trained anew carries the very numbers of theirs."""
    encoder, _ = case
    fresh = VisionTransformer(encoder.config)
    assert torch.equal(fresh.pos_embed.frequency_bands, encoder.pos_embed.frequency_bands)
