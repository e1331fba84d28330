import numpy as np
import pytest

from simtouch import indenters
from simtouch.scenes.lift_shake import GRAVITY_M_S2, LIFT_SHAKE, OUTCOMES, PHASES
from tests.scenes.stages import stage

BODIES = [indenters.sphere(6e-3), indenters.box(), indenters.cylinder(5e-3, 14e-3), indenters.flat_punch(4e-3)]


@pytest.fixture(scope="module")
def trials():
    return [LIFT_SHAKE.play(stage("digit", BODIES[seed % 4], frames=32, seed=seed))[0] for seed in range(10)]


def loads_and_shears(touch):
    load = np.stack([touch.labels["load_x_n"], touch.labels["load_y_n"]], 1)
    return load, np.stack([frame.shear_force_n for frame in touch.frames])


def test_some_objects_are_held_some_slip_and_some_fall(trials):
    assert {touch.labels["outcome"] for touch in trials} == set(OUTCOMES)


def test_the_gel_bears_the_load_of_what_it_holds(trials):
    errors = []
    for touch in trials:
        load, shear = loads_and_shears(touch)
        cone = np.array([frame.friction * frame.normal_force_n for frame in touch.frames])
        size = np.linalg.norm(load, axis=1)
        held = np.array([frame.slip_state in ("stick", "incipient") for frame in touch.frames])
        held &= (size > 0.1 * cone.max()) & (size < 0.85 * cone)
        errors.append(np.linalg.norm(shear - load, axis=1)[held] / size[held])
    errors = np.concatenate(errors)
    assert len(errors) > 60
    assert np.median(errors) < 0.02
    assert np.quantile(errors, 0.9) < 0.1


def test_a_held_object_weighs_what_its_label_says(trials):
    for touch in trials:
        load, shear = loads_and_shears(touch)
        hold = np.array(touch.labels["phase"]) == "hold"
        if touch.labels["outcome"] == "held":
            weight = touch.labels["mass_kg"] * GRAVITY_M_S2
            np.testing.assert_allclose(np.linalg.norm(load[hold], axis=1), weight, rtol=0.02)
            assert np.linalg.norm(shear[hold][-1]) == pytest.approx(weight, rel=0.1)


def test_sticking_falls_before_the_whole_contact_slides(trials):
    seen = 0
    for touch in trials:
        slip = np.array(touch.labels["slip"])
        if not slip.any():
            continue
        first = int(np.argmax(slip))
        loaded = np.array([PHASES.index(phase) >= PHASES.index("lift") for phase in touch.labels["phase"]])
        assert loaded[first]
        sticking = np.array([1 - frame.slip_ratio if frame.contact_mask.any() else 0.0 for frame in touch.frames])
        assert sticking[:first].max() > 0.9  # it stuck,
        assert sticking[:first][loaded[:first]].min() < 0.9  # and less of it did before none did
        seen += 1
    assert seen >= 3


def test_what_the_cone_cannot_carry_slips(trials):
    for touch in trials:
        load, _ = loads_and_shears(touch)
        cone = np.array([frame.friction * frame.normal_force_n for frame in touch.frames])
        pressed = np.array([phase in ("hold", "shake") for phase in touch.labels["phase"]])
        beyond = np.linalg.norm(load, axis=1)[pressed] > 1.15 * cone[pressed]
        if beyond.sum() > 3:
            assert touch.labels["outcome"] != "held" or any(touch.labels["slip"])
        if touch.labels["outcome"] == "held":
            assert beyond.sum() <= 3


def test_gravity_pulls_down_in_the_world(trials):
    for touch in trials:
        load, _ = loads_and_shears(touch)
        hold = int(np.argmax(np.array(touch.labels["phase"]) == "hold"))
        if touch.labels["phase"][hold] == "hold":
            pull = touch.world_T_gel[hold, :3, :3] @ (*load[hold], 0.0)
            np.testing.assert_allclose(pull / np.linalg.norm(pull), (0, 0, -1), atol=0.05)
            assert touch.world_T_gel[hold, 2, 3] > touch.world_T_gel[0, 2, 3]  # it was lifted
