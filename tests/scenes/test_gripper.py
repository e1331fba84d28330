from dataclasses import replace

import numpy as np
import pytest

from simtouch import indenters
from simtouch.scenes.stage import Stage
from simtouch.sensors import SENSORS
from simtouch.simulator import TactileSimulator

pytest.importorskip("mujoco")

from simtouch.scenes.grasp_trials import GRASP_OUTCOME, grasp_phase, grasp_success
from simtouch.scenes.gripper import GRIPPER, SIDES, physics_labels, play_grip
from simtouch.scenes.gripper_model import GripPlan, draw_plan
from simtouch.scenes.gripper_objects import OBJECTS, object_of

BALL = replace(OBJECTS["ball"](np.random.default_rng(0)), half_width_m=6e-3, half_height_m=6e-3)
BALL = replace(BALL, pieces=(replace(BALL.pieces[0], size_m=(6e-3,)),))
HELD = GripPlan(
    grip_force_n=1.0, mass_kg=0.06, place_m=(0.0, 0.0), duration_s=1.2, squeeze_s=(0.05, 0.25), load_s=(0.28, 0.6),
    lift_s=(0.6, 0.9), lift_m=10e-3, shake_s=(1.0, 1.2), shake_m=(0.0, 0.0), shake_hz=4.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def sims():
    return {side: TactileSimulator("gelsight_mini") for side in SIDES}


@pytest.fixture(scope="module")
def held(sims):
    return play_grip(sims, BALL, HELD, 30)


@pytest.fixture(scope="module")
def lost(sims):
    return play_grip(sims, BALL, replace(HELD, mass_kg=0.25), 24)


@pytest.fixture(scope="module")
def fast():
    return {side: TactileSimulator("digit") for side in SIDES}


@pytest.fixture(scope="module")
def clip(fast):
    return GRIPPER.play(stage(fast))


def stage(sims, sides=SIDES, frames=8, turn=0, seed=3):
    rng, ball = np.random.default_rng(seed), indenters.sphere(radius_m=8e-3)
    return Stage(
        simulator=sims.__getitem__, frames=frames, rng=rng, indenter=ball, any_side=False, turn=turn, seed=seed, sides=sides
    )


@pytest.mark.slow
def test_two_fingers_share_the_weight_and_it_hangs_down_the_image(held):
    weight = HELD.mass_kg * 9.81
    for source in ("mujoco", "gel"):
        last = {s: held.felt[s][-1].force_n if source == "mujoco" else held.felt[s][-1].frame.force_n for s in SIDES}
        assert sum(force[1] for force in last.values()) == pytest.approx(weight, rel=0.02 if source == "mujoco" else 0.05)
        for force in last.values():
            assert force[1] == pytest.approx(weight / 2, rel=0.1)  # y runs down the image
            assert abs(force[0]) < 0.05 * weight
            assert -force[2] == pytest.approx(HELD.grip_force_n, rel=0.03)


@pytest.mark.slow
def test_a_held_object_comes_up_and_does_not_slip(held):
    assert grasp_success(held)
    assert held.lifted_m() == pytest.approx(HELD.lift_m + 1.2e-3, abs=1e-3)
    assert not any(felt.gross_slip for side in SIDES for felt in held.felt[side])


@pytest.mark.parametrize("trial", [pytest.param("held", marks=pytest.mark.slow), "lost"])
def test_shear_and_torque_agree_with_mujoco_within_a_tenth_until_it_slips(trial, request):
    grip = request.getfixturevalue(trial)
    for side in SIDES:
        felt = grip.felt[side][: physics_labels(grip, side)["slip_onset_frame"] if trial == "lost" else None]
        for ours, theirs in (
            (np.array([f.frame.shear_force_n for f in felt]), np.array([f.force_n[:2] for f in felt])),
            (np.array([f.frame.torque_nm for f in felt]), np.array([f.torque_nm for f in felt])),
        ):
            rms = np.sqrt(((ours - theirs) ** 2).sum(1).mean())
            assert rms < 0.1 * np.linalg.norm(theirs, axis=1).max()


def test_the_stick_fraction_falls_before_an_object_too_heavy_slips_away(lost):
    assert not grasp_success(lost)
    for side in SIDES:
        onset = physics_labels(lost, side)["slip_onset_frame"]
        stick = np.array([1 - felt.frame.slip_ratio for felt in lost.felt[side]])
        loaded = lost.time_s > HELD.load_s[0]
        assert onset > 0
        assert 0 < np.flatnonzero(loaded & (stick < 0.5))[0] < onset


def test_phases_of_a_grasp_come_in_order(lost):
    phases = [grasp_phase(lost, t) for t in range(len(lost.time_s))]
    assert list(dict.fromkeys(phases)) == ["before", "during", "after"]
    assert all(
        felt.frame.contact_area_m2 == 0 for felt, phase in zip(lost.felt["left"], phases, strict=True) if phase == "before"
    )


@pytest.mark.parametrize("kind", [GRIPPER, GRASP_OUTCOME], ids=["gripper", "grasp_outcome"])
def test_labels_are_what_the_kind_declares(fast, clip, kind):
    touches = clip if kind is GRIPPER else kind.play(stage(fast))
    assert tuple(touch.side for touch in touches) == kind.sides == SIDES
    for touch in touches:
        assert len(touch.frames) == 8
        assert set(touch.labels) == set(kind.labels)
        for name, of in kind.labels.items():
            values = touch.labels[name]
            assert all(isinstance(v, of) for v in (values if isinstance(values, list) else [values])), name
            assert not isinstance(values, list) or len(values) == 8
        assert touch.world_T_gel.shape == touch.world_T_indenter.shape == (8, 4, 4)


def content(touch):
    return b"".join(f.image.tobytes() + f.force_n.tobytes() for f in touch.frames)


def test_one_seed_is_one_clip(fast, clip):
    assert [content(touch) for touch in GRIPPER.play(stage(fast))] == [content(touch) for touch in clip]


def test_a_stage_with_one_side_gets_the_same_left_finger(fast, clip):
    (alone,) = GRIPPER.play(stage({"left": fast["left"]}, sides=("left",)))
    assert alone.side == "left"
    assert content(alone) == content(clip[0])


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_stand_beside_the_fingers_and_weigh_what_they_should(name):
    import mujoco

    from simtouch.scenes.gripper_model import gripper_mjcf

    thing = OBJECTS[name](np.random.default_rng(1))
    model = mujoco.MjModel.from_xml_string(gripper_mjcf(thing, HELD))
    data = mujoco.MjData(model)
    assert model.body(thing.name).mass[0] == pytest.approx(HELD.mass_kg, rel=1e-6)
    mujoco.mj_forward(model, data)
    assert all(contact.dist > -1e-6 for contact in data.contact)  # it stands on its post, not in it


def test_a_shake_knocks_nothing_against_the_post():
    rng, spec = np.random.default_rng(0), SENSORS["gelsight_mini"]
    for _ in range(200):
        plan = draw_plan(rng, spec, BALL, 1.0, use=(0.4, 1.8), shake=True)
        assert plan.lift_m - np.hypot(*plan.shake_m) > 0.3 * plan.lift_m
        assert plan.shake_hz <= spec.camera.fps / 6 + 1e-9


def test_an_indenter_of_a_graspable_size_can_be_taken():
    thing = object_of(indenters.sphere(radius_m=8e-3))
    assert thing.half_width_m == pytest.approx(8e-3, rel=0.01)
    assert object_of(indenters.sphere(radius_m=1e-3)) is None
    assert object_of(indenters.sphere(radius_m=60e-3)) is None
