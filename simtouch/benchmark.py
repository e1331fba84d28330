"""How fast: the default run of every sensor on one core, with the split between its stages. `gel`, `optics`, `loader` or
`encoder` first: these alone.

    python -m simtouch.benchmark

    python -m simtouch.benchmark gel

    python -m simtouch.benchmark optics

    python -m simtouch.benchmark loader

    python -m simtouch.benchmark encoder

    python -m simtouch.benchmark --sensor digit --clips 16 --out runs/benchmark.json

Times are process CPU time of one Taichi thread and no worker, kernels compiled before. A shared machine is noisy: read the ratios,
and compare only rows of one run. `membrane` is the same run with a blurred height map for a gel.
"""

import json
import os
import platform
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

from simtouch._checks import ArgumentError
from simtouch._verb import run_verb

STAGES = ("indenter", "gel", "optics", "encode", "rest")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to time."""

    sensor: tuple[str, ...] = ("digit", "gelsight_mini", "gelsight_mini_markers", "gelsight_2017")
    """Presets."""
    clips: int = 8
    """Clips a sensor, as `generate` would make them."""
    frames: int = 32
    """Frames a clip."""
    repeats: int = 3
    """Runs over the same clips; the fastest counts."""
    codec: str = "jpeg95"
    """How images are kept: `jpeg95` or `png`."""
    seed: int = 0
    out: Path | None = None
    """Also write the table as JSON."""


def main(config: Config) -> list[dict]:
    """Time every sensor, print the table and return its rows."""
    for name in ("clips", "frames", "repeats"):
        if getattr(config, name) < 1:
            raise ArgumentError(f"`--{name}` must be >= 1; got {getattr(config, name)}.")
    os.environ["SIMTOUCH_TI_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)
    rows = []
    print(f"{'sensor':<22} {'gel':<9} {'frames/s':>9}   ms a frame: " + " ".join(f"{stage:>8}" for stage in STAGES))
    for sensor in config.sensor:
        for gel in ("layer", "membrane"):
            rows.append(_row(config, sensor, gel))
            row = rows[-1]
            split = " ".join(f"{row['ms'][stage]:8.2f}" for stage in STAGES)
            print(f"{sensor:<22} {gel:<9} {row['frames_per_s']:9.1f}   {'':<12}{split}", flush=True)
    if config.out is not None:
        config.out.parent.mkdir(parents=True, exist_ok=True)
        config.out.write_text(json.dumps(_record(config, rows), indent=2) + "\n", encoding="utf-8")
    return rows


def cli() -> None:
    """The command line."""
    if sys.argv[1:2] == ["gel"]:
        from simtouch import gel_benchmark

        del sys.argv[1]
        run_verb(gel_benchmark.Config, gel_benchmark.measure, gel_benchmark.__doc__)
    elif sys.argv[1:2] == ["optics"]:
        from simtouch import optics_benchmark

        del sys.argv[1]
        run_verb(optics_benchmark.Config, optics_benchmark.measure, optics_benchmark.__doc__)
    elif sys.argv[1:2] == ["loader"]:
        from simtouch import loader_benchmark

        del sys.argv[1]
        run_verb(loader_benchmark.Config, loader_benchmark.measure, loader_benchmark.__doc__)
    elif sys.argv[1:2] == ["encoder"]:
        from simtouch import encoder_benchmark

        del sys.argv[1]
        run_verb(encoder_benchmark.Config, encoder_benchmark.measure, encoder_benchmark.__doc__)
    else:
        run_verb(Config, main, __doc__)


def _row(config: Config, sensor: str, gel: str) -> dict:
    """The fastest of a few runs of one sensor."""
    from simtouch import indenters
    from simtouch._checks import pick
    from simtouch.scenes import MOTIONS
    from simtouch.sensors import SENSORS
    from simtouch.stream.making import ClipMaker

    spec = pick("sensor", sensor, SENSORS)
    choices = {"objects": tuple(indenters.INDENTERS), "motions": tuple(MOTIONS), "codec": config.codec}
    maker = ClipMaker(spec=spec, frames=config.frames, seed=config.seed, gel=gel, **choices)
    maker.make(0)  # compiles the kernels
    runs = [_timed(maker, config.clips) for _ in range(config.repeats)]
    best = min(runs, key=lambda run: run["total"])
    count = config.clips * config.frames
    known = sum(best[stage] for stage in STAGES[:-1])
    ms = {stage: 1e3 * best[stage] / count for stage in STAGES[:-1]} | {"rest": 1e3 * (best["total"] - known) / count}
    return {"sensor": sensor, "gel": gel, "frames_per_s": count / best["total"], "ms": ms}


def _timed(maker, clips: int) -> dict[str, float]:
    """CPU seconds of making these clips, by stage."""
    from simtouch.indenters import Solid
    from simtouch.look import Look
    from simtouch.stream import making

    spent: dict[str, float] = defaultdict(float)
    with (
        _watch(spent, "indenter", Solid, "underside_m"),
        _watch(spent, "gel", maker.gel_class, "step"),
        _watch(spent, "gel", maker.gel_class, "fresh_force_n"),
        _watch(spent, "gel", Look, "surfaces"),
        _watch(spent, "optics", Look, "images"),
        _watch(spent, "encode", making, "encode_clip"),
    ):
        begin = time.process_time()
        for clip_id in range(clips):
            maker.make(clip_id)
        spent["total"] = time.process_time() - begin
    return spent


@contextmanager
def _watch(spent: dict[str, float], stage: str, owner, name: str):
    """Add the CPU time of every call of `owner.name` to `spent[stage]`."""
    original = getattr(owner, name)

    def watched(*args, **kwargs):
        begin = time.process_time()
        try:
            return original(*args, **kwargs)
        finally:
            spent[stage] += time.process_time() - begin

    with mock.patch.object(owner, name, watched):
        yield


def _record(config: Config, rows: list[dict]) -> dict:
    from simtouch.stream.provenance import provenance

    told = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()}
    return {
        "config": told,
        "made_by": provenance(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "rows": rows,
    }


if __name__ == "__main__":
    cli()
