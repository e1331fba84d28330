"""The encoder in half precision, under autocast and through the compiler, and the shapes a config refuses."""

from dataclasses import replace

import pytest
import torch

from simtouch._checks import ArgumentError
from simtouch.models import EncoderConfig, VisionTransformer

SMALL = {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8, "image_size": (40, 24)}
CONFIGS = {
    "pair": EncoderConfig(**SMALL),
    "learned": EncoderConfig(**SMALL, positions="learned", num_registers=0, layer_scale=None),
    "video": EncoderConfig(**SMALL, channels=3, num_frames=4),
    "depth left out": EncoderConfig(**SMALL, drop_path=0.3),
}


def encoder_and_windows(config: EncoderConfig, batch: int = 2) -> tuple[VisionTransformer, torch.Tensor]:
    torch.manual_seed(0)
    return VisionTransformer(config), torch.rand(batch, *config.window_shape)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_half_precision_is_near_single(config):
    encoder, x = encoder_and_windows(config)
    with torch.no_grad():
        want = encoder.eval()(x)
        found = encoder.to(torch.bfloat16)(x)
    assert found.dtype == torch.bfloat16
    assert (found - want).abs().max() < 0.1
    assert (found - want).square().mean().sqrt() < 0.02 * want.square().mean().sqrt()


def test_autocast_sums_along_the_depth_in_single_precision_and_gives_gradients():
    encoder, x = encoder_and_windows(CONFIGS["pair"])
    want = torch.autograd.grad(encoder(x).square().sum(), encoder.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        tokens = encoder.features(x)
    assert tokens.before_norm.dtype == torch.float32
    found = torch.autograd.grad(tokens.patches.float().square().sum(), encoder.parameters())
    for (name, _), ours, theirs in zip(encoder.named_parameters(), found, want, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() <= 0.05 * theirs.norm() + 1e-6, name


def test_layer_scale_of_dinov2_survives_autocast():
    """1e-5 times a weight: its branch is tiny, not zero, and its gradient is that of single precision."""
    encoder, x = encoder_and_windows(EncoderConfig(**SMALL, layer_scale=1e-5))
    want = torch.autograd.grad(encoder(x)[..., 0].sum(), encoder.blocks[0].ls2.gamma)[0]
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.autograd.grad(encoder(x)[..., 0].float().sum(), encoder.blocks[0].ls2.gamma)[0]
    assert want.norm() > 0
    assert (found - want).norm() < 0.05 * want.norm()


@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", ["depth left out", *(pytest.param(name, marks=pytest.mark.slow) for name in ("pair", "learned", "video"))]
)
def test_it_compiles_in_one_piece(name, backend):
    """Forward, masked forward, and in training with the numbers of stochastic depth; with gradients."""
    torch.compiler.reset()
    config = replace(CONFIGS[name], depth=1)
    encoder, x = encoder_and_windows(config)
    masks = [torch.tensor([[0, 3, 1], [2, 4, 5]])]
    chance = torch.rand(config.depth, 2, 2)

    def loss(x, masks=None):
        tokens = encoder.features(x, masks, chance=chance)
        return tokens.patches.square().sum() + tokens.before_norm.mean()

    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    for given in (None, masks):
        want = torch.autograd.grad(loss(x, given), encoder.parameters())
        found = torch.autograd.grad(compiled(x, given), encoder.parameters())
        torch.testing.assert_close(compiled(x, given), loss(x, given))
        for ours, theirs in zip(found, want, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"num_heads": 5}, "multiple of `num_heads`"),
        ({"image_size": (40, 20)}, "multiples of the patch, 8"),
        ({"image_size": (40,)}, "multiples of the patch, 8"),
        ({"image_size": (0, 8)}, "multiples of the patch, 8"),
        ({"num_frames": 3}, "multiple of 2, the tubelet"),
        ({"depth": 0}, "`depth` must be >= 1; got 0"),
        ({"drop_path": 1.0}, "`drop_path` in"),
        ({"num_registers": -1}, "`num_registers` must be >= 0"),
        ({"positions": "rotary"}, "sinusoidal or learned; got 'rotary'"),
    ],
)
def test_shapes_that_cannot_be_are_refused(fields, what):
    with pytest.raises(ArgumentError, match=what):
        EncoderConfig(**{**SMALL, **fields})


def test_a_config_read_from_json_is_the_same():
    assert EncoderConfig(**{**SMALL, "image_size": [40, 24]}) == EncoderConfig(**SMALL)
