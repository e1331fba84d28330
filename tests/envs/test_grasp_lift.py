"""GraspLift is what its page says: a loose grip drops, a hard one crushes, and only a grip that follows touch does neither."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

from simtouch_envs.grasp_lift.env import GRIP_N_S, GraspLiftEnv
from simtouch_envs.grasp_lift.expert import ExpertConfig, GraspLiftExpert
from simtouch_envs.grasp_lift.jars import KNOBS, TOUGHNESS, jar
from simtouch_envs.numbered import SPLITS

from simtouch._checks import ArgumentError, ShapeError, UnknownNameError


@pytest.fixture(scope="module")
def env():
    return GraspLiftEnv(obs_type="force", split="test")


@pytest.fixture(scope="module")
def looking():
    return GraspLiftEnv(obs_type="tactile_state", split="test")


def play(env, number, config=None, steps: int = 300) -> dict:
    """Let the expert play a jar; the last info."""
    info = env.reset(seed=0, options={"jar": number})[1]
    expert = GraspLiftExpert(env, config or ExpertConfig())
    expert.reset()
    for _ in range(steps):
        _, _, over, _, info = env.step(expert.act())
        if over:
            break
    return info


def grip(env, force_n: float) -> None:
    """Close the standing hand to a force of its motors."""
    while abs(change := force_n - env.grip_n) > 1e-9:
        env.step(np.clip([change / (GRIP_N_S * env.dt_s), 0], -1, 1))


def used(env) -> np.ndarray:
    """Share of the cone that each pad uses, (2,)."""
    return np.hypot(*env.held.gel_force_n[:, :2].T) / (env.friction * env.held.normal_force_n)


@pytest.mark.parametrize("knob", KNOBS)
def test_a_hanging_jar_pulls_down_on_both_pads_by_its_weight(env, knob):
    play(env, f"{knob}/test/3", steps=45)
    for _ in range(15):
        env.step(np.zeros(2))
    down = env.held.force_n
    assert env.jar.weight_n > 0.3
    np.testing.assert_allclose(-down[:, 2].sum(), env.jar.weight_n, rtol=2e-3)
    np.testing.assert_allclose(down[0, 2], down[1, 2], rtol=0.05)
    np.testing.assert_allclose(down[:, 1], [env.grip_n, -env.grip_n], rtol=0.02)
    assert np.abs(down[:, 0]).max() < 0.02 * env.jar.weight_n


def test_too_little_grip_drops_and_too_much_crushes(env):
    for number in (0, 1, 4):
        least = jar("mixed", "test", number).carrying_n(env.friction)
        loose = play(env, number, ExpertConfig(feels="nothing", grip_n=0.9 * least))
        assert (loose["lost"], loose["is_success"]) == ("dropped", False)
        assert loose["reward_terms"]["lost"] == -5.0
        hard = play(env, number, ExpertConfig(feels="nothing", grip_n=1.05 * env.crush_n))
        assert (hard["lost"], hard["is_success"]) == ("crushed", False)
        assert hard["peak_force_n"] > hard["crush_force_n"]
        good = play(env, number, ExpertConfig(feels="nothing", grip_n=1.4 * least))
        assert (good["lost"], good["is_success"]) == (False, True)


def test_touch_finds_the_grip_that_no_constant_is(env):
    def successes(config) -> int:
        return sum(play(env, number, config)["is_success"] for number in range(12))

    assert successes(ExpertConfig()) == 12
    assert max(successes(ExpertConfig(feels="nothing", grip_n=force)) for force in (0.35, 0.7, 1.2, 2.2)) <= 7


@pytest.mark.slow
def test_the_expert_lifts_the_jars_of_the_test_split(env):
    assert sum(play(env, number)["is_success"] for number in range(100)) >= 95


@pytest.mark.parametrize("knob", ["egg", "block"])
def test_slip_shows_at_the_rim_of_the_contact_before_the_knob_slides(looking, knob):
    looking.reset(seed=0, options={"jar": f"{knob}/test/2"})
    grip(looking, 0.6 * looking.jar.carrying_n(looking.friction))
    uses, ratios, slides, states = [], [], [], []
    for _ in range(40):
        info = looking.step(np.array([0, 0.3]))[4]
        uses.append(used(looking).max())
        ratios.append(info["slip_ratio"].max())
        slides.append(info["slide_m_s"].max())
        states.append(set(info["slip_state"]))
        if slides[-1] > 2e-3:
            break
    sliding, rim = int(np.argmax(np.array(slides) > 2e-3)), int(np.argmax(np.array(ratios) > 0.3))
    assert slides[sliding] > 2e-3
    assert 0.3 < ratios[rim] < 1
    assert rim < sliding
    assert uses[rim] < 0.95 < max(uses[: sliding + 1])
    assert "incipient" in states[rim]
    assert "slip" in states[sliding]


def test_both_laws_of_force_agree(looking):
    """The gel's normal force is MuJoCo's; its shear is that of springs made straight."""
    play(looking, "ball/test/1", steps=40)
    felt, held = looking.touch.frame.force_n, looking.held.gel_force_n
    np.testing.assert_allclose(felt[:, 2], held[:, 2], rtol=0.03)
    np.testing.assert_allclose(felt[:, 1], held[:, 1], rtol=0.2)


def test_a_heavier_jar_looks_different_at_the_same_grip(looking):
    light = dataclasses.replace(jar("ball", "test", 0), mass_kg=0.1, toughness=2.5)
    seen = []
    for mass in (0.1, 0.16):
        looking.reset(seed=0, options={"jar": dataclasses.replace(light, mass_kg=mass, toughness=2.5)})
        grip(looking, 1.1)
        for _ in range(30):
            image = looking.step(np.array([0, 0.3]))[0]["tactile_left"]
        assert not looking._lost
        seen.append(image.astype(int))
    assert np.abs(seen[0] - seen[1]).max() > 20


def test_a_saved_state_goes_on_as_if_nothing_had_happened(env):
    play(env, 5, steps=20)
    saved = env.save()

    def go_on() -> np.ndarray:
        return np.concatenate([env.step(np.array([0.1, 0.5]))[0]["force"] for _ in range(10)])

    first = go_on()
    play(env, 6, steps=3)
    env.reset(options={"state": saved})
    np.testing.assert_array_equal(go_on(), first)


def test_jars_are_numbered_for_ever_and_splits_disjoint():
    assert jar("mixed", "test", 7) == jar("mixed", "test", 7)
    masses = {split: {jar("mixed", split, n).mass_kg for n in range(200)} for split in SPLITS}
    assert all(len(found) == 200 for found in masses.values())
    assert not masses["train"] & masses["test"] | masses["train"] & masses["validation"] | masses["test"] & masses["validation"]
    for number in range(0, 200, 5):
        one = jar("mixed", "train", number)
        assert TOUGHNESS[0] * one.carrying_n(0.9) <= one.crush_n(0.9) <= TOUGHNESS[1] * one.carrying_n(0.9)
        assert one.half_width_m == pytest.approx(one.solid().parts[0].support_m(np.array([0.0, 1, 0])), rel=1e-3)
    assert {jar("mixed", "train", n).knob for n in range(50)} == set(KNOBS)


def test_bad_input_is_refused_with_what_is_known(env):
    env.reset(seed=0)
    with pytest.raises(ArgumentError, match="finite"):
        env.step(np.array([np.nan, 0]))
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        env.step(np.zeros(3))
    assert env.step(np.array([0, 7.0]))[4]["clipped_actions"] == 1
    with pytest.raises(UnknownNameError, match="ball, block, egg, mixed, rod"):
        GraspLiftEnv(family="vase")
    for wrong, said in (
        ({"split": "exam"}, "train, validation, test"),
        ({"obs_type": "sight"}, "tactile_state"),
        ({"control_hz": 30}, "20, 10"),
        ({"reward_type": "none"}, "dense, sparse"),
        ({"jars": 0}, "1 to 1000"),
    ):
        with pytest.raises(ArgumentError, match=said):
            GraspLiftEnv(**wrong)
    for wrong, said in (({"maze": 1}, "jar or state"), ({"jar": "ball"}, "mixed/test/7"), ({"jar": 1000}, "0 to 999")):
        with pytest.raises(ArgumentError, match=said):
            env.reset(options=wrong)
    with pytest.raises(ArgumentError, match="touch, nothing"):
        GraspLiftExpert(env, ExpertConfig(feels="sight"))


def test_ten_hertz_moves_as_far_a_second():
    slow = GraspLiftEnv(obs_type="state", control_hz=10)
    assert slow.dt_s == pytest.approx(0.1)
    slow.reset(seed=0)
    before = slow.grip_n
    slow.step(np.array([1.0, 0]))
    assert slow.grip_n - before == pytest.approx(0.5)
    assert play(GraspLiftEnv(obs_type="force", control_hz=10), 3)["is_success"]
