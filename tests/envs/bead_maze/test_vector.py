"""Bead mazes side by side: one at a time, in processes, or by MuJoCo's batch, they are the same to the bit."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("simtouch_envs")

from simtouch_envs.fingertips import FingertipConfig  # noqa: E402

from simtouch._checks import ArgumentError  # noqa: E402

ID, COUNT = "simtouch/BeadMaze-v0", 2


def played(mode: str, steps: int, **kwargs) -> list:
    """Everything that a vector environment says while actions of one seed are played; episodes are cut short."""
    spawned = {"vector_kwargs": {"context": "spawn"}} if mode == "async" else {}  # Taichi does not outlive a fork
    vector_env = gymnasium.make_vec(ID, num_envs=COUNT, vectorization_mode=mode, **spawned, **kwargs)
    rng = np.random.default_rng(5)
    said = [vector_env.reset(seed=3)[0]]
    for _ in range(steps):
        action = rng.uniform(-1, 1, (COUNT, 3)).astype(np.float32) + np.array([0.4, 0, 0], np.float32)
        observation, reward, terminated, truncated, info = vector_env.step(action)
        said += [observation, reward, terminated, truncated, info.get("distance_m", 0), info["peak_force_n"]]
    vector_env.close()
    return said


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)
    return np.array_equal(a, b)


def assert_same(one: list, other: list) -> None:
    assert len(one) == len(other)
    assert all(same(a, b) for a, b in zip(one, other, strict=True))


def test_the_native_one_gives_what_sync_gives_through_resets():
    sync = played("sync", 60, obs_type="force", max_episode_steps=17)
    assert any(np.any(said) for said in sync[4::6])  # episodes were truncated, so there were resets
    assert_same(sync, played("vector_entry_point", 60, obs_type="force", max_episode_steps=17))
    assert_same(sync, played("vector_entry_point", 60, obs_type="force", max_episode_steps=17, threads=1))


SEEN = {"obs_type": "tactile_state", "max_episode_steps": 4, "fingertips": FingertipConfig(cells=40)}


def test_images_of_the_native_one_are_those_of_sync():
    sync = played("sync", 6, **SEEN)
    assert sync[0]["tactile_left"].std() > 1
    assert_same(sync, played("vector_entry_point", 6, **SEEN))


@pytest.mark.slow
def test_images_from_other_processes_are_the_same():
    assert_same(played("sync", 12, **SEEN), played("async", 12, **SEEN))


def test_a_batch_of_none_is_refused():
    with pytest.raises(ArgumentError, match="at least 1"):
        gymnasium.make_vec(ID, num_envs=0, vectorization_mode="vector_entry_point")
