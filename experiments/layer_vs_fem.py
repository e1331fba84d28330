"""What does the linear layer miss? Every sensor's layer beside large-strain finite elements of its whole domed pad.

    python experiments/layer_vs_fem.py            # about half an hour on two cores; also writes docs/layer_vs_fem.md
    python experiments/layer_vs_fem.py --smoke    # a minute: one indenter on a coarse grid

Both are pressed by the same indenters to the same depths, then sheared. Writes runs/layer_vs_fem/<name>/result.json.
"""

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import tyro

import simtouch
from simtouch import indenters
from simtouch.sensors import SENSORS, SensorSpec

INDENTERS = {  # and where they press along x, and how deep at most [m]
    "sphere R 4": (lambda: indenters.sphere(radius_m=4e-3), 0.0, 0.8e-3),
    "sphere R 2": (lambda: indenters.sphere(radius_m=2e-3), 0.0, 0.5e-3),
    "capsule R 2, 6 mm": (lambda: indenters.capsule(radius_m=2e-3, length_m=6e-3), 0.0, 0.5e-3),
    "flat punch R 2": (lambda: indenters.flat_punch(radius_m=2e-3), 0.0, 0.5e-3),
    "sphere R 4, 4 mm off centre": (lambda: indenters.sphere(radius_m=4e-3), 4e-3, 0.5e-3),
}
HEAD = (
    "| sensor | indenter | depth mm | shear mm | force N, FEM | layer | area mm2, FEM | layer | height, rms of the depth | "
    "shear / normal force, FEM | layer | stick share, FEM | layer |\n" + "|---" * 13 + "|"
)


@dataclass(frozen=True, kw_only=True)
class Config:
    name: str = "default"
    sensor: tuple[str, ...] = ("digit", "gelsight_mini", "gelsight_2017")
    depths_m: tuple[float, ...] = (0.2e-3, 0.5e-3, 0.8e-3)
    shear_depth_m: float = 0.5e-3
    shears_m: tuple[float, ...] = (0.1e-3, 0.3e-3)
    workers: int = 2
    """Processes, one a sensor."""
    step_m: float = 0.1e-3
    """Of the press and of the shear, a frame."""
    page: Path | None = Path("docs/layer_vs_fem.md")
    """Where the table goes."""
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        config = replace(
            config, name="smoke", sensor=("digit",), depths_m=(0.2e-3,), shear_depth_m=0.2e-3, shears_m=(0.1e-3,), page=None
        )
    with ProcessPoolExecutor(config.workers, get_context("spawn"), initializer=one_thread) as pool:
        rows = [row for of_sensor in pool.map(partial(on_sensor, config), config.sensor) for row in of_sensor]
    out = Path("runs/layer_vs_fem", config.name, "result.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    told = asdict(config) | {"page": str(config.page)}
    out.write_text(
        json.dumps({"config": told, "simtouch": simtouch.__version__, "rows": rows}, indent=2) + "\n", encoding="utf-8"
    )
    if config.page is not None:
        config.page.write_text(page(rows), encoding="utf-8")


def one_thread() -> None:
    """Processes share the cores better than threads do."""
    os.environ["SIMTOUCH_TI_THREADS"] = "1"


def on_sensor(config: Config, name: str) -> list[dict]:
    """All rows of one sensor."""
    spec = coarse(SENSORS[name]) if config.smoke else SENSORS[name]
    sims = {gel: simtouch.TactileSimulator(spec, gel=gel, optics=simtouch.OpticsConfig(noise=False)) for gel in ("fem", "layer")}
    shapes = ["sphere R 4"] if config.smoke else list(INDENTERS)
    return [row for shape in shapes for row in compare(config, sims, spec, shape)]


def compare(config: Config, sims: dict, spec: SensorSpec, shape: str) -> list[dict]:
    """Rows of one indenter on one sensor: a press, then another that is sheared, in steps of `step_m`."""
    make, x_m, most_m = INDENTERS[shape]
    indenter, step = make(), config.step_m
    reach = indenter.reach_m(np.eye(3))
    deep = [(float(d), 0.0) for d in np.arange(1, round(min(most_m, max(config.depths_m)) / step) + 1) * step]
    pressed = [state for state in deep if state[0] <= config.shear_depth_m + 1e-9]
    sheared = [(config.shear_depth_m, float(s)) for s in np.arange(1, round(max(config.shears_m) / step) + 1) * step]
    rows = []
    for path, told in (
        (deep, [(d, 0.0) for d in config.depths_m]),
        (pressed + sheared, [(config.shear_depth_m, s) for s in config.shears_m]),
    ):
        for sim in sims.values():
            sim.reset(indenter)
        for depth, shear in path:
            pose = np.eye(4)
            pose[:3, 3] = x_m, shear, reach
            frames = {"layer": sims["layer"].step_depth(pose, depth)}
            if frames["layer"].normal_force_n > 2 * spec.working_range.normal_force_n[1]:
                break  # far out of the sensor's range
            begin = time.perf_counter()
            try:
                frames["fem"] = sims["fem"].step_depth(pose, depth)
            except simtouch.SimtouchError as error:
                print(f"{spec.name}, {shape}, {1e3 * depth:.1f} mm: {error}", flush=True)
                break
            if np.isclose([(depth, shear)], told, rtol=0, atol=1e-9).all(1).any():
                rows.append(row(spec.name, shape, depth, shear, frames) | {"fem_s": time.perf_counter() - begin})
                print(json.dumps(rows[-1]), flush=True)
    return rows


def row(sensor: str, shape: str, depth: float, shear: float, frames: dict) -> dict:
    """What both say of one state."""
    fem, layer = frames["fem"], frames["layer"]
    told = {"sensor": sensor, "indenter": shape, "depth_mm": 1e3 * depth, "shear_mm": 1e3 * shear}
    for name, frame in frames.items():
        told[f"force_n_{name}"] = float(frame.normal_force_n)
        told[f"area_mm2_{name}"] = 1e6 * frame.contact_area_m2
        told[f"pull_{name}"] = float(frame.force_n[1] / max(frame.normal_force_n, 1e-9))
        told[f"stick_{name}"] = 1 - float(frame.slip_ratio)
    told["height_rms_of_depth"] = float(np.sqrt(np.mean((fem.height_m - layer.height_m) ** 2)) / depth)
    return told


def coarse(spec: SensorSpec) -> SensorSpec:
    """The same sensor with cells twice as long."""
    rows, cols = spec.gel.grid_shape
    return replace(spec, gel=replace(spec.gel, grid_shape=(rows // 2, cols // 2)))


def page(rows: list[dict]) -> str:
    """The table as a page."""
    lines = [
        "# The layer beside finite elements",
        "",
        "Made by `python experiments/layer_vs_fem.py`. The layer is linear, of constant thickness and without edges; the finite elements",
        "are those of the whole domed pad at large strain, with free edges. Coulomb friction in both. Percentages are layer over FEM.",
        "",
        "Neither is the truth. Beside an axisymmetric large-strain solution (`pytest tests/gel/test_fem.py -m slow -s`) of a ball R 4 mm",
        "on a round pad with DIGIT's thickness and spacing, 0.3 and 0.6 mm deep and without friction:",
        "",
        "| | force, FEM | force, layer | area, FEM | area, layer |\n|---|---|---|---|---|",
        "| 0.3 mm | -0.5 % | +2.1 % | +17 % | +6 % |",
        "| 0.6 mm | -0.5 % | +2.0 % | +11 % | +2 % |",
        "",
        "So of the area's difference below most is the elements' own: a node at the rim that carries anything counts as a cell.",
        "On the elements pressure acts along the deformed normal, so shear over normal force holds some of it;",
        "on the layer it is friction alone.",
        "A row is missing where the force would pass twice the sensor's largest working force, or where the elements found no solution.",
        "",
        HEAD,
    ]
    for r in rows:
        sheared = r["shear_mm"] > 0
        pull = f"{r['pull_fem']:.3f} | {r['pull_layer']:.3f}" if sheared else " | "
        lines.append(
            f"| {r['sensor']} | {r['indenter']} | {r['depth_mm']:.1f} | {r['shear_mm']:.1f} | {r['force_n_fem']:.3f} | "
            f"{100 * (r['force_n_layer'] / r['force_n_fem'] - 1):+.1f} % | {r['area_mm2_fem']:.1f} | "
            f"{100 * (r['area_mm2_layer'] / r['area_mm2_fem'] - 1):+.1f} % | {100 * r['height_rms_of_depth']:.1f} % | {pull} | "
            f"{r['stick_fem']:.2f} | {r['stick_layer']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(tyro.cli(Config))
