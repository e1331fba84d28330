"""How features fare while a training runs: an encoder in, a few numbers about what it makes of held-out windows out.

With s_k the singular values of the features X (N, D),

    rank(X) = exp(-sum_k p_k log p_k),    p_k = s_k / sum_j s_j                          (1)

between 1, all features on one line, and D. A monitor takes it of the features minus their mean: what is the same for every window tells
nothing. Beside it stand the spread of the features on the unit sphere, which a collapse to one point sends to 0, and where the
streams know the truth the errors of linear probes on clips that the training does not see. Ref: Garrido et al., "RankMe", ICML 2023.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from simtouch._checks import ArgumentError, as_array
from simtouch.models.features import Features, encode
from simtouch.models.probes import linear_probe
from simtouch.models.scores import f1_score, mean_absolute_error
from simtouch.models.vit import EncoderConfig, VisionTransformer
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.mixing import Mixture, loader
from simtouch.training.feed import FeedConfig, Window

LEAST_RANK = 3.0
"""Below this `feature_rank` of centred features an encoder counts as collapsed: one number about a contact could tell as much."""
LEAST_SPREAD = 1e-5
"""Below this `feature_spread` too: pooled features share most of their length, so random encoders have 2e-3 to 1e-2 and healthy trained
ones less; a constant has what rounding leaves, 1e-7."""
_STRENGTHS = tuple(10.0**k for k in range(-4, 3))
_LABELS = ("force_n", "slip_state")
_CHUNK, _CLIPS_IN_FLIGHT = 4, 256  # few windows of many clips
_SOURCE_STEP = 2**40


def feature_rank(x) -> float:
    """(1) of features (N, D): the number of directions that they use; 0 if all are 0."""
    x = as_array("x", x, "N D", np.float64)
    values = np.linalg.svd(x, compute_uv=False)
    values = values[values > values.max(initial=0) * max(x.shape) * np.finfo(np.float64).eps]
    share = values / values.sum() if len(values) else np.ones(0)
    return float(np.exp(-(share * np.log(share)).sum())) if len(values) else 0.0


def feature_spread(x) -> float:
    """Standard deviation of features (N, D) divided by their lengths, times sqrt(D): about 1 if they point anywhere, 0 if all one way."""
    x = as_array("x", x, "N D", np.float64)
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return float(unit.std(0).mean() * np.sqrt(x.shape[1]))


def health(x) -> dict[str, float]:
    """`feature_rank` (centred), `feature_std` (the spread) and `collapsed` (1 or 0) of features (N, D)."""
    x = as_array("x", x, "N D", np.float64)
    centred = x - x.mean(0)
    # What rounding in float32 leaves of a constant is no direction.
    centred[np.abs(centred) <= 4 * np.finfo(np.float32).eps * np.abs(x).max(initial=0)] = 0
    rank, spread = feature_rank(centred), feature_spread(x)
    return {"feature_rank": rank, "feature_std": spread, "collapsed": float(rank < LEAST_RANK or spread < LEAST_SPREAD)}


class Monitor:
    """A fixed set of windows of clips that are held out of the training, and what is known of them.

    `monitor(encoder)` gives `feature_rank`, `feature_std`, `collapsed`; where a source knows forces and slip also `force_mae_n`, mean
    absolute error of the force [N] over x, y, z, and `slip_f1`, of full slip against all else: linear probes on pooled features, fitted
    on one half of these clips and scored on the other.

    Args:
        config: The data of the training; its split `val` is looked at. Each folder gives equally many windows.
        window: `pair` or `video`.
        windows: How many, or as many as there are. They are kept in memory as bytes.
        seed: Which windows, and which clips the probes are fitted on.
        batch_size: Of the encoding.
    """

    def __init__(self, config: FeedConfig, window: Window, *, windows: int = 512, seed: int = 0, batch_size: int = 64):
        if type(windows) is not int or windows < 2:
            raise ArgumentError(f"`windows` must be a whole number >= 2; got {windows!r}.")
        self.seed, self.batch_size = seed, batch_size
        sources = config.open(window)
        config = replace(config, seed=seed)
        each = -(-windows // len(sources))
        parts = _parts(config, window, sources, "val", each)
        self.held_out = bool(parts) and config.split in ("train", "test")
        """Whether the training does not see the clips; small sets may have none in `val`, then those of the training serve."""
        self._parts = parts or _parts(config, window, sources, config.split, each)
        self.windows = sum(len(images) for images, _, _ in self._parts)

    def __call__(self, encoder: VisionTransformer) -> dict[str, float]:
        """See the class; the encoder's mode and device stay as they are."""
        features = encode(encoder, self._batches(), labels=_LABELS)
        return health(features.x) | self._force(features) | self._slip(features)

    def reference(self, encoder: EncoderConfig) -> dict[str, float]:
        """The same of an encoder of that shape with random weights, which only the seed decides: what a training must beat."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self(VisionTransformer(encoder))

    def _batches(self):
        for images, labels, groups in self._parts:
            for i in range(0, len(images), self.batch_size):
                rows = slice(i, i + self.batch_size)
                yield images[rows], {name: values[rows] for name, values in labels.items()}, groups[rows]

    def _force(self, features: Features) -> dict[str, float]:
        known = features[np.isfinite(features.labels["force_n"]).all(1)]
        if (halves := self._halves(known)) is None:
            return {}
        fit, score = halves
        probe = linear_probe(fit.x, fit.labels["force_n"], groups=fit.groups, seed=self.seed, strengths=_STRENGTHS)
        truth = score.labels["force_n"]
        return {"force_mae_n": mean_absolute_error(truth, probe.predict(score.x))}

    def _slip(self, features: Features) -> dict[str, float]:
        halves = self._halves(features[features.labels["slip_state"] != ""])
        if halves is None:
            return {}
        (fit, slips), (score, truth) = ((half, half.labels["slip_state"] == "slip") for half in halves)
        if min(len(np.unique(fit.groups[slips])), len(np.unique(fit.groups[~slips]))) < 2 or not truth.any():
            return {}
        options = {"groups": fit.groups, "seed": self.seed, "strengths": _STRENGTHS}
        try:
            probe = linear_probe(fit.x, slips, task="classification", select="f1", **options)
        except ArgumentError:  # too few clips: a fold without slip
            return {}
        return {"slip_f1": f1_score(truth, probe.predict(score.x), positive=True)}

    def _halves(self, features: Features) -> tuple[Features, Features] | None:
        """Half of the clips, and the other half; None if there are not two for each."""
        clips = np.unique(features.groups)
        if len(clips) < 4:
            return None
        fitted = np.random.default_rng(self.seed).permutation(clips)[: len(clips) // 2]
        is_fitted = np.isin(features.groups, fitted)
        return features[is_fitted], features[~is_fitted]


Part = tuple[torch.Tensor, dict[str, np.ndarray], np.ndarray]
"""Windows of one source, uint8; labels by name; clips."""


def _parts(config: FeedConfig, window: Window, sources: Sequence[Sequence[AnyClip]], split: str, each: int) -> list[Part]:
    """Of each source that has windows in the split."""
    options: dict[str, Any] = {
        "window": config.window_spec(window),
        "split": split,
        "seed": config.seed,
        "allow_sensor_mix": True,
    }
    parts = []
    for i, source in enumerate(sources):
        try:
            mixture = Mixture([source], chunk_windows=_CHUNK, clips_in_flight=_CLIPS_IN_FLIGHT, **options)
        except ArgumentError:  # none in this split
            continue
        names = tuple(name for name in _LABELS if source[0].has(name))
        batch = next(iter(loader(mixture, batch_size=min(each, len(mixture)), labels=names)))
        count = len(batch)
        labels = {"force_n": np.full((count, 3), np.nan, np.float32), "slip_state": np.full(count, "", object)}
        labels |= {name: np.asarray(batch.labels[name], labels[name].dtype) for name in names}
        parts.append((batch.images, labels, i * _SOURCE_STEP + batch.clip_id.numpy()))
    return parts
