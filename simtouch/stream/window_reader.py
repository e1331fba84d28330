"""Samples of a mixture in, their decoded windows and labels out; nothing in it depends on who asks in which order.

A frame is decoded once for all windows of a chunk that show it: it is kept until the last of them is read, or until its lane goes on
to the next chunk. So the memory is that of the frames of a chunk times the chunks in flight, a third of it on average. Of a
video, whose frames are fast in order alone, all frames of a chunk are decoded when its first window is read.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.decode import FrameDecoder
from simtouch.stream.mixture import Mixture, Sample
from simtouch.stream.windows import window_frames

_OPEN_CLIPS = 128


@dataclass
class Meta:
    """Where the windows of a batch are from, and what is known of their newest frames."""

    source: np.ndarray
    """Index of the source, (B,)."""
    clip: np.ndarray
    """Index of the clip in its source, (B,)."""
    clip_id: np.ndarray
    """Number of the clip, (B,)."""
    frame_index: np.ndarray
    """The frames of each window, newest first, (B, n)."""
    synthetic: np.ndarray
    """Whether the clip was simulated, (B,)."""
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    """float32 (B, ...), NaN where the clip does not know it; words as objects, "" where unknown."""

    def put(self, rows: np.ndarray, part: "Meta") -> None:
        """Write `part` to these rows."""
        for name in ("source", "clip", "clip_id", "frame_index", "synthetic"):
            getattr(self, name)[rows] = getattr(part, name)
        for name, values in part.labels.items():
            self.labels[name][rows] = values


class WindowReader:
    """Decodes windows of a mixture. One a process; it is never sent to another.

    Args:
        mixture: What the samples are of.
        labels: Names of what to read beside the images, as `AnyClip.values` knows them.
    """

    def __init__(self, mixture: Mixture, labels: Sequence[str] = ()):
        self.mixture = mixture
        self.decoder = FrameDecoder(mixture.window)
        self._labels = label_kinds(mixture, labels)
        self._clips: OrderedDict[tuple[int, int], _OpenClip] = OrderedDict()
        self._runs: dict[tuple[int, int], _Run] = {}
        self._spare: list[np.ndarray] = []

    def empty_meta(self, count: int) -> Meta:
        """Room for `count` samples."""
        numbers = (np.zeros(count, np.int64) for _ in range(3))
        meta = Meta(*numbers, np.zeros((count, self.mixture.window.frames), np.int64), np.zeros(count, bool))
        for name, shape in self._labels.items():
            meta.labels[name] = np.full(count, "", object) if shape is None else np.full((count, *shape), np.nan, np.float32)
        return meta

    def read(self, samples: Iterable[Sample], images: np.ndarray) -> Meta:
        """Write the windows of `samples` to `images`, uint8, (B, *window.shape), and tell what they are."""
        meta = self.empty_meta(len(images))
        for row, sample in enumerate(samples):
            clip = self._open(sample.source, sample.clip)
            frames = clip.frames[sample.window]
            self._fill(images[row], sample, clip, frames)
            meta.source[row], meta.clip[row], meta.clip_id[row] = sample.source, sample.clip, clip.clip_id
            meta.frame_index[row], meta.synthetic[row] = frames, clip.synthetic
            for name in self._labels:
                if (values := clip.values(name)) is not None:
                    meta.labels[name][row] = values[frames[0]]
        return meta

    def _fill(self, out: np.ndarray, sample: Sample, clip: "_OpenClip", frames: np.ndarray) -> None:
        run = self._run(sample, clip)
        by_time = out.ndim == 4
        for i, t in enumerate(frames.tolist()):
            image = run.kept.get(t)
            if image is None:
                image = run.kept[t] = self._prepared(clip, t)
            target = out[:, i] if by_time else out[3 * i : 3 * i + 3]
            target[...] = image
        for t in frames.tolist():
            run.wanted[t] -= 1
            if run.wanted[t] <= 0 and t in run.kept:
                self._spare.append(run.kept.pop(t))

    def _prepared(self, clip: "_OpenClip", t: int) -> np.ndarray:
        image = self._spare.pop() if self._spare else self.decoder.new_buffer()
        clip.decoder.prepare(t, image)
        return image

    def _run(self, sample: Sample, clip: "_OpenClip") -> "_Run":
        """The run of windows that the sample's lane is at."""
        which = (sample.source, sample.clip, *sample.run)
        lane = sample.lane if sample.run[2] > 1 else (0, -1)  # a run of one keeps nothing
        found = self._runs.get(lane)
        if found is None or found.which != which or found.left == 0:
            self._drop(lane)
            _, first, count = sample.run
            numbers, counts = np.unique(clip.frames[first : first + count], return_counts=True)
            found = self._runs[lane] = _Run(which, dict(zip(numbers.tolist(), counts.tolist(), strict=True)), count)
            if clip.in_order and count > 1:
                for t in found.wanted:
                    found.kept[t] = self._prepared(clip, t)
                clip.decoder.release()
        found.left -= 1
        return found

    def _drop(self, lane: tuple[int, int]) -> None:
        if (old := self._runs.pop(lane, None)) is not None:
            self._spare += old.kept.values()

    def _open(self, source: int, index: int) -> "_OpenClip":
        key = source, index
        if key not in self._clips:
            self._clips[key] = _OpenClip(self.mixture.sources[source][index], self.mixture, self.decoder)
            if len(self._clips) > max(_OPEN_CLIPS, 2 * self.mixture.order.lanes):
                self._clips.popitem(last=False)
        self._clips.move_to_end(key)
        return self._clips[key]


@dataclass
class _Run:
    """Decoded frames of the run of windows that a lane is at."""

    which: tuple[int, ...]
    wanted: dict[int, int]
    """How many windows still want each frame."""
    left: int
    """Windows of it that are still to come."""
    kept: dict[int, np.ndarray] = field(default_factory=dict)


class _OpenClip:
    """A clip, and what is worth keeping of it."""

    def __init__(self, clip: AnyClip, mixture: Mixture, decoder: FrameDecoder):
        self.clip_id, self.synthetic, self.in_order = clip.clip_id, clip.synthetic, clip.in_order
        self.frames = window_frames(mixture.window, clip)
        self.decoder = decoder.open(clip)
        self._clip = clip
        self._values: dict[str, np.ndarray | None] = {}

    def values(self, name: str) -> np.ndarray | None:
        """A label of all frames, as it goes into `Meta.labels`; None if the clip has none."""
        if name not in self._values:
            self._values[name] = _plain(self._clip.values(name)) if self._clip.has(name) else None
        return self._values[name]


def label_kinds(mixture: Mixture, labels: Sequence[str]) -> dict[str, tuple[int, ...] | None]:
    """For each label the shape of its numbers a frame, or None for words; raise `SimtouchError` if no source has it."""
    found: dict[str, tuple[int, ...] | None] = {}
    firsts = [source[0] for source in mixture.sources]
    for name in labels:
        clip = next((clip for clip in firsts if clip.has(name)), None)
        if clip is None:
            raise SimtouchError(f"no source of {mixture.source_names} has `{name}` of its frames.")
        values = _plain(clip.values(name))
        found[name] = None if values.dtype == object else values.shape[1:]
    return found


def _plain(values) -> np.ndarray:
    """Numbers as float32 with NaN for what is missing, words as objects with ""."""
    values = np.asarray(values)
    if values.dtype.kind in "US" or (values.dtype == object and any(isinstance(v, str) for v in values.ravel())):
        return np.array(["" if v is None else str(v) for v in values.ravel()], object).reshape(values.shape)
    if values.dtype == object:
        values = np.array([np.nan if v is None else v for v in values.ravel()], float).reshape(values.shape)
    return values.astype(np.float32)
