"""Rates and momenta over a training: the published values, and what holds for any."""

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.models.ssl.objective import Clock
from simtouch.models.ssl.schedules import cosine, momentum, warm_cosine, warm_linear
from tests.fixtures import sparsh_fixture

EPOCHS, PER_EPOCH = 20, 5
TOTAL = EPOCHS * PER_EPOCH
RATES = {"dino": (1e-4, 1e-5, 15), "ijepa": (1e-3, 2e-4, 15), "vjepa": (6.25e-4, 2e-4, 20)}


@pytest.mark.parametrize("name", RATES)
def test_learning_rates_are_the_published_ones(name: str):
    base, start, warm = RATES[name]
    _, arrays = sparsh_fixture("schedules")
    ours = [warm_cosine(k, TOTAL, base=base, start=start, final=1e-6, warmup_steps=warm) for k in range(TOTAL)]
    # The last value is that after the training, where the published cosine rises again and ours stays.
    np.testing.assert_allclose(ours, arrays[f"{name}_lr"][:TOTAL], rtol=1e-9)


@pytest.mark.parametrize("name", RATES)
def test_weight_decay_is_the_published_one(name: str):
    _, arrays = sparsh_fixture("schedules")
    # The first value is what the optimiser was made with, before any schedule.
    ours = [cosine(k / TOTAL, 0.04, 0.4) for k in range(1, TOTAL + 1)]
    np.testing.assert_allclose(ours, arrays[f"{name}_wd"][1:], rtol=1e-9)


def test_rate_rises_to_its_base_then_falls_to_its_end_and_stays():
    rate = [warm_cosine(k, 50, base=1.0, start=0.1, final=0.01, warmup_steps=10) for k in range(60)]
    assert np.argmax(rate) == 9
    assert rate[9] == 1.0
    assert (np.diff(rate[:10]) > 0).all()
    assert (np.diff(rate[9:50]) < 0).all()
    assert rate[49:] == pytest.approx([0.01] * 11)


def test_warm_up_longer_than_the_training_stays_below_its_base():
    assert max(warm_cosine(k, 5, base=1.0, start=0.0, final=0.0, warmup_steps=10) for k in range(5)) == 0.5


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_momentum_goes_from_its_first_value_to_one(kind: str):
    path = [momentum(Clock(step=k, steps_per_epoch=10, epochs=3), 0.996, kind=kind) for k in range(31)]
    assert (path[0], path[15], path[30]) == pytest.approx((0.996, 0.998, 1.0))
    assert (np.diff(path) > 0).all()


def test_temperature_warms_up_and_stays():
    at = [warm_linear(Clock(step=k, steps_per_epoch=4, epochs=10), 0.04, 0.07, 5.0) for k in (0, 10, 20, 40)]
    assert at == pytest.approx([0.04, 0.055, 0.07, 0.07])


def test_unknown_curve_and_empty_training_are_refused():
    with pytest.raises(ArgumentError, match="linear or cosine"):
        momentum(Clock(step=0, steps_per_epoch=1, epochs=1), 0.9, kind="square")
    with pytest.raises(ArgumentError, match="total_steps"):
        warm_cosine(0, 0, base=1, start=0, final=0, warmup_steps=0)
