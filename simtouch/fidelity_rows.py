"""Rows of a fidelity table: rendered presses beside real ones in, their scores, means and marks out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.metrics import Scores, circle_mask, histogram_distance, loses_to, mean_scores, scores

IN_SAMPLE = "in-sample"
_HEADS = {"l1": "L1", "mse": "MSE", "psnr": "PSNR", "ssim": "SSIM", "l1c": "L1c", "msec": "MSEc", "histogram": "hist"}
_FORMATS = {"l1": ".2f", "mse": ".2f", "psnr": ".2f", "ssim": ".4f", "l1c": ".2f", "msec": ".1f", "histogram": ".2f"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to predict the presses of a set, and how far it is from each."""

    name: str
    is_background: bool = False
    """Nothing is simulated: the row that a simulator must beat."""
    note: str = ""
    each: tuple[Scores, ...] = field(repr=False)
    histogram_each: tuple[float, ...] = field(repr=False)
    """Distance of the colour histograms inside the contact [grey levels]."""
    loses: tuple[str, ...] = ()
    """Columns in which a background row of the same table is better."""

    @property
    def mean(self) -> Scores:
        return mean_scores(self.each)

    @property
    def histogram(self) -> float:
        return float(np.mean(self.histogram_each))


def score_row(name: str, presses: PressSet, images: Sequence[np.ndarray], *, is_background=False, note="") -> Row:
    """Score one picture a press against the real ones; the contact is the circle of the press.

    Args:
        name: Of the row.
        presses: N real presses, with circles.
        images: N rendered ones, RGB, uint8, (H, W, 3).
        is_background: Nothing was simulated.
        note: Said beside the row.
    """
    each, distances = [], []
    for real, image, circle in zip(presses.images, images, presses.circles_px, strict=True):
        contact = circle_mask(presses.image_shape, circle)
        each.append(scores(real, image, contact))
        distances.append(histogram_distance(real, image, contact))
    return Row(name=name, is_background=is_background, note=note, each=tuple(each), histogram_each=tuple(distances))


def marked(rows: Sequence[Row]) -> list[Row]:
    """The rows, each that simulates with the columns in which some background row is better."""
    controls = [row for row in rows if row.is_background]
    return [row if row.is_background else replace(row, loses=_worse(row, controls)) for row in rows]


def cells(row: Row) -> dict[str, str]:
    """The mean of each column as text, by column head; `*` where a background row is better."""
    values = asdict(row.mean) | {"histogram": row.histogram}
    return {head: f"{values[n]:{_FORMATS[n]}}{'*' if n in row.loses else ''}" for n, head in _HEADS.items()}


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    width = max(len(row.name) for row in rows) + 2
    lines = [" " * width + "".join(f"{head:>9}" for head in _HEADS.values())]
    for row in rows:
        notes = [row.note] * bool(row.note) + ["* worse than the background alone"] * bool(row.loses)
        line = f"{row.name:<{width}}" + "".join(f"{text:>9}" for text in cells(row).values())
        lines.append(f"{line}  {'; '.join(notes)}".rstrip())
    return "\n".join(lines)


def _worse(row: Row, controls: Sequence[Row]) -> tuple[str, ...]:
    found = {name for control in controls for name in loses_to(row.mean, control.mean)}
    found |= {"histogram" for control in controls if row.histogram > control.histogram}
    return tuple(name for name in _HEADS if name in found)


def row_to_dict(row: Row, names: Sequence[str]) -> dict:
    """As JSON values: means, marks and every press; an infinite PSNR becomes null."""
    each = [{"press": n} | _plain(one, h) for n, one, h in zip(names, row.each, row.histogram_each, strict=True)]
    said = {"name": row.name, "is_background": row.is_background, "note": row.note}
    return said | {"mean": _plain(row.mean, row.histogram), "worse_than_background_in": list(row.loses), "each": each}


def _plain(one: Scores, histogram: float) -> dict[str, float | None]:
    return {k: v if np.isfinite(v) else None for k, v in (asdict(one) | {"histogram": histogram}).items()}
