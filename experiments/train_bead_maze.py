"""What can be learned of the bead maze by touch? Cloning, DAgger, a diffusion head, PPO and SAC, on forces, images or nothing at all.

    python experiments/train_bead_maze.py                                     # forces, DAgger, 3 seeds: minutes on one core
    python experiments/train_bead_maze.py --observations none state           # baselines without touch
    python experiments/train_bead_maze.py --observations random runs/mae cnn --name images     # frozen encoders and end to end: hours
    python experiments/train_bead_maze.py --observations runs/mae --algorithm sac --family straight --name rl
    python experiments/train_bead_maze.py --smoke                             # seconds

An observation is one of simtouch_envs/imitation/views.py: force, state, none, cnn, random, or an encoder's folder, which --tune trains on.
Every seed has its own training mazes, noise and weights; all are tested on the same unseen mazes without noise. Demonstrations are the
scripted expert's, disturbed on half of the steps. Intervals are 95 %, seeds and mazes drawn.

distance: along the wire before goal or failure; completion: part of the way; error: of 15 summed actions along the expert's own
trajectories. Every arm and seed is a file under --name, kept when a run is broken off: start it again, or another process with other
--seeds of the same name, and it goes on. Writes result.json, table.md, plot.png to runs/train_bead_maze/<name>.
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
import torch
import tyro
from simtouch_envs.experts import expert_for
from simtouch_envs.fingertips import FingertipConfig
from simtouch_envs.imitation.cloning import FitConfig, fit
from simtouch_envs.imitation.dagger import DaggerConfig, dagger
from simtouch_envs.imitation.episodes import Episodes
from simtouch_envs.imitation.noise import Noise
from simtouch_envs.imitation.report import Row, gains, means, plot, table
from simtouch_envs.imitation.rollouts import Play, Player, play
from simtouch_envs.imitation.scores import measured, position_error_mm
from simtouch_envs.imitation.views import View, new_policy, view_of
from simtouch_envs.reinforcement import NUM_ENVS, LearnConfig, learn

import simtouch
from simtouch._checks import ArgumentError

MAZES_A_SEED, TEST_SEED = 333, 10_000


@dataclass(frozen=True, kw_only=True)
class Config:
    observations: tuple[str, ...] = ("force",)
    algorithm: Literal["bc", "dagger", "diffusion", "dagger_diffusion", "ppo", "sac"] = "dagger"
    """`dagger_diffusion` is DAgger with the diffusion head."""
    seeds: tuple[int, ...] = (0, 1, 2)
    family: Literal["straight", "lbend", "snake", "3d"] = "snake"
    demos: tuple[int, ...] = (50,)
    """Demonstrations; of several numbers `bc` and `diffusion` make a row each."""
    rounds: int = 5
    """Of DAgger, 25 rollouts each."""
    rollouts: int = 25
    test_mazes: int = 20
    error_mazes: int = 5
    """Of them, whose expert trajectories give the position error."""
    tune: bool = False
    """Train encoders on with the policy, instead of frozen."""
    hide_servo: bool = False
    """Leave the servo error out of the state, whatever the observation."""
    image_size: tuple[int, int] = (64, 48)
    """(H, W) of what `cnn` reads."""
    lag_steps: int = 2
    """Between the two frames of a window."""
    execute: int = 5
    """Actions of a diffusion chunk that are done."""
    fit_steps: int | None = None
    """Of every fit; by default 3000 of 256, and 2000 of 64 for networks that read images, then 700 a round."""
    steps: int = 50_000
    """Of reinforcement learning."""
    look_every: int = 5_000
    force_budget_n: float | None = None
    """Largest force between wire and hand [N]; by default the environment's."""
    noise: float = 0.25
    """Of demonstrations, in units of half the action's range, on half of the steps."""
    sensor: str = "digit"
    cells: int = 80
    """Of the gel along its longer side; 40 plays twice as fast."""
    envs: int = 8
    """Played side by side by imitation."""
    threads: int = 1
    video: bool = False
    """Write a video of the last policy of each arm in the first test maze; needs `av`."""
    name: str = "default"
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        few = {
            "seeds": config.seeds[:2],
            "demos": (2,),
            "rounds": 1,
            "rollouts": 2,
            "test_mazes": 2,
            "error_mazes": 1,
            "fit_steps": 20,
        }
        config = replace(config, **few, steps=300, look_every=300, envs=2, name=f"{config.name}-smoke")
    torch.set_num_threads(config.threads)
    out = Path("runs/train_bead_maze", config.name)
    for observation in config.observations:  # before anything takes long
        view_of(observation, tune=config.tune)
    for seed in config.seeds:
        for observation in config.observations:
            path = out / "arms" / f"{_arm(config, observation)}-{config.algorithm}-{config.family}-{seed}.json".replace("/", "_")
            if path.is_file() and not config.smoke:
                print(f"{path} is there")
                continue
            rows = []
            for row in Arm(config, observation, seed).rows():
                rows.append(row)
                told = {
                    name: float(np.round(np.mean(row[name]), 3))
                    for name in ("distance_cm", "completion", "success", "peak_force_n")
                }
                print(
                    f"{row['arm']}, seed {seed}, round {row['round']}, {row['labels']} labels, {row['seconds']} s: {told}",
                    flush=True,
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"config": asdict(config), "rows": rows}) + "\n")
    report(config, out)


def _arm(config: Config, observation: str) -> str:
    """Name of an arm in tables."""
    folder = Path(observation)
    known = f"{folder.parent.name}/{folder.name}" if folder.exists() else observation
    return known + (", tuned" if config.tune else "") + (", no servo" if config.hide_servo else "")


class Arm:
    """One observation and one seed."""

    def __init__(self, config: Config, observation: str, seed: int):
        self.config, self.seed, self.begun = config, seed, time.monotonic()
        self.name = _arm(config, observation)
        sizes = {"image_size": config.image_size, "lag_steps": config.lag_steps}
        self.view: View = view_of(observation, tune=config.tune, hide_servo=config.hide_servo, seed=seed, **sizes)
        self.test = [self.make("test") for _ in range(min(config.envs, config.test_mazes))]
        self.observer = self.view.observer(self.test[0])

    def make(self, split: str, **options) -> gym.Env:
        c = self.config
        wanted = {"obs_type": self.view.obs_type, "family": c.family, "split": split, "sensor": c.sensor, **options}
        wanted["fingertips"] = FingertipConfig(cells=c.cells)
        if c.force_budget_n is not None:
            wanted["force_budget_n"] = c.force_budget_n
        return self.view.wrap(gym.make("simtouch/BeadMaze-v0", disable_env_checker=True, **wanted))

    def rows(self) -> Iterator[Row]:
        """Train, and test what comes out."""
        if self.config.algorithm in NUM_ENVS:
            yield from self.reinforced()
            return
        self.train = [self.make("train") for _ in range(self.config.envs)]
        noise = Noise(scale=(self.config.noise,) * self.train[0].action_space.shape[0])
        demos = self.played(None, range(max(self.config.demos)), Play(seed=self.seed, noise=noise))
        self.held_out = self.played(None, range(self.config.error_mazes), Play(seed=TEST_SEED), self.test)
        player = None
        for row, player in self.dagger(demos) if "dagger" in self.config.algorithm else self.cloned(demos):
            yield row
        if self.config.video and player is not None:
            self.film(player)

    def played(self, player: Player | None, mazes: range, how: Play, envs: list[gym.Env] | None = None) -> Episodes:
        """Episodes of the training mazes of this seed, or of `envs`, with advice."""
        numbers = list(mazes) if envs else [(MAZES_A_SEED * self.seed + i) % 1000 for i in mazes]
        return play(envs or self.train, self.observer, player, numbers, how, expert_of=lambda env: expert_for(env.unwrapped))

    def new_policy(self, episodes: Episodes):
        head = "diffusion" if "diffusion" in self.config.algorithm else "regression"
        features = self.observer.layout.get("features", 0)
        return new_policy(self.view, episodes, head, features=features, seed=self.seed, execute=self.config.execute)

    @property
    def fitting(self) -> FitConfig:
        reads_images = self.view.vision() is not None
        steps = self.config.fit_steps or (2000 if reads_images else 3000)
        return FitConfig(steps=steps, batch_size=64 if reads_images else 256, seed=self.seed)

    def cloned(self, demos: Episodes) -> Iterator[tuple[Row, Player]]:
        for count in self.config.demos:
            shown = demos.only(range(count))
            policy = self.new_policy(shown)
            fit(policy, shown, self.fitting)
            yield self.tested(policy, shown, demos=count), policy

    def dagger(self, demos: Episodes) -> Iterator[tuple[Row, Player]]:
        c, count = self.config, len(demos.endings)

        def collect(policy: Player, number: int, share: float) -> Episodes:
            first = count + c.rollouts * number
            how = Play(seed=1000 * (self.seed + 1) + number, expert_share=share)
            return self.played(policy, range(first, first + c.rollouts), how)

        slow = self.view.vision() is not None
        how = DaggerConfig(rounds=c.rounds, rollouts=c.rollouts, keep_weights=slow, later_steps=c.fit_steps or 700)
        for found in dagger(self.new_policy, demos, collect, how, self.fitting):
            yield self.tested(found.policy, found.episodes, demos=count, number=found.number), found.policy

    def reinforced(self) -> Iterator[Row]:
        c, rows = self.config, []

        def look(steps: int, player: Player) -> bool:
            rows.append(self.tested(player, None, number=steps))
            print(f"{self.name}, {steps} steps: success {np.mean(rows[-1]['success'])}", flush=True)
            return True

        how = LearnConfig(learner=c.algorithm, steps=c.steps, look_every=c.look_every, seed=self.seed)
        player = learn(lambda: self.make("train"), self.observer, how, on_look=look)
        if c.video:
            self.film(player)
        yield from rows

    def tested(self, player: Player, fitted: Episodes | None, *, demos: int = 0, number: int = 0) -> Row:
        """How a policy does on the unseen mazes."""
        found = play(self.test, self.observer, player, range(self.config.test_mazes), Play(seed=TEST_SEED))
        row = {
            "arm": self.name,
            "algorithm": self.config.algorithm,
            "family": self.config.family,
            "demos": demos,
            "round": number,
        }
        row |= {"labels": number if fitted is None else len(fitted), "seed": self.seed} | measured(found.endings)
        row |= {"lost": [ending.lost for ending in found.endings], "whole_cm": [_whole_cm(e) for e in found.endings]}
        if fitted is not None:
            row |= {"position_error_mm": position_error_mm(player, self.held_out, step_m=self.test[0].unwrapped.full_step_m)}
        return row | {"seconds": round(time.monotonic() - self.begun)}

    def film(self, player: Player) -> None:
        from simtouch.stream.export.mp4 import Mp4Writer

        env = self.make("test", render_mode="rgb_array")
        path = Path("runs/train_bead_maze", self.config.name, f"{self.name}-{self.seed}.mp4".replace("/", "_").replace(" ", ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        with Mp4Writer(path, env.metadata["render_fps"]) as video:
            play([env], self.observer, player, [0], Play(seed=TEST_SEED), on_step=lambda env: video.write(env.render()))
        env.close()
        print(f"wrote {path}")


def _whole_cm(ending) -> float | None:
    """From start to goal; not known of an episode that did not leave the start."""
    return 100 * ending.distance_m / ending.completion if ending.completion > 0.05 else None


def report(config: Config, out: Path) -> None:
    """What all arms say that are there."""
    files = sorted((out / "arms").glob("*.json"))
    if not files:
        raise ArgumentError(f"there is no arm under `{out}`.")
    rows = [row for path in files for row in json.loads(path.read_text())["rows"]]
    found = means(rows)
    ratios = [gain for over in ("cnn", "random", "none") for gain in gains(rows, over)]
    page = table(found, ratios)
    known = [value for row in rows for value in row["whole_cm"] if value]
    plot(found, out / "plot.png", whole_cm=float(np.mean(known)) if known else None)
    told = {
        "config": asdict(config),
        "version": simtouch.__version__,
        "torch": torch.__version__,
        "arms": [p.name for p in files],
    }
    (out / "result.json").write_text(json.dumps(told | {"means": found, "ratios": ratios, "rows": rows}, indent=1) + "\n")
    (out / "table.md").write_text(page)
    print(f"{page}\nwrote {out}/result.json, table.md, plot.png")


if __name__ == "__main__":
    main(tyro.cli(Config))
