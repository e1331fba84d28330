"""How fast are demonstrations of the bead maze made, and how many of them succeed? The scripted expert's episodes, to keep or to share.

    python experiments/collect_demos.py                                                      # 50 without images: frames/s of one core
    python experiments/collect_demos.py --obs-type tactile_state --to lerobot --out runs/bead_maze_lerobot    # minutes
    python experiments/collect_demos.py --obs-type tactile_state --to minari --minari-id simtouch/bead-maze/expert-v0
    python experiments/collect_demos.py --smoke                                              # seconds

On half of the steps noise of .25 of the action's range is added, so that the data show how to recover; both what was done and the
expert's advice are kept. Frames/s are steps by process CPU time, making the mazes included. Minari needs `pip install 'minari[hdf5]'` and
writes where it keeps all of its data sets (MINARI_DATASETS_PATH). Writes runs/collect_demos/<name>/result.json.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import gymnasium as gym
import numpy as np
import simtouch_envs  # noqa: F401
import tyro
from simtouch_envs.experts import expert_for
from simtouch_envs.imitation.demonstrations import Demonstration, demonstrate, to_lerobot, to_minari
from simtouch_envs.imitation.noise import Noise
from simtouch_envs.wrappers import resting_images

import simtouch
from simtouch._checks import ArgumentError


@dataclass(frozen=True, kw_only=True)
class Config:
    env: str = "simtouch/BeadMaze-v0"
    family: Literal["straight", "lbend", "snake", "3d"] = "snake"
    split: Literal["train", "validation", "test"] = "train"
    sensor: str = "digit"
    obs_type: Literal["state", "force", "tactile", "tactile_state"] = "force"
    episodes: int = 50
    first_maze: int = 0
    noise: float = 0.25
    """Standard deviation, in units of half the action's range."""
    noise_share: float = 0.5
    """Of the steps."""
    seed: int = 0
    to: Literal["nothing", "lerobot", "minari"] = "nothing"
    out: Path = Path("runs/bead_maze_demos")
    """Of the LeRobot layout."""
    images: Literal["png", "jpeg95", "video"] = "png"
    """Of the LeRobot layout."""
    minari_id: str = "simtouch/bead-maze/expert-v0"
    name: str = "default"
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, episodes=2, family="straight", name=f"{config.name}-smoke")
    if config.to == "lerobot" and "tactile" not in config.obs_type:
        raise ArgumentError("`--to lerobot` is for demonstrations with images: give `--obs-type tactile_state`.")
    options = {"obs_type": config.obs_type, "family": config.family, "split": config.split, "sensor": config.sensor}
    env = gym.make(config.env, disable_env_checker=True, **options)
    source, told = Collected(config, env), {}
    task = "slide the bead along the wire to its end"
    if config.to == "lerobot":
        fps = round(1 / env.unwrapped.dt_s)
        of = {"fps": fps, "task": task, "sensor_type": config.sensor, "backgrounds": resting_images(env)}
        to_lerobot(source, config.out, images=config.images, **of)
        told["out"] = str(config.out)
    elif config.to == "minari":
        to_minari(
            list(source), config.minari_id, env, description=f"{task}; noise {config.noise} on {config.noise_share} of the steps"
        )
        told["out"] = config.minari_id
    else:
        for _ in source:
            pass
    told |= source.told()
    out = Path("runs/collect_demos", config.name, "result.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    shown = {"config": json.loads(json.dumps(asdict(config), default=str)), "version": simtouch.__version__}
    out.write_text(json.dumps(shown | told, indent=1) + "\n")
    print(json.dumps(told))


class Collected:
    """Demonstrations one by one, and the time that they took."""

    def __init__(self, config: Config, env: gym.Env):
        self.config, self.env = config, env
        self.frames, self.cpu_s, self.successes, self.peaks = 0, 0.0, [], []

    def __iter__(self) -> Iterator[Demonstration]:
        c = self.config
        expert, noise = expert_for(self.env), Noise(scale=(c.noise,) * self.env.action_space.shape[0], share=c.noise_share)
        for i in range(c.episodes):
            begun = time.process_time()
            made = demonstrate(
                self.env, expert, seed=c.seed * 100_000 + i, options={"maze": (c.first_maze + i) % 1000}, noise=noise
            )
            self.cpu_s += time.process_time() - begun
            self.frames += len(made)
            self.successes.append(made.is_success)
            self.peaks.append(float(made.infos["peak_force_n"][-1]))
            yield made

    def told(self) -> dict:
        speed = self.frames / self.cpu_s
        shares = {"success": float(np.mean(self.successes)), "peak_force_n": round(float(np.mean(self.peaks)), 3)}
        return {"episodes": len(self.successes), "frames": self.frames, "frames_per_cpu_s": round(speed)} | shares


if __name__ == "__main__":
    main(tyro.cli(Config))
