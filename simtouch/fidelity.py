"""How true a simulated sensor is to real presses that it never saw: a table, pictures side by side, error maps.

    python -m simtouch.fidelity presses/ --ball-diameter-mm 4 --pixel-pitch-mm 0.0295 --fit --all-starts

    python -m simtouch.fidelity presses/ --ball-diameter-mm 4 --sensor my_sensor.json --mode both --page ~/fidelity.html

L1, MSE, PSNR, SSIM: whole image; L1c, MSEc, hist: inside the contact circle; grey levels of 255, dB. The unpressed background alone is a
row of each table: a simulator that loses to it in a column is marked there. Test = every 4th press from the first on.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from simtouch._checks import ArgumentError, as_number, pick
from simtouch._verb import CtrlC, run_verb


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compare with what."""

    folder: Path
    """Folder of presses, or a `dataPack.npz`."""
    sensor: str | None = None
    """Name of a preset, or a sensor file (.json)."""
    ball_diameter_mm: float | None = None
    pixel_pitch_mm: float | None = None
    """Gel length seen by one pixel; by default the sensor's."""
    circles: Literal["labels", "auto", "fitted"] = "labels"
    """Contact circles: those of the folder; found in the pictures; or found, refined with the fit, and in test presses placed by their
    own pictures, which shows what the colours are worth where nobody knows the circles. Rows of the last two are marked."""
    rest: str | None = None
    """The no-contact frame; by default the picture called background, rest, f0 or the like."""
    channels: Literal["rgb-file", "bgr-file"] = "rgb-file"
    """`bgr-file` for pictures that were saved with red and blue exchanged."""
    fit: bool = False
    """Fit the colour response to the training presses, in place of the sensor's."""
    start: int = 0
    """First test press."""
    every: int = 4
    """Distance of the test presses."""
    all_starts: bool = False
    """All splits in turn: `start` from 0 to `every` - 1."""
    mode: Literal["optics", "gel", "both"] = "optics"
    """The true contact circle goes in; or the ball goes in, and the gel decides the print; or one row for each."""
    background: Literal["auto", "presses", "rest", "sensor"] = "auto"
    """Resting picture: made of the training presses, the no-contact frame, or the sensor's own. `auto`: with --fit the first; without,
    the sensor's own if it is a picture, else the no-contact frame."""
    markers: bool = True
    """Off, the sensor's printed dots are left out."""
    in_sample: bool = False
    """Also a table of the training presses, marked."""
    probe: bool = False
    """Also ask a simple classifier to tell real frames from rendered ones."""
    seed: int = 0
    """Of the camera's noise and of the probe."""
    out: Path = Path("runs/fidelity/result.json")
    """Config, split, and the scores of every press."""
    page: Path | None = None
    """Write a self-contained page with the pictures."""
    pictures: Path | None = None
    """Write the pictures as PNG files into this folder."""


def main(config: Config) -> dict[str, Any]:
    """Compare, print the table, write what was asked for and return the result as it was written."""
    # What computes is imported here, so that --help and bad arguments answer at once.
    _check(config)
    presses, task = _presses_and_task(config)
    from simtouch import fidelity_report as said
    from simtouch.fidelity_page import make_folder

    for path in filter(None, (config.out, config.page)):
        make_folder(path.parent)  # now, not after minutes of work

    splits = []
    starts = range(config.every) if config.all_starts else (config.start,)
    with CtrlC() as ctrl_c:
        for start in starts:
            splits.append(_one_split(config, presses, task, start, ctrl_c))
            said.print_split(splits[-1], config.every)
    for name, why in task.rejected.items():
        print(f"left out: {name}, {why}")
    if len(splits) > 1:
        said.print_means(splits)
    found = said.probes(splits, config.seed) if config.probe else {}
    said.print_probes(found, splits[0])
    report = _report(config, presses, task) | {
        "splits": [said.split_to_dict(split) for split in splits],
        "probe": said.probes_to_dict(found),
    }
    _write(config, report, splits)
    return report


def cli() -> None:
    """The command line."""
    run_verb(Config, main, __doc__)


def _check(config: Config) -> None:
    if config.ball_diameter_mm is None:
        raise ArgumentError("`--ball-diameter-mm` is needed: the pictures do not tell it.")
    as_number("--ball-diameter-mm", config.ball_diameter_mm, above=0)
    if config.pixel_pitch_mm is not None:
        as_number("--pixel-pitch-mm", config.pixel_pitch_mm, above=0)
    elif config.sensor is None:
        raise ArgumentError("`--pixel-pitch-mm` is needed where no `--sensor` tells it.")
    if not config.fit and config.sensor is None:
        raise ArgumentError("`--sensor` or `--fit` is needed: there is nothing to compare.")
    if config.fit and config.background == "sensor":
        raise ArgumentError(
            "`--background` must be `presses` or `rest` with `--fit`, which needs a picture that fits the presses."
        )
    if config.circles == "fitted" and not config.fit:
        raise ArgumentError("`--circles fitted` needs `--fit`: it is the fit that moves them.")
    if config.every < 2 or not 0 <= config.start < config.every:
        raise ArgumentError(f"`--every` must be >= 2 and `--start` from 0 to below it; got {config.every} and {config.start}.")
    if not config.folder.exists():
        raise ArgumentError(f"`{config.folder}` does not exist.")
    _check_places(config)


def _check_places(config: Config) -> None:
    from simtouch.fidelity_page import outside_the_project

    for name, path in (("--page", config.page), ("--pictures", config.pictures)):
        if path is not None:
            outside_the_project(name, path)


def _presses_and_task(config: Config):
    from simtouch.fidelity_renders import spec_at
    from simtouch.fidelity_split import Task
    from simtouch.optics.calibration.table_fit import FitConfig

    spec = _sensor(config)
    presses, places, rejected = _presses(config, config.pixel_pitch_mm or spec.camera.pixel_pitch_m * 1e3)
    if len(presses) < config.every:
        raise ArgumentError(f"`{config.folder}` holds {len(presses)} presses; a split wants {config.every} or more.")
    spec = spec and spec_at(spec, presses)
    background = _background(config, has_picture=bool(spec and spec.background and spec.background.picture))
    modes = ("optics", "gel") if config.mode == "both" else (config.mode,)
    fit = FitConfig(background=background) if config.fit else None
    return presses, Task(
        sensor=spec,
        places=places,
        rejected=rejected,
        fit=fit,
        circles=config.circles,
        modes=modes,
        background=background,
        in_sample=config.in_sample,
        probe=config.probe,
        seed=config.seed,
    )


def _background(config: Config, has_picture: bool) -> str:
    if config.background != "auto":
        return config.background
    return "presses" if config.fit else "sensor" if has_picture else "rest"


def _sensor(config: Config):
    from simtouch.sensors import SENSORS, load_sensor

    if config.sensor is None:
        return None
    spec = load_sensor(config.sensor) if config.sensor.endswith(".json") else pick("sensor", config.sensor, SENSORS)
    return spec if config.markers else replace(spec, markers=None)


def _presses(config: Config, pixel_pitch_mm: float):
    """The presses with circles and names; their places in the folder's order; why others were left out, by name."""
    from simtouch.optics.calibration.circles import find_circles
    from simtouch.optics.calibration.press_files import load_presses

    assert config.ball_diameter_mm is not None  # `_check` has seen to it
    pack = config.folder / "dataPack.npz"
    presses = load_presses(
        pack if pack.is_file() else config.folder,
        ball_radius_m=config.ball_diameter_mm / 2e3,
        pixel_pitch_m=pixel_pitch_mm / 1e3,
        rest=config.rest,
        circles=None if config.circles == "labels" else "auto",
        channels=config.channels,
    )
    names = presses.names or tuple(f"press_{k:03d}" for k in range(len(presses)))
    presses, places, rejected = replace(presses, names=names), range(len(presses)), {}
    if config.circles != "labels":
        found = find_circles(presses)
        presses, places = found.apply(presses), found.kept
        rejected = {names[k]: why for k, why in found.rejected.items()}
    if presses.circles_px is None:
        raise ArgumentError(f"`{config.folder}` labels no contact circles; `--circles auto` finds them.")
    return presses, tuple(int(k) for k in places), rejected


def _one_split(config: Config, presses, task, start: int, ctrl_c: CtrlC):
    from tqdm import tqdm

    from simtouch.fidelity_split import run_split

    with tqdm(unit=" presses", desc=f"split {start}", disable=None, leave=False) as bar:

        def tick() -> None:
            ctrl_c.check()
            bar.update()

        return run_split(presses, task, start, config.every, tick)


def _report(config: Config, presses, task) -> dict[str, Any]:
    """All that decides the figures, as JSON values."""
    from simtouch.fidelity_split import CIRCLES
    from simtouch.sensors.sensor_file import sensor_to_dict
    from simtouch.stream.provenance import provenance

    return {
        "config": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()},
        "seed": config.seed,
        "made_by": provenance(),
        "presses": {
            "source": presses.source,
            "count": len(presses),
            "shape": list(presses.image_shape),
            "ball_diameter_mm": presses.ball_radius_m * 2e3,
            "pixel_pitch_mm": presses.pixel_pitch_m * 1e3,
            "circles": CIRCLES[config.circles] or "of the folder",
            "left_out": task.rejected,
        },
        "sensor": task.sensor and sensor_to_dict(task.sensor),
        "fit": task.fit and asdict(task.fit),
    }


def _write(config: Config, report: dict, splits) -> None:
    """The result, the pictures and the page."""
    from simtouch.fidelity_page import write_file, write_page, write_pictures
    from simtouch.fidelity_report import facts, heading

    write_file(config.out, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
    if config.pictures:
        write_pictures(config.pictures, splits[0].pictures)
    if config.page:
        tables = {heading(s, config.every): s.rows for s in splits}
        tables |= {f"{heading(s, config.every)}; in-sample": s.in_sample_rows for s in splits if s.in_sample_rows}
        write_page(config.page, title="Fidelity", facts=facts(report), tables=tables, pictures=splits[0].pictures)
    print(f"\nwhere  {', '.join(str(path) for path in (config.out, config.page, config.pictures) if path)}")


if __name__ == "__main__":
    cli()
