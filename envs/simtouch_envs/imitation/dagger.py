"""DAgger: a first set of demonstrations in, policies out that have also seen where their own mistakes lead.

In round r the policy of the round before plays, the expert takes a step over with probability .5^(r + 1) and says in every step what
it would do; all episodes so far are fitted again. Ref: Ross, Gordon and Bagnell, AISTATS 2011.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from simtouch_envs.imitation.cloning import FitConfig, fit
from simtouch_envs.imitation.episodes import Episodes, joined
from simtouch_envs.imitation.policies import Policy


@dataclass(frozen=True, kw_only=True)
class Round:
    """A policy, and what it was fitted to."""

    number: int
    """0 is plain cloning."""
    policy: Policy
    episodes: Episodes
    loss: float
    """Mean of the last hundred steps."""


@dataclass(frozen=True, kw_only=True)
class DaggerConfig:
    """How many rounds, and how large."""

    rounds: int = 5
    rollouts: int = 25
    """Of each round."""
    share: float = 0.5
    """Base of the expert's share."""
    keep_weights: bool = False
    """Fit on from the last round's policy, with `later_steps`, instead of from new weights: for policies that learn slowly."""
    later_steps: int = 1000


def dagger(
    make_policy: Callable[[Episodes], Policy],
    demonstrations: Episodes,
    collect: Callable[[Policy, int, float], Episodes],
    config: DaggerConfig = DaggerConfig(),
    fitting: FitConfig = FitConfig(),
) -> Iterator[Round]:
    """Yield the policy of every round, cloning first.

    Args:
        make_policy: A new policy for such episodes.
        demonstrations: Of the expert.
        collect: (policy, round, expert's share) -> episodes of that round, `rollouts` of them, with advice.
        config: Rounds.
        fitting: Of each round; its seed is the same in all.
    """
    episodes, policy = demonstrations, make_policy(demonstrations)
    for number in range(config.rounds + 1):
        again = number > 0 and config.keep_weights
        if number > 0 and not again:
            policy = make_policy(episodes)
        losses = fit(policy, episodes, replace(fitting, steps=config.later_steps) if again else fitting)
        yield Round(number=number, policy=policy, episodes=episodes, loss=sum(losses[-100:]) / max(len(losses[-100:]), 1))
        if number < config.rounds:
            episodes = joined([episodes, collect(policy, number, config.share ** (number + 1))])
