"""How fast windows load: pairs of frames decoded, background-subtracted, 320 x 240, per second of one core, beside HF `datasets`.

    python -m simtouch.benchmark loader

    python -m simtouch.benchmark loader --stream runs/digit runs/pretrain --out runs/benchmark-loader.json

Without --stream it first makes a stream of each codec. `once` draws clip by clip with some clips in flight, so a frame is decoded once for
both of its pairs; `random` draws every pair by itself from the whole set; `datasets` is the same as `random` by HuggingFace's library
the way its manual says: images by index, subtraction in NumPy; `decode` is one bare decode a pair and nothing else, JPEG by
simplejpeg into one buffer, PNG by OpenCV.
Times are CPU time of one process with one thread and no workers, the fastest of some runs in which the ways take turns: read the ratios.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError

WAYS = ("once", "random", "datasets", "decode")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to time."""

    stream: tuple[Path, ...] = ()
    """Streams; by default one of each codec is made."""
    clips: int = 48
    """Clips of a stream that is made."""
    frames: int = 64
    """Frames of each of them."""
    clips_in_flight: int = 48
    """Of `once`."""
    batch_size: int = 64
    batches: int = 16
    """Batches a run; `once` runs a whole epoch, for a clip's frames are decoded early in its visit and shown again late."""
    repeats: int = 5
    """Runs; the fastest counts."""
    fast_dct: bool = False
    """Decode JPEG with the faster, less exact transform (the ways of simtouch)."""
    out: Path | None = None
    """Also write the table as JSON."""


def measure(config: Config) -> list[dict]:
    """Print the table and return its rows."""
    for name in ("clips", "frames", "clips_in_flight", "batch_size", "batches", "repeats"):
        if getattr(config, name) < 1:
            raise ArgumentError(f"`--{name}` must be >= 1; got {getattr(config, name)}.")
    import cv2

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(config, path, Path(folder)) for path in config.stream or _make_streams(config, Path(folder))]
    print(
        f"\n{'stream':<24} {'decodes a pair':>14}   pairs/s: "
        + " ".join(f"{way:>8}" for way in WAYS)
        + "   once/datasets random/datasets"
    )
    for row in rows:
        speeds = " ".join(f"{row['pairs_per_s'][way]:8.0f}" for way in WAYS)
        ratios = f"{row['once_to_datasets']:13.2f}x {row['random_to_datasets']:14.2f}x"
        print(f"{row['stream']:<24} {row['decodes_a_pair']:14.2f}   {'':<8} {speeds}   {ratios}")
    if config.out is not None:
        _write(config, rows)
    return rows


def _make_streams(config: Config, folder: Path) -> list[Path]:
    from simtouch import generate

    for codec in ("jpeg95", "png"):
        generate.main(generate.Config(clips=config.clips, frames=config.frames, codec=codec, out=folder / codec))
    return [folder / "jpeg95", folder / "png"]


def _row(config: Config, path: Path, folder: Path) -> dict:
    """All ways over one stream, in turn."""
    from simtouch.stream.mixing import Mixture, WindowSpec

    spec = WindowSpec(fast_dct=config.fast_dct)
    mixtures = {
        "once": Mixture([path], window=spec, clips_in_flight=config.clips_in_flight),
        "random": Mixture([path], window=spec, shuffle="windows"),
    }
    runs: dict[str, Callable[[], int]] = {name: _Batches(config, mixture, name == "once") for name, mixture in mixtures.items()}
    runs["datasets"] = _datasets_run(config, path, folder, mixtures["random"])
    runs["decode"] = _decode_run(config, mixtures["random"])
    best = dict.fromkeys(WAYS, np.inf)
    for _ in range(config.repeats + 1):  # the first opens files and fills caches
        for way in WAYS:
            begin = time.process_time()
            pairs = runs[way]()
            best[way] = min(best[way], (time.process_time() - begin) / pairs)
    speeds = {way: 1 / best[way] for way in WAYS}
    return {
        "stream": path.name,
        "decodes_a_pair": runs["once"].decodes_a_pair,
        "pairs_per_s": speeds,
        "once_to_datasets": speeds["once"] / speeds["datasets"],
        "random_to_datasets": speeds["random"] / speeds["datasets"],
        "once_to_decode": speeds["once"] / speeds["decode"],
    }


class _Batches:
    """Runs of batches of a mixture, without workers."""

    def __init__(self, config: Config, mixture, whole_epochs: bool):
        from simtouch.stream.mixing import loader

        if len(mixture) < config.batch_size:
            raise ArgumentError(f"the stream has {len(mixture)} windows; `--batch-size` must be that or less.")
        self._loader = loader(mixture, batch_size=config.batch_size)
        self._batches = len(self._loader) if whole_epochs else config.batches
        self._endless = self._forever()
        self.decodes_a_pair = 0.0

    def __call__(self) -> int:
        return sum(len(next(self._endless)) for _ in range(self._batches))

    def _forever(self):
        pairs = 0
        while True:
            for batch in self._loader:
                pairs += len(batch)
                self.decodes_a_pair = self._loader.decoded / pairs
                yield batch


def _datasets_run(config: Config, path: Path, folder: Path, mixture) -> Callable[[], int]:
    """Random pairs by HuggingFace's `datasets`."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("The benchmark of loading compares with `datasets`: `pip install 'simtouch[dev]'`.") from error
    import torch

    datasets.disable_progress_bars()
    files = sorted(str(p) for p in path.glob("clips-*.parquet"))
    columns = ["clip_id", "frame_index", "image"]
    data = datasets.load_dataset("parquet", data_files=files, split="train", columns=columns, cache_dir=str(folder / "datasets"))
    frame = np.asarray(data["frame_index"])
    ends = np.flatnonzero(frame >= 5)
    background = mixture.sources[0][0].background.astype(np.int16)
    rng = np.random.default_rng(0)

    def run() -> int:
        for _ in range(config.batches):
            newest = rng.choice(ends, config.batch_size)
            images = data[np.stack([newest, newest - 5], 1).ravel().tolist()]["image"]
            change = [np.clip(np.asarray(i).astype(np.int16) - background + 127, 0, 255).astype(np.uint8) for i in images]
            pairs = np.stack(change).reshape(config.batch_size, 2, *background.shape).transpose(0, 1, 4, 2, 3)
            torch.from_numpy(np.ascontiguousarray(pairs).reshape(config.batch_size, 6, *background.shape[:2]))
        return config.batches * config.batch_size

    return run


def _decode_run(config: Config, mixture) -> Callable[[], int]:
    """One bare decode a pair."""
    import cv2
    import simplejpeg

    clips = mixture.sources[0]
    stored = [clip.encoded_image(len(clip) // 2) for clip in (clips[i] for i in range(len(clips)))]
    buffer = clips[0].image(0)

    def run() -> int:
        count = config.batches * config.batch_size
        for i in range(count):
            data = stored[i % len(stored)]
            if data[:2] == b"\xff\xd8":
                simplejpeg.decode_jpeg(data, buffer=buffer)
            else:
                cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return count

    return run


def _write(config: Config, rows: list[dict]) -> None:
    from simtouch.stream.provenance import provenance

    told = {k: [str(v) for v in value] if k == "stream" else value for k, value in asdict(config).items()} | {
        "out": str(config.out)
    }
    config.out.parent.mkdir(parents=True, exist_ok=True)
    config.out.write_text(json.dumps({"config": told, "made_by": provenance(), "rows": rows}, indent=2) + "\n", encoding="utf-8")
