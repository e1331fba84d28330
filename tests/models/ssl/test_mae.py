"""MAE: the published values, and what holds for any masked autoencoder."""

import numpy as np
import pytest
import torch
from torch import nn

from simtouch._checks import ArgumentError
from simtouch.models.ssl.mae import MaeConfig, MaskedAutoencoder, patch_statistics, patchify, unpatchify
from simtouch.models.ssl.objective import Place
from simtouch.models.vit import EncoderConfig
from tests.fixtures import sparsh_fixture
from tests.models.sparsh_weights import fixture_weights

ENCODER = EncoderConfig(embed_dim=48, depth=2, num_heads=3, patch_size=8, image_size=(48, 32), num_registers=0)
DECODER = {"decoder_dim": 32, "decoder_depth": 2, "decoder_heads": 4}


def small(**changes) -> MaskedAutoencoder:
    torch.manual_seed(0)
    return MaskedAutoencoder(ENCODER, MaeConfig(**DECODER, **changes))


@pytest.mark.parametrize("normalise", [False, True])
def test_values_are_the_published_ones(normalise: bool):
    notes, arrays = sparsh_fixture("alg_mae")
    mae = small(normalise_patches=normalise)
    mae.load_state_dict(fixture_weights("alg_mae"))
    torch.manual_seed(123)
    images, draws = torch.from_numpy(arrays["x"]), {"noise": torch.rand(2, 24)}
    predicted, ranks, kept = mae.predict(images, draws)
    np.testing.assert_array_equal(ranks, arrays["ids_restore"])
    np.testing.assert_array_equal((ranks >= kept).float(), arrays["mask"])
    latent = mae.encoder(images, [torch.from_numpy(arrays["ids_keep"])])
    np.testing.assert_allclose(latent.detach(), arrays["latent"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(predicted.detach(), arrays["pred"], atol=1e-5, rtol=1e-5)
    loss = mae(images, draws)["loss"].item()
    assert loss == pytest.approx(notes[f"loss_norm_pix_{'true' if normalise else 'false'}"], abs=1e-5)


def test_patches_are_laid_out_as_published():
    _, arrays = sparsh_fixture("alg_mae")
    np.testing.assert_array_equal(patchify(torch.from_numpy(arrays["x"]), 8), arrays["target"])


def test_patches_run_along_rows_columns_channels_and_come_back():
    images = torch.rand(2, 6, 24, 16)
    patches = patchify(images, 8)
    assert patches.shape == (2, 6, 384)
    # Patch 3 is in row 1, column 1; pixel (2, 5), channel 4 of it.
    assert patches[1, 3, (2 * 8 + 5) * 6 + 4] == images[1, 4, 8 + 2, 8 + 5]
    assert torch.equal(unpatchify(patches, 8, (3, 2)), images)


class Knows(nn.Module):
    """A decoder that knows the answer."""

    def __init__(self, answer: torch.Tensor):
        super().__init__()
        self.answer = answer

    def forward(self, tokens, ranks, grid):
        return self.answer


@pytest.mark.parametrize(("normalise", "gain"), [(False, None), (True, None), (False, 16.0)])
def test_a_decoder_that_knows_has_no_loss_and_paints_the_image(normalise: bool, gain: float | None):
    mae = small(normalise_patches=normalise, pixel_gain=gain)
    images = torch.rand(3, 6, 48, 32)
    answer = patchify(images, 8)
    if normalise:
        mean, deviation = patch_statistics(answer)
        answer = (answer - mean) / deviation
    if gain is not None:
        answer = (answer - 127 / 255) / (1 / gain)
    mae.decoder = Knows(answer)  # pyright: ignore[reportAttributeAccessIssue]
    draws = mae.draw(Place(seed=0, step=0, batch_size=3))
    assert mae(images, draws)["loss"] == 0
    painted, hidden = mae.reconstruct(images, draws)
    torch.testing.assert_close(painted, images, atol=1e-6, rtol=1e-5)
    assert hidden.float().mean() == 0.75


def test_only_hidden_patches_count():
    mae = small()
    images = torch.rand(3, 6, 48, 32)
    draws = mae.draw(Place(seed=0, step=0, batch_size=3))
    answer = patchify(images, 8)
    _, ranks, kept = mae.predict(images, draws)
    seen = (ranks < kept)[:, :, None]
    mae.decoder = Knows(answer + 100.0 * seen)  # pyright: ignore[reportAttributeAccessIssue]
    assert mae(images, draws)["loss"] == 0
    mae.decoder = Knows(answer + 2.0 * ~seen)  # pyright: ignore[reportAttributeAccessIssue]
    assert mae(images, draws)["loss"] == pytest.approx(4.0, rel=1e-5)


def test_a_reconstruction_shows_what_was_seen_as_it_is():
    mae = small()
    images = torch.rand(3, 6, 48, 32)
    painted, hidden = mae.reconstruct(images, mae.draw(Place(seed=0, step=0, batch_size=3)))
    assert painted.shape == images.shape
    assert hidden.shape == (3, 48, 32)
    shown = ~hidden[:, None].expand_as(images)
    assert torch.equal(painted[shown], images[shown])
    assert not torch.allclose(painted[~shown], images[~shown], atol=0.05)


def test_the_encoder_cannot_see_hidden_patches():
    mae = small()
    images = torch.rand(3, 6, 48, 32)
    draws = mae.draw(Place(seed=0, step=0, batch_size=3))
    _, hidden = mae.reconstruct(images, draws)
    other = torch.where(hidden[:, None], torch.rand_like(images), images)
    assert torch.equal(mae.predict(images, draws)[0], mae.predict(other, draws)[0])


def test_sinusoidal_places_take_any_image_size_and_learned_ones_do_not():
    images = torch.rand(2, 6, 64, 80)
    noise = {"noise": torch.rand(2, 80)}
    assert small(decoder_positions="sinusoidal")(images, noise)["loss"].isfinite()
    with pytest.raises(RuntimeError, match="size"):
        small()(images, noise)


def test_video_is_refused():
    with pytest.raises(ArgumentError, match="num_frames=1"):
        MaskedAutoencoder(EncoderConfig(channels=3, num_frames=4))
