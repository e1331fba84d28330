"""The encoder against its NumPy twin, and laws that hold for any weights."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models import EncoderConfig, VisionTransformer
from simtouch.models.blocks import Block, scaled_linear
from simtouch.models.vit import keep
from tests.reference import vit as twin

PAIR = EncoderConfig(embed_dim=24, depth=2, num_heads=2, patch_size=8, image_size=(40, 24))
LEARNED = EncoderConfig(
    embed_dim=20, depth=2, num_heads=4, patch_size=8, image_size=(24, 16), num_registers=0, positions="learned", layer_scale=None
)
VIDEO = EncoderConfig(embed_dim=28, depth=2, num_heads=2, patch_size=8, image_size=(24, 16), channels=3, num_frames=4)
KINDS = {"pair": PAIR, "learned": LEARNED, "video": VIDEO}


def encoder_of(config: EncoderConfig, seed: int = 0) -> VisionTransformer:
    """With every weight random, LayerScale, norms and biases among them: nothing that is multiplied by 1 or 0 hides."""
    torch.manual_seed(seed)
    encoder = VisionTransformer(config)
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            base = 1.0 if "norm" in name and "weight" in name else 0.0
            weight.copy_(base + torch.randn_like(weight) * (0.5 if weight.ndim < 3 and "weight" not in name else 0.15))
    return encoder.eval()


def windows_of(config: EncoderConfig, batch: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.rand(batch, *config.window_shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_it_is_what_its_twin_in_numpy_says(config):
    encoder, x = encoder_of(config).double(), windows_of(config).double()
    weights = {name: value.numpy() for name, value in encoder.state_dict().items()}
    with torch.no_grad():
        tokens, first = encoder.features(x), encoder.embed(x)
        blocks = encoder.intermediate(x, [0, 1])
    R = config.num_registers
    for b, window in enumerate(x.numpy()):
        want = twin.encode(weights, window, heads=config.num_heads)
        found = [first[b], blocks[0][b], blocks[1][b], torch.cat([tokens.registers[b], tokens.patches[b]])]
        for ours, theirs in zip(found, want, strict=True):
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-11)
        assert tokens.patches.shape[1] == len(want[-1]) - R
        assert torch.equal(tokens.before_norm, blocks[1])


@pytest.mark.parametrize("count", [2, 13], ids=["few", "more than there are"])
@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_a_mask_is_an_encoder_that_never_had_the_other_patches(config, count):
    """Whether the kept patches are fewer than all (cut out before they are mapped) or, in all masks, more (after)."""
    encoder, x = encoder_of(config).double(), windows_of(config, batch=2).double()
    weights = {name: value.numpy() for name, value in encoder.state_dict().items()}
    number = int(np.prod(config.grid))
    rng = torch.Generator().manual_seed(2)
    masks = [torch.stack([torch.randperm(number, generator=rng)[:2] for _ in x]) for _ in range(count)]
    with torch.no_grad():
        found = encoder(x, masks)
    assert found.shape == (2 * count, 2, config.embed_dim)
    for m, mask in enumerate(masks):
        for b in range(2):
            want = twin.encode(weights, x[b].numpy(), heads=config.num_heads, kept=mask[b].numpy())[-1]
            np.testing.assert_allclose(found[2 * m + b].numpy(), want[config.num_registers :], rtol=0, atol=1e-11)


def test_masks_of_all_patches_in_another_order_permute_the_output():
    encoder, x = encoder_of(PAIR), windows_of(PAIR)
    order = torch.stack([torch.randperm(15, generator=torch.Generator().manual_seed(k)) for k in range(3)])
    with torch.no_grad():
        torch.testing.assert_close(encoder(x, [order]), keep(encoder(x), order), rtol=0, atol=1e-5)


def test_without_its_code_a_patch_does_not_know_its_place():
    """Swapped patches give swapped features when codes are zero, and other features when they are not."""
    encoder, x = encoder_of(PAIR), windows_of(PAIR)
    swapped = torch.cat([x[:, :, 16:24], x[:, :, 8:16], x[:, :, :8], x[:, :, 24:]], 2)
    order = torch.arange(15).reshape(5, 3)[[2, 1, 0, 3, 4]].flatten()
    with torch.no_grad():
        assert (encoder(swapped) - encoder(x)[:, order]).abs().max() > 0.01
        encoder.position_table = lambda x: torch.zeros(1, 15, PAIR.embed_dim)
        torch.testing.assert_close(encoder(swapped), encoder(x)[:, order], rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", [PAIR, VIDEO], ids=["pair", "video"])
def test_with_an_input_gain_no_change_begins_as_nothing_and_change_as_so_much_more(config):
    torch.manual_seed(0)
    plain = VisionTransformer(config).patch_embed
    torch.manual_seed(0)
    keen = VisionTransformer(dataclasses.replace(config, input_gain=12.0)).patch_embed
    still, windows = torch.full((1, *config.window_shape), 127 / 255), windows_of(config)
    torch.testing.assert_close(keen(still), torch.zeros_like(keen(still)), atol=1e-5, rtol=0)
    torch.testing.assert_close(keen(windows), 12.0 * (plain(windows) - plain(still)), atol=1e-4, rtol=1e-4)


def test_windows_of_a_batch_do_not_meet():
    encoder, x = encoder_of(PAIR), windows_of(PAIR)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x)[1:2], encoder(x[1:2]), rtol=0, atol=1e-5)


def test_pooled_is_the_mean_of_the_patches_without_registers():
    encoder, x = encoder_of(PAIR), windows_of(PAIR)
    with torch.no_grad():
        torch.testing.assert_close(encoder.pooled(x), encoder.features(x).patches.mean(1))


def test_intermediate_gives_blocks_in_the_order_asked_for():
    encoder, x = encoder_of(PAIR), windows_of(PAIR)
    with torch.no_grad():
        last, first = encoder.intermediate(x, [-1, 0])
        (normed,) = encoder.intermediate(x, [-1], norm=True)
        assert encoder.intermediate(x, []) == []
        assert torch.equal(last, encoder.features(x).before_norm)
        assert torch.equal(first, encoder.blocks[0](encoder.embed(x)))
        assert torch.equal(normed[:, 1:], encoder(x))
    with pytest.raises(ArgumentError, match=r"`blocks` must be in \[-2, 1\]; got 2"):
        encoder.intermediate(x, [0, 2])


@pytest.mark.parametrize("tokens", [2, 40], ids=["few tokens", "many tokens"])
def test_a_scaled_linear_map_and_its_gradients_do_not_depend_on_where_the_factor_goes(tokens):
    torch.manual_seed(0)
    linear, scale = torch.nn.Linear(8, 6).double(), torch.randn(6, dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, tokens, 8, dtype=torch.float64, requires_grad=True)
    inputs, out = [x, scale, *linear.parameters()], torch.randn(2, tokens, 6, dtype=torch.float64)
    found = torch.autograd.grad(scaled_linear(linear, x, scale), inputs, out)
    want = torch.autograd.grad(linear(x) * scale, inputs, out)
    torch.testing.assert_close(scaled_linear(linear, x, scale), linear(x) * scale)
    for ours, theirs in zip(found, want, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_what_stands_in_for_a_linear_map_is_called():
    """An adapter around `fc2` must not be passed by."""
    block, x = Block(8, 2), torch.randn(2, 40, 8)
    before = block(x)
    block.mlp.fc2 = torch.nn.Sequential(block.mlp.fc2, torch.nn.ReLU())
    assert not torch.allclose(block(x), before)


def test_attention_weights_are_those_of_the_forward_pass():
    attention = encoder_of(PAIR).blocks[0].attn
    x = torch.randn(2, 9, 24)
    with torch.no_grad():
        weights = attention.weights(x)
        v = attention.qkv(x)[..., 48:].unflatten(-1, (2, 12)).transpose(1, 2)
        torch.testing.assert_close(attention.proj((weights @ v).transpose(1, 2).flatten(2)), attention(x))
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 9))


def test_stochastic_depth_leaves_out_by_the_given_numbers_and_keeps_the_mean():
    torch.manual_seed(0)
    block, plain, x = Block(8, 2, drop_path=0.25), Block(8, 2), torch.randn(1, 5, 8).repeat(4, 1, 1)
    plain.load_state_dict(block.state_dict())
    with torch.no_grad():
        chance = torch.tensor([[0.0, 0.24, 0.25, 0.99], [0.0, 0.0, 0.0, 0.0]])
        after = block(x, chance)
        assert torch.equal(after[0], x[0])  # both branches left out
        assert torch.equal(after[0], after[1])
        assert torch.equal(after[2], after[3])
        assert not torch.allclose(after[2], x[2])
        # One branch, many draws: the mean is the block without stochastic depth.
        x = x[:1].repeat(4000, 1, 1)
        plain.mlp, block.mlp = (torch.nn.Module() for _ in range(2))
        plain.mlp.forward = block.mlp.forward = lambda x, scale: torch.zeros_like(x)
        change = (block(x) - x).mean(0)
        want = (plain(x) - x)[0]
        assert (change - want).abs().max() < 4 * want.abs().max() * (0.25 / 0.75 / 4000) ** 0.5
        block.eval()
        assert torch.equal(block(x), plain(x))


def test_chance_is_one_row_for_each_block_and_branch():
    config = EncoderConfig(embed_dim=24, depth=2, num_heads=2, patch_size=8, image_size=(40, 24), drop_path=0.5)
    encoder, x = encoder_of(config).train(), windows_of(config)
    with torch.no_grad():
        tokens = encoder.features(x, chance=torch.zeros(2, 2, 3)).before_norm
        assert torch.equal(tokens, encoder.embed(x))
        again = [encoder(x, chance=torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(s))) for s in (0, 0, 1)]
    assert torch.equal(again[0], again[1])
    assert not torch.allclose(again[0], again[2])


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_copies_and_pickles_are_the_same_network_and_carry_no_table(config):
    encoder, x = encoder_of(config), windows_of(config)
    with torch.no_grad():
        want = encoder(x)
        for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
            assert list(other.state_dict()) == list(encoder.state_dict())
            assert torch.equal(other(x), want)
    fresh = len(pickle.dumps(encoder_of(config)))
    assert len(pickle.dumps(encoder)) == fresh


@pytest.mark.parametrize(
    ("config", "shape", "what"),
    [
        (PAIR, (2, 3, 40, 24), r"`x` must have shape \(B, C, H, W\), C=6; got \(2, 3, 40, 24\)"),
        (PAIR, (6, 40, 24), r"`x` must have shape \(B, C, H, W\)"),
        (PAIR, (2, 6, 44, 24), "multiples of the patch, 8; got H=44, W=24"),
        (PAIR, (2, 6, 0, 24), "multiples of the patch"),
        (VIDEO, (2, 3, 24, 16), r"`x` must have shape \(B, C, T, H, W\), C=3"),
        (VIDEO, (2, 3, 3, 24, 16), "multiple of 2 frames, the tubelet; got T=3"),
        (LEARNED, (2, 6, 32, 16), r"\(B, 6, 24, 16\), for which the positions were learned"),
    ],
)
def test_windows_that_do_not_fit_are_one_sentence(config, shape, what):
    with pytest.raises(ShapeError, match=what):
        encoder_of(config)(torch.zeros(shape))


def test_bytes_are_refused_and_masks_are_checked():
    encoder, x = encoder_of(PAIR), windows_of(PAIR)
    with pytest.raises(ArgumentError, match="floating-point numbers in"):
        encoder((x * 255).to(torch.uint8))
    for masks in ([], [torch.zeros(3, dtype=torch.int64)], [torch.zeros(2, 4, dtype=torch.int64)]):
        with pytest.raises(ShapeError, match="`masks` must be one or more tensors"):
            encoder(x, masks)
    with pytest.raises(ShapeError, match="all of one K"):
        encoder(x, [torch.zeros(3, 4, dtype=torch.int64), torch.zeros(3, 5, dtype=torch.int64)])
