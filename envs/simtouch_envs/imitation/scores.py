"""Scores of policies: endings and expert trajectories in, distance, completion, peak force and position error out, with intervals.

Seeds share their mazes, so that both are drawn, with replacement and independently of each other, for an interval: the draws that
matter most, other weights and other mazes, are then in it. Ref: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch_envs.imitation.cloning import batch
from simtouch_envs.imitation.episodes import Ending, Episodes
from simtouch_envs.imitation.rollouts import Player

CHUNK_STEPS = 15
"""Steps over which actions are summed for the position error, as published."""
MEASURES: dict[str, Callable[[Ending], float]] = {
    "distance_cm": lambda ending: 100 * ending.distance_m,
    "completion": lambda ending: ending.completion,
    "success": lambda ending: float(ending.is_success),
    "peak_force_n": lambda ending: ending.peak_force_n,
}
"""What is told of an episode."""


def measured(endings: Sequence[Ending]) -> dict[str, list[float]]:
    """Each measure of each episode, in their order."""
    return {name: [measure(ending) for ending in endings] for name, measure in MEASURES.items()}


@torch.inference_mode()
def position_error_mm(
    policy: Player, episodes: Episodes, *, step_m: float = 3e-3, chunk: int = CHUNK_STEPS, seed: int = 0
) -> list[float]:
    """How far [mm] the policy's path is from the expert's after `chunk` steps, along trajectories of the expert.

    In every step the policy sees what the expert saw; its first action is compared with the expert's, and the differences of a chunk
    are summed. Mean over the whole chunks of each episode; episodes without one are left out.

    Args:
        policy: What acts.
        episodes: The expert's own, held out.
        step_m: Motion of an action of 1 [m].
        chunk: Steps.
        seed: Of the noise of a drawing head.
    """
    rng, off = np.random.default_rng(seed), []
    for start in range(0, len(episodes), 256):
        at = np.arange(start, min(start + 256, len(episodes)))
        numbers, windows, right = batch(policy, episodes, at)
        noise = torch.from_numpy(rng.standard_normal((len(at), *policy.needs.action_shape))).float()
        off.append((policy.chunk(numbers, windows, noise)[:, 0].clamp(-1, 1) - right[:, 0]).numpy())
    errors, found = np.concatenate(off), []
    for number in range(len(episodes.endings)):
        of = errors[episodes.episode == number]
        whole = of[: len(of) // chunk * chunk].reshape(-1, chunk, of.shape[1]).sum(1)
        if len(whole):
            found.append(1e3 * step_m * float(np.linalg.norm(whole, axis=1).mean()))
    return found


def crossed_interval(
    values, statistic: Callable[[np.ndarray], float] = np.mean, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """(low, high) of `statistic` over draws of seeds and of mazes.

    Args:
        values: (seeds, mazes, ...); of one seed only mazes are drawn, and of one maze only seeds.
        statistic: Of such an array.
        resamples: Draws.
        level: Share of the draws inside.
        seed: Of the draws.
    """
    table = np.asarray(values, float)
    if table.ndim < 2 or 0 in table.shape:
        raise ShapeError(f"`values` must have shape (seeds, mazes, ...), at least one of each; got {table.shape}.")
    if table.shape[:2] == (1, 1):
        raise ArgumentError("an interval needs more than one episode.")
    rng, found = np.random.default_rng(seed), np.empty(resamples)
    for i in range(resamples):
        seeds, mazes = (rng.integers(n, size=n) for n in table.shape[:2])
        found[i] = statistic(table[seeds][:, mazes])
    tail = (1 - level) / 2
    found = found[np.isfinite(found)]
    return float(np.quantile(found, tail)), float(np.quantile(found, 1 - tail))


def summary(values) -> dict[str, float]:
    """Mean of (seeds, mazes) and its interval."""
    low, high = crossed_interval(values)
    return {"mean": float(np.mean(values)), "low": low, "high": high}


def ratio(ours, theirs) -> dict[str, float]:
    """Mean of `ours` over the mean of `theirs`, (seeds, mazes) each, drawn in pairs, and its interval."""
    if np.shape(ours) != np.shape(theirs):
        raise ShapeError(f"`ours` and `theirs` must have one shape, (seeds, mazes); got {np.shape(ours)} and {np.shape(theirs)}.")
    both = np.stack([np.asarray(ours, float), np.asarray(theirs, float)], axis=-1)

    def gain(drawn: np.ndarray) -> float:
        below = drawn[..., 1].mean()
        return float(drawn[..., 0].mean() / below) if below > 0 else float("nan")

    low, high = crossed_interval(both, gain)
    return {"mean": gain(both), "low": low, "high": high}
