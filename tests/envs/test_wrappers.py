"""Wrappers hide and encode what they say, within finite spaces, alone or many at once."""

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

import torch
from gymnasium.wrappers import FrameStackObservation
from simtouch_envs.touch_features import TouchFeatures
from simtouch_envs.wrappers import EncoderFeatures, HideState

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.features import pooled
from simtouch.models.processor import TouchProcessor
from simtouch.models.vit import EncoderConfig, VisionTransformer
from tests.envs.imitation.bent_path import RESTING, BentPath

ACTION = np.array([0.5, 0, 0.3], np.float32)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return VisionTransformer(EncoderConfig(embed_dim=64, depth=1, num_heads=1, image_size=(32, 24), patch_size=8)).eval()


def test_hidden_parts_of_the_state_are_gone_from_space_and_observation():
    plain = BentPath()
    for hidden, kept in (({}, slice(3, 6)), ({"servo_error": False, "velocity": True}, slice(0, 3))):
        env = HideState(BentPath(), **hidden)
        for seen, whole in ((env.reset(seed=1)[0], plain.reset(seed=1)[0]), (env.step(ACTION)[0], plain.step(ACTION)[0])):
            np.testing.assert_array_equal(seen["state"], whole["state"][kept])
            np.testing.assert_array_equal(seen["force"], whole["force"])
            assert seen in env.observation_space
    env = HideState(BentPath(), velocity=True)
    assert set(env.reset(seed=0)[0]) == {"force"} == set(env.observation_space.spaces)
    with pytest.raises(ArgumentError, match="nothing to observe"):
        HideState(BentPath("state"), velocity=True)


def test_features_are_those_of_the_processors_windows(encoder):
    env, plain = EncoderFeatures(BentPath("tactile_state"), encoder, lag_steps=2), BentPath("tactile_state")
    seen, felt = [env.reset(seed=3)[0]], [plain.reset(seed=3)[0]]
    for _ in range(4):
        seen.append(env.step(ACTION)[0])
        felt.append(plain.step(ACTION)[0])
    processor = TouchProcessor.for_encoder(encoder, "digit", stride=2)
    for t, observation in enumerate(seen):
        pads = [[felt[t][k], felt[max(t - 2, 0)][k]] for k in ("tactile_left", "tactile_right")]
        with torch.no_grad():
            wanted = pooled(encoder(processor(pads, RESTING)), "mean_std").flatten()
        np.testing.assert_allclose(observation["features"], wanted, atol=1e-5)
        np.testing.assert_array_equal(observation["state"], felt[t]["state"])
        assert observation in env.observation_space
    assert np.isfinite(env.observation_space["features"].high).all()


def test_features_forget_the_episode_before(encoder):
    env = EncoderFeatures(BentPath("tactile_state"), encoder)
    first = env.reset(seed=3)[0]["features"]
    for _ in range(3):
        env.step(ACTION)
    np.testing.assert_array_equal(env.reset(seed=3)[0]["features"], first)


def test_no_input_can_leave_the_bounds(encoder):
    """Equation (1) holds for every image, also for such as no sensor shows."""
    features = TouchFeatures(encoder, backgrounds=[RESTING])
    wild = torch.cat([torch.rand(20, 6, 32, 24), torch.zeros(1, 6, 32, 24), torch.rand(20, 6, 32, 24).round()])
    assert (np.abs(features.encode(wild)) <= features.bounds).all()


def test_gymnasium_stacks_frames_of_our_dicts(encoder):
    env = FrameStackObservation(EncoderFeatures(BentPath("tactile_state"), encoder), 3)
    observation, _ = env.reset(seed=0)
    assert observation["features"].shape == (3, 256)
    assert observation in env.observation_space
    np.testing.assert_array_equal(observation["features"][0], observation["features"][2])
    newer = env.step(ACTION)[0]
    np.testing.assert_array_equal(newer["features"][1], observation["features"][2])
    images = FrameStackObservation(BentPath("tactile_state"), 2)
    assert images.reset(seed=0)[0]["tactile_left"].shape == (2, 16, 12, 3)


def test_many_environments_are_encoded_in_one_batch_and_as_one_alone(encoder):
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    from simtouch_envs.vec_features import FeatureVecEnv

    batches = []
    hook = encoder.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    venv = FeatureVecEnv(
        vec_env.DummyVecEnv([lambda: BentPath("tactile_state", length_m=0.006)] * 3), encoder, backgrounds=[RESTING] * 2
    )
    venv.seed(5)
    rows, batches[:] = [venv.reset()], []
    ended = []
    for _ in range(6):
        observation, _, dones, infos = venv.step(np.stack([ACTION] * 3))
        rows.append(observation)
        ended += [info["terminal_observation"] for done, info in zip(dones, infos, strict=True) if done]
    hook.remove()
    assert set(batches[:6]) <= {2, 4, 6}
    assert len(batches) < 6 + len(ended) + 1
    assert batches.count(6) >= 6
    assert ended
    assert all(last in venv.observation_space for last in ended)
    alone = EncoderFeatures(BentPath("tactile_state", length_m=0.006), encoder)
    observation = alone.reset(seed=5)[0]
    for row in rows[:3]:
        np.testing.assert_allclose(row["features"][0], observation["features"], atol=1e-5)
        np.testing.assert_allclose(row["state"][0], observation["state"])
        observation = alone.step(ACTION)[0]


def test_wrong_environments_are_refused_with_what_is_missing(encoder):
    with pytest.raises(ArgumentError, match="tactile images, but state"):
        EncoderFeatures(BentPath("state"), encoder)
    env = BentPath("tactile_state")
    env.background_images = {}
    with pytest.raises(ArgumentError, match="backgrounds"):
        EncoderFeatures(env, encoder)
    with pytest.raises(ShapeError, match="images"):
        TouchFeatures(encoder, backgrounds=[RESTING] * 2)([[RESTING]])
    with pytest.raises(ArgumentError, match="state"):
        HideState(gym.make("CartPole-v1"))
