"""What features make of the real presses of Octopi: features of all frames in, predictions for every clip out, each as a test clip.

See `simtouch.tacbench.octopi` for who is tested on what, `classifier` for how. Predictions are kept, not scores, so that intervals and
paired differences between features can be had from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simtouch._checks import pick
from simtouch.tacbench.classifier import ClassifierConfig, ClipFeatures, classify
from simtouch.tacbench.octopi import (
    IDENTITY_FOLDS,
    PROPERTIES,
    PROPERTY_FOLDS,
    OctopiClip,
    few_clips,
    identity_split,
    property_split,
)

_INNER_OBJECTS = 3  # inner folds of the properties


@dataclass(frozen=True, kw_only=True)
class OctopiConfig:
    """Who is trained on, and how."""

    budgets: tuple[int | None, ...] = (1, 2, 4, None)
    """Training clips an object; None for all."""
    repeats: int = 4
    """Of the folds by object."""
    seed: int = 0
    """Of the clips that a budget takes."""
    identity: ClassifierConfig = ClassifierConfig()
    properties: ClassifierConfig = ClassifierConfig(components=100, balanced=True)

    def with_strengths(self, strengths: tuple[float, ...]) -> "OctopiConfig":
        """The same with other C to choose from in both."""
        identity, properties = (replace(c, inverse_strengths=strengths) for c in (self.identity, self.properties))
        return replace(self, identity=identity, properties=properties)


@dataclass(frozen=True, kw_only=True)
class IdentityPredictions:
    """Of C clips, each tested in its own fold."""

    truth: np.ndarray
    """Number of the object, (C,)."""
    top1: np.ndarray
    """The likeliest object, (C,)."""
    in_top5: np.ndarray
    """Whether the object is among the five likeliest, bool, (C,)."""
    frames_right: np.ndarray
    """Share of the clip's frames whose own likeliest object is right, (C,)."""
    inverse_strengths: tuple[float, ...]
    """The C taken in each fold."""


@dataclass(frozen=True, kw_only=True)
class PropertyPredictions:
    """Of M labelled clips, each tested once a repeat."""

    clips: np.ndarray
    """Their indices, (M,)."""
    truth: np.ndarray
    """0 to 2, (M,)."""
    predicted: np.ndarray
    """(repeats, M)."""


def identity_predictions(
    features: ClipFeatures, clips: Sequence[OctopiClip], budget: int | None, config: OctopiConfig
) -> IdentityPredictions:
    """Which object, by a classifier that is given `budget` training clips of each."""
    names = sorted({clip.object for clip in clips})
    y = np.array([names.index(clip.object) for clip in clips])
    top1, in_top5, right, taken = np.full(len(y), -1), np.zeros(len(y), bool), np.zeros(len(y)), []
    for fold in range(IDENTITY_FOLDS):
        train, test = identity_split(clips, fold)
        train = few_clips(clips, train, budget, seed=config.seed, fold=fold)
        inner = None if budget == 1 else _turns(y[train]) % 2
        found = classify(features, y, train, test, inner, config.identity)
        order = np.argsort(-found.chance, 1, kind="stable")
        top1[test], in_top5[test] = order[:, 0], (order[:, :5] == y[test, None]).any(1)
        frame_right = found.frame_chance.argmax(1) == y[found.frame_clip]
        right[test] = [frame_right[found.frame_clip == i].mean() for i in test]
        taken.append(found.inverse_strength)
    return IdentityPredictions(truth=y, top1=top1, in_top5=in_top5, frames_right=right, inverse_strengths=tuple(taken))


def property_predictions(
    features: ClipFeatures, clips: Sequence[OctopiClip], name: str, config: OctopiConfig
) -> PropertyPredictions:
    """Hardness, roughness or bumpiness of objects that the classifier was never given."""
    pick("property", name, dict.fromkeys(PROPERTIES))
    labels = [-1 if clip.properties is None else clip.properties[name] for clip in clips]
    y, predicted = np.array(labels), np.full((config.repeats, len(labels)), -1)
    objects = np.unique([clip.object for clip in clips], return_inverse=True)[1]
    for repeat in range(config.repeats):
        for fold in range(PROPERTY_FOLDS):
            train, test = property_split(clips, name, repeat, fold)
            inner = _inner_by_object(objects[train], seed=repeat)
            predicted[repeat, test] = classify(features, y, train, test, inner, config.properties).chance.argmax(1)
    labelled = np.flatnonzero(y >= 0)
    return PropertyPredictions(clips=labelled, truth=y[labelled], predicted=predicted[:, labelled])


def _turns(y: np.ndarray) -> np.ndarray:
    """How often each value came before."""
    return np.array([int((y[:i] == value).sum()) for i, value in enumerate(y)], int)


def _inner_by_object(objects: np.ndarray, seed: int) -> np.ndarray:
    """Inner fold of each clip; no object is in two."""
    names, which = np.unique(objects, return_inverse=True)
    return np.random.default_rng((seed, len(names))).permutation(len(names))[which] % _INNER_OBJECTS


def octopi_arrays(
    features: ClipFeatures,
    clips: Sequence[OctopiClip],
    config: OctopiConfig,
    properties: Sequence[str] = PROPERTIES,
) -> dict[str, np.ndarray]:
    """All predictions by name, as arrays that can be kept in a file.

    `id_1`, ..., `id_all`: likeliest object of each of C clips, (C,); `top5_...` and `frames_...` likewise, see `IdentityPredictions`;
    `hardness`, ...: (repeats, M).
    """
    out = {}
    for budget in config.budgets:
        found = identity_predictions(features, clips, budget, config)
        name = "all" if budget is None else str(budget)
        out |= {f"id_{name}": found.top1, f"top5_{name}": found.in_top5, f"frames_{name}": found.frames_right}
    return out | {name: property_predictions(features, clips, name, config).predicted for name in properties}
