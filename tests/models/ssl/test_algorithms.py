"""Laws of all pretraining algorithms, whatever their losses."""

import pytest
import torch

from simtouch._checks import UnknownNameError
from simtouch.models.ssl.algorithms import ALGORITHMS, build_objective
from simtouch.models.ssl.objective import Place
from simtouch.models.vit import EncoderConfig
from tests.models.ssl.small_objectives import CLOCK, small_objective, windows

EVERY = pytest.mark.parametrize("name", ALGORITHMS)
BY_SAMPLE = pytest.mark.parametrize("name", ["mae", "ijepa", "vjepa"])


@EVERY
def test_loss_and_gradients_are_finite_and_the_encoder_is_where_it_says(name: str):
    objective = small_objective(name).train()
    losses = objective(windows(objective, 4), objective.draw(Place(seed=0, step=0, batch_size=4)), CLOCK)
    losses["loss"].backward()
    assert all(value.ndim == 0 and value.isfinite() for value in losses.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for _, p in objective.trained_parameters())
    objective.follow(CLOCK)
    prefix = objective.encoder_prefix
    found = {k.removeprefix(prefix): v for k, v in objective.state_dict().items() if k.startswith(prefix)}
    assert found.keys() == objective.encoder.state_dict().keys()
    assert all(torch.equal(found[k], v) for k, v in objective.encoder.state_dict().items())


@EVERY
@pytest.mark.parametrize(
    ("image_size", "patch_size"), [((64, 64), 16), ((64, 48), 8), ((160, 120), 8), ((112, 112), 16), ((320, 240), 16)]
)
def test_any_image_size_works(name: str, image_size: tuple[int, int], patch_size: int):
    objective = small_objective(name, image_size, patch_size)
    draws = objective.draw(Place(seed=0, step=0, batch_size=2))
    assert objective(windows(objective, 2), draws, CLOCK)["loss"].isfinite()


@EVERY
def test_draws_depend_on_seed_and_step_and_nothing_else(name: str):
    objective = small_objective(name, (160, 128), drop_path=0.2)
    draws = [objective.draw(Place(seed=seed, step=step, batch_size=6)) for seed, step in ((0, 0), (0, 0), (1, 0), (0, 1))]
    assert all(torch.equal(draws[0][key], draws[1][key]) for key in draws[0])
    for other in draws[2:]:
        assert any(draws[0][key].shape != other[key].shape or not torch.equal(draws[0][key], other[key]) for key in draws[0])


@EVERY
def test_two_ranks_see_the_draws_of_one(name: str):
    objective = small_objective(name, drop_path=0.2)
    whole = objective.draw(Place(seed=0, step=5, batch_size=6))
    for rank in (0, 1):
        half = objective.draw(Place(seed=0, step=5, batch_size=6, rank=rank, world_size=2))
        assert half.keys() == whole.keys()
        assert all(torch.equal(half[key], whole[key][rank::2]) for key in whole)


@BY_SAMPLE
def test_two_half_batches_are_one_batch(name: str):
    objective = small_objective(name, drop_path=0.2).train()
    images, losses, gradients = windows(objective, 6), [], []
    for rank, ranks in ((0, 1), (0, 2), (1, 2)):
        place = Place(seed=0, step=0, batch_size=6, rank=rank, world_size=ranks)
        objective.zero_grad()
        loss = objective(place.mine(images), objective.draw(place), CLOCK)["loss"]
        loss.backward()
        losses.append(loss.detach())
        gradients.append(torch.cat([p.grad.flatten() for _, p in objective.trained_parameters() if p.grad is not None]))
    torch.testing.assert_close(losses[0], (losses[1] + losses[2]) / 2, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(gradients[0], (gradients[1] + gradients[2]) / 2, atol=1e-6, rtol=1e-5)


@EVERY
def test_the_order_of_samples_does_not_matter(name: str):
    objective, order = small_objective(name), torch.tensor([2, 0, 3, 1])
    images, draws = windows(objective, 4), objective.draw(Place(seed=0, step=0, batch_size=4))
    again = small_objective(name)  # with a centre of its own, where there is one
    first = objective(images, draws, CLOCK)["loss"]
    second = again(images[order], {key: value[order] for key, value in draws.items()}, CLOCK)["loss"]
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)


@BY_SAMPLE
def test_gradients_are_those_of_finite_differences(name: str):
    objective = small_objective(name).double()
    images, draws = windows(objective, 3).double(), objective.draw(Place(seed=0, step=0, batch_size=3))
    trained = [p for _, p in objective.trained_parameters()]
    way = [torch.randn(p.shape, generator=torch.Generator().manual_seed(k), dtype=p.dtype) for k, p in enumerate(trained)]
    objective(images, draws, CLOCK)["loss"].backward()
    slope = sum((p.grad * d).sum() for p, d in zip(trained, way, strict=True) if p.grad is not None)
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            torch._foreach_add_(trained, way, alpha=sign * 1e-5)
            ends.append(objective(images, draws, CLOCK)["loss"])
            torch._foreach_add_(trained, way, alpha=-sign * 1e-5)
    assert ((ends[0] - ends[1]) / 2e-5).item() == pytest.approx(float(slope), rel=1e-6)


@EVERY
def test_half_precision_changes_the_loss_little(name: str):
    objective = small_objective(name).train()
    images, draws = windows(objective, 4), objective.draw(Place(seed=0, step=0, batch_size=4))
    whole = objective(images, draws, CLOCK)["loss"].item()
    with torch.autocast("cpu", torch.bfloat16):
        losses = small_objective(name).train()(images, draws, CLOCK)
    assert losses["loss"].dtype == torch.float32
    assert losses["loss"].item() == pytest.approx(whole, rel=0.03)


def test_decoder_and_predictors_have_the_published_numbers_of_parameters():
    """26.6, 2.97 and 21.9 million, by the published base models."""
    with torch.device("meta"):
        image = EncoderConfig(num_registers=0)
        video = EncoderConfig(num_registers=0, channels=3, num_frames=4)
        parts = [build_objective("mae", image).decoder, build_objective("ijepa", image).predictor]
        parts.append(build_objective("vjepa", video).predictor)
    assert [sum(p.numel() for p in part.parameters()) for part in parts] == [26_564_096, 2_967_936, 21_894_912]  # pyright: ignore


def test_an_unknown_algorithm_is_told_the_known_ones():
    with pytest.raises(UnknownNameError, match="Did you mean `ijepa`"):
        build_objective("i-jepa", EncoderConfig())


@BY_SAMPLE
def test_training_lowers_the_loss(name: str):
    objective = small_objective(name).train()
    shape = objective.encoder.config.window_shape
    coarse = torch.rand(8, *shape[:-2], 4, 3, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse.flatten(0, -3)[:, None], shape[-2:], mode="bilinear")
    images, losses = smooth.reshape(8, *shape), []
    optimiser = torch.optim.AdamW([p for _, p in objective.trained_parameters()], lr=3e-3)
    for step in range(15):
        loss = objective(images, objective.draw(Place(seed=0, step=step, batch_size=8)), CLOCK)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        objective.follow(CLOCK)
        losses.append(loss.item())
    assert sum(losses[-3:]) / 3 < 0.8 * losses[0]
