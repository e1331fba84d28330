"""Two processes with half of the batch each, against one with all of it."""

import pytest
import torch

from simtouch.models.ssl.ranks import gather_rows, max_over_ranks, mean_over_ranks, sum_over_ranks
from tests.models.ssl.closeness import assert_close
from tests.models.ssl.two_ranks import everything, greatest_difference, in_two_processes

ALGORITHMS = ["dino", "dino corrected", "dinov2", "dinov2 sinkhorn"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What one process found, and what each of two found."""
    return everything(), in_two_processes(tmp_path_factory.mktemp("ranks"))


def test_alone_nothing_is_changed():
    x = torch.randn(4, 3, requires_grad=True)
    assert gather_rows(x) is x
    assert sum_over_ranks(x) is x
    assert torch.equal(mean_over_ranks(x), x)
    assert torch.equal(max_over_ranks(x), x)


@pytest.mark.parametrize("value", ["gathered", "sum", "max"])
def test_two_ranks_see_the_batch_of_one_in_its_order(found, value):
    alone, both = found
    for one in both:
        assert torch.equal(one[f"functions/{value}"], both[0][f"functions/{value}"])
        assert_close(one[f"functions/{value}"], alone[f"functions/{value}"])


def test_gradients_averaged_over_ranks_are_those_of_the_mean_of_their_losses(found):
    alone, both = found
    for one in both:
        assert_close(one["functions/gradient"], alone["functions/gradient"], rtol=1e-12, atol=1e-12)
        assert_close(one["functions/mean"], alone["functions/mean"])


@pytest.mark.parametrize("name", ALGORITHMS)
def test_two_ranks_have_the_losses_of_one(found, name):
    alone, both = found
    for one in both:
        assert greatest_difference(one, alone, f"{name}/step") < 1e-5


@pytest.mark.parametrize("name", ALGORITHMS)
def test_two_ranks_have_the_gradients_of_one(found, name):
    alone, both = found
    assert greatest_difference(both[0], alone, f"{name}/gradient") < 1e-5


@pytest.mark.parametrize("name", ALGORITHMS)
def test_two_ranks_end_with_the_weights_and_centres_of_one(found, name):
    alone, both = found
    for one in both:
        assert greatest_difference(one, alone, f"{name}/end") < 1e-5


@pytest.mark.slow
def test_ddp_does_the_same(found, tmp_path):
    for one in in_two_processes(tmp_path, ddp=True):
        for name in ALGORITHMS:
            assert greatest_difference(one, found[0], f"{name}/") < 1e-5
