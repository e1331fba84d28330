"""Batches of a mixture for PyTorch: a `Mixture` in, the same batches out whatever the workers, and to each rank its part.

    from simtouch.stream.mixing import Mixture, WindowSpec, loader

    mixture = Mixture(["runs/digit", "real/ycb_slide"], synthetic_share=0.5, split="train", window=WindowSpec(lag_ms=83.3))
    for batch in loader(mixture, batch_size=256, workers=4, labels=("force_n",)):
        features = encoder(batch.to("cuda").images)

Sample k of an epoch is a pure function of (seed, epoch, k). Batch i of B samples on each of R ranks covers the samples from
i B R; rank r takes those with k mod R = r. Workers share a batch between them by lanes (`simtouch.stream.sample_order`), so that
a clip is decoded by one of them only, and the batch is put together, in pinned memory if wanted, where it is received.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.mixture import Mixture, Sample
from simtouch.stream.window_reader import WindowReader, label_kinds
from simtouch.stream.windows import SPARSH_PAIR, SPARSH_VIDEO, WindowSpec

__all__ = ["SPARSH_PAIR", "SPARSH_VIDEO", "Batch", "Loader", "Mixture", "Sample", "WindowSpec", "loader", "unit_floats"]


@dataclass(frozen=True)
class Batch:
    """B windows and what is known of them."""

    images: torch.Tensor
    """(B, 3 n, H, W) or (B, 3, n, H, W), newest frame first; uint8, or float32 in [0, 1] if the `WindowSpec` says so."""
    labels: dict[str, torch.Tensor | list[str]]
    """Of the newest frame: numbers as float32 (B, ...), NaN where unknown; words as a list, "" where unknown."""
    source: torch.Tensor
    """Index of the source, int64 (B,)."""
    clip: torch.Tensor
    """Index of the clip in its source, int64 (B,)."""
    clip_id: torch.Tensor
    """Number of the clip, int64 (B,)."""
    frame_index: torch.Tensor
    """Frames of each window, newest first, int64 (B, n)."""
    synthetic: torch.Tensor
    """Whether each clip was simulated, bool (B,)."""

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device, *, floats: bool = True) -> "Batch":
        """The batch on another device, without waiting for pinned memory; images as float32 in [0, 1] unless told otherwise."""
        moved = {k: v.to(device, non_blocking=True) for k, v in self.__dict__.items() if isinstance(v, torch.Tensor)}
        labels = {k: v.to(device, non_blocking=True) if isinstance(v, torch.Tensor) else v for k, v in self.labels.items()}
        if floats:
            moved["images"] = unit_floats(moved["images"])
        return replace(self, labels=labels, **moved)


def unit_floats(images: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 as float32 in [0, 1]; floats as they are."""
    return images if images.is_floating_point() else images.to(torch.float32).div_(255)


def loader(
    mixture: Mixture,
    *,
    batch_size: int,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
    labels: Sequence[str] = (),
    drop_last: bool = True,
    prefetch: int = 2,
    start_method: str | None = None,
) -> "Loader":
    """Batches of a mixture, epoch after epoch.

    Args:
        mixture: What to draw from.
        batch_size: Windows of a batch on this rank.
        workers: Decoding processes, which stay from epoch to epoch; 0 decodes where the batches are asked for.
        rank, world_size: This process among those that train together.
        pin_memory: Batches in pinned memory, where there is an accelerator to pin it for.
        labels: What to hand out beside the images, as `AnyClip.values` knows it: `force_n`, `slip_state`, a label.
        drop_last: Leave out the last batch if it is not full; else ranks may differ by one sample in it, or lack it.
        prefetch: Batches that each worker makes ahead.
        start_method: `fork`, `spawn` or `forkserver`; by default the platform's.

    Raises:
        SimtouchError: An argument is out of range, or no source has a label.
    """
    return Loader(mixture, batch_size, workers, rank, world_size, pin_memory, labels, drop_last, prefetch, start_method)


class Loader:
    """What `loader` makes: iterate it once an epoch. It goes on where it, or the one whose state it was given, stopped."""

    def __init__(
        self, mixture, batch_size, workers, rank, world_size, pin_memory, labels, drop_last, prefetch, start_method
    ):  # see `loader`
        for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0), ("world_size", world_size, 1)):
            if type(value) is not int or value < least:
                raise ArgumentError(f"`{name}` must be a whole number >= {least}; got {value!r}.")
        if not 0 <= rank < world_size:
            raise ArgumentError(f"`rank` must be in 0..{world_size - 1}; got {rank!r}.")
        self.mixture, self.batch_size, self.drop_last = mixture, batch_size, drop_last
        self._stride = batch_size * world_size
        if drop_last and len(mixture) < self._stride:
            raise ArgumentError(f"an epoch of {len(mixture)} samples has no full batch of {batch_size} on {world_size} ranks.")
        label_kinds(mixture, labels)  # raises here, not in a worker
        self._pin = pin_memory and torch.cuda.is_available()
        self._floats = mixture.window.dtype == "float32"
        # Shared memory: workers that stay read the epoch and the position from it when an epoch begins.
        self._start = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._epoch = self._position = 0
        self._parts = _Parts(mixture, batch_size, rank, world_size, tuple(labels), drop_last, self._start)
        options: dict[str, Any] = {}
        if workers:
            options = {"persistent_workers": True, "prefetch_factor": prefetch, "multiprocessing_context": start_method}
        self._workers = workers
        self._loader = DataLoader(
            self._parts, batch_size=None, collate_fn=_as_it_is, num_workers=workers, worker_init_fn=_begin_worker, **options
        )

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        whole, rest = divmod(len(self.mixture), self._stride)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def epoch(self) -> int:
        """The epoch that the next batch is of."""
        return self._epoch

    @property
    def decoded(self) -> int:
        """Frames decoded so far in this process; workers keep their own count."""
        return self._parts.reader().decoder.decoded

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch."""
        self._epoch, self._position = int(epoch), 0

    def state_dict(self) -> dict[str, Any]:
        """Where it is: the batches handed out so far are behind it, whatever workers have made ahead."""
        return {"epoch": self._epoch, "position": self._position, "mixture": self.mixture.fingerprint}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of this or another loader of the same mixture; batch size, workers and ranks may differ."""
        if state.get("mixture") != self.mixture.fingerprint:
            raise SimtouchError(
                "the state belongs to another mixture: sources, shares, window, split, seed and order must be those that it was saved with."
            )
        self._epoch, self._position = int(state["epoch"]), int(state["position"])

    def __iter__(self) -> Iterator[Batch]:
        self._start[0], self._start[1] = self._epoch, self._position
        starts = range(self._position, len(self.mixture), self._stride)
        parts = iter(self._loader)
        for first in starts:
            if (samples := self._parts.rows(first)) is None:
                break
            batch = self._put_together([next(parts) for _ in range(max(1, self._workers))], len(samples))
            self._position = min(first + self._stride, len(self.mixture))
            if self._ended(self._position):
                self.set_epoch(self._epoch + 1)
            yield batch
        if self._position:
            self.set_epoch(self._epoch + 1)

    def _ended(self, position: int) -> bool:
        return position >= len(self.mixture) or (self.drop_last and position + self._stride > len(self.mixture))

    def _put_together(self, parts: list, count: int) -> Batch:
        for part in parts:
            if isinstance(part, SimtouchError):
                raise part
        if len(parts) == 1 and not self._pin:
            _, images, meta = parts[0]
        else:
            images = torch.empty((count, *self.mixture.window.shape), dtype=torch.uint8, pin_memory=self._pin)
            meta = self._parts.reader().empty_meta(count)
            for rows, part, part_meta in parts:
                images[torch.from_numpy(rows)] = part
                meta.put(rows, part_meta)
        numbers = {k: torch.from_numpy(getattr(meta, k)) for k in ("source", "clip", "clip_id", "frame_index", "synthetic")}
        labels = {k: list(v) if v.dtype == object else torch.from_numpy(v) for k, v in meta.labels.items()}
        return Batch(unit_floats(images) if self._floats else images, labels, **numbers)


class _Parts(IterableDataset):
    """What one worker adds to every batch: (rows of the batch, images, meta), or the error that stopped it."""

    def __init__(self, mixture: Mixture, batch_size: int, rank: int, world_size: int, labels: tuple, drop_last: bool, start):
        super().__init__()
        self.mixture, self.labels, self.start = mixture, labels, start
        self.batch_size, self.rank, self.world_size, self.drop_last = batch_size, rank, world_size, drop_last
        self._reader: WindowReader | None = None

    def rows(self, first: int) -> range | None:
        """The samples of this rank in the batch that begins at sample `first`; None if the epoch is over."""
        stop = first + self.batch_size * self.world_size
        if self.drop_last and stop > len(self.mixture):
            return None
        samples = range(first + (self.rank - first) % self.world_size, min(stop, len(self.mixture)), self.world_size)
        return samples or None

    def __iter__(self):
        epoch, position = self.start.tolist()
        worker = get_worker_info()
        mine, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        lanes = self.mixture.order.lanes
        while (samples := self.rows(position)) is not None:
            position += self.batch_size * self.world_size
            chosen = [(row, k) for row, k in enumerate(samples) if k % lanes // self.world_size % workers == mine]
            try:
                yield self._read(epoch, chosen, shared=worker is not None)
            except SimtouchError as error:
                yield error
                return

    def _read(self, epoch: int, chosen: list[tuple[int, int]], shared: bool):
        shape = (len(chosen), *self.mixture.window.shape)
        images = _shared(shape) if shared else torch.empty(shape, dtype=torch.uint8)
        meta = self.reader().read((self.mixture.sample(k, epoch) for _, k in chosen), images.numpy())
        return np.array([row for row, _ in chosen], np.int64), images, meta

    def reader(self) -> WindowReader:
        """The one of this process."""
        if self._reader is None:
            self._reader = WindowReader(self.mixture, self.labels)
        return self._reader

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_reader": None}


def _shared(shape: tuple[int, ...]) -> torch.Tensor:
    """Memory that goes to the parent without a copy."""
    size = int(np.prod(shape))
    return torch.empty(0, dtype=torch.uint8).set_(torch.UntypedStorage._new_shared(size), 0, shape)


def _as_it_is(part):
    return part


def _begin_worker(_: int) -> None:
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # not 1, which waits for ever in a fork of a process whose OpenCV has threads
