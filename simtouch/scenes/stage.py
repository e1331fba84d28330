"""What a scene is to the rest of the house: a `Stage` in, what each of its sensors felt out.

A scene knows who touches what, when; it neither rewards nor stores. Each kind of scene is one `SceneKind`; `recipes.py` mixes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from simtouch.frame import TactileFrame
from simtouch.geometry.gap_map import Indenter
from simtouch.simulator import TactileSimulator

T = TypeVar("T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """What a scene may use to make one clip."""

    simulator: Callable[..., TactileSimulator]
    """`simulator(side="", stick_slip=False)`: the sensor of one side of the scene; the scene resets it."""
    frames: int
    """Length of the clip."""
    rng: np.random.Generator
    """Source of every choice."""
    indenter: Indenter
    """The object drawn for this clip; a scene with objects of its own leaves it alone."""
    any_side: bool
    """Press any side of `indenter`, not only the one it presents."""
    turn: int
    """How many clips of this kind of scene came before."""
    seed: int
    """Of the stream: for choices that are taken in turn."""
    sides: tuple[str, ...] = ("",)
    """Which of the scene's sensors are wanted."""

    def in_turn(self, choices: Sequence[T], purpose: int = 0) -> T:
        """The choice of this clip: each block of `len(choices)` clips of a kind has them all, in a random order of its own."""
        block, place = divmod(self.turn, len(choices))
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(_IN_TURN, purpose, block)))
        return choices[int(rng.permutation(len(choices))[place])]


_IN_TURN = 7  # apart from the purposes of `stream/making.py`


@dataclass(frozen=True, eq=False, kw_only=True)
class Touch:
    """What one sensor felt in one clip."""

    frames: Sequence[TactileFrame]
    """T frames."""
    indenter: str
    """What touched."""
    motion: str
    """How."""
    side: str = ""
    """Which of the scene's sensors, as `left`; empty where there is one."""
    labels: Mapping[str, Any] = field(default_factory=dict)
    """Of the kinds that `SceneKind.labels` declares: a bool, int, float or str for the clip, or T of them."""
    world_T_gel: np.ndarray | None = None
    """Pose of the gel in the scene, (4, 4) or (T, 4, 4)."""
    world_T_indenter: np.ndarray | None = None
    """Pose of what touches, (4, 4) or (T, 4, 4)."""


@dataclass(frozen=True, kw_only=True)
class SceneKind:
    """A kind of scene."""

    play: Callable[[Stage], list[Touch]]
    """Make one clip: a `Touch` for each of `Stage.sides`, in that order."""
    sides: tuple[str, ...] = ("",)
    """Its sensors; a mixture may ask for fewer."""
    labels: Mapping[str, type] = field(default_factory=dict)
    """Its own labels by name (without `label_`): bool, int, float or str."""
    needs: str = ""
    """Extra it needs, as `envs`; empty for the core install."""
