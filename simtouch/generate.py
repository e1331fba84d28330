"""Make a stream of touch: clips of tactile images with their true labels, as Parquet shards and a contact sheet.

python -m simtouch.generate --sensor digit --out runs/digit

python -m simtouch.generate --sensor gelsight_mini --object sphere screw.stl --scale 0.001 --out runs/screw
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from simtouch._checks import ArgumentError
from simtouch._verb import CtrlC, run_verb


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to make. Equal values (workers, out and resume aside) make equal bytes."""

    sensor: str = "digit"
    """Name of a preset, or a sensor file (.json)."""
    out: Path = Path("runs/stream")
    """Folder of the stream; it must be new, or hold the same stream with --resume."""
    clips: int = 8
    """Number of clips: contacts from start to end."""
    frames: int = 32
    """Frames a clip."""
    total_frames: int | None = None
    """Frames of the whole stream, instead of --clips; rounded up to whole clips."""
    seed: int = 0
    """Of everything random."""
    object: tuple[str, ...] = ()
    """What touches: names of shapes, or mesh files (.stl, .obj, .ply). By default all shapes in turn."""
    scale: float = 1.0
    """Factor on the coordinates of mesh files, which are taken as metres: 0.001 for millimetres."""
    motion: tuple[str, ...] = ()
    """How it touches: names of motions. By default all in turn."""
    gel: Literal["layer", "membrane", "fem"] = "layer"
    """Mechanics: the elastic layer; a blurred height map to compare with; large-strain finite elements, for small sets."""
    units: int = 0
    """Number of randomly drawn units of the sensor that share the clips; 0 takes the type itself."""
    codec: Literal["png", "jpeg95"] = "png"
    """Of the images: lossless, or a quarter of the size."""
    shard_frames: int = 250
    """Least number of frames in a file; a killed run loses one file's worth at most."""
    workers: int = 1
    """Processes; with 1 the kernels use all cores."""
    resume: bool = False
    """Go on with an unfinished stream."""


def main(config: Config) -> Path:
    """Make the stream, write its contact sheet and return its folder."""
    config = _checked(config)
    # What computes is imported here, so that --help and bad arguments answer at once.
    from simtouch.sensors import SensorUnit
    from simtouch.stream import StreamWriter, clips_per_shard
    from simtouch.stream.making import ClipMaker

    maker = ClipMaker(
        spec=_sensor(config.sensor),
        frames=config.frames,
        seed=config.seed,
        objects=config.object or _all_objects(),
        motions=config.motion or _all_motions(),
        codec=config.codec,
        gel=config.gel,
        units=config.units,
        mesh_scale=config.scale,
    )
    background = maker.simulator(SensorUnit()).background
    writer = StreamWriter(
        config.out,
        _manifest(config, maker),
        background,
        clips=config.clips,
        clips_per_shard=clips_per_shard(config.frames, config.shard_frames),
        resume=config.resume,
    )
    seconds, made = _write_shards(config, maker, writer)
    _finish(config, writer, seconds, made)
    return config.out


def cli() -> None:
    """The command line."""
    run_verb(Config, main, __doc__, if_stopped="stopped; finished shards are kept and `--resume` goes on.")


def _checked(config: Config) -> Config:
    """`config` with `clips` settled, or an error about the first value that cannot be."""
    for name, least in (
        ("clips", 1),
        ("frames", 2),
        ("total_frames", 1),
        ("workers", 1),
        ("units", 0),
        ("seed", 0),
        ("shard_frames", 1),
    ):
        value = getattr(config, name)
        if value is not None and value < least:
            raise ArgumentError(f"`--{name.replace('_', '-')}` must be >= {least}; got {value}.")
    if config.total_frames is None:
        return config
    return Config(**asdict(config) | {"clips": -(-config.total_frames // config.frames), "total_frames": None})


def _sensor(name: str):
    from simtouch._checks import pick
    from simtouch.sensors import SENSORS, load_sensor

    return load_sensor(name) if name.endswith(".json") else pick("sensor", name, SENSORS)


def _all_objects() -> tuple[str, ...]:
    from simtouch import indenters

    return tuple(indenters.INDENTERS)


def _all_motions() -> tuple[str, ...]:
    from simtouch.scenes import MOTIONS

    return tuple(MOTIONS)


def _manifest(config: Config, maker) -> dict:
    """All that decides the bytes, and how to read them; nothing of where, when and with how many workers."""
    from simtouch.sensors.sensor_file import sensor_to_dict
    from simtouch.stream.provenance import provenance

    left_out = ("out", "workers", "resume", "total_frames", "object", "motion")
    objects = [maker.meshes[name].parameters if name in maker.meshes else name for name in maker.objects]
    return {
        "config": {k: v for k, v in asdict(config).items() if k not in left_out}
        | {"objects": objects, "motions": list(maker.motions)},
        "seed": config.seed,
        "fps": maker.spec.camera.fps,
        "sensor": sensor_to_dict(maker.spec),
        "units": [asdict(maker.unit(i)) for i in range(config.units)],
        "made_by": provenance(),
        "license": "The images and labels are simulated and carry no third-party rights; meshes that you supply keep their own license.",
    }


def _write_shards(config: Config, maker, writer) -> tuple[float, int]:
    """Make what is missing; return seconds and frames."""
    from tqdm import tqdm

    from simtouch.stream.making import make_clips, strip_of

    missing = writer.missing_shards()
    clips = {shard: list(writer.shard_clips(shard)) for shard in missing}
    count = sum(map(len, clips.values()))
    begin = time.perf_counter()
    made = make_clips(maker, [clip for ids in clips.values() for clip in ids], config.workers)
    try:
        with (
            CtrlC() as ctrl_c,
            tqdm(total=count * config.frames, unit=" frames", desc=maker.spec.name, disable=not missing, smoothing=0.1) as bar,
        ):
            for shard, ids in clips.items():
                with writer.open_shard(shard) as open_shard:
                    for clip_id in ids:
                        ctrl_c.check()
                        table = next(made)
                        open_shard.append(table)
                        bar.update(config.frames)
                        if clip_id == 0:
                            writer.first_look(strip_of(table))
    finally:
        made.close()
    return time.perf_counter() - begin, count * config.frames


def _finish(config: Config, writer, seconds: float, made: int) -> None:
    """Contact sheet, and the last lines: what was made, where, how fast, what next."""
    from simtouch.stream import open_stream
    from simtouch.stream.contact_sheet import make_contact_sheet

    stream = open_stream(config.out)
    preview = config.out / "preview.png"
    if made or not preview.exists():
        writer.finish(make_contact_sheet(stream))
    size_mb = sum(f.stat().st_size for f in config.out.iterdir()) / 1e6
    total = config.clips * config.frames
    print(f"made   {total} frames in {config.clips} clips ({writer.shards} shards, {size_mb:.0f} MB) of {stream.spec.name}")
    print(f"where  {config.out}  (contact sheet: {preview})")
    print(
        f"speed  {made / seconds:.0f} frames/s with {config.workers} worker(s)"
        if made
        else "speed  nothing to do: the stream was whole"
    )
    print(f'next   python -c "import simtouch; print(simtouch.open_stream({str(config.out)!r})[0].force_n)"')
    print(f"       python -m simtouch.preview {config.out} --clip 0")


if __name__ == "__main__":
    cli()
