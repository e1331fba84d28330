"""What a pretraining sees: folders of streams and recordings in, batches of windows with the numbers of their samples out.

    feed = Feed(FeedConfig(data=("runs/digit", "real/clips"), synthetic_share=0.5), "pair", batch_size=64)
    for batch in feed:  # for ever; `feed.epoch` counts
        losses = objective(batch.images, objective.draw(place), clock)

Everything about a sample, which window it is and how it is augmented, follows from (seed, its number) alone, so neither workers, nor
ranks, nor how batches are cut matter: one process with 2 B windows a batch sees what two with B see.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from simtouch._checks import ArgumentError, SimtouchError, as_number, pick
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.mixing import Batch, Mixture, WindowSpec, loader, unit_floats
from simtouch.stream.reader import open_stream
from simtouch.stream.splits import SPLITS
from simtouch.stream.windows import count_windows
from simtouch.training.augment import augment

Window = Literal["pair", "video"]
_FRAMES = {"pair": 2, "video": 4}
_STRIDE = {"pair": 5, "video": 2}


@dataclass(frozen=True, kw_only=True)
class FeedConfig:
    """What to train on, and how it is shown."""

    data: tuple[Path, ...] = ()
    """Folders: streams of `generate`, recordings of any known layout."""
    synthetic_share: float | None = None
    """Part of the samples that is synthetic, in [0, 1]; by default every window counts the same."""
    weights: tuple[float, ...] | None = None
    """Share of each folder, any scale; within the synthetic and the real part if `synthetic_share` is given."""
    image_size: tuple[int, int] = (320, 240)
    """(H, W); landscape images are turned to portrait."""
    background: Literal["subtract", "first", "optional", "none"] = "first"
    """`first`: difference images, to the first frame of a clip that has no background; see `WindowSpec`."""
    lag_ms: float | None = None
    """From one frame of a window to the next [ms]; by default 5 frames in a pair and 2 in a video, as published."""
    split: Literal["train", "val", "test", "all"] = "train"
    """Which clips, by their hash: 80, 10 and 10 % of them."""
    epoch_windows: int | None = None
    """Samples of an epoch; by default as many as there are windows."""
    allow_sensor_mix: bool = False
    """Take folders of different types of sensors."""
    augment: bool = True
    """Flips, crops and rotations, see `simtouch.training.augment`."""
    workers: int = 0
    """Decoding processes of each rank; 0 decodes where the batches are asked for."""
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "data", tuple(Path(path) for path in self.data))  # also from strings
        if self.synthetic_share is not None:
            as_number("synthetic_share", self.synthetic_share, at_least=0, at_most=1)
        if self.weights is not None and len(self.weights) != len(self.data):
            raise ArgumentError(
                f"`weights` must be one number for each of the {len(self.data)} folders; got {len(self.weights)}."
            )
        pick("split", self.split, dict.fromkeys((*SPLITS, "all")))

    def window_spec(self, window: Window) -> WindowSpec:
        """The windows of a `pair` or a `video`."""
        frames = pick("window", window, _FRAMES)
        return WindowSpec(
            frames=frames,
            stride=_STRIDE[window] if self.lag_ms is None else None,
            lag_ms=self.lag_ms,
            image_shape=tuple(self.image_size),
            background=self.background,
        )

    def open(self, window: Window) -> list[Sequence[AnyClip]]:
        """The clips of each folder.

        Raises:
            SimtouchError: A folder is empty, has no window, or is of another sensor; it is named.
        """
        if not self.data:
            raise ArgumentError("`data` must name at least one folder of a stream or of recordings.")
        spec = self.window_spec(window)
        sources = [_opened(path, spec) for path in self.data]
        if not self.allow_sensor_mix:
            _check_sensors(self.data, sources)
        return sources

    def mixture(self, window: Window) -> Mixture:
        """What a training draws from; raises as `open` does."""
        return Mixture(
            self.open(window),
            weights=self.weights,
            synthetic_share=self.synthetic_share,
            window=self.window_spec(window),
            split=self.split,
            seed=self.seed,
            epoch_windows=self.epoch_windows,
            allow_sensor_mix=True,  # checked by `open`
        )


@dataclass(frozen=True)
class FeedBatch:
    """B windows of this rank."""

    images: torch.Tensor
    """float32 in [0, 1], (B, 6, H, W) or (B, 3, T, H, W), newest frame first."""
    sample: torch.Tensor
    """Number of each sample in the whole sequence, epoch x samples of an epoch + k: int64 (B,), on the CPU."""
    where: list[str]
    """What each window is, for messages: "digit, clip 12, frame 40"."""

    def __len__(self) -> int:
        return len(self.images)


class Feed:
    """Batches without end, from where it is; see the module.

    Args:
        config: What to show.
        window: `pair`, two frames; `video`, four.
        batch_size: Windows of a batch on this rank.
        rank, world_size: This process among those that train together.
        device: Where images go, as bytes, and are augmented there.

    Raises:
        SimtouchError: What is wrong with a folder, which is named, or with an argument.
    """

    def __init__(
        self,
        config: FeedConfig,
        window: Window,
        *,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | str = "cpu",
    ):
        self.config, self.batch_size, self.rank, self.world_size = config, batch_size, rank, world_size
        self.device = torch.device(device)
        self.mixture = config.mixture(window)
        """What the windows are drawn from."""
        on_cuda = self.device.type == "cuda"
        self._loader = loader(
            self.mixture, batch_size=batch_size, workers=config.workers, rank=rank, world_size=world_size, pin_memory=on_cuda
        )

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch."""
        return len(self._loader)

    @property
    def epoch(self) -> int:
        """The epoch of the next batch."""
        return self._loader.epoch

    def state_dict(self) -> dict[str, Any]:
        """Where it is, whatever workers have made ahead: numbers and a string."""
        return self._loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the state of a feed of the same data, window and seed; a running iteration must be begun anew."""
        self._loader.load_state_dict(state)

    def __iter__(self) -> Iterator[FeedBatch]:
        while True:
            at = self._loader.state_dict()
            for batch in self._loader:
                yield self._handed_out(batch, at["epoch"], at["position"])
                at = self._loader.state_dict()

    def _handed_out(self, batch: Batch, epoch: int, first: int) -> FeedBatch:
        """The law of the loader: the batch from sample `first` on gives rank r the samples k with k mod ranks = r."""
        k = first + (self.rank - first) % self.world_size + self.world_size * torch.arange(len(batch))
        sample = epoch * len(self.mixture) + k
        names = self.mixture.source_names
        rows = zip(batch.source.tolist(), batch.clip_id.tolist(), batch.frame_index[:, 0].tolist(), strict=True)
        where = [f"{names[source]}, clip {clip}, frame {frame}" for source, clip, frame in rows]
        images = unit_floats(batch.images.to(self.device, non_blocking=True))
        if self.config.augment:
            images = augment(images, sample, seed=self.config.seed)
        return FeedBatch(images, sample, where)


def _opened(path: Path, spec: WindowSpec):
    """The clips of a folder that has at least one window."""
    try:
        clips = open_stream(path)
        if len(clips) and any(count_windows(spec, clips[i]) for i in range(len(clips))):
            return clips
    except SimtouchError as error:
        raise SimtouchError(f"the data folder `{path}` cannot be used: {error}") from error
    reason = f"its clips are too short for windows of {spec.frames} frames" if len(clips) else "it has no clips"
    raise ArgumentError(f"the data folder `{path}` has no window to train on: {reason}.")


def _check_sensors(paths: tuple[Path, ...], sources: list) -> None:
    """Folders of one type of sensor; clips that do not know theirs are taken."""
    known = [(path, clips[0].sensor_type) for path, clips in zip(paths, sources, strict=True) if clips[0].sensor_type]
    for path, sensor in known[1:]:
        if sensor != known[0][1]:
            raise ArgumentError(
                f"the data folder `{path}` is of another sensor, {sensor}, than `{known[0][0]}`, {known[0][1]}; "
                "`allow_sensor_mix` (--allow-sensor-mix) takes both."
            )
