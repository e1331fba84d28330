"""A batch of pictures is the pictures of its contacts, and a frame works out what is asked for."""

import copy
import pickle
from dataclasses import fields

import numpy as np
import pytest

import simtouch
from simtouch import indenters
from simtouch.frame import TactileFrame
from simtouch.optics import OpticsConfig, Renderer
from simtouch.sensors import DIGIT, GELSIGHT_MINI
from simtouch.sensors.sizes import shrink

BALL = indenters.sphere(radius_m=4e-3)


def poses(x_m: float) -> np.ndarray:
    out = np.stack([np.eye(4)] * 2)
    out[:, 0, 3], out[:, 2, 3] = (x_m, -x_m), (3.6e-3, 3.4e-3)
    return out


@pytest.mark.parametrize("optics", [OpticsConfig(), OpticsConfig(noise=False), OpticsConfig(response="lights")])
@pytest.mark.parametrize("spec", [shrink(DIGIT, 4, cells=40), shrink(GELSIGHT_MINI, 4, cells=20)], ids=lambda spec: spec.name)
def test_the_quick_way_takes_the_renderers_own_picture(spec, optics):
    sim, renderer = simtouch.TactileSimulator(spec, optics=optics, batch=2), Renderer(spec, optics)
    sim.reset(BALL, seed=7)
    for k in range(2):
        frame = sim.step(poses(1e-4 * k))
        for b in range(2):
            contact, surface = sim._contacts[b], sim._look.lift.touched[b, :, : spec.image_shape[1]] > 0
            assert surface.any()
            wanted = renderer.render(frame.height_m[b], touched=surface, seed=7 + b, frame_index=k)
            assert np.array_equal(frame.image[b], wanted)
            assert contact.approach(poses(1e-4 * k)[b]).most_m == frame.indent_depth_m[b]


def test_a_frame_works_out_what_is_asked_for_and_nothing_else():
    sim = simtouch.TactileSimulator(shrink(DIGIT, 4, cells=40))
    sim.reset(BALL)
    frame = sim.step(poses(0.0)[0])
    assert not {"force_n", "flow_px", "height_m"} & set(vars(frame))
    force = frame.force_n
    assert frame.force_n is force
    assert "torque_nm" not in vars(frame)
    with pytest.raises(AttributeError, match="a frame has no `colour`"):
        frame.colour  # noqa: B018


def test_a_copied_frame_is_whole_and_a_later_step_changes_no_earlier_frame():
    sim, other = (simtouch.TactileSimulator(shrink(DIGIT, 4, cells=40), batch=2) for _ in range(2))
    sim.reset(BALL)
    other.reset(BALL)
    early, late = sim.step(poses(0.0)), other.step(poses(0.0))
    told = {f.name: getattr(early, f.name) for f in fields(TactileFrame)}
    other.step(poses(2e-4))
    for one in (late, copy.deepcopy(early), pickle.loads(pickle.dumps(early))):
        for name, value in told.items():
            assert np.array_equal(getattr(one, name), value), name
