"""Rollouts: environments and a policy or their scripted expert in, `Episodes` out, every step with the action the expert would take.

Several environments are played side by side, so that an encoder reads all of their windows in one batch. What is random about an
episode follows from the seed and its number alone, whichever environment plays it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import gymnasium as gym
import numpy as np
import torch

from simtouch._checks import ArgumentError
from simtouch_envs.experts import Expert
from simtouch_envs.imitation.episodes import Ending, Episodes
from simtouch_envs.imitation.noise import Noise
from simtouch_envs.imitation.observers import Observer
from simtouch_envs.imitation.policies import Needs


class Player(Protocol):
    """What acts: a `Policy`, or what stands for one."""

    @property
    def needs(self) -> Needs: ...

    def chunk(self, numbers: torch.Tensor, windows: torch.Tensor | None, noise: torch.Tensor) -> torch.Tensor:
        """Actions (B, horizon, A) for numbers (B, stack, D), windows uint8 (B, P, 2, H, W, 3) and noise (B, horizon, A)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Play:
    """How episodes are played."""

    seed: int = 0
    expert_share: float = 0.0
    """Probability that the expert acts in a step, beta of DAgger."""
    noise: Noise | None = None
    max_steps: int = 10_000
    """Of an episode, where the environment has no limit."""


def play(
    envs: Sequence[gym.Env],
    observer: Observer,
    policy: Player | None,
    mazes: Sequence[int],
    config: Play = Play(),
    *,
    expert_of: Callable[[gym.Env], Expert] | None = None,
    options_of: Callable[[int], dict] = lambda maze: {"maze": maze},
    on_step: Callable[[gym.Env], object] = lambda env: None,
) -> Episodes:
    """Play one episode in each maze.

    Args:
        envs: Which to play in, all alike.
        observer: What the policy sees.
        policy: Who acts; None lets the expert.
        mazes: Number of each episode's maze.
        config: Seed, share of the expert, noise.
        expert_of: Makes the expert of an environment; None leaves the steps without advice.
        options_of: What `reset` is told of a maze.
        on_step: Called after each step, to take pictures.

    Raises:
        ArgumentError: There is neither a policy nor an expert.
    """
    if policy is None and expert_of is None:
        raise ArgumentError("`play` needs a `policy` or `expert_of`: nobody acts.")
    share = 1.0 if policy is None else config.expert_share
    if share > 0 and expert_of is None:
        raise ArgumentError(f"`expert_share` is {share:g}, but there is no `expert_of`.")
    waiting, done = deque(enumerate(mazes)), {}
    count = min(len(envs), len(mazes))
    seats = [_Seat(i, env, expert_of(env) if expert_of else None) for i, env in enumerate(envs[:count])]
    while busy := [seat for seat in seats if seat.has_work(waiting, observer, options_of, config)]:
        numbers, images = observer.see([seat.observation for seat in busy], [seat.index for seat in busy])
        for i, seat in enumerate(busy):
            seat.saw(numbers[i], None if images is None else images[i])
        if policy is not None:
            _plan(policy, busy)
        for seat in busy:
            seat.step(share, config)
            on_step(seat.env)
            if seat.over:
                done[seat.number] = seat.taken()
    return _collected([done[number] for number in range(len(mazes))])


@torch.inference_mode()
def _plan(policy: Player, busy: list["_Seat"]) -> None:
    """New actions for the seats that have none left."""
    idle = [seat for seat in busy if not seat.plan]
    if not idle:
        return
    needs = policy.needs
    numbers = torch.from_numpy(np.stack([seat.stacked(needs.stack) for seat in idle]))
    windows = None
    if needs.lag is not None:
        windows = torch.from_numpy(np.stack([seat.window(needs.lag) for seat in idle]))
    noise = torch.from_numpy(np.stack([seat.rng.standard_normal(needs.action_shape) for seat in idle])).float()
    chunks = policy.chunk(numbers, windows, noise).numpy()
    for seat, chunk in zip(idle, chunks, strict=True):
        seat.plan.extend(chunk[: needs.execute])


class _Seat:
    """One environment, and the episode that is being played in it."""

    def __init__(self, index: int, env: gym.Env, expert: Expert | None):
        self.index, self.env, self.expert = index, env, expert
        self.over = True

    def has_work(self, waiting: deque, observer: Observer, options_of, config: Play) -> bool:
        """Whether an episode is under way; begins the next one where none is."""
        if not self.over:
            return True
        if not waiting:
            return False
        self.number, self.maze = waiting.popleft()
        self.rng = np.random.default_rng([config.seed, self.number])
        self.observation, self.info = self.env.reset(seed=int(self.rng.integers(2**31)), options=options_of(self.maze))
        if self.expert is not None:
            self.expert.reset()
        observer.begin(self.index)
        self.numbers, self.images, self.advice, self.actions, self.peak_n = [], [], [], [], 0.0
        self.plan: deque[np.ndarray] = deque()
        self.over = False
        return True

    def saw(self, numbers: np.ndarray, images: np.ndarray | None) -> None:
        self.numbers.append(numbers)
        self.images.append(images)

    def stacked(self, stack: int) -> np.ndarray:
        newest = len(self.numbers) - 1
        return np.stack([self.numbers[max(newest - back, 0)] for back in range(stack - 1, -1, -1)])

    def window(self, lag: int) -> np.ndarray:
        newest = len(self.images) - 1
        return np.stack([self.images[newest], self.images[max(newest - lag, 0)]], axis=1)

    def step(self, share: float, config: Play) -> None:
        """Ask the expert, choose whose action is done, do it."""
        planned = self.plan.popleft() if self.plan else None
        advice = None if self.expert is None else np.asarray(self.expert.act(), np.float32)
        expert_acts = self.rng.random() < share
        action = advice if expert_acts or planned is None else planned
        assert action is not None
        self.advice.append(np.full_like(action, np.nan) if advice is None else advice)
        done = action if config.noise is None else config.noise.added_to(action, self.rng)
        self.actions.append(np.clip(done, -1, 1).astype(np.float32))
        self.observation, _, terminated, truncated, self.info = self.env.step(self.actions[-1])
        self.peak_n = max(self.peak_n, float(self.info.get("peak_force_n", 0.0)))
        self.over = bool(terminated or truncated) or len(self.actions) >= config.max_steps

    def taken(self) -> tuple[dict, Ending]:
        """The episode that is over."""
        info = self.info
        ending = Ending(
            maze=str(info.get("maze", self.maze)),
            steps=len(self.actions),
            distance_m=float(info["distance_m"]),
            completion=float(info["progress"]),
            is_success=bool(info["is_success"]),
            lost=str(info.get("lost") or ""),
            peak_force_n=self.peak_n,
            clipped_actions=int(info.get("clipped_actions", 0)),
        )
        arrays = {name: np.array(getattr(self, name), np.float32) for name in ("numbers", "advice", "actions")}
        return arrays | {"images": None if self.images[0] is None else np.array(self.images)}, ending


def _collected(played: list[tuple[dict, Ending]]) -> Episodes:
    arrays = {name: np.concatenate([of[name] for of, _ in played]) for name in ("numbers", "advice", "actions")}
    images = None if played[0][0]["images"] is None else np.concatenate([of["images"] for of, _ in played])
    episode = np.repeat(np.arange(len(played)), [ending.steps for _, ending in played])
    return Episodes(**arrays, images=images, episode=episode, endings=tuple(ending for _, ending in played))
