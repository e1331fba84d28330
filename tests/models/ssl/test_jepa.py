"""I-JEPA and V-JEPA: the published values, and what holds for any network that guesses features."""

import numpy as np
import pytest
import torch
from torch import nn

from simtouch._checks import ArgumentError
from simtouch.models.ssl.ijepa import Ijepa, IjepaConfig
from simtouch.models.ssl.objective import Clock, Place
from simtouch.models.ssl.predictor import normalised
from simtouch.models.ssl.vjepa import Vjepa, VjepaConfig
from simtouch.models.vit import EncoderConfig, keep
from tests.fixtures import sparsh_fixture
from tests.models.sparsh_weights import fixture_weights

IMAGE = EncoderConfig(embed_dim=48, depth=2, num_heads=3, patch_size=8, image_size=(48, 32), num_registers=0)
VIDEO = EncoderConfig(
    embed_dim=48, depth=2, num_heads=3, patch_size=8, image_size=(32, 24), channels=3, num_frames=4, num_registers=0
)
PREDICTOR = {"predictor_dim": 24, "predictor_depth": 2, "predictor_heads": 2}
CLOCK = Clock(step=0, steps_per_epoch=10, epochs=2)


def ijepa(**changes) -> Ijepa:
    torch.manual_seed(0)
    return Ijepa(IMAGE, IjepaConfig(**PREDICTOR, **changes))


def vjepa(**changes) -> Vjepa:
    torch.manual_seed(0)
    return Vjepa(VIDEO, VjepaConfig(**PREDICTOR, **changes))


def windows(jepa, count: int = 3) -> torch.Tensor:
    return torch.rand(count, *jepa.encoder.config.window_shape)


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_values_of_ijepa_are_the_published_ones():
    notes, arrays = sparsh_fixture("alg_ijepa")
    jepa, values = ijepa(), tensors(arrays)
    jepa.load_state_dict(fixture_weights("alg_ijepa"))
    context = values["encoder_mask_0"]
    draws = {"context": context, "targets": torch.stack([values[f"predictor_mask_{k}"] for k in range(4)], 1)}
    tokens = jepa.context_encoder(values["x"], [context])
    torch.testing.assert_close(tokens, values["context_tokens"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(jepa.predict(values["x"], draws), values["prediction"], atol=1e-5, rtol=1e-5)
    assert jepa(values["x"], draws)["loss"].item() == pytest.approx(notes["loss"], abs=1e-5)


def test_values_of_vjepa_are_the_published_ones():
    notes, arrays = sparsh_fixture("alg_vjepa")
    jepa, values = vjepa(), tensors(arrays)
    jepa.load_state_dict(fixture_weights("alg_vjepa"))
    draws = {f"context_{s}": values[f"enc_mask_{s}"] for s in (0, 1)} | {f"targets_{s}": values[f"pred_mask_{s}"] for s in (0, 1)}
    truth = normalised(jepa.encoder(values["x"]))
    for s, guessed in enumerate(jepa.predict(values["x"], draws)):
        torch.testing.assert_close(guessed, values[f"pred_{s}"], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(keep(truth, draws[f"targets_{s}"]), values[f"target_{s}"], atol=1e-5, rtol=1e-5)
    assert jepa(values["x"], draws)["loss"].item() == pytest.approx(notes["loss_jepa"], abs=1e-5)


def test_losses_by_element_are_the_published_ones():
    notes, arrays = sparsh_fixture("losses")
    guessed, truth = (torch.from_numpy(arrays[name]) for name in ("pred", "target"))
    for beta, name in ((1.0, "smooth_l1_beta1"), (0.02, "smooth_l1_beta0.02_force")):
        loss = nn.functional.smooth_l1_loss(guessed, truth, beta=beta)
        assert loss.item() == pytest.approx(notes["values"][name], abs=1e-5)
    assert (guessed - truth).abs().mean().item() == pytest.approx(notes["values"]["vjepa_l1_loss_exp1"], abs=1e-5)


@pytest.mark.parametrize("make", [ijepa, vjepa])
def test_target_starts_as_the_context_encoder_and_follows_it(make):
    jepa = make(ema_momentum=(0.9, 1.0))
    source = dict(jepa.get_submodule("context_encoder").named_parameters())
    target = dict(jepa.get_submodule("target_encoder").named_parameters())
    assert all(torch.equal(target[name], source[name]) for name in source)
    with torch.no_grad():
        for parameter in source.values():
            parameter += 1.0
    jepa.follow(CLOCK)
    for name in source:
        torch.testing.assert_close(source[name] - target[name], torch.full_like(source[name], 0.9), atol=1e-5, rtol=1e-5)
    jepa.follow(Clock(step=20, steps_per_epoch=10, epochs=2))  # a momentum of 1: it stands still
    torch.testing.assert_close(source[name] - target[name], torch.full_like(source[name], 0.9), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", [ijepa, vjepa])
def test_target_is_neither_trained_nor_in_training(make):
    jepa = make().train()
    assert not any(module.training for module in jepa.get_submodule("target_encoder").modules())
    assert jepa.get_submodule("context_encoder").training
    jepa(windows(jepa), jepa.draw(Place(seed=0, step=0, batch_size=3)), CLOCK)["loss"].backward()
    assert all(parameter.grad is None for parameter in jepa.get_submodule("target_encoder").parameters())
    trained = dict(jepa.trained_parameters())
    assert not any(name.startswith("target_encoder") for name in trained)
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in trained.values())


@pytest.mark.parametrize("make", [ijepa, vjepa])
def test_guesses_come_from_the_context_alone(make):
    jepa = make()
    images, draws = windows(jepa), jepa.draw(Place(seed=0, step=0, batch_size=3))
    c, other = jepa.encoder.config, torch.rand_like(windows(jepa))
    seen = draws["context" if make is ijepa else "context_0"]
    shown = torch.zeros(3, np.prod(c.grid), dtype=torch.bool).scatter(1, seen, True).unflatten(1, c.grid)
    for axis, times in zip((-2, -1), (8, 8), strict=True):
        shown = shown.repeat_interleave(times, axis)
    if make is vjepa:
        shown = shown.repeat_interleave(c.tubelet_size, 1)
    other = torch.where(shown[:, None], images, other)
    first, second = (jepa.predict(x, draws) for x in (images, other))
    if make is vjepa:
        first, second = first[0], second[0]
    assert torch.equal(first, second)


@pytest.mark.parametrize("make", [ijepa, vjepa])
def test_published_sampler_is_a_choice(make):
    jepa = make(sampler="published", **({"min_keep": 2} if make is ijepa else {"mask_blocks": (2, 1), "mask_scale": (0.15, 0.5)}))
    draws = jepa.draw(Place(seed=0, step=3, batch_size=3))
    again = jepa.draw(Place(seed=0, step=3, batch_size=3))
    assert all(torch.equal(draws[name], again[name]) for name in draws)
    assert jepa(windows(jepa), draws)["loss"].isfinite()


def test_mask_tokens_are_one_parameter_as_published_and_several_if_wanted():
    shared, distinct = vjepa(), vjepa(shared_mask_token=False)
    assert shared.state_dict().keys() == distinct.state_dict().keys()
    difference = sum(p.numel() for p in distinct.predictor.parameters()) - sum(p.numel() for p in shared.predictor.parameters())
    assert difference == 24
    with torch.no_grad():
        shared.predictor["backbone"].mask_token[0].fill_(7.0)  # pyright: ignore[reportIndexIssue]
    assert (shared.state_dict()["predictor.backbone.mask_token.1"] == 7.0).all()


def test_normalised_tokens_have_mean_0_and_variance_1():
    tokens = normalised(3 + 5 * torch.randn(4, 7, 64).to(torch.bfloat16))
    assert tokens.dtype == torch.float32
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(4, 7), atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens.var(-1, correction=0), torch.ones(4, 7), atol=1e-4, rtol=0)


def test_the_wrong_kind_of_window_is_refused():
    with pytest.raises(ArgumentError, match="num_frames=1"):
        Ijepa(VIDEO)
    with pytest.raises(ArgumentError, match="num_frames=4"):
        Vjepa(IMAGE)
    with pytest.raises(ArgumentError, match="one entry a set"):
        VjepaConfig(mask_blocks=(8, 2), mask_scale=(0.15,))
