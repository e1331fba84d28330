"""Which colours do the presets have? Fits them to public ball presses and writes `assets/sensors/*.json`.

    python experiments/fit_presets.py --fots ../FOTS/DIGIT    # minutes; the `taxim` wheel must be installed
    python experiments/fit_presets.py --smoke                 # a coarse fit to a few presses of the wheel, into runs/

gelsight_2017 from the GelSight presses of the `taxim` wheel (MIT), their own circles; gelsight_mini from its GelSight Mini presses
(MIT), circles found, ball assumed; digit from the DIGIT presses of FOTS (its README states MIT), circles found, ball 4.7 mm, 0.0567 mm
a pixel assumed. Writes numbers alone: the colour table, some cosines for the resting picture, lamps. The error printed is that of
presses left out (every 4th).
"""

import importlib.util
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro

import simtouch
from simtouch.optics.calibration.circles import find_circles
from simtouch.optics.calibration.evaluate import predict
from simtouch.optics.calibration.light_fit import fit_lights
from simtouch.optics.calibration.press_files import load_presses
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.refine import refine_circles
from simtouch.optics.calibration.rest_picture import fit_cosines
from simtouch.optics.calibration.table_fit import FitConfig, field_of, fit_table
from simtouch.optics.importers.data_pack import read_data_pack
from simtouch.optics.metrics import circle_mask, mean_scores, scores
from simtouch.sensors import Background, Numbers
from simtouch.sensors.colours import Colours, colours_text

COSINES = {"digit": (12, 9), "gelsight_mini": (8, 8), "gelsight_2017": (8, 8)}
MINI_BALL_M, MINI_SHARE, MINI_SMOOTHNESS = 1.93e-3, 0.75, 0.1
"""Ball radius, contact radius in it, smoothness: not stated with the presses; as chosen in `optics_splits.py` on training presses."""


@dataclass(frozen=True, kw_only=True)
class Config:
    fots: Path | None = None
    """Folder of FOTS' DIGIT presses; without it `digit` is left as it is."""
    presets: tuple[str, ...] = ("digit", "gelsight_mini", "gelsight_2017")
    out: Path = Path("assets/sensors")
    smoke: bool = False


def wheel(name: str, ball_radius_m: float, pixel_pitch_m: float) -> PressSet | None:
    """Presses inside the `taxim` wheel, whose code is not imported."""
    found = importlib.util.find_spec("taxim")
    path = Path(found.submodule_search_locations[0], "calib", name, "dataPack.npz") if found else None
    if path is None or not path.is_file():
        return None
    return read_data_pack(path, ball_radius_m=ball_radius_m, pixel_pitch_m=pixel_pitch_m)


def presses_of(preset: str, config: Config) -> PressSet | None:
    """Presses with circles; None where they are not here."""
    if preset == "gelsight_2017":
        return wheel("gelsight", 2e-3, 2.95e-5)
    if preset == "gelsight_mini":
        presses = wheel("gelsight_mini", MINI_BALL_M, 3.17e-5)
    elif config.fots is None:
        return None
    else:
        presses = load_presses(config.fots, ball_radius_m=2.35e-3, pixel_pitch_m=5.67e-5, circles="auto")
        presses = presses.pick([k for k, name in enumerate(presses.names) if name.startswith("ball")])
    if presses is None:
        return None
    if preset == "digit":
        return find_circles(presses).apply(presses)
    circles = find_circles(presses).circles_px.copy()
    circles[:, 2] = MINI_SHARE * MINI_BALL_M / presses.pixel_pitch_m
    return refine_circles(replace(presses, circles_px=circles), FitConfig(smoothness_touched=MINI_SMOOTHNESS))


def held_out(presses: PressSet, terms: tuple[int, int], fit: FitConfig) -> dict[str, float]:
    """Scores of every 4th press by a fit to the others, with the shipped background of cosines."""
    train, test = presses.split(0)
    made = fit_table(train, fit)
    smooth = Background(cosines=fit_cosines(made.background, terms)).levels(presses.image_shape)
    pairs = []
    for k in range(len(test)):
        seen = [np.rint(predict(made.table, b, field_of(test, k, fit))).astype(np.uint8) for b in (made.background, smooth)]
        mask = circle_mask(test.image_shape, test.circles_px[k])
        pairs.append([scores(test.images[k], image, mask) for image in seen])
    own, shipped = (mean_scores(list(column)) for column in zip(*pairs, strict=True))
    return {"L1c": own.l1c, "PSNR": own.psnr, "SSIM": own.ssim, "L1c, cosines": shipped.l1c, "PSNR, cosines": shipped.psnr}


def at_image_size(presses: PressSet, shape: tuple[int, int]) -> PressSet:
    """The same presses at a sensor's own resolution."""
    factor = shape[0] / presses.image_shape[0]
    if factor == 1:
        return presses
    images = [cv2.resize(i, shape[::-1], interpolation=cv2.INTER_AREA) for i in (presses.rest, *presses.images)]
    circles = (presses.circles_px + np.array([0.5, 0.5, 0])) * factor - np.array([0.5, 0.5, 0])
    pitch = presses.pixel_pitch_m / factor
    return replace(presses, images=np.stack(images[1:]), rest=images[0], circles_px=circles, pixel_pitch_m=pitch)


def fitted(preset: str, presses: PressSet, config: Config) -> tuple[Colours, dict[str, float]]:
    """Table, background and lamps from all presses, and the error of presses left out."""
    fit = FitConfig(nodes=11, rounds=2, pixels_per_press=500) if config.smoke else FitConfig()
    fit = replace(fit, smoothness_touched=MINI_SMOOTHNESS) if preset == "gelsight_mini" else fit
    terms = COSINES[preset]
    errors = held_out(presses, terms, fit)
    made = fit_table(presses, fit)
    spec = simtouch.SENSORS[preset]
    small = at_image_size(presses, spec.image_shape)
    cosines = Numbers(np.round(fit_cosines(made.background, terms).array, 3))
    spec = replace(spec, camera=replace(spec.camera, pixel_pitch_m=small.pixel_pitch_m), response=None, background=None)
    background = Background(cosines=cosines)
    starts, pixels = (1, 100) if config.smoke else (3, 600)
    lit = fit_lights(small, spec, background=background.levels(spec.image_shape), starts=starts, pixels=pixels)
    told = {name: f"{value:.4g}" for name, value in errors.items()}
    table = replace(made.table, notes=made.table.notes | {f"left out, {k}": v for k, v in told.items()})
    return Colours(response=table, background=background, lights=lit.lights, coating=lit.coating), errors


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, presets=("gelsight_2017",), out=Path("runs/fit_presets/smoke"))
    config.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for preset in config.presets:
        presses = presses_of(preset, config)
        if presses is None:
            print(f"{preset}: no presses here")
            continue
        presses = presses.pick(range(0, len(presses), 6)) if config.smoke else presses
        begin = time.perf_counter()
        colours, errors = fitted(preset, presses, config)
        (config.out / f"{preset}.json").write_text(colours_text(colours), encoding="utf-8")
        rows.append({"preset": preset, "presses": len(presses), "seconds": time.perf_counter() - begin} | errors)
        print(rows[-1])
    told = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()}
    out = Path("runs/fit_presets", "smoke" if config.smoke else "default", "result.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"config": told, "version": simtouch.__version__, "seed": 0, "rows": rows}, indent=2))


if __name__ == "__main__":
    main(tyro.cli(Config))
