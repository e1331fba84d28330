"""Probes where labels are scarce: windows of a simulated stream, features and a share of the clips in, force and slip of unseen clips out.

    fit = labelled(windows, 0.1, seed=0)                       # rows of a tenth of the clips
    found = linear_predictions(windows, features, fit)         # {"force": (M, 3), "slip": (M,)} of the windows to test on

A seed draws the labelled clips and half of their windows, neighbours of which resemble each other. Nothing but these rows decides the
strength of a linear probe, or the epoch of an attentive one.
"""

import numpy as np
import torch

from simtouch._checks import ArgumentError, as_number
from simtouch.models.attentive import class_task, force_task, train_probe
from simtouch.models.heads import AttentiveHead
from simtouch.models.probes import linear_probe
from simtouch.tacbench.simulated import SimulatedWindows

_STRENGTHS = tuple(10.0**k for k in range(-4, 3))
_FEWEST_CLIPS = 3
_BATCH = 100
_FORCE_SCALE_N, _BETA = (1.0, 1.0, 1.0), 0.1
_HEAD_WIDTH = 64  # channels of a head of attention


def labelled(windows: SimulatedWindows, share: float, seed: int) -> np.ndarray:
    """Rows to fit to: half of the windows of a share of the clips, at least 3 of them; int64, sorted.

    Raises:
        ArgumentError: A share that is not in (0, 1].
    """
    as_number("share", share, above=0, at_most=1)
    rng = np.random.default_rng((seed, round(1e6 * share)))
    clips = rng.permutation(np.unique(windows.clip[~windows.held_out]))
    chosen = clips[: max(_FEWEST_CLIPS, round(share * len(clips)))]
    rows = np.flatnonzero(~windows.held_out & np.isin(windows.clip, chosen))
    return np.sort(rng.permutation(rows)[: -(-len(rows) // 2)])


def linear_predictions(windows: SimulatedWindows, x: np.ndarray, fit: np.ndarray) -> dict[str, np.ndarray]:
    """What linear probes on features (N, D), fitted to the rows `fit`, say of the windows to test on: `force` (M, 3) and `slip` (M,).

    Where the few labelled clips lack slip, or all but slip, all is called slip: of what can be said without looking the best F1 has that.
    """
    options = {"groups": windows.clip[fit], "strengths": _STRENGTHS}
    test, force, slip = windows.held_out, windows.truth["force"], windows.truth["slip"]
    found = {"force": linear_probe(x[fit], force[fit], **options).predict(x[test])}
    try:
        found["slip"] = linear_probe(x[fit], slip[fit], task="classification", select="f1", **options).predict(x[test])
    except ArgumentError:  # of a fold with one class
        found["slip"] = np.ones(int(test.sum()), int)
    return found


def attentive_predictions(
    windows: SimulatedWindows, tokens: torch.Tensor, fit: np.ndarray, *, epochs: int = 20, seed: int = 0
) -> dict[str, np.ndarray]:
    """The same of attentive probes on tokens (N, patches, D) of a frozen encoder; a fifth of the labelled clips chooses the epoch."""
    clips = np.random.default_rng(seed).permutation(np.unique(windows.clip[fit]))
    chooses = np.isin(windows.clip[fit], clips[: max(1, len(clips) // 5)])
    labels = {"force": torch.from_numpy(windows.truth["force"]).float(), "slip": windows.truth["slip"]}

    def batches(rows: np.ndarray) -> list:
        cuts = [rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)]
        return [(tokens[cut], {k: v[cut] for k, v in labels.items()}, windows.clip[cut]) for cut in cuts]

    share = float(np.clip(windows.truth["slip"][fit].mean(), 0.01, 0.99))
    tasks = {
        "force": (3, force_task(_FORCE_SCALE_N, label="force", beta=_BETA)),
        "slip": (2, class_task("slip", ("0", "1"), weights=(share, 1 - share), select="f1")),
    }
    parts, width, found = (batches(fit[~chooses]), batches(fit[chooses])), tokens.shape[2], {}
    for name, (outputs, task) in tasks.items():
        made = lambda n=outputs: AttentiveHead(width, max(1, width // _HEAD_WIDTH), n)  # noqa: E731
        trained = train_probe(None, made, *parts, task=task, epochs=epochs, lr=1e-3, patience=6, seed=seed)
        found[name] = trained.predict(batches(np.flatnonzero(windows.held_out)))
    return found | {"slip": found["slip"].astype(int)}
