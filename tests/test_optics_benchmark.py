"""The benchmark of the optics: its baselines compute what they are said to, and it runs."""

import importlib.util

import numpy as np
import pytest

from simtouch import optics_benchmark
from simtouch._checks import ArgumentError
from simtouch.optics import OpticsConfig, Renderer
from simtouch.optics_peers import Taxim, numba_table
from simtouch.sensors import SENSORS
from tests.optics.tables import by_lamps, calibrated, random_table


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
def test_the_numba_twin_makes_the_same_picture():
    spec = calibrated(SENSORS["gelsight_mini"], table=random_table(n=41))
    y, x = np.mgrid[:240, :320]
    height, touched = (2e-4 * np.sin(x / 11) * np.cos(y / 13)).astype(np.float32), (x + y) % 90 < 40
    ours = Renderer(spec, OpticsConfig(noise=False)).render(height, touched=touched).astype(int)
    theirs = numba_table(spec, height, touched)()
    assert np.ptp(ours) > 100
    assert np.abs(ours - theirs).max() <= 1  # where the last digit decides how a level is rounded
    assert (ours != theirs).mean() < 1e-3


def test_the_other_formula_shows_its_background_at_rest():
    taxim = Taxim((60, 80), 0.06e-3)
    height, contact = taxim.deform(np.full((60, 80), -1.0))
    assert not height.any()
    assert not contact.any()


def test_a_sensor_without_a_calibrated_response_is_refused(monkeypatch):
    monkeypatch.setitem(SENSORS, "bare", by_lamps(SENSORS["digit"]))
    with pytest.raises(ArgumentError, match="no calibrated response"):
        optics_benchmark.measure(optics_benchmark.Config(sensor="bare"))


def test_counts_below_one_are_refused():
    with pytest.raises(ArgumentError, match="calls"):
        optics_benchmark.measure(optics_benchmark.Config(calls=0))
