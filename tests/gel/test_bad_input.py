"""What a gel refuses, each with one sentence that names the argument; and that no NaN ever leaves it."""

from dataclasses import replace

import numpy as np
import pytest

import simtouch
from simtouch import indenters
from simtouch._checks import ArgumentError, ShapeError
from simtouch.gel import LayerConfig, LayerGel
from simtouch.sensors import SENSORS
from tests.gel.test_layer import DT, gel_spec


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"friction": -0.1}, "`friction` must be a finite number >= 0"),
        ({"youngs_modulus_pa": 0.0}, "`youngs_modulus_pa` must be a finite number > 0"),
        ({"poisson_ratio": 0.5}, "`poisson_ratio` must be a finite number > 0 and <= 0.499"),
        ({"thickness_m": -1e-3}, "`thickness_m` must be"),
        ({"kinetic_friction_ratio": 1.2}, "`kinetic_friction_ratio` must be a finite number > 0 and <= 1"),
        ({"relaxation": ((-0.1, 1.0),)}, "`relaxation share` must be"),
        ({"relaxation": ((0.1, 0.0),)}, "`relaxation time` must be"),
    ],
)
def test_an_impossible_gel_is_refused(change, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        replace(SENSORS["digit"].gel, **change)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"back_end": "gpu"}, "`back_end` must be auto, dense, fft or torch; got 'gpu'"),
        ({"tolerance": 0.0}, "`tolerance` must be"),
        ({"friction_tolerance": np.nan}, "`friction_tolerance` must be"),
        ({"margin_m": -1.0}, "`margin_m` must be"),
        ({"coupling_sweeps": -1}, "`coupling_sweeps` must be"),
        ({"stribeck_speed_m_s": 0.0}, "`stribeck_speed_m_s` must be"),
    ],
)
def test_an_impossible_config_is_refused(change, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        LayerConfig(**change)


@pytest.mark.parametrize(
    ("overlap", "motion", "error"),
    [
        (np.full((1, 60, 80), np.nan), np.zeros((1, 60, 80, 2)), ArgumentError),
        (np.zeros((1, 60, 80)), np.full((1, 60, 80, 2), np.inf), ArgumentError),
        (np.zeros((60, 80)), np.zeros((1, 60, 80, 2)), ShapeError),
        (np.zeros((2, 60, 80)), np.zeros((1, 60, 80, 2)), ShapeError),
    ],
)
def test_a_gel_takes_finite_maps_of_its_own_shape(overlap, motion, error):
    with pytest.raises(error):
        LayerGel(gel_spec()).step(overlap, motion, DT)


@pytest.mark.parametrize("gel", ["layer", "membrane"])
def test_the_deepest_press_that_is_allowed_has_no_nan_and_a_deeper_one_is_refused(gel):
    sim = simtouch.TactileSimulator("digit", gel=gel)
    sim.reset(indenters.flat_punch())
    frame = sim.step_depth(np.eye(4), 0.79 * sim.spec.gel.thickness_m)
    for name in ("height_m", "displacement_m", "normal_traction_pa", "shear_traction_pa", "slip_m", "force_n", "torque_nm"):
        assert np.isfinite(getattr(frame, name)).all(), name
    with pytest.raises(ArgumentError, match="is simulated to"):
        sim.step_depth(np.eye(4), 0.81 * sim.spec.gel.thickness_m)


def test_an_indenter_beside_the_sensor_touches_nothing_and_cannot_be_pressed():
    sim = simtouch.TactileSimulator("digit")
    sim.reset(indenters.sphere(radius_m=2e-3))
    beside = np.eye(4)
    beside[0, 3] = 0.1
    frame = sim.step(beside)
    assert frame.slip_state == "none"
    assert not frame.force_n.any()
    assert not frame.leaves_view
    for press in (sim.step_force, sim.step_depth):
        with pytest.raises(ArgumentError, match="beside the sensor"):
            press(beside, 0.5)
