"""One contract over every registered environment."""

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
simtouch_envs = pytest.importorskip("simtouch_envs")

from gymnasium.utils.env_checker import check_env as gymnasium_check  # noqa: E402

IDS = sorted(simtouch_envs.ENVIRONMENTS)


@pytest.fixture(params=IDS)
def env(request):
    made = gymnasium.make(request.param, render_mode="rgb_array")
    yield made
    made.close()


def episode(env, seed: int, steps: int) -> list:
    """Observations, rewards and endings under actions drawn from the same seed."""
    env.action_space.seed(seed)
    seen = [env.reset(seed=seed)[0]]
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen.append((observation, reward, terminated, truncated))
        if terminated or truncated:
            break
    return seen


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b)


def test_every_simtouch_id_in_the_registry_is_under_contract():
    assert {name for name in gymnasium.registry if name.startswith("simtouch/")} == set(IDS)
    assert IDS


def test_gymnasium_finds_nothing_to_say(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(env.unwrapped, skip_render_check=False)


def test_stable_baselines3_finds_nothing_to_say(env):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(env.unwrapped)


def test_spaces_are_finite_and_images_are_bytes(env):
    for name, space in env.observation_space.spaces.items():
        assert np.isfinite(space.low).all(), name
        assert np.isfinite(space.high).all(), name
        if name.startswith("tactile"):
            assert space.dtype == np.uint8
            assert len(space.shape) == 3
            assert space.shape[2] == 3
    assert np.isfinite(env.action_space.low).all()


def test_equal_seeds_give_equal_bytes_also_after_other_episodes(env):
    first = episode(env, 7, 12)
    episode(env, 8, 5)
    assert same(first, episode(env, 7, 12))
    other = gymnasium.make(env.spec.id)
    assert same(first, episode(other, 7, 12))
    other.close()


def test_another_seed_gives_another_episode(env):
    assert not same(episode(env, 1, 3), episode(env, 2, 3))


def test_an_observation_is_not_overwritten_by_the_next(env):
    first = env.reset(seed=0)[0]
    kept = {name: value.copy() for name, value in first.items()}
    for _ in range(3):
        env.step(env.action_space.sample())
    assert same(first, kept)


def test_the_reward_is_the_sum_of_its_named_terms(env):
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(10):
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert info["reward_terms"]
        assert reward == pytest.approx(sum(info["reward_terms"].values()))
        assert isinstance(info["is_success"], bool)
        if terminated or truncated:
            break


def test_episodes_end(env):
    env.action_space.seed(3)
    env.reset(seed=3)
    limit = env.spec.max_episode_steps
    for count in itertools.count(1):
        if any(env.step(env.action_space.sample())[2:4]):
            break
        assert count < limit
    assert count <= limit


def test_render_shows_the_tactile_image(env):
    observation = env.reset(seed=0)[0]
    image = env.render()
    assert image.dtype == np.uint8
    assert any(np.array_equal(image, value) for name, value in observation.items() if name.startswith("tactile"))


def test_a_missing_extra_names_its_pip_line(tmp_path):
    code = "import sys; sys.modules['gymnasium'] = None; import importlib.util as u\n"
    code += "find = u.find_spec; u.find_spec = lambda n, *a: None if n == 'gymnasium' else find(n, *a)\nimport simtouch_envs"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "pip install 'simtouch[envs]'" in run.stderr
