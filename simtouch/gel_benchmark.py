"""How fast the gel is: contact, friction and labels of a warm press-and-shear stream, by grid, indenter and back end.

    python -m simtouch.benchmark gel

    python -m simtouch.benchmark gel --batch 256 --out runs/benchmark-gel.json

The stream: a flat gel (E 0.2 MPa, Poisson ratio 0.48, 3 mm thick, 20 x 15 mm, friction 0.6) pressed 0.5 mm, then sheared by 20 um a frame.
`layer` chooses its back end by size; `dense` and `fft` (SciPy) are its two; `membrane` is the blurred height map. Times of the first table
are process CPU time of one thread, the fastest of some runs in which all forms take turns: read the ratios. The second is wall time.
"""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.sensors import SENSORS, SensorSpec

GRIDS = {"80x60": (60, 80), "160x120": (120, 160)}
FORMS = ("layer", "dense", "fft", "membrane")
_DEPTH_M, _STEP_M, _WIDTH_M, _DT_S = 0.5e-3, 20e-6, 20e-3, 1 / 60


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to time."""

    grid: tuple[str, ...] = tuple(GRIDS)
    """Gel grids, columns x rows."""
    frames: int = 30
    """Frames of shear a run."""
    repeats: int = 5
    """Runs; the fastest counts."""
    batch: int = 64
    """Contacts of the second table, advanced in one call."""
    out: Path | None = None
    """Also write the tables as JSON."""


def measure(config: Config) -> list[dict]:
    """Print both tables and return their rows."""
    for name in ("frames", "repeats", "batch"):
        if getattr(config, name) < 1:
            raise ArgumentError(f"`--{name}` must be >= 1; got {getattr(config, name)}.")
    if unknown := sorted(set(config.grid) - set(GRIDS)):
        raise ArgumentError(f"`--grid` must be of {', '.join(GRIDS)}; got {unknown[0]}.")
    rows = _in_process(1, _single, config)
    print(f"{'grid':<9} {'indenter':<9} {'cells':>6}   ms a frame: " + " ".join(f"{form:>9}" for form in FORMS) + "   fft/layer")
    for row in rows:
        times = " ".join(f"{row['ms'][form]:9.3f}" for form in FORMS)
        print(
            f"{row['grid']:<9} {row['indenter']:<9} {row['cells']:>6}   {'':<12}{times}   {row['ms']['fft'] / row['ms']['layer']:8.1f}x"
        )
    print(f"\n{config.batch} contacts a call, 80x60, sphere: contact frames/s of wall time")
    several = [
        {"back_end": "auto", "threads": n, "frames_per_s": _in_process(n, _several, config, "auto", "cpu")} for n in (1, 2)
    ]
    several += _torch_rows(config)
    for row in several:
        print(f"{row['back_end']:<12} {row['threads']} threads   {row['frames_per_s']:10.0f}")
    if config.out is not None:
        from simtouch.stream.provenance import provenance

        told = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()}
        record = {"config": told, "made_by": provenance(), "rows": rows, "batch": several}
        config.out.parent.mkdir(parents=True, exist_ok=True)
        config.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return rows + several


def stream_spec(shape: tuple[int, int]) -> SensorSpec:
    """The gel of the stream on a grid (h, w)."""
    base = SENSORS["gelsight_mini"]
    material = {"youngs_modulus_pa": 0.2e6, "poisson_ratio": 0.48, "thickness_m": 3e-3, "friction": 0.6}
    gel = replace(base.gel, grid_shape=shape, dome_radius_m=(np.inf, np.inf), **material)
    camera = replace(base.camera, image_shape=(4 * shape[0], 4 * shape[1]), pixel_pitch_m=_WIDTH_M / (4 * shape[1]))
    return replace(base, gel=gel, camera=camera)


def sphere(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Paraboloid R 4 mm: z above its lowest point [m]."""
    return (x**2 + y**2) / 8e-3


def textured(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Egg box of 1.6 mm and 0.3 mm on a paraboloid R 12 mm: z above its lowest point [m]."""
    k = 2 * np.pi / 1.6e-3
    return 0.15e-3 * (1 - np.cos(k * x) * np.cos(k * y)) + (x**2 + y**2) / 24e-3


def _single(config: Config) -> list[dict]:
    """First table."""
    rows = []
    for grid in config.grid:
        for shape in (sphere, textured):
            spec = stream_spec(GRIDS[grid])
            times: dict[str, list[float]] = {form: [] for form in FORMS}
            cells = 0
            for turn in range(config.repeats + 1):
                for form in FORMS:
                    seconds, touched = _run(spec, _gel(spec, form, 1), shape, config.frames)
                    cells = touched if form == "layer" else cells
                    if turn:  # the first compiles
                        times[form].append(1e3 * seconds / config.frames)
            ms = {form: min(of_form) for form, of_form in times.items()}
            rows.append({"grid": grid, "indenter": shape.__name__, "cells": cells, "ms": ms})
    return rows


def _several(config: Config, back_end: str, device: str) -> float:
    """Contact frames/s of a batch, wall time."""
    from simtouch.gel import LayerConfig, LayerGel

    spec = stream_spec(GRIDS["80x60"])
    gel = LayerGel(spec, LayerConfig(back_end=back_end, device=device), batch=config.batch)  # pyright: ignore[reportArgumentType]
    seconds = [_run(spec, gel, sphere, config.frames, clock=time.perf_counter)[0] for _ in range(config.repeats + 1)]
    return config.batch * config.frames / min(seconds[1:])


def _torch_rows(config: Config) -> list[dict]:
    """The batch in torch, where it is installed: on the CPU, and on a GPU if there is one."""
    try:
        import torch
    except ImportError:
        return []
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    return [
        {"back_end": f"torch {device}", "threads": 2, "frames_per_s": _in_process(2, _several, config, "torch", device)}
        for device in devices
    ]


def _gel(spec: SensorSpec, form: str, batch: int):
    from simtouch.gel import LayerConfig, LayerGel, MembraneGel

    if form == "membrane":
        return MembraneGel(spec, batch=batch)
    return LayerGel(spec, LayerConfig(back_end="auto" if form == "layer" else form), batch=batch)  # pyright: ignore[reportArgumentType]


def _run(spec: SensorSpec, gel, shape: Callable, frames: int, clock=time.process_time) -> tuple[float, int]:
    """Seconds for the shear frames of one stream, labels included, and the touched cells at its end."""
    grid = spec.gel_grid
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    gel.reset()
    batch = gel.batch

    def step(depth_m: float, shift_m: float, moved_m: float):
        overlap = (depth_m - shape(x - shift_m, y)).astype(np.float32)
        motion = np.zeros((*grid.shape, 2), np.float32)
        motion[..., 0] = moved_m
        every = np.broadcast_to(overlap, (batch, *overlap.shape)), np.broadcast_to(motion, (batch, *motion.shape))
        begin = clock()
        surface = gel.step(*every, _DT_S)
        _label(surface, grid, batch)
        return clock() - begin, surface

    for k in range(5):
        step(_DEPTH_M * (k + 1) / 5, 0.0, 0.0)
    for k in range(5):
        step(_DEPTH_M, _STEP_M * (k + 1), _STEP_M)
    spent = 0.0
    for k in range(frames):
        seconds, surface = step(_DEPTH_M, _STEP_M * (k + 6), _STEP_M)
        spent += seconds
    return spent, int(surface.contact_mask[0].sum())


def _label(surface, grid, batch: int) -> None:
    """What a frame tells besides the fields."""
    from simtouch.gel.slip import slip_ratio, slip_state
    from simtouch.gel.surface import centre_of_pressure, torsion, wrench

    for b in range(batch):
        one = surface.at(b)
        force, torque = wrench(one, grid, 0.0)
        torsion(force, torque, centre_of_pressure(one, grid))
        slip_ratio(one.contact_mask, one.slides)
        slip_state(one.contact_mask, one.slides)


def _in_process(threads: int, function: Callable, *args):
    """Run in a process of its own with so many threads."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_threads, initargs=(threads,)) as pool:
        return pool.submit(function, *args).result()


def _threads(count: int) -> None:
    os.environ["SIMTOUCH_TI_THREADS"] = str(count)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(count)
