"""Kinds of scene by name, and named mixtures of them: a recipe and a clip's number in, its kind of scene out.

A recipe holds whole shares n_k. Clips come in blocks of sum n_k, in which each kind appears n_k times in a random order of that
block alone, so every run of blocks has the exact mixture and the kind of a clip hangs on (seed, clip number) only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, pick
from simtouch.scenes.exploration import EXPLORATION
from simtouch.scenes.force_protocol import FORCE_PROTOCOL
from simtouch.scenes.grasp_trials import GRASP_OUTCOME
from simtouch.scenes.gripper import GRIPPER
from simtouch.scenes.lift_shake import LIFT_SHAKE
from simtouch.scenes.motion_scene import make_scene
from simtouch.scenes.motions import MOTIONS
from simtouch.scenes.pose_trials import POSE_TRIALS
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.scenes.textiles import TEXTILE_SLIDES

_STICK_SLIP = ("drag",)  # motions whose friction falls with speed
_KIND = 11  # purpose of random numbers; apart from those of `stage.py` and `stream/making.py`
_MOST_IN_BLOCK = 1000
_PROOF = {"envs": "mujoco"}  # an extra, and a module that comes with it


def motion_kind(motions: tuple[str, ...] = tuple(MOTIONS)) -> SceneKind:
    """The object of the clip, moved in one of these ways, which take turns."""

    def play(stage: Stage) -> list[Touch]:
        motion = stage.in_turn(motions)
        sim = stage.simulator(stage.sides[0], stick_slip=motion in _STICK_SLIP)
        scene = make_scene(sim, stage.indenter, motion, stage.frames, stage.rng, any_side=stage.any_side)
        frames = list(scene.play(sim, seed=int(stage.rng.integers(2**31))))
        return [Touch(frames=frames, indenter=stage.indenter.name, motion=motion)]

    return SceneKind(play=play)


SCENES: dict[str, SceneKind] = {
    "motion": motion_kind(),
    "exploration": EXPLORATION,
    "force_protocol": FORCE_PROTOCOL,
    "lift_shake": LIFT_SHAKE,
    "pose_trials": POSE_TRIALS,
    "textiles": TEXTILE_SLIDES,
    "gripper": GRIPPER,
    "grasp_outcome": GRASP_OUTCOME,
}
"""Every kind of scene by name."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A mixture of kinds of scene."""

    name: str
    about: str = ""
    """What it is for, in a sentence or two."""
    shares: Mapping[str, int] = field(hash=False)
    """How many clips of each block are of each kind, by names of `SCENES`."""
    frames: int = 32
    """Frames a clip, unless the command line says otherwise."""
    sensors: int = 1
    """Sensors that are stored of each scene: its first sides."""
    units: int = 0
    """Randomly drawn units of the sensor, unless the command line says otherwise; 0 takes the type itself."""

    def __post_init__(self):
        for kind, share in self.shares.items():
            pick("kind of scene", kind, SCENES)
            if not isinstance(share, int) or share < 0:
                raise ArgumentError(f"the share of `{kind}` must be a whole number >= 0; got {share}.")
        if not 0 < (total := sum(self.shares.values())) <= _MOST_IN_BLOCK:
            raise ArgumentError(f"the shares of a recipe must sum to 1..{_MOST_IN_BLOCK}; these sum to {total}.")
        for kind in self.kinds:
            if not 1 <= self.sensors <= len(SCENES[kind].sides):
                raise ArgumentError(
                    f"`sensors` must be 1..{len(SCENES[kind].sides)}, as many as `{kind}` has; got {self.sensors}."
                )
        _ = self.labels

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds with a share."""
        return tuple(kind for kind, share in self.shares.items() if share)

    @property
    def labels(self) -> dict[str, type]:
        """Labels of all its kinds; a clip has those of its own."""
        merged: dict[str, type] = {}
        for kind in self.kinds:
            for name, of in SCENES[kind].labels.items():
                if merged.setdefault(name, of) is not of:
                    raise ArgumentError(f"label `{name}` of `{kind}` is {of.__name__}, of another kind {merged[name].__name__}.")
        return merged

    def kind_of(self, seed: int, clip_id: int) -> tuple[str, int]:
        """Kind of scene of a clip, and how many clips of that kind come before it."""
        order = np.repeat(np.arange(len(self.kinds)), [self.shares[kind] for kind in self.kinds])
        block, place = divmod(clip_id, len(order))
        drawn = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_KIND, block))).permutation(order)
        kind = self.kinds[drawn[place]]
        return kind, block * self.shares[kind] + int(np.sum(drawn[:place] == drawn[place]))

    def check_installed(self) -> None:
        """Raise `MissingExtraError` if one of its kinds needs an extra that is not installed."""
        for kind in self.kinds:
            extra = SCENES[kind].needs
            if extra and find_spec(_PROOF.get(extra, extra)) is None:
                raise MissingExtraError(
                    f"The recipe `{self.name}` has scenes of the kind `{kind}`, which need `pip install 'simtouch[{extra}]'`."
                )


def recipe(text: str) -> Recipe:
    """The recipe of this name, or one made of `kind=share,kind=share`."""
    if "=" not in text:
        return pick("recipe", text, RECIPES)
    shares: dict[str, int] = {}
    for part in text.split(","):
        kind, _, share = part.strip().partition("=")
        if not share.strip().lstrip("-").isdigit():
            raise ArgumentError(f"`--recipe` must be a name, or whole shares as `motion=3,textiles=1`; got {text!r}.")
        shares[kind] = shares.get(kind, 0) + int(share)
    return Recipe(name="own mixture", about="A mixture given by its shares.", shares=shares)


_ALL = (
    Recipe(
        name="sparsh-pretrain",
        about="Images for self-supervised pretraining, as Sparsh's real sets have them: mostly sliding over whole objects, some presses, "
        "shears, shakes and cloth, by many units of the sensor.",
        shares={"exploration": 8, "motion": 6, "force_protocol": 2, "lift_shake": 2, "textiles": 2},
        frames=50,
        units=24,
    ),
    Recipe(
        name="force-slip",
        about="Force and slip (T1, T2 of TacBench): a probe is pressed to a normal load and then sheared until it slides.",
        shares={"force_protocol": 1},
        frames=50,
        units=8,
    ),
    Recipe(
        name="pose",
        about="Relative pose (T3): an object in the hand is pushed about while the fingers hold it.",
        shares={"pose_trials": 1},
        frames=50,
        units=8,
    ),
    Recipe(
        name="grasp",
        about="Grasp outcome (T4): two fingers of a gripper take an object and lift it; it stays or it slips. Both sensors are stored.",
        shares={"grasp_outcome": 3, "gripper": 1},
        frames=50,
        sensors=2,
        units=8,
    ),
    Recipe(
        name="textile",
        about="Textiles (T5): a finger slides over one of twenty weaves and knits.",
        shares={"textiles": 1},
        frames=50,
        units=8,
    ),
    Recipe(
        name="ycb-like",
        about="Long walks over the surface of whole objects, the sensor along the normal, in the manner of YCB-Slide.",
        shares={"exploration": 1},
        frames=125,
        units=8,
    ),
)
RECIPES: dict[str, Recipe] = {r.name: r for r in _ALL}
"""Named mixtures."""
