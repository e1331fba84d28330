"""DINO and DINOv2 as published, and the laws of a student and its teacher."""

import math

import pytest
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.ssl.dino import Dino, DinoConfig
from simtouch.models.ssl.dinov2 import Dinov2, Dinov2Config
from simtouch.models.ssl.distillation import view_blocks
from simtouch.models.ssl.masks_blocks import published_blocks
from simtouch.models.ssl.objective import Clock, Place
from simtouch.models.vit import EncoderConfig
from tests.fixtures import sparsh_fixture
from tests.models.sparsh_weights import fixture_weights
from tests.models.ssl.closeness import assert_close

PUBLISHED = EncoderConfig(embed_dim=48, depth=2, num_heads=3, patch_size=8, image_size=(48, 32))
SMALL = EncoderConfig(embed_dim=16, depth=1, num_heads=2, image_size=(64, 64))
HEADS = {"out_dim": 32, "hidden_dim": 40, "bottleneck_dim": 24}
START = Clock(step=0, steps_per_epoch=10, epochs=100)
BOTH = pytest.mark.parametrize(("cls", "config"), [(Dino, DinoConfig), (Dinov2, Dinov2Config)])


def published(name: str):
    notes, arrays = sparsh_fixture(name)
    given = {key: torch.from_numpy(array) for key, array in arrays.items()}
    masks = {
        "global_masks": torch.stack([given[f"global_mask_{i}"] for i in range(2)], 1),
        "local_masks": torch.stack([given[f"local_mask_{i}"] for i in range(8)], 1),
    }
    return notes, given, masks


def batch(objective, size=4, step=0, seed=0):
    c = objective.encoder.config
    images = torch.rand(size, *c.window_shape, generator=torch.Generator().manual_seed(100 + step))
    return images, objective.draw(Place(seed=seed, step=step, batch_size=size))


def test_dino_has_the_published_losses_centre_and_teacher():
    notes, given, masks = published("alg_dino")
    dino = Dino(PUBLISHED, DinoConfig(**HEADS))
    dino.load_state_dict(fixture_weights("alg_dino"))
    assert_close(dino(given["x"], masks, START)["loss"], notes["loss_call1"])
    assert_close(dino.dino_loss.center, given["center_after"][0])
    assert_close(dino(given["x"], masks, START)["loss"], notes["loss_call2_same_input"])
    dino.follow(START)
    teacher = dict(dino.teacher_encoder.named_parameters())
    for name, value in notes["ema_0998_teacher_sums"].items():
        assert_close(teacher[name].double().sum(), torch.tensor(value, dtype=torch.float64))


@pytest.mark.parametrize("centering", ["centering", "sinkhorn_knopp"])
def test_dinov2_has_the_published_losses(centering):
    notes, given, masks = published(f"alg_dinov2_{centering}")
    dinov2 = Dinov2(PUBLISHED, Dinov2Config(**HEADS, centering=centering))
    dinov2.load_state_dict(fixture_weights("alg_dinov2_centering"))
    losses = dinov2(given["x"], masks, START)
    for name in ("dino", "ibot", "koleo"):
        assert_close(losses[name], notes[f"{name}_loss"])
    assert_close(losses["loss"], losses["dino"] + losses["ibot"] + losses["koleo"])


@pytest.mark.parametrize(("name", "config"), [("dino", DinoConfig()), ("dinov2", Dinov2Config())])
def test_blocks_of_the_views_are_the_published_ones(name, config):
    notes, given = sparsh_fixture("masks_official_320x240")
    blocks = view_blocks(config)
    for step in (0, 1, 2, 17):
        generator = torch.Generator().manual_seed(step)
        local, large = published_blocks(generator, notes["batch"], (20, 15), (blocks["local"], blocks["global"]))
        for masks, letter in ((local, "B"), (large, "A")):
            for view in range(masks.shape[1]):
                assert torch.equal(masks[:, view], torch.from_numpy(given[f"{name}_s{step}_{letter}{view}"]).long())


@BOTH
@pytest.mark.parametrize(("size", "patch"), [((64, 64), 16), ((64, 64), 8), ((112, 112), 16), ((160, 112), 8), ((320, 240), 16)])
def test_it_works_at_any_size(cls, config, size, patch):
    encoder = EncoderConfig(embed_dim=8, depth=1, num_heads=1, image_size=size, patch_size=patch)
    objective = cls(encoder, config(**HEADS))
    images, draws = batch(objective, 2)
    for masks in (draws["global_masks"], draws["local_masks"]):
        assert masks.shape[2] >= 4
        assert 0 <= masks.min() <= masks.max() < math.prod(encoder.grid)
        assert (masks.diff(dim=2) > 0).all()
    assert objective(images, draws, START)["loss"].isfinite()


@BOTH
def test_views_of_many_steps_are_never_empty_at_64_pixels(cls, config):
    objective = cls(SMALL, config(**HEADS))
    kept = [objective.draw(Place(seed=0, step=step, batch_size=2)) for step in range(300)]
    assert {len(k["local_masks"][0, 0]) for k in kept} == {4, 9} if cls is Dino else {4}
    assert {len(k["global_masks"][0, 0]) for k in kept} <= {4, 9, 16}


@BOTH
def test_views_of_a_sample_do_not_depend_on_who_holds_it(cls, config):
    objective = cls(EncoderConfig(embed_dim=16, depth=2, num_heads=2, image_size=(96, 96), drop_path=0.1), config(**HEADS))
    whole = objective.draw(Place(seed=5, step=7, batch_size=6))
    assert {key for key in whole if key.startswith("chance")} == {"chance_global", "chance_local", "chance_teacher"}
    for rank in range(3):
        part = objective.draw(Place(seed=5, step=7, batch_size=6, rank=rank, world_size=3))
        assert all(torch.equal(part[key], whole[key][rank::3]) for key in whole)
    assert not torch.equal(whole["global_masks"], objective.draw(Place(seed=5, step=8, batch_size=6))["global_masks"])


@BOTH
def test_gradients_reach_all_of_the_student_and_nothing_of_the_teacher(cls, config):
    objective = cls(SMALL, config(**HEADS))
    objective(*batch(objective), START)["loss"].backward()
    trained = dict(objective.trained_parameters())
    assert {name.split(".")[0] for name in trained} == {"student_encoder"}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained.values())
    assert all(p.grad is None for p in objective.teacher_encoder.parameters())


@BOTH
def test_a_student_that_sees_no_difference_pays_log_k_a_pair(cls, config):
    objective = cls(SMALL, config(**HEADS))
    for name, parameter in objective.student_encoder.named_parameters():
        if name.endswith("weight_g"):
            parameter.data.zero_()
    losses = objective(*batch(objective), START)
    log_k = math.log(32)
    if cls is Dino:
        assert_close(losses["loss"], 20 * log_k)
    else:
        assert_close(losses["dino"], 20 / 18 * log_k)
        assert_close(losses["ibot"], 0.5 * 4 * log_k)


@BOTH
def test_a_collapsed_teacher_is_seen_by_its_entropy(cls, config):
    objective = cls(SMALL, config(**HEADS))
    images, draws = batch(objective)
    assert objective(images, draws, START)["teacher_entropy"] < 0.9 * math.log(32)
    objective.teacher_encoder["dino_head"].last_layer.weight_g.zero_()
    objective.dino_loss.center.zero_()
    assert_close(objective(images, draws, START)["teacher_entropy"], math.log(32))


def test_the_corrected_loss_of_dino_is_a_mean_over_pairs_of_different_views():
    torch.manual_seed(0)
    dino = Dino(SMALL, DinoConfig(**HEADS, same_view_pairs=False, mean_of_pairs=True)).eval()
    images, draws = batch(dino)
    with torch.no_grad():
        student, teacher = dino._dino(dino._see(images, draws))
    p = (teacher / 0.04).softmax(-1)
    terms = [-(p[t] * (student[s] / 0.1).log_softmax(-1)).sum(-1).mean() for s in range(10) for t in range(2) if s != t]
    assert_close(dino(images, draws, START)["loss"], torch.stack(terms).mean())


@BOTH
def test_the_teacher_starts_with_the_encoder_of_the_student_and_with_its_head_if_asked(cls, config):
    for copy_head in (False, True):
        objective = cls(SMALL, config(**HEADS, copy_head=copy_head))
        student, teacher = (dict(net.named_parameters()) for net in (objective.student_encoder, objective.teacher_encoder))
        for name in student:
            drawn = name.startswith("backbone") or name.endswith((".bias", "weight_g"))
            assert torch.equal(student[name], teacher[name]) == (drawn or copy_head)


@BOTH
def test_the_teacher_comes_to_a_resting_student_as_a_power_of_its_momentum(cls, config):
    objective = cls(SMALL, config(**HEADS, ema_momentum=0.9))
    start = {name: p.clone() for name, p in objective.teacher_encoder.named_parameters()}
    for _ in range(5):
        objective.follow(START)
    student = dict(objective.student_encoder.named_parameters())
    for name, p in objective.teacher_encoder.named_parameters():
        assert_close(p, student[name] + 0.9**5 * (start[name] - student[name]))


@BOTH
def test_the_teacher_leaves_branches_out_unless_told_not_to(cls, config):
    encoder = EncoderConfig(embed_dim=16, depth=2, num_heads=2, image_size=(64, 64), drop_path=0.5)
    for teacher_eval in (False, True):
        objective = cls(encoder, config(**HEADS, teacher_eval=teacher_eval)).train()
        assert objective.student_encoder.training
        images, draws = batch(objective)
        one = objective._see(images, draws).teacher.patches
        other = objective._see(images, draws | {"chance_teacher": 1 - draws["chance_teacher"]}).teacher.patches
        assert torch.equal(one, other) == teacher_eval


def test_the_temperature_of_the_teacher_rises_and_stays():
    dino = Dino(SMALL, DinoConfig(**HEADS))
    found = [dino.teacher_temperature(Clock(step=step, steps_per_epoch=10, epochs=100)) for step in (0, 50, 100, 900)]
    assert found == pytest.approx([0.04, 0.055, 0.07, 0.07])
    assert Dino(SMALL, DinoConfig(**HEADS, teacher_warmup_epochs=0)).teacher_temperature(START) == 0.07


@BOTH
def test_what_is_saved_continues_to_the_same_loss(cls, config):
    objective, other = cls(SMALL, config(**HEADS)), cls(SMALL, config(**HEADS))
    for step in range(3):
        if step == 2:
            other.load_state_dict(objective.state_dict())
            assert torch.equal(other(*batch(other, step=2), START)["loss"], objective(*batch(objective, step=2), START)["loss"])
        objective(*batch(objective, step=step), START)
        objective.follow(START)


@BOTH
def test_a_student_learns_from_its_teacher(cls, config):
    torch.manual_seed(1)
    objective = cls(SMALL, config(**HEADS, center_momentum=1.0))  # else the centre takes away what this teacher always says
    images, draws = batch(objective)
    parameters = [p for _, p in objective.trained_parameters()]
    losses = []
    for _ in range(15):
        found = objective(images, draws, START)
        losses.append(found["loss"].item())
        for parameter, gradient in zip(parameters, torch.autograd.grad(found["loss"], parameters), strict=True):
            parameter.data -= 1e-3 * gradient.sign()
    assert losses[-1] < 0.4 * losses[0]
    if cls is Dino:  # the entropy of the teacher is what no student can go below
        assert 1 < losses[-1] / (20 * found["teacher_entropy"].item()) < 1.2


@BOTH
def test_half_precision_gives_nearly_the_same_loss(cls, config):
    torch.manual_seed(2)
    objective = cls(SMALL, config(**HEADS)).eval()
    images, draws = batch(objective)
    whole = objective(images, draws, START)["loss"]
    with torch.autocast("cpu", torch.bfloat16):
        half = objective(images, draws, START)["loss"]
    half.backward()
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(whole.item(), rel=0.05)


def test_ibot_on_matching_patches_and_without_local_views_run():
    config = Dinov2Config(**HEADS, ibot_matching=True, same_view_pairs=False, local_views=0, centering="sinkhorn_knopp")
    dinov2 = Dinov2(SMALL, config)
    losses = dinov2(*batch(dinov2), START)
    assert losses["ibot"] > 0
    assert losses["loss"].isfinite()


@BOTH
def test_what_cannot_be_is_refused(cls, config):
    with pytest.raises(ArgumentError, match="register"):
        cls(EncoderConfig(embed_dim=16, depth=1, num_heads=2, num_registers=0), config(**HEADS))
    with pytest.raises(ArgumentError, match="global_views"):
        cls(SMALL, config(**HEADS, global_views=0))
    with pytest.raises(ArgumentError, match="scales"):
        cls(SMALL, config(**HEADS, local_scale=(0.4, 0.1)))
    with pytest.raises(ArgumentError, match="temperature"):
        cls(SMALL, config(**HEADS, teacher_temperature=(0.0, 0.04)))
    objective = cls(SMALL, config(**HEADS))
    with pytest.raises(ShapeError, match="image_size"):
        objective(torch.zeros(4, 6, 96, 64), batch(objective)[1], START)
