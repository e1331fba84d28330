"""One contract over every registered environment."""

import inspect
import itertools
import json
import subprocess
import sys
import warnings
from hashlib import sha256

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
simtouch_envs = pytest.importorskip("simtouch_envs")

from gymnasium.utils.env_checker import check_env as gymnasium_check  # noqa: E402
from simtouch_envs.experts import EXPERTS, expert_for  # noqa: E402
from simtouch_envs.touch_env import TouchEnv  # noqa: E402

IDS = sorted(simtouch_envs.ENVIRONMENTS)
HEADINGS = (
    "Description",
    "Action Space",
    "Observation Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Arguments",
    "Version History",
)
_OPEN: dict[str, object] = {}


@pytest.fixture(params=IDS)
def env(request):
    """One of each, kept: making one takes longer than most facts about it."""
    if request.param not in _OPEN:
        _OPEN[request.param] = gymnasium.make(request.param, render_mode="rgb_array" if opengl_works() else None)
    return _OPEN[request.param]


def opengl_works() -> bool:
    if "opengl" not in _OPEN:
        code = "from simtouch_envs.physics import import_mujoco as m; mj = m()\n"
        code += "mj.Renderer(mj.MjModel.from_xml_string('<mujoco/>'), 8, 8).render()"
        _OPEN["opengl"] = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
    return bool(_OPEN["opengl"])


def variants(env) -> list[dict]:
    """What to make an environment with, one for each kind of observation."""
    types = inspect.signature(type(env.unwrapped)).parameters.get("obs_type")
    return [{}] if types is None else [{"obs_type": kind} for kind in ("state", "force", "tactile", "tactile_state")]


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


class Shown:
    """A window without a display."""

    def __init__(self, title: str):
        self.title = title

    def show(self, picture: np.ndarray) -> None:
        assert picture.dtype == np.uint8

    def close(self) -> None:
        pass


def test_gymnasium_finds_nothing_to_say(env, monkeypatch):
    monkeypatch.setattr("simtouch_envs.touch_env.Window", Shown)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(env.unwrapped, skip_render_check=env.render_mode is None)


def test_stable_baselines3_finds_nothing_to_say(env):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(env.unwrapped)


def test_every_kind_of_observation_is_in_its_space_and_passes_both_checks(env):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    for kwargs in variants(env)[:-1]:  # the last is the default, checked above
        made = gymnasium.make(env.spec.id, **kwargs)
        observation = made.reset(seed=0)[0]
        assert made.observation_space.contains(observation)
        assert set(observation) < set(env.observation_space.spaces) | {"force"}
        if "tactile" not in kwargs.get("obs_type", "tactile"):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                gymnasium_check(made.unwrapped, skip_render_check=True)
                checker.check_env(made.unwrapped)
        made.close()


def test_no_element_of_an_observation_is_constant(env):
    for kwargs in variants(env)[1:] or [{}]:
        made = gymnasium.make(env.spec.id, **kwargs) if kwargs else env
        seen = [said for seed in (0, 1) for said in watched(made, seed, 12)]
        for name in made.observation_space.spaces:
            values = np.stack([observation[name] for observation in seen])
            moves = np.ptp(values.astype(np.float64), axis=0) > 0
            assert moves.all(), (kwargs, name, np.argwhere(~moves)[:5])


def watched(env, seed: int, steps: int) -> list[dict]:
    """Observations under random actions."""
    return [said if isinstance(said, dict) else said[0] for said in episode(env, seed, steps)]


def test_the_expert_plays_it(env):
    quick = {"obs_type": "state"} if variants(env) != [{}] else {}
    made = gymnasium.make(env.spec.id, **quick)
    expert = expert_for(made)
    won = []
    for seed in (10, 11):
        made.reset(seed=seed)
        expert.reset()
        ended = False
        while not ended:
            action = expert.act()
            assert made.action_space.contains(action.astype(np.float32))
            *_, terminated, truncated, info = made.step(action)
            ended = terminated or truncated or info["is_success"]
        won.append(info["is_success"])
    assert all(won)
    made.close()


def test_the_page_of_an_environment_tells_its_spaces(env):
    page = inspect.getdoc(type(env.unwrapped))
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert headings == list(HEADINGS)
    actions = page.split("## Action Space")[1].split("## ")[0]
    assert sum(line.startswith(f"| {n} |") for n in range(9) for line in actions.splitlines()) >= env.action_space.shape[0]
    observations = page.split("## Observation Space")[1].split("## ")[0]
    assert all(name in observations for name in env.observation_space.spaces)


def test_an_environment_has_an_expert(env):
    assert env.spec.id in EXPERTS


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


def digest(env) -> str:
    """Of a short episode, images included."""
    told = sha256()
    for said in episode(env, 5, 5):
        for part in said if isinstance(said, tuple) else (said,):
            for value in part.values() if isinstance(part, dict) else (part,):
                told.update(np.ascontiguousarray(value).tobytes())
    return told.hexdigest()


def test_another_process_gives_the_same_bytes():
    code = "import json, sys, gymnasium; sys.path.insert(0, sys.argv[1]); from tests.envs.test_contract import IDS, digest\n"
    code += "print(json.dumps([digest(gymnasium.make(name)) for name in IDS]))"
    root = inspect.getfile(sys.modules[__name__]).split("tests")[0]
    run = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=True, cwd=root)
    assert json.loads(run.stdout.splitlines()[-1]) == [digest(gymnasium.make(name)) for name in IDS]


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


def test_render_shows_what_is_felt(env):
    if env.render_mode is None:
        pytest.skip("no OpenGL here")
    observation = env.reset(seed=0)[0]
    image = env.render()
    assert image.dtype == np.uint8
    felt = [value for name, value in observation.items() if name.startswith("tactile")]
    if not isinstance(env.unwrapped, TouchEnv):
        assert np.array_equal(image, felt[0])
        return
    assert image.shape[0] == 480
    height = 480 // len(felt)
    for place, picture in enumerate(felt):  # shown at the right, in whatever size: the same mean colour within its frame
        shown = image[place * height : (place + 1) * height, 640:]
        lit = shown[(shown > 0).any(2)]
        assert np.abs(lit.mean(0) - picture.mean((0, 1))).max() < 3


def test_a_missing_extra_names_its_pip_line(tmp_path):
    code = "import sys; sys.modules['gymnasium'] = None; import importlib.util as u\n"
    code += "find = u.find_spec; u.find_spec = lambda n, *a: None if n == 'gymnasium' else find(n, *a)\nimport simtouch_envs"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "pip install 'simtouch[envs]'" in run.stderr
