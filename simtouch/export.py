"""Other people's formats: a stream or a folder of recordings in, a folder of files out.

python -m simtouch.export runs/digit --to lerobot --out runs/digit-lerobot

python -m simtouch.export runs/digit --to sparsh --task force --out runs/T1

python -m simtouch.export raw/clothing --to clothing --out runs/T5
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from simtouch._checks import ArgumentError, SimtouchError
from simtouch._verb import CtrlC, run_verb


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to write. Equal sources and values make equal bytes."""

    path: Path
    """Folder of a stream, or of recordings."""
    to: Literal["sparsh", "lerobot", "webdataset", "video", "clothing"] | None = None
    """sparsh: the official layouts of its data sets. lerobot: a LeRobot 3.0 data set. webdataset: tar shards. video: MP4 files of
    image and difference image side by side. clothing: raw clips of the Clothing set, in folders of their classes, as Sparsh wants them."""
    layout: str = "auto"
    """Of a folder of recordings: its name, or told by what lies in it."""
    out: Path = Path("runs/export")
    """Folder to write; it must be new or empty."""
    clip: tuple[int, ...] = ()
    """Only these clips, by their numbers; by default all."""
    images: Literal["stored", "png", "jpeg95", "video"] | None = None
    """How images are kept: the bytes as they are stored, PNG, JPEG, or video (lerobot only). By default jpeg95 for sparsh, whose files
    are JPEG, and stored for the others: a video's compression changes the shading that labels belong to."""
    task: Literal["pretrain", "force", "pose", "grasp", "textile"] = "pretrain"
    """Sparsh: which layout; force is T1 and T2, pose T3, grasp T4, textile T5."""
    test_share: float = 0.2
    """Sparsh, clothing: share of each class of pose and textile that goes to `test`."""
    labels: Path | None = None
    """Clothing: a CSV with the columns clip and class_name, where folders do not say the class."""
    maps: tuple[str, ...] = ()
    """Webdataset: maps to add as .npy, as height_m or shear_traction_pa."""
    shard_mb: float = 256.0
    """Webdataset: least size of a shard."""
    fps: float | None = None
    """Lerobot, video: frames a second; by default those of the clips."""
    video_codec: Literal["h264", "av1"] = "h264"
    """Lerobot with --images video."""
    pixels: Literal["yuv420p", "yuv444p"] = "yuv420p"
    """Video: every player reads 4:2:0; 4:4:4 keeps the colours' resolution."""
    crf: int = 18
    """Quality of a video, from 0, the best, to 51."""


def main(config: Config) -> Path:
    """Write the folder and return it."""
    if config.to == "clothing":
        from simtouch.stream.recordings.clothing import convert_clothing

        out = convert_clothing(config.path, config.out, labels=config.labels, test_share=config.test_share)
        print(f"made   {len(list(out.glob('*/*/*/metadata.txt')))} clips as Sparsh's textile task\nwhere  {out}")
        return out
    write = exporter(config)
    clips = chosen_clips(open_source(config.path, config.layout), config.clip)
    frames = sum(map(len, clips))
    from tqdm import tqdm

    with CtrlC() as ctrl_c, tqdm(total=frames, unit=" frames", desc=config.to, smoothing=0.1) as bar:

        def tick(count: int) -> None:
            ctrl_c.check()
            bar.update(count)

        out = write(clips, config.out, tick=tick)
    size_mb = sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) / 1e6
    print(f"made   {frames} frames in {len(clips)} clips as {config.to} ({size_mb:.1f} MB)")
    print(f"where  {out}")
    return out


def open_source(path: Path, layout: str = "auto") -> Any:
    """The clips in `path`: a stream of ours, or recordings."""
    from simtouch.stream.schema import MANIFEST

    if (path / MANIFEST).exists() and layout == "auto":
        from simtouch.stream.reader import Stream

        source = Stream(path)
    else:
        from simtouch.stream.real import open_recordings

        source = open_recordings(path, layout)
    if not len(source):
        raise SimtouchError(f"`{path}` holds no finished clip yet; there is nothing to export.")
    return source


def chosen_clips(source: Any, numbers: Sequence[int]) -> Any:
    """The clips with those numbers, or all."""
    if not numbers:
        return source
    known = getattr(source, "clip_ids", None) or [clip.clip_id for clip in source]
    if missing := sorted(set(numbers) - set(known)):
        raise ArgumentError(
            f"`--clip` must name clips between {min(known)} and {max(known)} of the source; it has no {missing[0]}."
        )
    wanted = set(numbers)
    return [source[i] for i, number in enumerate(known) if number in wanted]


def exporter(config: Config) -> Callable[..., Path]:
    """The function that writes what `config` asks for: (clips, out, tick) -> folder."""
    from functools import partial

    from simtouch.stream import export

    if config.to is None:
        raise ArgumentError("`--to` must say in which format: sparsh, lerobot, webdataset, video or clothing.")
    if config.images == "video" and config.to != "lerobot":
        raise ArgumentError(f"`--images video` is for `--to lerobot`; got `--to {config.to}`.")
    images = config.images or ("jpeg95" if config.to == "sparsh" else "stored")
    writers = {
        "sparsh": partial(export.export_sparsh, task=config.task, images=images, test_share=config.test_share),
        "lerobot": partial(export.export_lerobot, images=images, fps=config.fps, video_codec=config.video_codec, crf=config.crf),
        "webdataset": partial(export.export_webdataset, images=images, maps=config.maps, shard_mb=config.shard_mb),
        "video": partial(export.export_video, fps=config.fps, pixels=config.pixels, crf=config.crf),
    }
    return writers[config.to]


def cli() -> None:
    """The command line."""
    run_verb(Config, main, __doc__, if_stopped="stopped; nothing was written.")


if __name__ == "__main__":
    cli()
