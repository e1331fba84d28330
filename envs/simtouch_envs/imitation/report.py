"""Reports: rows of measured policies in, means with intervals, ratios, a table in Markdown and a picture out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simtouch_envs.imitation.scores import ratio, summary

Row = dict[str, Any]
"""One policy: `arm`, `algorithm`, `family`, `demos`, `round`, `labels`, `seed`, and lists by measure, a value for each maze."""
SAME = ("arm", "algorithm", "family", "demos", "round")
MEASURED = ("distance_cm", "completion", "success", "peak_force_n")


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for all seeds of the same policy: mean, interval and the mean of every seed, by measure."""
    found = []
    for of in grouped(rows).values():
        mean = {key: of[0][key] for key in SAME} | {"seeds": [row["seed"] for row in of]}
        mean |= {"labels": float(np.mean([row["labels"] for row in of])), "mazes": len(of[0]["success"])}
        for name in MEASURED:
            table = np.array([row[name] for row in of], float)
            mean[name] = summary(table) | {"of_seeds": table.mean(1).tolist()}
        errors = [float(np.mean(row["position_error_mm"])) for row in of if row.get("position_error_mm")]
        mean["position_error_mm"] = {"mean": float(np.mean(errors)), "of_seeds": errors} if errors else None
        found.append(mean)
    return found


def gains(rows: Sequence[Row], over: str) -> list[Row]:
    """Distance of every arm over that of the arm `over`, of the same algorithm, demonstrations and round, in pairs of seed and maze."""
    groups, found = grouped(rows), []
    for key, of in groups.items():
        theirs = groups.get((over, *key[1:]), [])
        seeds = sorted({row["seed"] for row in of} & {row["seed"] for row in theirs})
        if key[0] == over or not seeds:
            continue
        tables = [[row["distance_cm"] for s in seeds for row in rows if row["seed"] == s] for rows in (of, theirs)]
        found.append(dict(zip(SAME, key, strict=True)) | {"over": over, "seeds": seeds, "distance_ratio": ratio(*tables)})
    return found


def grouped(rows: Sequence[Row]) -> dict[tuple, list[Row]]:
    """Rows of the same policy, by what is the `SAME`, seeds in order."""
    groups: dict[tuple, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["seed"]):
        groups.setdefault(tuple(row[key] for key in SAME), []).append(row)
    return groups


def table(found: Sequence[Row], ratios: Sequence[Row] = ()) -> str:
    """Markdown: every policy, then the ratios."""
    lines = [
        "| observation | algorithm | maze | demos, round | labels | distance cm | of seeds | completion | success | peak N | error mm |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for m in sorted(found, key=lambda m: (*(str(m[key]) for key in SAME[:3]), m["demos"], m["round"])):
        of_seeds = ", ".join(f"{value:.1f}" for value in m["distance_cm"]["of_seeds"])
        error = "" if m["position_error_mm"] is None else f"{m['position_error_mm']['mean']:.2f}"
        numbers = [_cell(m["distance_cm"], 1), of_seeds, *(_cell(m[name], 2) for name in MEASURED[1:]), error]
        start = f"| {m['arm']} | {m['algorithm']} | {m['family']} | {m['demos']}, {m['round']} | {m['labels']:.0f} | "
        lines.append(start + " | ".join(numbers) + " |")
    if ratios:
        lines += ["", "| distance of | over | algorithm | demos, round | ratio |", "|---|---|---|---|---|"]
    for r in ratios:
        ratio_of = _cell(r["distance_ratio"], 2)
        lines.append(f"| {r['arm']} | {r['over']} | {r['algorithm']} | {r['demos']}, {r['round']} | {ratio_of} |")
    return "\n".join(lines) + "\n"


def _cell(value: dict[str, float], digits: int) -> str:
    return f"{value['mean']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def plot(found: Sequence[Row], path: Path, *, whole_cm: float | None = None) -> None:
    """Distance against labelled steps, a line for each arm and algorithm, with intervals.

    Args:
        found: Of `means`.
        path: PNG to write.
        whole_cm: Mean way from start to goal, drawn as a line.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for arm, algorithm in dict.fromkeys((m["arm"], m["algorithm"]) for m in found):
        line = sorted((m for m in found if (m["arm"], m["algorithm"]) == (arm, algorithm)), key=lambda m: m["labels"])
        x, y = [m["labels"] for m in line], np.array([m["distance_cm"]["mean"] for m in line])
        off = [y - [m["distance_cm"]["low"] for m in line], [m["distance_cm"]["high"] for m in line] - y]
        axes.errorbar(x, y, np.abs(off), marker="o", capsize=3, label=f"{arm}, {algorithm}")
    if whole_cm is not None:
        axes.axhline(whole_cm, color="grey", linestyle=":", label="the whole way")
    axes.set(xlabel="labelled steps", ylabel="distance before the end or failure [cm]", ylim=(0, None))
    axes.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
