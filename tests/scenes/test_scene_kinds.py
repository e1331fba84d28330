"""What holds for every kind of scene of the core install."""

import numpy as np
import pytest

from simtouch import indenters
from simtouch.scenes.exploration import EXPLORATION
from simtouch.scenes.force_protocol import FORCE_PROTOCOL
from simtouch.scenes.lift_shake import LIFT_SHAKE
from simtouch.scenes.pose_trials import POSE_TRIALS
from simtouch.scenes.textiles import TEXTILE_SLIDES
from tests.scenes.stages import SENSORS, simulator, stage

KINDS = {
    "exploration": EXPLORATION,
    "force_protocol": FORCE_PROTOCOL,
    "pose_trials": POSE_TRIALS,
    "lift_shake": LIFT_SHAKE,
    "textiles": TEXTILE_SLIDES,
}


@pytest.fixture(scope="module", params=[*SENSORS[:2], pytest.param(SENSORS[2], marks=pytest.mark.slow)])
def sensor(request):
    return request.param


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_as_long_as_asked_and_keeps_to_the_working_range(sensor, kind):
    working = simulator(sensor).spec.working_range
    for frames, seed in ((16, 0), (21, 1))[: 1 if sensor == "gelsight_2017" else 2]:
        (touch,) = KINDS[kind].play(stage(sensor, indenters.sphere(4e-3), frames=frames, seed=seed))
        assert len(touch.frames) == frames
        assert max(frame.normal_force_n for frame in touch.frames) <= working.normal_force_n[1]
        assert max(frame.indent_depth_m for frame in touch.frames) <= working.indent_depth_m[1]
        assert any(frame.contact_mask.any() for frame in touch.frames)
        assert not touch.frames[0].contact_mask.any()  # the first frame is the resting sensor
        np.testing.assert_allclose([f.time_s for f in touch.frames], np.arange(frames) / simulator(sensor).spec.camera.fps)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_those_that_the_kind_declares(kind):
    (touch,) = KINDS[kind].play(stage(frames=16))
    assert set(touch.labels) == set(KINDS[kind].labels)
    for name, wanted in KINDS[kind].labels.items():
        value = touch.labels[name]
        values = value if isinstance(value, list) else [value]
        assert len(values) in (1, 16), name
        allowed = {float: (float, np.floating), int: (int, np.integer), bool: (bool,), str: (str,)}[wanted]
        assert all(isinstance(v, allowed) for v in values), name


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_bytes_whatever_came_before(kind):
    first, other, again = (KINDS[kind].play(stage(frames=16, seed=seed))[0] for seed in (4, 5, 4))
    for a, b in zip(first.frames, again.frames, strict=True):
        assert a.image.tobytes() == b.image.tobytes()
        assert a.gel_T_indenter.tobytes() == b.gel_T_indenter.tobytes()
        assert a.force_n.tobytes() == b.force_n.tobytes()
    assert repr(first.labels) == repr(again.labels)
    assert any((a.image != b.image).any() for a, b in zip(first.frames, other.frames, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_poses_in_the_world_chain_to_the_pose_in_the_gel(kind):
    (touch,) = KINDS[kind].play(stage(frames=16, seed=2))
    gel_T_indenter = np.stack([frame.gel_T_indenter for frame in touch.frames])
    chained = np.broadcast_to(touch.world_T_gel, (16, 4, 4)) @ gel_T_indenter
    np.testing.assert_allclose(chained, np.broadcast_to(touch.world_T_indenter, (16, 4, 4)), atol=1e-12)
