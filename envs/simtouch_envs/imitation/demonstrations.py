"""Demonstrations: an environment and its expert in, whole episodes as they were played, observations and all, out, to train on or to keep.

What is kept in other people's formats: the LeRobot layout (`to_lerobot`), a scene an episode, and Minari (`to_minari`), whose transitions
are what was done; both also have the expert's advice, which differs from it where noise was added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import gymnasium as gym
import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.lerobot_files import LeRobotFiles
from simtouch.stream.export.new_folder import new_folder
from simtouch.stream.images import encode_image
from simtouch_envs.experts import Expert
from simtouch_envs.imitation.noise import Noise
from simtouch_envs.wrappers import TACTILE

_INFO = ("progress", "distance_m", "peak_force_n", "slip_m")
"""What of `info` is kept of every step, where the environment tells it."""


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """One episode of T steps."""

    observations: dict[str, np.ndarray]
    """(T + 1, ...) by key, the last one after the last step."""
    advice: np.ndarray
    """The expert's actions, float32 (T, A)."""
    actions: np.ndarray
    """What was done, float32 (T, A)."""
    rewards: np.ndarray
    """float32 (T,)."""
    infos: dict[str, np.ndarray]
    """(T,) by name."""
    terminated: bool
    is_success: bool
    maze: str
    seed: int

    def __len__(self) -> int:
        return len(self.actions)


def demonstrate(
    env: gym.Env,
    expert: Expert,
    *,
    seed: int,
    options: dict[str, Any] | None = None,
    noise: Noise | None = None,
    max_steps: int = 10_000,
) -> Demonstration:
    """Let the expert play one episode.

    Args:
        env: With Dict observations.
        expert: Of this environment.
        seed: Of the environment and of the noise.
        options: For `reset`, as `{"maze": 3}`.
        noise: Added to what the expert does.
        max_steps: Where the environment has no limit.
    """
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed, options=options)
    expert.reset()
    seen, advice, actions, rewards, infos, ended = [observation], [], [], [], [], (False, False)
    while not any(ended) and len(actions) < max_steps:
        advice.append(np.asarray(expert.act(), np.float32))
        done = advice[-1] if noise is None else noise.added_to(advice[-1], rng)
        actions.append(np.clip(done, -1, 1).astype(np.float32))
        observation, reward, *ended, info = env.step(actions[-1])
        seen.append(observation)
        rewards.append(reward)
        infos.append([float(info[name]) for name in _INFO if name in info])
    told = [name for name in _INFO if name in info]
    return Demonstration(
        observations={key: np.stack([of[key] for of in seen]) for key in seen[0]},
        advice=np.stack(advice),
        actions=np.stack(actions),
        rewards=np.array(rewards, np.float32),
        infos=dict(zip(told, np.array(infos, np.float32).T, strict=True)),
        terminated=bool(ended[0]),
        is_success=bool(info["is_success"]),
        maze=str(info.get("maze", "")),
        seed=seed,
    )


class EpisodeClip(AnyClip):
    """What one sensor saw in a demonstration, as a clip.

    Args:
        images: Of T steps, uint8 (T, H, W, 3).
        fps: Steps a second.
        background: The resting sensor.
        number: Of the episode.
        sensor_id: Which sensor.
        sensor_type: Of which type.
        source: Name of the data set.
    """

    synthetic, indenter, motion = True, "", ""
    labels: ClassVar[dict[str, np.ndarray]] = {}

    def __init__(
        self,
        images: np.ndarray,
        *,
        fps: float,
        background: np.ndarray | None,
        number: int,
        sensor_id: str,
        sensor_type: str = "",
        source: str = "",
    ):
        self._images, self._fps, self._background = images, fps, background
        self.clip_id, self.sensor_id, self.sensor_type, self.source = number, sensor_id, sensor_type, source

    def __len__(self) -> int:
        return len(self._images)

    @property
    def time_s(self) -> np.ndarray:
        """See `AnyClip`."""
        return np.arange(len(self)) / self._fps

    @property
    def background(self) -> np.ndarray | None:
        """See `AnyClip`."""
        return self._background

    def image(self, t: int) -> np.ndarray:
        """See `AnyClip`."""
        return self._images[t]

    def encoded_image(self, t: int) -> bytes:
        """PNG of step `t`."""
        return encode_image(self._images[t], "png")


def to_lerobot(
    demonstrations: Iterable[Demonstration],
    out: str | Path,
    *,
    fps: float,
    task: str,
    sensor_type: str = "",
    backgrounds: dict[str, np.ndarray] | None = None,
    images: Literal["png", "jpeg95", "video"] = "png",
) -> Path:
    """Write a LeRobot 3.0 data set, one episode after the other, and return its folder.

    `observation.images.left` and its like are the tactile images, `observation.state` and `.force` the numbers, `action` the expert's
    advice and `action.done` what was done.

    Args:
        demonstrations: With tactile images.
        out: New or empty folder; whole or not there at all.
        fps: Steps a second.
        task: In words.
        sensor_type: Of the sensors: `digit`, `gelsight_mini`, ...
        backgrounds: The resting sensor by tactile key.
        images: Lossless columns, JPEG, or H.264 video.

    Raises:
        ArgumentError: A demonstration has no tactile images.
    """
    rest, tick = backgrounds or {}, lambda frames: None
    with new_folder(out) as folder, LeRobotFiles(folder, fps, images=images, video_codec="h264", crf=18, tick=tick) as files:
        for number, of in enumerate(demonstrations):
            keys = [key for key in of.observations if key.startswith(TACTILE)]
            if not keys:
                raise ArgumentError("the LeRobot layout is for demonstrations with images: observe `tactile_state` or `tactile`.")
            common = {"fps": fps, "number": number, "source": Path(out).name, "sensor_type": sensor_type}
            cameras: dict[str, AnyClip] = {
                key.removeprefix(f"{TACTILE}_"): EpisodeClip(
                    of.observations[key][:-1], background=rest.get(key), sensor_id=key, **common
                )
                for key in keys
            }
            files.write_episode(cameras, _columns(of), task)
    return Path(out)


def _columns(of: Demonstration) -> dict[str, Any]:
    """All that is no image, as LeRobot names it."""
    numbers = {key: value for key, value in of.observations.items() if not key.startswith(TACTILE)}
    columns: dict[str, Any] = {f"observation.{key}": (v[:-1], _axes(key, v.shape[1])) for key, v in numbers.items()}
    width = of.actions.shape[1]
    columns |= {"action": (of.advice, _axes("action", width)), "action.done": (of.actions, _axes("action", width))}
    last = np.arange(len(of)) == len(of) - 1
    columns |= {"next.reward": (of.rewards, None), "next.done": (last, None), "next.success": (last & of.is_success, None)}
    return columns | {f"next.{name}": (values, None) for name, values in of.infos.items()}


def _axes(name: str, width: int) -> list[str]:
    return [f"{name}.{i}" for i in range(width)]


def to_minari(
    demonstrations: Sequence[Demonstration], name: str, env: gym.Env, *, description: str, lossless: bool = True
) -> Any:
    """Make a local Minari data set and return it; needs `minari`.

    Args:
        demonstrations: Of `env`; infos hold `advice` and what the environment tells of every step.
        name: Id, as `simtouch/bead-maze/expert-v0`.
        env: Where they were played, as `gymnasium.make` made it.
        description: In words.
        lossless: Keep images as they are; else as JPEG.

    Raises:
        MissingExtraError: Minari is not installed.
    """
    try:
        import minari
        from minari.data_collector.episode_buffer import EpisodeBuffer
    except ImportError as error:
        raise MissingExtraError("Minari data sets need minari: pip install 'minari[hdf5]'") from error
    buffers = []
    for number, of in enumerate(demonstrations):
        ends = np.arange(len(of)) == len(of) - 1
        first = {key: np.concatenate([values[:1], values]) for key, values in {"advice": of.advice, **of.infos}.items()}
        buffers.append(
            EpisodeBuffer(
                id=number,
                seed=of.seed,
                options={"maze": of.maze},
                observations=of.observations,
                actions=of.actions,
                rewards=of.rewards.tolist(),
                terminations=(ends & of.terminated).tolist(),
                truncations=(ends & (not of.terminated)).tolist(),
                infos=first,
            )
        )
    made = {"algorithm_name": "scripted expert", "description": description, "jpeg_encoding": not lossless}
    return minari.create_dataset_from_buffers(name, buffers, env=env, **made)
