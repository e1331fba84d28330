"""Make a stream of touch: clips of tactile images with their true labels, as Parquet shards, a contact sheet and a data card.

python -m simtouch.generate --sensor digit --out runs/digit

python -m simtouch.generate --sensor gelsight_mini --object sphere screw.stl --scale 0.001 --out runs/screw

python -m simtouch.generate --recipe sparsh-pretrain --total-frames 20000 --workers 2 --codec jpeg95 --out runs/pretrain
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from simtouch._checks import ArgumentError
from simtouch._verb import CtrlC, run_verb

_FRAMES, _UNITS = 32, 0


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to make. Equal values (workers, cluster, out and resume aside) make equal bytes."""

    sensor: str = "digit"
    """Name of a preset, or a sensor file (.json)."""
    recipe: str | None = None
    """Mixture of scenes: sparsh-pretrain, force-slip, pose, grasp, textile, ycb-like; or shares, as `motion=3,textiles=1`.
    By default motions alone."""
    out: Path = Path("runs/stream")
    """Folder of the stream; it must be new, or hold the same stream with --resume."""
    clips: int = 8
    """Number of clips: contacts from start to end."""
    frames: int | None = None
    """Frames a clip; by default what the recipe says, or 32."""
    total_frames: int | None = None
    """Frames of the whole stream, of all its sensors, instead of --clips; rounded up to whole clips."""
    seed: int = 0
    """Of everything random."""
    object: tuple[str, ...] = ()
    """What touches: names of shapes, or mesh files (.stl, .obj, .ply). By default all shapes in turn; some scenes bring their own."""
    scale: float = 1.0
    """Factor on the coordinates of mesh files, which are taken as metres: 0.001 for millimetres."""
    motion: tuple[str, ...] = ()
    """How it touches: names of motions. By default all in turn."""
    gel: Literal["layer", "membrane", "fem"] = "layer"
    """Mechanics: the elastic layer; a blurred height map to compare with; large-strain finite elements, for small sets."""
    units: int | None = None
    """Number of randomly drawn units of the sensor that share the clips; 0 takes the type itself. By default what the recipe says, or 0."""
    codec: Literal["png", "jpeg95"] = "png"
    """Of the images: lossless, or a quarter of the size."""
    shard_frames: int = 250
    """Least number of frames in a file; a killed run loses one file's worth at most."""
    workers: int = 1
    """Processes; with 1 the kernels use all cores."""
    cluster: str | None = None
    """Make the shards through Ray: `ray://HOST:PORT`, `auto` (the cluster of this machine), or `local` (start one of --workers)."""
    resume: bool = False
    """Go on with an unfinished stream."""


def main(config: Config) -> Path:
    """Make the stream, write its contact sheet and data card, and return its folder."""
    _check_numbers(config)
    # What computes is imported here, so that --help and bad arguments answer at once.
    from simtouch.sensors import SensorUnit
    from simtouch.stream import StreamWriter, clips_per_shard
    from simtouch.stream.disk_space import check_space, estimate_bytes, in_words

    recipe = _recipe(config)
    config = _settled(config, recipe)
    maker = _maker(config, recipe)
    per_clip = maker.frames * recipe.sensors
    needed = estimate_bytes(maker.spec, config.codec, config.clips * per_clip)
    free = check_space(config.out, 0 if config.resume else needed)  # what a stream to go on with holds is counted below
    if config.cluster is not None:
        from simtouch.stream.cluster import check_cluster

        check_cluster(config.cluster)
    writer = StreamWriter(
        config.out,
        _manifest(config, maker),
        maker.simulator(SensorUnit()).background,
        clips=config.clips,
        clips_per_shard=clips_per_shard(per_clip, config.shard_frames),
        sensors_per_clip=recipe.sensors,
        resume=config.resume,
    )
    if config.resume:
        check_space(config.out, needed * len(writer.missing_shards()) // writer.shards)
    print(f"plan   {config.clips * per_clip} frames in {config.clips} clips, about {in_words(needed)} ({in_words(free)} free)")
    seconds, made = _write_shards(config, maker, writer)
    _finish(config, maker, writer, seconds, made)
    return config.out


def cli() -> None:
    """The command line."""
    run_verb(Config, main, __doc__, if_stopped="stopped; finished shards are kept and `--resume` goes on.")


def _check_numbers(config: Config) -> None:
    """Raise about the first number that cannot be."""
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
    if config.recipe is not None and config.motion:
        raise ArgumentError("`--motion` cannot be given with `--recipe`, whose scenes move as they do; leave one of them out.")


def _recipe(config: Config):
    from simtouch.scenes.recipes import recipe
    from simtouch.stream.making import MOTIONS_ALONE

    return MOTIONS_ALONE if config.recipe is None else recipe(config.recipe)


def _settled(config: Config, recipe) -> Config:
    """`config` with `frames`, `units` and `clips` decided."""
    alone = config.recipe is None
    frames = config.frames or (_FRAMES if alone else recipe.frames)
    units = config.units if config.units is not None else (_UNITS if alone else recipe.units)
    clips = config.clips if config.total_frames is None else -(-config.total_frames // (frames * recipe.sensors))
    return Config(**asdict(config) | {"clips": clips, "frames": frames, "units": units, "total_frames": None})


def _maker(config: Config, recipe):
    from simtouch import indenters
    from simtouch.scenes.motions import MOTIONS
    from simtouch.stream.making import ClipMaker

    return ClipMaker(
        spec=_sensor(config.sensor),
        frames=config.frames,
        seed=config.seed,
        objects=config.object or tuple(indenters.INDENTERS),
        motions=config.motion or tuple(MOTIONS),
        recipe=recipe,
        codec=config.codec,
        gel=config.gel,
        units=config.units,
        mesh_scale=config.scale,
    )


def _sensor(name: str):
    from simtouch._checks import pick
    from simtouch.sensors import SENSORS, load_sensor

    return load_sensor(name) if name.endswith(".json") else pick("sensor", name, SENSORS)


def _manifest(config: Config, maker) -> dict:
    """All that decides the bytes, and how to read them; nothing of where, when and with how many workers."""
    from simtouch.sensors.sensor_file import sensor_to_dict
    from simtouch.stream.provenance import provenance

    left_out = ("out", "workers", "cluster", "resume", "total_frames", "object", "motion", "recipe")
    objects = [maker.meshes[name].parameters if name in maker.meshes else name for name in maker.objects]
    recipe = {"name": maker.recipe.name, "about": maker.recipe.about, "shares": dict(maker.recipe.shares)}
    return {
        "config": {k: v for k, v in asdict(config).items() if k not in left_out}
        | {"objects": objects, "motions": list(maker.motions)},
        "recipe": recipe if config.recipe else None,
        "seed": config.seed,
        "fps": maker.spec.camera.fps,
        "sensor": sensor_to_dict(maker.spec),
        "units": [asdict(maker.unit_numbered(i)) for i in range(maker.units)],
        "made_by": provenance(),
        "license": "The images and labels are simulated and carry no third-party rights; meshes that you supply keep their own license.",
    }


def _write_shards(config: Config, maker, writer) -> tuple[float, int]:
    """Make what is missing; return seconds and frames."""
    from tqdm import tqdm

    missing = writer.missing_shards()
    shards = {shard: list(writer.shard_clips(shard)) for shard in missing}
    per_clip = maker.frames * maker.recipe.sensors
    whole = writer.clips * per_clip
    count = sum(map(len, shards.values())) * per_clip
    begin = time.perf_counter()
    bar = tqdm(total=whole, initial=whole - count, unit=" frames", desc=maker.spec.name, disable=not missing, smoothing=0.1)
    with CtrlC() as ctrl_c, bar:

        def done(clips: int) -> None:
            ctrl_c.check()
            if clips:
                bar.update(clips * per_clip)

        if shards:
            make = _through_workers if config.cluster is None else _through_cluster
            make(config, maker, writer, shards, done)
    return time.perf_counter() - begin, count


def _through_workers(config: Config, maker, writer, shards: dict[int, list[int]], done) -> None:
    """Clips from this process or others; the shards are put together here."""
    from simtouch.stream.making import strip_of
    from simtouch.stream.workers import make_clips

    made = make_clips(maker, [clip for ids in shards.values() for clip in ids], config.workers)
    try:
        for shard, ids in shards.items():
            with writer.open_shard(shard) as open_shard:
                for clip_id in ids:
                    tables = next(made)
                    for table in tables:
                        open_shard.append(table)
                    done(1)
                    if clip_id == 0:
                        writer.first_look(strip_of(tables[0]))
    finally:
        made.close()


def _through_cluster(config: Config, maker, writer, shards: dict[int, list[int]], done) -> None:
    """Whole shards from the workers of a cluster, in the order in which they are ready."""
    from simtouch.stream.cluster import cluster_shards

    made = cluster_shards(maker, shards, address=config.cluster, workers=config.workers, tick=lambda: done(0))
    try:
        for shard, data in made:
            writer.write_shard_bytes(shard, data)
            done(len(shards[shard]))
    finally:
        made.close()


def _finish(config: Config, maker, writer, seconds: float, made: int) -> None:
    """Contact sheet and data card, and the last lines: what was made, where, how fast, what next."""
    from simtouch.stream import Stream
    from simtouch.stream.contact_sheet import make_contact_sheet
    from simtouch.stream.data_card import make_data_card
    from simtouch.stream.disk_space import in_words
    from simtouch.stream.schema import CARD, CARD_PICTURES, PREVIEW

    stream = Stream(config.out)
    if made or not all((config.out / name).exists() for name in (PREVIEW, CARD, *CARD_PICTURES)):
        writer.finish(make_contact_sheet(stream), make_data_card(stream))
    size = sum(f.stat().st_size for f in config.out.iterdir())
    total = len(stream) * maker.frames
    speed = f"{made / seconds:.0f} frames/s with {config.cluster or f'{config.workers} worker(s)'}" if made else ""
    print(f"made   {total} frames in {len(stream)} clips ({writer.shards} shards, {in_words(size)}) of {maker.spec.name}")
    print(f"where  {config.out}  (contact sheet: {config.out / PREVIEW}; data card: {config.out / CARD})")
    print(f"speed  {speed or 'nothing to do: the stream was whole'}")
    print(f'next   python -c "import simtouch; print(simtouch.open_stream({str(config.out)!r})[0].force_n)"')
    print(f"       python -m simtouch.preview {config.out} --clip 0")


if __name__ == "__main__":
    cli()
