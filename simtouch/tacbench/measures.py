"""From predictions to a table: arrays by arm and seed in; rows with intervals, paired gains, a page and a picture out.

An arm is one way to features; its predictions are arrays by name, as `octopi_arrays` and `simulated.predict` give them. A measure that
finds no array of its name among an arm's is left out of its rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simtouch._checks import MissingExtraError
from simtouch.models.intervals import bootstrap
from simtouch.models.scores import accuracy, balanced_accuracy
from simtouch.tacbench.octopi import PROPERTIES, OctopiClip
from simtouch.tacbench.paired import paired_gain
from simtouch.tacbench.simulated import SCORES, SimulatedWindows

Arrays = Mapping[str, np.ndarray]
ArmSeed = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One column."""

    name: str
    array: str
    """Which array it looks at."""
    truth: np.ndarray
    """(N, ...)."""
    groups: np.ndarray
    """Object or clip of each row, (N,)."""
    score: Callable[..., float]
    of: Callable[[np.ndarray], np.ndarray]
    """The array as predictions of `truth`."""
    more_is_better: bool = True


def octopi_measures(
    clips: Sequence[OctopiClip], *, budgets: Sequence[int | None], repeats: int, unseen_fold: int
) -> list[Measure]:
    """Top-1 at each budget; with all clips also that on the clips of one fold alone, top-5 and single frames; the properties."""
    thing = np.array([clip.object for clip in clips])
    y, unseen = np.unique(thing, return_inverse=True)[1], np.array([clip.fold == unseen_fold for clip in clips])
    names = ["all" if budget is None else str(budget) for budget in budgets]
    found = [Measure(name=f"id {n}", array=f"id_{n}", truth=y, groups=thing, score=accuracy, of=lambda a: a) for n in names]
    if "all" in names:
        yes = np.ones(len(y), bool)
        found += [
            Measure(
                name="id unseen", array="id_all", truth=y[unseen], groups=thing[unseen], score=accuracy, of=lambda a: a[unseen]
            ),
            Measure(name="id top-5", array="top5_all", truth=yes, groups=thing, score=accuracy, of=lambda a: a),
            Measure(name="id frame", array="frames_all", truth=yes, groups=thing, score=_mean_of_predicted, of=lambda a: a),
        ]
    for name in PROPERTIES:
        labels = np.array([clip.properties[name] for clip in clips if clip.properties is not None])
        objects = np.array([clip.object for clip in clips if clip.properties is not None])
        found.append(
            Measure(
                name=name, array=name, truth=np.tile(labels, repeats), groups=np.tile(objects, repeats),
                score=balanced_accuracy, of=np.ravel,
            )
        )  # fmt: skip
    return found


def simulated_measures(windows: SimulatedWindows) -> list[Measure]:
    """Force, shear and slip of the clips to test on."""
    clip = windows.clip[windows.held_out]
    return [
        Measure(
            name=task, array=task, truth=windows.truth[task][windows.held_out], groups=clip, score=score, of=lambda a: a,
            more_is_better=task == "slip",
        )
        for task, score in SCORES.items()
    ]  # fmt: skip


def rows_of(arm: str, seed: int, arrays: Arrays, measures: Sequence[Measure]) -> list[dict]:
    """A row for each measure: value, 95 % interval, how many rows and groups it rests on."""
    rows = []
    for m in measures:
        if m.array in arrays:
            predicted = m.of(arrays[m.array])
            low, high = bootstrap(m.score, m.truth, predicted, groups=m.groups)
            rows.append(
                {
                    "arm": arm, "seed": seed, "measure": m.name, "value": float(m.score(m.truth, predicted)), "low": low, "high": high,
                    "rows": len(m.truth), "groups": len(np.unique(m.groups)),
                }
            )  # fmt: skip
    return rows


def gains(
    predictions: Mapping[ArmSeed, Arrays], ours: str, theirs: str, seeds: Sequence[int], measures: Sequence[Measure]
) -> list[dict]:
    """How much better one arm is than another, of errors how much lower: mean over seeds and paired interval."""
    rows = []
    for m in measures:
        pairs = [[predictions[arm, s].get(m.array) for s in seeds] for arm in (ours, theirs)]
        if any(array is None for arm in pairs for array in arm):
            continue
        a, b = (np.stack([m.of(np.asarray(array)) for array in arm]) for arm in pairs)
        found = paired_gain(m.score, m.truth, a, b, groups=m.groups)
        gain, low, high = found if m.more_is_better else (-found[0], -found[2], -found[1])
        rows.append({"ours": ours, "theirs": theirs, "measure": m.name, "gain": gain, "low": low, "high": high})
    return rows


def table(rows: Sequence[dict], gained: Sequence[dict], measures: Sequence[Measure]) -> str:
    """Both as Markdown: a line for each arm and seed, and one for the mean of the arm's seeds; a line for each pair of arms."""
    names = list(dict.fromkeys(m.name for m in measures))
    cells: dict[ArmSeed, dict[str, str]] = {}
    for row in rows:
        cells.setdefault((row["arm"], row["seed"]), {})[row["measure"]] = _cell(row["value"], row)
    lines = _head(["arm", "seed", *names])
    for arm in dict.fromkeys(arm for arm, _ in cells):
        seeds = [s for a, s in cells if a == arm]
        lines += [_line([arm, str(s), *(cells[arm, s].get(n, "") for n in names)]) for s in seeds]
        if len(seeds) > 1:
            lines.append(_line([arm, "mean", *(_mean_cell(rows, arm, n, len(seeds)) for n in names)]))
    pairs: dict[ArmSeed, dict[str, str]] = {}
    for row in gained:
        pairs.setdefault((row["ours"], row["theirs"]), {})[row["measure"]] = _cell(row["gain"], row, sign="+")
    lines += ["", *_head(["gain of", "over", *names])]
    lines += [_line([*pair, *(found.get(n, "") for n in names)]) for pair, found in pairs.items()]
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[dict], panels: Mapping[str, Sequence[str]], arms: Sequence[str], path: Path) -> None:
    """Panels of measures side by side: each seed a point with its interval, each arm a colour."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(f"pictures need matplotlib ({error}): pip install simtouch") from error
    figure = Figure(figsize=(4.6 * len(panels), 3.8), layout="constrained")
    for axes, (title, names) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
        arms = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
        for i, arm in enumerate(arms):
            mine = [row for row in rows if row["arm"] == arm and row["measure"] in names]
            seeds = sorted({row["seed"] for row in mine})
            x = [
                names.index(r["measure"]) + 0.8 * ((i + (seeds.index(r["seed"]) + 0.5) / len(seeds)) / len(arms) - 0.5)
                for r in mine
            ]
            value, low, high = (np.array([row[k] for row in mine]) for k in ("value", "low", "high"))
            axes.errorbar(x, value, (value - low, high - value), fmt="o", ms=3, lw=0.8, color=f"C{i}", label=arm)
        axes.set_xticks(range(len(names)), names)
        axes.set_title(title, fontsize=10)
        axes.grid(axis="y", lw=0.3)
    handles = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), fontsize=8, loc="outside right upper")
    figure.savefig(path, dpi=130)


def _mean_of_predicted(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(predicted))


def _cell(value: float, row: dict, sign: str = "") -> str:
    return f"{value:{sign}.3f} [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"


def _mean_cell(rows: Sequence[dict], arm: str, measure: str, seeds: int) -> str:
    values = [row["value"] for row in rows if row["arm"] == arm and row["measure"] == measure]
    return f"{np.mean(values):.3f}" if len(values) == seeds else ""


def _head(names: list[str]) -> list[str]:
    return [_line(names), _line(["---"] * len(names))]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
