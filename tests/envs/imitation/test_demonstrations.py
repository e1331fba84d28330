"""Demonstrations are what was played, and come back from other people's formats."""

import importlib.util
import json

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

from simtouch_envs.imitation.demonstrations import demonstrate, to_lerobot, to_minari
from simtouch_envs.imitation.noise import Noise

from simtouch._checks import ArgumentError, MissingExtraError
from simtouch.stream.interchange.lerobot import open_lerobot
from tests.envs.imitation.bent_path import RESTING, BentPath, Follower


def played(obs_type="tactile_state", seed=0, noise=None):
    env = BentPath(obs_type, length_m=0.02)
    return demonstrate(env, Follower(env), seed=seed, options={"maze": 3}, noise=noise)


def test_playing_the_actions_again_gives_the_demonstration_again():
    shown = played(seed=4, noise=Noise())
    env = BentPath("tactile_state", length_m=0.02)
    observation, _ = env.reset(seed=4, options={"maze": 3})
    for t, action in enumerate(shown.actions):
        for key, value in observation.items():
            np.testing.assert_array_equal(shown.observations[key][t], value)
        observation, reward, ended, _, info = env.step(action)
        assert shown.rewards[t] == pytest.approx(reward)
        assert shown.infos["progress"][t] == pytest.approx(info["progress"])
    np.testing.assert_array_equal(shown.observations["state"][-1], observation["state"])
    assert ended
    assert shown.terminated
    assert (shown.advice != shown.actions).any()


def test_lerobot_data_come_back_as_clips_with_their_labels(tmp_path):
    shown = [played(seed=seed, noise=Noise()) for seed in (0, 1)]
    resting = {"tactile_left": RESTING, "tactile_right": RESTING}
    out = to_lerobot(shown, tmp_path / "demos", fps=20, task="follow", sensor_type="digit", backgrounds=resting)
    clips = open_lerobot(out)
    assert [clip.sensor_id for clip in clips] == ["tactile_left", "tactile_right"] * 2
    assert {clip.sensor_type for clip in clips} == {"digit"}
    for clip, of in zip(clips, [shown[0], shown[0], shown[1], shown[1]], strict=True):
        np.testing.assert_array_equal(clip.images, of.observations[clip.sensor_id][:-1])
        np.testing.assert_allclose(clip.values("action"), of.advice)
        np.testing.assert_allclose(clip.values("action.done"), of.actions)
        np.testing.assert_array_equal(clip.background, RESTING)
    info = json.loads((out / "meta" / "info.json").read_text())
    assert info["total_episodes"] == 2
    assert info["features"]["observation.state"]["shape"] == [6]


def test_lerobot_needs_images_and_leaves_nothing_half_written(tmp_path):
    with pytest.raises(ArgumentError, match="images"):
        to_lerobot([played("state")], tmp_path / "demos", fps=20, task="follow")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(importlib.util.find_spec("minari") is not None, reason="it is installed")
def test_without_minari_its_pip_line_is_named():
    with pytest.raises(MissingExtraError, match="pip install 'minari"):
        to_minari([played()], "simtouch/test-v0", BentPath(), description="")


@pytest.mark.filterwarnings("ignore::UserWarning:minari")
def test_minari_gives_transitions_and_advice_back(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    import gymnasium

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    gymnasium.register("simtouch-test/BentPath-v0", entry_point=BentPath, kwargs={"obs_type": "tactile_state"})
    try:
        shown = [played(seed=seed) for seed in (0, 1)]
        env = gymnasium.make("simtouch-test/BentPath-v0", disable_env_checker=True)
        to_minari(shown, "simtouch/test-v0", env, description="of a test")
        (first, _) = minari.load_dataset("simtouch/test-v0").iterate_episodes()
    finally:
        del gymnasium.registry["simtouch-test/BentPath-v0"]
    np.testing.assert_array_equal(first.observations["tactile_left"], shown[0].observations["tactile_left"])
    np.testing.assert_array_equal(first.actions, shown[0].actions)
    np.testing.assert_array_equal(first.infos["advice"][1:], shown[0].advice)
