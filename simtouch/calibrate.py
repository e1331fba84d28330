"""Calibrate the colours of your own sensor: a folder of ball presses and a no-contact frame in, a sensor file out.

python -m simtouch.calibrate presses/ --ball-diameter-mm 4.0 --pixel-pitch-mm 0.0295 --sensor gelsight_mini --out my_sensor.json

python -m simtouch.calibrate other_project/calibs --import taxim --sensor gelsight_2017 --out imported.json
"""

import contextlib
import os
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from simtouch._checks import ArgumentError, SimtouchError
from simtouch._verb import CtrlC, run_verb

HELD_OUT_FROM = 8
"""With so many presses every fourth is left out of a first fit, to state an error on presses that it never saw."""
LEFT_OUT = "on {} presses left out of the fit"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to calibrate from. Equal values make equal files."""

    path: Path
    """Folder of press pictures (png, jpg) with a no-contact frame, or a dataPack .npz; with --import the foreign calibration."""
    ball_diameter_mm: float | None = None
    """Of the ball that was pressed in."""
    pixel_pitch_mm: float | None = None
    """Gel length seen by one pixel."""
    sensor: str = "gelsight_mini"
    """Preset, or sensor file, whose gel, camera and markers the new file inherits."""
    out: Path = Path("my_sensor.json")
    """Sensor file to write; the picture that shows its worth is written beside it."""
    rest: Path | None = None
    """The no-contact frame, unless it is called background, rest, f0, blank or the like."""
    circles: str | None = None
    """File of contact circles, or `auto`; by default the folder's own list if it has one, else auto."""
    name: str | None = None
    """Of the sensor; by default that of the file."""
    background: Literal["picture", "cosines"] = "picture"
    """Resting picture in the file: as measured, or its smooth part."""
    seed: int = 0
    """Of the choice of pixels."""
    import_: Annotated[Literal["taxim", "gpu-taxim", "objectfolder", "fots", "tacto"] | None, tyro.conf.arg(name="import")] = None
    """Read another project's calibration instead of presses."""


def main(config: Config) -> Path:
    """Calibrate, write the sensor file and its picture, say what it is worth; return the file."""
    if not config.out.resolve().parent.is_dir() or config.out.suffix != ".json":
        raise ArgumentError(f"`--out` must be a .json file in a folder that exists; got {config.out}.")
    return _import(config) if config.import_ else _calibrate(config)


def cli() -> None:
    """The command line."""
    run_verb(Config, main, __doc__, if_stopped="stopped; nothing was written.")


def _calibrate(config: Config) -> Path:
    from simtouch.optics.calibration.before_after import before_after
    from simtouch.optics.calibration.coverage import check_coverage
    from simtouch.optics.calibration.sensor_of import calibrated_sensor, smooth_background
    from simtouch.optics.calibration.table_fit import FitConfig, fit_table

    begin, base = time.perf_counter(), _sensor(config.sensor)
    presses, notes = _presses(config)
    covered = check_coverage(presses)
    fit_config = FitConfig(seed=config.seed)
    with CtrlC() as ctrl_c, _bar(3) as bar:
        fit, shown, error = _held_out(presses, fit_config)
        ctrl_c.check()
        bar.update()
        if " found, " in notes["circles"] and len(presses) >= HELD_OUT_FROM:
            presses, fit, error, said = _refined(presses, fit, fit_config)
            notes["circles"] += said
        ctrl_c.check()
        bar.update()
        final = fit_table(presses, fit_config) if len(presses) >= HELD_OUT_FROM else fit
        ctrl_c.check()
        bar.update()
    spec = calibrated_sensor(base, final, presses, name=config.name or config.out.stem, notes=notes | {"error": error})
    if config.background == "cosines":
        spec = smooth_background(spec)
    picture = before_after(fit, shown, covered, fit_config, title=f"{spec.name}: {error}")
    _write(config.out, spec, picture)
    print(f"circles   {notes['circles']}")
    print(f"error     {error}")
    print(
        f"coverage  {covered.share():.0%} of the bins of slope and place, {covered.share(3):.0%} by three presses or more; by place:"
    )
    print("          " + covered.table().replace("\n", "\n          "))
    if warning := covered.warning():
        print(f"warning   {warning}")
    _farewell(config, f"{time.perf_counter() - begin:.0f} s from {len(presses)} presses")
    return config.out


def _presses(config: Config):
    """Checked presses with circles, and what there is to say of them."""
    from simtouch.optics.calibration.checks import check_found, check_presses
    from simtouch.optics.calibration.circles import find_circles
    from simtouch.optics.calibration.press_files import load_presses

    radius_m, pitch_m = (_length(config, name) for name in ("ball_diameter_mm", "pixel_pitch_mm"))
    given = load_presses(config.path, ball_radius_m=radius_m / 2, pixel_pitch_m=pitch_m, rest=config.rest, circles=config.circles)
    check_presses(given)
    notes = {"circles": f"{len(given)} given", "pixel_pitch": f"{1e3 * pitch_m:g} mm", "ball_radius": f"{500 * radius_m:g} mm"}
    if given.circles_px is None:
        found = find_circles(given)
        check_found(given, found)
        kept = found.apply(given)
        notes["circles"] = f"{len(kept)} found, rims within {np.median(found.residual_px[found.kept]):.1f} px of their circles"
        for k, why in found.rejected.items():
            print(f"left out  {given.names[k] if given.names else k}: {why}")
        given = kept
    return given, notes


def _length(config: Config, name: str) -> float:
    """A length given in mm [m]."""
    value = getattr(config, name)
    if value is None or not 0 < value < 1000:
        said = "" if value is None else f"; got {value:g}"
        raise ArgumentError(f"`--{name.replace('_', '-')}` must be given, a length in mm{said}.")
    return value / 1e3


def _held_out(presses, fit_config):
    """A fit without every fourth press, those presses, and their error in words; with few presses all of them, in-sample."""
    from simtouch.optics.calibration.before_after import contact_errors
    from simtouch.optics.calibration.table_fit import fit_table

    fitted, shown = presses.split() if len(presses) >= HELD_OUT_FROM else (presses, presses)
    fit = fit_table(fitted, fit_config)
    kind = LEFT_OUT.format(len(shown)) if len(presses) >= HELD_OUT_FROM else "in-sample (8 presses or more would tell)"
    return fit, shown, f"{contact_errors(fit, shown, fit_config).mean():.2f} grey levels inside the contact, {kind}"


def _refined(presses, fit, fit_config):
    """Presses with refined circles, a fit to those not held out, its error in words, and what was done; unchanged if that is no better.

    Held-out presses keep the circles that were found: placed by their own pictures they would flatter the fit.
    """
    from simtouch.optics.calibration.before_after import contact_errors
    from simtouch.optics.calibration.refine import moved_circles
    from simtouch.optics.calibration.table_fit import fit_table

    inner, shown = presses.split()
    again = fit_table(moved_circles(inner, fit, fit_config), fit_config)
    before, after = (float(contact_errors(f, shown, fit_config).mean()) for f in (fit, again))
    error = f"{min(before, after):.2f} grey levels inside the contact, {LEFT_OUT.format(len(shown))}"
    if after >= before:
        return presses, fit, error, f"; refining them gains nothing ({after:.2f} instead of {before:.2f} levels)"
    return moved_circles(presses, again, fit_config), again, error, f"; refined ({after:.2f} instead of {before:.2f} levels)"


def _import(config: Config) -> Path:
    from simtouch.optics.importers.registry import IMPORTERS

    begin = time.perf_counter()
    if not config.path.exists():
        raise ArgumentError(f"`{config.path}` must be the file or folder of the calibration; there is none.")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spec = IMPORTERS[config.import_](config.path, _sensor(config.sensor))
    _write(config.out, replace(spec, name=config.name or config.out.stem), None)
    for message in dict.fromkeys(str(w.message) for w in said if issubclass(w.category, UserWarning)):
        print(f"warning   {message}")
    _farewell(config, f"{time.perf_counter() - begin:.0f} s, imported from {config.import_}")
    return config.out


def _write(out: Path, spec, picture: np.ndarray | None) -> None:
    """Write the picture and the file under other names, read the file back, see that its gel rests, and only then rename both."""
    import cv2

    from simtouch.optics.calibration.sensor_of import check_sensor_file
    from simtouch.sensors import save_sensor

    written = {out: out.with_name(out.name + ".tmp")}
    try:
        save_sensor(spec, written[out])
        check_sensor_file(written[out])
        if picture is not None:
            written[out.with_suffix(".png")] = out.with_name(out.stem + ".png.tmp")
            _, png = cv2.imencode(".png", picture[..., ::-1])
            written[out.with_suffix(".png")].write_bytes(png.tobytes())
        for path, tmp in written.items():
            os.replace(tmp, path)
    except OSError as error:
        raise SimtouchError(f"`{out}` cannot be written: {error.strerror}.") from error
    finally:
        for tmp in written.values():
            with contextlib.suppress(OSError):
                tmp.unlink()


def _farewell(config: Config, how: str) -> None:
    picture = config.out.with_suffix(".png")
    print(f"made      {config.out}" + ("" if config.import_ else f"  (real beside simulated: {picture})") + f", {how}")
    print(f"next      python -m simtouch.generate --sensor {config.out}")


def _sensor(name: str):
    from simtouch._checks import pick
    from simtouch.sensors import SENSORS, load_sensor

    return load_sensor(name) if name.endswith(".json") else pick("sensor", name, SENSORS)


def _bar(steps: int):
    from tqdm import tqdm

    return tqdm(total=steps, desc="fit", unit="step", leave=False)


if __name__ == "__main__":
    cli()
