"""How good is the colour table on presses that it never saw?

    python experiments/optics_splits.py            # every set that is here
    python experiments/optics_splits.py --smoke    # a coarse fit to a few presses of the first set

Sets: both of the `taxim` wheel, where it is installed, and labelled balls below $SIMTOUCH_REAL, laid out as `folder` says. Test presses are
every 4th; what is chosen for a set (`Choice`) is chosen on every 4th of its training presses. Writes runs/optics_splits/<name>/result.json.
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
from simtouch.optics.calibration.evaluate import predict
from simtouch.optics.calibration.presses import PressSet
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


@dataclass(frozen=True, kw_only=True)
class Config:
    name: str = "default"
    sets: tuple[str, ...] = ("gelsight", "gelsight_mini", "objectfolder_gelsight", "fots_gelsight", "sathu_gelsight")
    starts: tuple[int, ...] = (0, 1, 2, 3)
    """Splits of the first set; the others have the first alone."""
    few: int = 10
    """Training presses of the small fit, spread evenly."""
    smoke: bool = False


def taxim(name: str, ball_radius_m: float) -> PressSet | None:
    """Presses inside the `taxim` wheel, whose code is not imported."""
    found = importlib.util.find_spec("taxim")
    path = Path(found.submodule_search_locations[0], "calib", name, "dataPack.npz") if found else None
    return read_data_pack(path, ball_radius_m=ball_radius_m, pixel_pitch_m=TAXIM_PITCH_M) if path and path.is_file() else None


def folder(name: str, ball_radius_m: float, pixel_pitch_m: float) -> PressSet | None:
    """Labelled balls: labels.csv with file, kind, column, row and radius [px]."""
    path = Path(os.environ.get("SIMTOUCH_REAL", "../shared/real"), name)
    if not (path / "labels.csv").is_file():
        return None
    with open(path / "labels.csv", encoding="utf-8") as file:
        rows = sorted(row for row in list(csv.reader(file))[1:] if row[1].startswith("ball"))
    rest = next(path.glob("images/background*.png"))
    images = [cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB) for p in (rest, *(path / row[0] for row in rows))]
    circles = np.array([[float(v) for v in row[2:5]] for row in rows])
    return PressSet(
        images=np.stack(images[1:]), rest=images[0], ball_radius_m=ball_radius_m, pixel_pitch_m=pixel_pitch_m,
        circles_px=circles, names=tuple(Path(row[0]).stem for row in rows), source=name,
    )  # fmt: skip


SETS: dict[str, tuple[Callable[[float], PressSet | None], Choice]] = {
    "gelsight": (lambda r: taxim("gelsight", r), Choice(ball_radius_m=(2e-3,), place_shrinkage=(0.003,))),
    # The ball of this set is not stated; its largest circle has 57 px, 1.68 mm.
    "gelsight_mini": (lambda r: taxim("gelsight_mini", r), Choice(ball_radius_m=(1.8e-3, 2.4e-3, 3.5e-3, 5e-3))),
    # Circles up to 19 px, 2.37 mm: on no ball of 2 mm, which the source states.
    "objectfolder_gelsight": (
        lambda r: folder("objectfolder_gelsight", r, 0.1245e-3),
        Choice(ball_radius_m=(2.4e-3, 2.7e-3, 3.1e-3)),
    ),
    "fots_gelsight": (lambda r: folder("fots_gelsight", r, 1e-3 / 19.58), Choice(ball_radius_m=(2.35e-3,))),
    "sathu_gelsight": (lambda r: folder("sathu_gelsight", r, 0.05926e-3), Choice(ball_radius_m=(2.92e-3,))),
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
        radius, fit = choose(read, open_, fit, start)
        training, test = read(radius).split(start)
        few = training.pick(np.linspace(0, len(training) - 1, config.few).round().astype(int))
        cases = [] if config.smoke else [(training, fit, "table"), (training, replace(fit, background="rest"), "table, f0")]
        for presses, how, what in (*cases, (few, fit, f"table, {config.few} presses")):
            told = {"set": name, "start": start, "ball_radius_m": radius, "place_shrinkage": fit.place_shrinkage}
            rows += measure(presses, test, how, what, told)
    return rows


def choose(read: Callable[[float], PressSet | None], open_: Choice, fit: FitConfig, start: int) -> tuple[float, FitConfig]:
    """Ball radius [m] and fit with the least L1 + L1c on every 4th of the training presses."""
    options = list(product(open_.ball_radius_m, open_.place_shrinkage))
    if len(options) == 1:
        return options[0][0], replace(fit, place_shrinkage=options[0][1])
    errors = []
    for radius, shrinkage in options:
        training, held = read(radius).split(start)[0].split(0)
        tried = replace(fit, place_shrinkage=shrinkage)
        of_table = score(fit_table(training, tried), held, tried)["table"]
        errors.append(of_table.l1 + of_table.l1c)
    radius, shrinkage = options[int(np.argmin(errors))]
    return radius, replace(fit, place_shrinkage=shrinkage)


def measure(training: PressSet, test: PressSet, config: FitConfig, what: str, told: dict) -> list[dict]:
    """Rows of one fit: background alone, table, and table with each test frame's exposure given."""
    begin = time.perf_counter()
    fit = fit_table(training, config)
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
