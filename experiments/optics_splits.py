"""How good is the colour table on presses that it never saw?

    python experiments/optics_splits.py            # every set that is here; up to an hour on one core
    python experiments/optics_splits.py --smoke    # a coarse fit to a few presses of the first set

Sets: both of the `taxim` wheel, where it is installed, and labelled balls below $SIMTOUCH_REAL, laid out as `folder` says. Test presses are
every 4th; what is chosen for a set (`Choice`) is chosen on every 4th of its training presses. "automatic": no label is read; circles are
found, those of the training presses refined, and each test press is placed by its own picture against the fit; L1c is that inside these
circles. Writes runs/optics_splits/<name>/result.json.
"""

import csv
import importlib.util
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import tyro

import simtouch
from simtouch.optics.calibration.circles import find_circles
from simtouch.optics.calibration.evaluate import predict
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.refine import place_circles, refine_circles
from simtouch.optics.calibration.rest_picture import far_levels, far_masks
from simtouch.optics.calibration.table_fit import FitConfig, TableFit, field_of, fit_table
from simtouch.optics.importers.data_pack import read_data_pack
from simtouch.optics.metrics import Scores, mean_scores, scores

TAXIM_PITCH_M = 2.95e-5


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is open for a set; each is tried on the training presses alone."""

    ball_radius_m: tuple[float, ...]
    """One where the source states it and the circles fit on the ball."""
    place_shrinkage: tuple[float, ...] = (0.003, 0.03, 0.1)
    smoothness_touched: tuple[float, ...] = (3.0,)
    automatic: bool = False
    """Circles are found, and labels not looked at."""
    contact_share: tuple[float | None, ...] = (None,)
    """Radius of all contacts at first, in those of the ball, where no rim can be seen; None: as found."""


@dataclass(frozen=True, kw_only=True)
class Config:
    name: str = "default"
    sets: tuple[str, ...] = ("gelsight", "gelsight_mini", "gelsight_mini automatic", "objectfolder_gelsight", "fots_gelsight",
                             "sathu_gelsight", "fots_digit automatic")  # fmt: skip
    starts: tuple[int, ...] = (0, 1, 2, 3)
    """Splits of the first set; the others have the first alone."""
    few: int = 10
    """Training presses of the small fit, spread evenly."""
    smoke: bool = False


def taxim(name: str, ball_radius_m: float, circles: bool = True) -> PressSet | None:
    """Presses inside the `taxim` wheel, whose code is not imported; with their labelled circles or without."""
    found = importlib.util.find_spec("taxim")
    path = Path(found.submodule_search_locations[0], "calib", name, "dataPack.npz") if found else None
    if not path or not path.is_file():
        return None
    return read_data_pack(path, ball_radius_m=ball_radius_m, pixel_pitch_m=TAXIM_PITCH_M, circles=circles)


def folder(name: str, ball_radius_m: float, pixel_pitch_m: float) -> PressSet | None:
    """Labelled balls: labels.csv with file, kind, column, row and radius [px]."""
    path = Path(os.environ.get("SIMTOUCH_REAL", "../shared/real"), name)
    if not (path / "labels.csv").is_file():
        return None
    with open(path / "labels.csv", encoding="utf-8") as file:
        rows = sorted(row for row in list(csv.reader(file))[1:] if row[1].startswith("ball"))
    rest = next(path.glob("images/background*.png"))
    images = [cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB) for p in (rest, *(path / row[0] for row in rows))]
    circles = np.array([[float(v) for v in row[2:5]] for row in rows]) if len(rows[0]) > 4 and rows[0][2] else None
    return PressSet(
        images=np.stack(images[1:]), rest=images[0], ball_radius_m=ball_radius_m, pixel_pitch_m=pixel_pitch_m,
        circles_px=circles, names=tuple(Path(row[0]).stem for row in rows), source=name,
    )  # fmt: skip


SETS: dict[str, tuple[Callable[[float], PressSet | None], Choice]] = {
    "gelsight": (lambda r: taxim("gelsight", r), Choice(ball_radius_m=(2e-3,), place_shrinkage=(0.003,))),
    # The ball of this set is not stated; its largest circle has 57 px, 1.68 mm.
    "gelsight_mini": (lambda r: taxim("gelsight_mini", r), Choice(ball_radius_m=(1.8e-3, 2.4e-3, 3.5e-3, 5e-3))),
    # Circles up to 19 px, 2.37 mm: on no ball of 2 mm, which the source states.
    # What can be seen of a contact is its core, of 15 px; how large ball and contact are assumed to be is a scale of slope.
    "gelsight_mini automatic": (
        lambda r: taxim("gelsight_mini", r, circles=False),
        Choice(
            ball_radius_m=(1.3e-3, 1.8e-3, 2.7e-3),
            contact_share=(0.75,),
            smoothness_touched=(0.1, 0.5),
            place_shrinkage=(0.003,),
            automatic=True,
        ),
    ),
    "objectfolder_gelsight": (
        lambda r: folder("objectfolder_gelsight", r, 0.1245e-3),
        Choice(ball_radius_m=(2.4e-3, 2.7e-3, 3.1e-3)),
    ),
    "fots_gelsight": (lambda r: folder("fots_gelsight", r, 1e-3 / 19.58), Choice(ball_radius_m=(2.35e-3,))),
    "sathu_gelsight": (lambda r: folder("sathu_gelsight", r, 0.05926e-3), Choice(ball_radius_m=(2.92e-3,))),
    "fots_digit automatic": (
        lambda r: folder("fots_digit", r, 0.0567e-3),
        Choice(ball_radius_m=(2.35e-3,), automatic=True),
    ),
}


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, name="smoke", sets=config.sets[:1], starts=(0,), few=6)
    rows = []
    for index, name in enumerate(config.sets):
        rows += of_set(config, name, config.starts if index == 0 else config.starts[:1])
    out = Path("runs/optics_splits", config.name, "result.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    told = {"config": asdict(config), "simtouch": simtouch.__version__, "rows": rows}
    out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def of_set(config: Config, name: str, starts: tuple[int, ...]) -> list[dict]:
    """Rows of one set; none, and a line saying so, where its pictures are not here."""
    read, open_ = SETS[name]
    if read(open_.ball_radius_m[0]) is None:
        print(f"{name}: not here", flush=True)
        return []
    fit = FitConfig(nodes=21, rounds=2) if config.smoke else FitConfig()
    rows = []
    for start in starts:
        presses, fit = choose(read, open_, fit, start)
        training, test = presses.split(start)
        few = training.pick(np.linspace(0, len(training) - 1, min(config.few, len(training))).round().astype(int))
        cases = [] if config.smoke else [(training, fit, "table"), (training, replace(fit, background="rest"), "table, f0")]
        for some, how, what in (*cases, (few, fit, f"table, {len(few)} presses")):
            told = {"set": name, "start": start, "ball_radius_m": presses.ball_radius_m, "automatic_circles": open_.automatic}
            told |= {"place_shrinkage": fit.place_shrinkage, "mean_radius_px": float(presses.circles_px[:, 2].mean())}
            rows += measure(some, test, how, what, told)
    return rows


def choose(read: Callable[[float], PressSet | None], open_: Choice, fit: FitConfig, start: int) -> tuple[PressSet, FitConfig]:
    """Presses and fit with the least mean squared error on every 4th of the training presses: no other column of the table
    is the same for all sizes of the contact."""
    options = list(product(open_.ball_radius_m, open_.contact_share, open_.place_shrinkage, open_.smoothness_touched))
    tried = []
    for radius, share, shrinkage, smoothness in options:
        presses = with_circles(read(radius), share) if open_.automatic else read(radius)
        how = replace(fit, place_shrinkage=shrinkage, smoothness_touched=smoothness)
        error = 0.0
        if len(options) > 1:
            of_fit, held = fitted(*presses.split(start)[0].split(0), how, open_.automatic)
            error = score(of_fit, held, how)["table"].mse
            print(
                f"    inner: ball {1e3 * radius:.2f} mm, share {share}, shrinkage {shrinkage}, smoothness {smoothness}: MSE {error:.2f}",
                flush=True,
            )
        tried.append((error, presses, how))
    return min(tried, key=lambda one: one[0])[1:]


def with_circles(presses: PressSet, share: float | None) -> PressSet:
    """Circles found in the pictures, their radii set to a share of the ball's if it is given."""
    found = find_circles(presses)
    print(
        f"    found: rims within {np.nanmedian(found.residual_px):.2f} px of their circles; doubtful: {found.rejected}",
        flush=True,
    )
    circles = found.circles_px.copy()
    if share is not None:
        circles[:, 2] = share * presses.ball_radius_m / presses.pixel_pitch_m
    return replace(presses, circles_px=circles)


def fitted(training: PressSet, test: PressSet, config: FitConfig, automatic: bool) -> tuple[TableFit, PressSet]:
    """A fit, and the test presses; if their circles are automatic, those are placed by the pictures."""
    if not automatic:
        return fit_table(training, config), test
    fit = fit_table(refine_circles(training, config), config)
    return fit, replace(test, circles_px=place_circles(test, fit, config))


def measure(training: PressSet, test: PressSet, config: FitConfig, what: str, told: dict) -> list[dict]:
    """Rows of one fit: background alone, table, and table with each test frame's exposure given."""
    begin = time.perf_counter()
    fit, test = fitted(training, test, config, told["automatic_circles"])
    seconds, rows = time.perf_counter() - begin, []
    for kind, row in score(fit, test, config).items():
        label = what if kind == "table" else f"{what}: {kind}"
        rows.append(told | {"row": label, "training": training.names, "test": test.names, "fit_s": seconds} | asdict(row))
        columns = f"{row.l1:6.2f} {row.mse:7.2f} {row.psnr:6.2f} {row.ssim:.4f} {row.l1c:6.2f}"
        print(f"{told['set']:22s} {told['start']} {label:42s} {columns}  {seconds:5.1f} s", flush=True)
    return rows


def score(fit: TableFit, test: PressSet, config: FitConfig) -> dict[str, Scores]:
    """Mean scores over the test presses."""
    exposures = far_levels(test, fit.background, far_masks(test)) - fit.far_levels.mean(0)
    rows: dict[str, list[Scores]] = {"background alone": [], "table": [], "exposure given": []}
    for k, image in enumerate(test.images):
        under = field_of(test, k, config)
        table = predict(fit.table, fit.background, under)
        for kind, rendered in zip(rows, (fit.background, table, table + exposures[k]), strict=True):
            as_bytes = np.rint(np.clip(rendered, 0, 255)).astype(np.uint8)
            rows[kind].append(scores(image, as_bytes, under.touched))
    return {kind: mean_scores(each) for kind, each in rows.items()}


if __name__ == "__main__":
    main(tyro.cli(Config))
