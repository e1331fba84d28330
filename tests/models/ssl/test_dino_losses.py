"""Losses between a student's and a teacher's views: published values, and laws that hold without them."""

import math

import pytest
import torch
from torch.nn import functional as F

from simtouch.models.ssl.dino_head import ProjectionHead
from simtouch.models.ssl.dino_loss import CenteredLoss
from simtouch.models.ssl.ibot import masked_cross_entropy, matching_tokens
from simtouch.models.ssl.koleo import koleo
from simtouch.models.ssl.sinkhorn import sinkhorn
from simtouch.models.ssl.view_pairs import count_pairs, cross_entropy
from tests.fixtures import sparsh_fixture
from tests.models.ssl.closeness import assert_close


@pytest.fixture
def published():
    notes, arrays = sparsh_fixture("losses")
    return notes["values"], {name: torch.from_numpy(array) for name, array in arrays.items()}


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_dino_has_the_published_losses_probabilities_and_centre(published):
    values, given = published
    loss = CenteredLoss(32)
    teacher = given["teacher"].view(2, 4, 32)
    calls = (("call1", 0.04, values["dino_loss_call1"]), ("call2", 0.07, values["dino_loss_call2_after_center"]))
    for call, temperature, value in calls:
        probabilities = loss.teacher_probabilities(teacher, temperature)
        if call == "call1":
            assert_close(loss.center, given["dino_center_after"][0])
        assert_close(probabilities, given[f"teacher_probs_{call}"][:, :, 0])
        assert_close(loss(given["student"][:, :, 0], probabilities), torch.tensor(value))


def test_ibot_has_the_published_losses_probabilities_and_centre(published):
    values, given = published
    loss = CenteredLoss(32, tokens=True)
    probabilities = loss.teacher_probabilities(given["patch_teacher"].view(2, 4, 9, 32), 0.05)
    assert_close(probabilities, given["ibot_probs"])
    assert_close(loss.center, given["ibot_center_after"])
    student = given["patch_student"]
    assert_close(loss(student, probabilities), torch.tensor(values["ibot_loss"]))
    masked = masked_cross_entropy(student[0], probabilities[0], given["mask_flat"], 0.1)
    assert_close(masked, torch.tensor(values["ibot_forward_masked"]))


def test_sinkhorn_and_koleo_have_the_published_values(published):
    values, given = published
    assert_close(sinkhorn(given["teacher"][:, 0], 0.05), given["sinkhorn_dino"])
    assert_close(sinkhorn(given["patch_teacher"], 0.05).flatten(0, 1), given["sinkhorn_ibot"])
    assert_close(koleo(given["koleo_x"]), torch.tensor(values["koleo"]))


@pytest.mark.parametrize("same", [True, False])
def test_the_sum_over_pairs_is_that_of_its_terms(same):
    student, teacher = noise(5, 4, 7), noise(2, 4, 7, seed=1).softmax(-1)
    pairs = [(s, t) for s in range(5) for t in range(2) if same or s != t]
    terms = [-(teacher[t] * (student[s] / 0.1).log_softmax(-1)).sum(-1).mean() for s, t in pairs]
    assert count_pairs(5, 2, same_view_pairs=same) == len(pairs)
    assert_close(CenteredLoss(7)(student, teacher, same_view_pairs=same), torch.stack(terms).sum())


def test_a_student_that_agrees_with_its_teacher_pays_the_entropy():
    logits = noise(1, 6, 9)
    loss = CenteredLoss(9, student_temperature=0.2)
    probabilities = loss.teacher_probabilities(logits, 0.2)
    entropy = -(probabilities * probabilities.log()).sum(-1).mean()
    assert_close(loss(logits, probabilities), entropy)
    assert loss(logits + 0.1 * noise(1, 6, 9, seed=2), probabilities) > entropy


def test_a_student_that_knows_nothing_pays_log_k_a_pair():
    probabilities = noise(2, 3, 16).softmax(-1)
    assert_close(CenteredLoss(16)(torch.ones(10, 3, 16), probabilities), torch.tensor(20 * math.log(16)))


def test_the_centre_comes_to_the_mean_of_the_teacher_and_rests_in_evaluation():
    loss, logits = CenteredLoss(5), noise(2, 8, 5)
    mean = logits.mean((0, 1))
    for n in range(1, 4):
        loss.teacher_probabilities(logits, 0.04)
        assert_close(loss.center[0], mean * (1 - 0.9**n))
    before = loss.eval().center.clone()
    loss.teacher_probabilities(logits, 0.04)
    assert torch.equal(loss.center, before)


def test_a_centred_teacher_prefers_what_is_rarer_than_usual():
    loss = CenteredLoss(3)
    loss.center.copy_(torch.tensor([[1.0, 0.0, 0.0]]))
    assert_close(loss.teacher_probabilities(torch.tensor([[[1.0, 0.0, 0.0]]]), 0.04), torch.full((1, 1, 3), 1 / 3))


def test_a_centre_of_a_published_training_has_one_axis_more_and_loads():
    loss = CenteredLoss(4)
    loss.load_state_dict({"center": torch.arange(4.0).reshape(1, 1, 4)})
    assert torch.equal(loss.center, torch.arange(4.0)[None])


def test_sinkhorn_gives_each_sample_one_and_each_prototype_its_share():
    logits = noise(24, 6)
    assigned = sinkhorn(logits, 0.5, iterations=60)
    assert_close(assigned.sum(1), torch.ones(24))
    assert_close(assigned.sum(0), torch.full((6,), 4.0), rtol=1e-4, atol=1e-4)
    assert_close(sinkhorn(logits, 0.5).sum(1), torch.ones(24))


def test_sinkhorn_does_not_change_with_a_constant_and_bears_any_gain():
    logits = noise(24, 6)
    assert_close(sinkhorn(logits + 7, 0.5), sinkhorn(logits, 0.5))
    assigned = sinkhorn(1e4 * logits, 0.04)
    assert assigned.isfinite().all()
    assert_close(assigned.sum(1), torch.ones(24))


def test_sinkhorn_of_equal_samples_is_even():
    assert_close(sinkhorn(noise(1, 6).expand(9, 6), 0.5), torch.full((9, 6), 1 / 6))


def test_koleo_of_two_points_is_minus_the_log_of_their_distance():
    for degrees in (5.0, 60.0, 120.0, 180.0):
        angle = torch.tensor(math.radians(degrees))
        points = torch.stack([torch.tensor([2.0, 0.0]), 0.5 * torch.stack([angle.cos(), angle.sin()])])
        assert_close(koleo(points), -torch.log(2 * torch.sin(angle / 2)))


def test_koleo_drives_points_apart_and_is_finite_where_they_coincide():
    points = noise(8, 3).requires_grad_()
    koleo(points).backward()
    assert points.grad is not None
    with torch.no_grad():
        assert koleo(points - 1e-3 * points.grad) < koleo(points)
    assert koleo(torch.ones(4, 3)).isfinite()
    assert koleo(torch.ones(1, 3)) == 0


def test_tokens_of_the_same_patch_are_compared():
    student, teacher = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1).softmax(-1)
    masks = torch.tensor([[[0, 1, 2, 3], [2, 3, 4, 5]]]).expand(3, -1, -1)
    found = matching_tokens(student, teacher, masks, 9, 0.1, same_view_pairs=False)
    entropies = (
        cross_entropy(teacher[1][:, :2], student[0][:, 2:] / 0.1),
        cross_entropy(teacher[0][:, 2:], student[1][:, :2] / 0.1),
    )
    assert_close(found, sum(e.mean() for e in entropies))


def test_equal_views_match_in_order_and_apart_ones_not_at_all():
    student, teacher = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1).softmax(-1)
    equal = torch.arange(4).expand(3, 2, 4)
    found = matching_tokens(student, teacher, equal, 9, 0.1, same_view_pairs=True)
    assert_close(found, CenteredLoss(5, tokens=True)(student, teacher))
    apart = torch.stack([torch.arange(4), torch.arange(4, 8)]).expand(3, 2, 4)
    assert matching_tokens(student, teacher, apart, 9, 0.1, same_view_pairs=False) == 0


def test_a_head_gives_cosines_times_gains():
    head = ProjectionHead(6, 10, hidden_dim=8, bottleneck_dim=4)
    assert set(head.state_dict()) == {
        *(f"mlp.{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")),
        "last_layer.weight_g",
        "last_layer.weight_v",
    }
    x = noise(3, 6)
    cosines = F.cosine_similarity(head.mlp(x)[:, None], head.last_layer.weight_v[None], dim=-1)
    assert_close(head(x), cosines)
    with torch.no_grad():
        head.last_layer.weight_g.mul_(2)
    assert_close(head(x), 2 * cosines)


@pytest.mark.parametrize("width", [64, 2048])
def test_the_mlp_of_a_fresh_head_of_any_width_has_an_output_to_divide_by(width):
    out = ProjectionHead(48, 8, hidden_dim=width, bottleneck_dim=32).mlp(noise(16, 48))
    assert 0.1 < out.square().mean().sqrt() < 1
