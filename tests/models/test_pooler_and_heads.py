"""Attentive poolers and the heads of probes: the published values, keys and sizes, and laws that hold without them."""

import json

import pytest
import torch

from simtouch._checks import ArgumentError
from simtouch.models.heads import AttentiveClassifier, ForceProbe, GraspProbe, PoseProbe, SlipForceProbe, TextileProbe
from simtouch.models.pooler import AttentivePooler
from tests.fixtures import sparsh_fixture
from tests.models.sparsh_weights import fixture_weights, official_keys

SMALL = {"embed_dim": 48, "num_heads": 3}
FIXTURES = {
    "probe_attentive_pooler": (lambda: AttentivePooler(**SMALL), ("out",)),
    "probe_attentive_pooler_q4_noblock": (lambda: AttentivePooler(**SMALL, num_queries=4, complete_block=False), ("out",)),
    "probe_attentive_classifier": (lambda: AttentiveClassifier(**SMALL, num_classes=7), ("out",)),
    "probe_force": (lambda: ForceProbe(**SMALL), ("out",)),
    "probe_slip_force": (lambda: SlipForceProbe(**SMALL), ("slip", "force")),
    "probe_pose": (lambda: PoseProbe(**SMALL), ("tx", "ty", "yaw")),
    "probe_grasp": (lambda: GraspProbe(**SMALL), ("out",)),
    "probe_textile": (lambda: TextileProbe(**SMALL), ("out",)),
}
OFFICIAL = {
    "probe_force_base": ForceProbe,
    "probe_slip_base": SlipForceProbe,
    "probe_pose_base": PoseProbe,
    "probe_grasp_base": GraspProbe,
    "probe_textile_base": TextileProbe,
}


@torch.no_grad()
@pytest.mark.parametrize("name", FIXTURES)
def test_a_head_gives_the_published_values(name):
    make, outputs = FIXTURES[name]
    _, arrays = sparsh_fixture(name)
    head = make()
    head.load_state_dict(fixture_weights(name), strict=True)
    found = head(torch.from_numpy(arrays["tokens"]))
    for output, value in zip(outputs, found if isinstance(found, tuple) else (found,), strict=True):
        torch.testing.assert_close(value, torch.from_numpy(arrays[output]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_base_head_has_the_published_keys_and_count(name):
    keys, count = official_keys(name)
    with torch.device("meta"):
        head = OFFICIAL[name](768)
    assert {f"model_task.{key}": list(value.shape) for key, value in head.state_dict().items()} == keys
    assert sum(p.numel() for p in head.parameters()) == count


@torch.no_grad()
def test_a_pooler_does_not_care_about_the_order_of_tokens_or_their_number():
    torch.manual_seed(0)
    pooler, tokens = AttentivePooler(16, 4, num_queries=3), torch.randn(2, 9, 16)
    torch.testing.assert_close(pooler(tokens.flip(1)), pooler(tokens))
    torch.testing.assert_close(pooler(tokens.repeat(1, 4, 1)), pooler(tokens))
    assert pooler(tokens).shape == (2, 3, 16)


@torch.no_grad()
def test_a_bounded_force_stays_within_its_scale():
    torch.manual_seed(0)
    tokens, head = 100 * torch.randn(8, 5, 16), ForceProbe(16, 2)
    for weight in head.probe.parameters():
        weight.mul_(1000)
    force = head(tokens)
    assert force.abs().max() <= 1
    assert force[:, 2].min() >= 0
    head.bounded = False
    assert head(tokens).abs().max() > 1


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ArgumentError, match="multiple of `num_heads`; got 192 and 5"):
        AttentivePooler(192, 5)


def test_the_lists_of_keys_are_of_the_heads():
    """Else the test of keys would compare nothing."""
    keys, count = official_keys("probe_force_base")
    assert len(keys) == 19
    assert count == 7_236_867
    assert json.dumps(keys)
