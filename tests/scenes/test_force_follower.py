import numpy as np
import pytest

from simtouch import indenters
from simtouch._checks import ArgumentError
from simtouch.scenes.force_follower import ForceFollower
from tests.scenes.stages import SENSORS, simulator

BODIES = {
    "ball": indenters.sphere(radius_m=4e-3),
    "punch": indenters.flat_punch(radius_m=3e-3),
    "nut": indenters.hex_nut(),
    "box": indenters.box(edge_radius_m=0.3e-3),
}


@pytest.mark.parametrize("sensor", SENSORS[:2])
@pytest.mark.parametrize(
    "body", [indenters.sphere(1e-3), indenters.sphere(4e-3), indenters.sphere(10e-3), indenters.flat_punch(2e-3)], ids=repr
)
def test_the_foretold_force_is_that_of_the_gel_within_a_fifth(sensor, body):
    sim = simulator(sensor)
    follower = ForceFollower(sim, body, seed=0)
    foretold = follower.most_n(np.eye(4))
    frame = follower.step(np.eye(4), 1e3)  # as deep as it goes
    assert follower.asked_n == pytest.approx(foretold)
    assert frame.normal_force_n == pytest.approx(foretold, rel=0.2)


@pytest.mark.parametrize("sensor", SENSORS[:2])
@pytest.mark.parametrize("name", BODIES)
def test_force_follows_its_target_while_the_body_slides(sensor, name):
    follower = ForceFollower(simulator(sensor), BODIES[name], seed=0)
    pose, errors = np.eye(4), []
    for k in range(24):
        pose[0, 3] = 0.15e-3 * k - 1.5e-3
        target = 0.6 * (1 + 0.3 * np.sin(k / 4))
        frame = follower.step(pose, target)
        errors.append(abs(frame.normal_force_n / follower.asked_n - 1))
    assert max(errors[3:]) < 0.1
    assert np.median(errors[3:]) < 0.03


def test_a_point_presses_no_deeper_than_the_working_range_and_says_so():
    follower = ForceFollower(simulator("digit"), indenters.cone(tip_radius_m=0.3e-3), seed=0)
    for _ in range(3):
        frame = follower.step(np.eye(4), 4.0)
    assert frame.indent_depth_m <= simulator("digit").spec.working_range.indent_depth_m[1]
    assert follower.asked_n < 4.0
    assert frame.normal_force_n == pytest.approx(follower.asked_n, rel=0.1)


def test_no_force_leaves_the_gel_at_rest():
    follower = ForceFollower(simulator("digit"), BODIES["ball"], seed=0)
    follower.step(np.eye(4), 1.0)
    frame = follower.step(np.eye(4), 0.0)
    assert not frame.contact_mask.any()
    assert frame.normal_force_n == 0


def test_a_body_beside_the_sensor_is_refused():
    follower = ForceFollower(simulator("digit"), BODIES["ball"], seed=0)
    away = np.eye(4)
    away[0, 3] = 0.1
    with pytest.raises(ArgumentError, match="beside the sensor"):
        follower.step(away, 1.0)
