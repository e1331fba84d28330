"""What a comparison is written and printed as: splits in, JSON values and lines of text out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from simtouch.fidelity_rows import Row, row_to_dict, table
from simtouch.fidelity_split import NAMES, Mode, Split
from simtouch.optics.realness import GROUPS, Realness, probe_realness

PROBES = (GROUPS, ("colour", "edges"), *((group,) for group in GROUPS))
"""Which features each probe may use."""
_REST = "values_of_the_resting_gel_that_differ_from_the_background"


def heading(split: Split, every: int) -> str:
    """Of the table of a split."""
    return (
        f"test = every {_ordinal(every)} press from {split.start}: {len(split.test)} of {len(split.test) + len(split.training)}"
    )


def print_split(split: Split, every: int) -> None:
    """The tables of a split."""
    print(f"\n{heading(split, every)}\n{table(split.rows)}", flush=True)
    if split.in_sample_rows:
        print(f"\nin-sample, the {len(split.training)} training presses\n{table(split.in_sample_rows)}")
    for mode, count in split.rest.items():
        print(rest_sentence(mode, count))


def rest_sentence(mode: Mode, count: int) -> str:
    """Whether the resting gel shows the background."""
    same = "is the background, exactly" if count == 0 else f"DIFFERS from the background in {count} values"
    return f"resting gel, {NAMES[mode]}: {same}"


def print_means(splits: Sequence[Split]) -> None:
    """The mean of each row over the splits."""
    print(f"\nmean of {len(splits)} splits (start {', '.join(str(s.start) for s in splits)})")
    print(table([_pooled([s.rows[k] for s in splits]) for k in range(len(splits[0].rows))]))


def probes(splits: Sequence[Split], seed: int) -> dict[Mode, list[Realness]]:
    """The probe over the test presses of all splits, by mode; one after the other with other features."""
    real = [f for s in splits for f in s.real_features]
    found = {}
    for mode in splits[0].rendered_features:
        rendered = [f for s in splits for f in s.rendered_features[mode]]
        found[mode] = [probe_realness(real, rendered, groups=groups, seed=seed) for groups in PROBES]
    return found


def print_probes(found: dict[Mode, list[Realness]], split: Split) -> None:
    """What can be told apart, and by what."""
    noise = ", ".join(f"{std:.2f}" for std in split.noise_std)
    for mode, each in found.items():
        print(f"\nreal or rendered? {NAMES[mode]}, {each[0].pairs} held-out presses; chance is 0.5 for both figures")
        print(f"renders have pixel noise of {noise} levels (RGB) and {split.exposure_drift:.2%} drift of brightness")
        for one in each:
            groups = "all features" if one.groups == GROUPS else " + ".join(one.groups)
            (a, b), (c, d) = one.accuracy_95, one.auc_95
            heavy = ", ".join(f"{name} {weight:+.2f}" for name, weight in one.heaviest[:3])
            print(f"  {groups:<16} accuracy {one.accuracy:.3f} ({a:.2f}-{b:.2f})  AUC {one.auc:.3f} ({c:.2f}-{d:.2f})  {heavy}")


def split_to_dict(split: Split) -> dict[str, Any]:
    """As JSON values."""
    return {
        "start": split.start,
        "test": list(split.test),
        "training": list(split.training),
        "rows": [row_to_dict(row, split.test) for row in split.rows],
        "in_sample_rows": [row_to_dict(row, split.training) for row in split.in_sample_rows],
        _REST: split.rest,
        "noise_std": list(split.noise_std),
        "exposure_drift": split.exposure_drift,
    }


def probes_to_dict(found: dict[Mode, list[Realness]]) -> dict[str, Any]:
    """As JSON values."""
    return {mode: [asdict(one) for one in each] for mode, each in found.items()}


def facts(report: dict[str, Any]) -> list[str]:
    """Sentences about a comparison, from what is written of it."""
    presses, config = report["presses"], report["config"]
    H, W = presses["shape"]
    sensor = config["sensor"] or "none named"
    response = "fitted to the training presses of each split" if config["fit"] else "the sensor's"
    return [
        f"{presses['count']} presses of {W} x {H} pixels from {config['folder']} ({presses['source'] or 'no source stated'}); ball "
        f"{presses['ball_diameter_mm']:g} mm, {presses['pixel_pitch_mm']:g} mm a pixel; contact circles {presses['circles']}.",
        f"Sensor: {sensor}; colour response: {response}. Optics only: the true contact circle goes in. Gel + optics: the ball goes in, at "
        "the depth at which the simulated contact is as large as the circle.",
        f"simtouch {report['made_by']['simtouch']}, seed {report['seed']}. The pictures are the test presses of the first split.",
        *(rest_sentence(mode, n) + "." for s in report["splits"] for mode, n in s[_REST].items()),
        *(_probe_sentence(mode, each) for mode, each in report["probe"].items()),
    ]


def _probe_sentence(mode: Mode, each: list[dict]) -> str:
    said = "; ".join(f"{' + '.join(one['groups'])}: accuracy {one['accuracy']:.3f}, AUC {one['auc']:.3f}" for one in each)
    return f"Real or rendered, {NAMES[mode]}, {each[0]['pairs']} held-out presses, chance 0.5: {said}."


def _pooled(rows: Sequence[Row]) -> Row:
    """A row of the means of rows of the same name."""
    first = rows[0]
    return Row(
        name=first.name,
        is_background=first.is_background,
        note=first.note,
        each=tuple(row.mean for row in rows),
        histogram_each=tuple(row.histogram for row in rows),
        loses=tuple(np.unique([name for row in rows for name in row.loses])),
    )


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
