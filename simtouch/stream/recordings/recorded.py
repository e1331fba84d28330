"""Recordings as clips: entries that say where a clip lies, and a function that reads one, in; `AnyClip`s by position, out."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.stream.any_clip import AnyClip, ChannelOrder
from simtouch.stream.images import encode_image
from simtouch.stream.recordings.files import FolderFiles

_KEPT_READINGS = 32


@dataclass(frozen=True)
class Entry:
    """Where one clip lies, and what is known of it before its file is opened."""

    files: tuple[str, ...]
    """Names below the folder; the first names the clip in messages."""
    clip_id: int
    sensor_type: str
    indenter: str = ""
    motion: str = ""
    sensor_id: str = ""
    part: str | int = ""
    """Which part of the files: a trajectory, a finger, a trial."""
    split: str = ""
    """`train` or `test` where the set says so."""
    source: str = ""
    """Name of the public set, where the files tell it; else the folder's is taken."""


@dataclass
class Reading:
    """What the files say about a clip of T frames."""

    images: Sequence
    """Frames as `as_images` lets them through."""
    time_s: np.ndarray
    """Since the clip's start, (T,); NaN where the set does not say, or its frames are in no order of time."""
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    background: Callable[[], np.ndarray | None] = lambda: None
    """Shows the resting sensor, its channels in the order of the frames'."""


Read = Callable[[FolderFiles, Entry], Reading]


class Recordings(Sequence):
    """Clips of a folder in one of the public layouts. Picklable: it holds names, not open files."""

    def __init__(
        self,
        path: str | Path,
        layout: str,
        entries: Sequence[Entry],
        read: Read,
        *,
        channel_order: ChannelOrder = "rgb",
        assumptions: Sequence[str] = (),
    ):
        self.path, self.layout = Path(path), layout
        self.channel_order: ChannelOrder = channel_order
        """In which order decoders hand out the channels of these files."""
        self.assumptions = tuple(assumptions)
        """What had to be assumed because the files do not say it, one sentence each."""
        self._entries, self._read = tuple(entries), read
        self._files = FolderFiles(self.path)
        self._readings: OrderedDict[int, Reading] = OrderedDict()
        self._pid = os.getpid()

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_readings": OrderedDict()}

    def __repr__(self) -> str:
        return f"Recordings({str(self.path)!r}: {len(self)} clips, {self.layout})"

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> "RecordedClip":
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"clip {index} of recordings of {len(self)} clips")
        return RecordedClip(self, i, self._entries[i])

    def __iter__(self) -> Iterator["RecordedClip"]:
        return (self[i] for i in range(len(self)))

    def reading(self, index: int) -> Reading:
        """What the files say about the clip at `index`; the last few are kept."""
        if self._pid != os.getpid():
            self._readings, self._pid = OrderedDict(), os.getpid()
        if index not in self._readings:
            while len(self._readings) >= _KEPT_READINGS:
                self._readings.popitem(last=False)
            self._readings[index] = self._read(self._files, self._entries[index])
        self._readings.move_to_end(index)
        return self._readings[index]

    def file_of(self, entry: Entry) -> Path:
        """The file that messages name."""
        return self.path / entry.files[0]


class RecordedClip(AnyClip):
    """T frames of one real sensor. Its files are opened when it is asked for frames, times or labels."""

    synthetic = False

    def __init__(self, recordings: Recordings, index: int, entry: Entry):
        self._recordings, self._index, self._entry = recordings, index, entry
        self.source = entry.source or recordings.path.name
        self.clip_id, self.sensor_type = entry.clip_id, entry.sensor_type
        self.sensor_id = entry.sensor_id or entry.sensor_type
        self.indenter, self.motion, self.split = entry.indenter, entry.motion, entry.split
        self.channel_order = recordings.channel_order

    def __repr__(self) -> str:
        return f"RecordedClip({self.clip_id}: {self._recordings.file_of(self._entry)}, {self.indenter or 'no object named'})"

    def __len__(self) -> int:
        return len(self._reading.images)

    @property
    def _reading(self) -> Reading:
        return self._recordings.reading(self._index)

    @property
    def time_s(self) -> np.ndarray:
        """Since the clip's start, (T,); NaN where the files say neither when nor in which order."""
        return self._reading.time_s

    @property
    def labels(self) -> Mapping[str, np.ndarray]:
        """Labels of the set by name, T values each."""
        return self._reading.labels

    @property
    def background(self) -> np.ndarray | None:
        """The resting sensor, RGB, uint8, (H, W, 3); None if the set shows none."""
        reading = self._reading
        image = self._blamed("its background", reading.background)
        return image if image is None or self.channel_order == "rgb" else np.ascontiguousarray(image[..., ::-1])

    def encoded_image(self, t: int) -> bytes:
        """PNG or JPEG of frame `t`, as it is stored; PNG where pixels are stored."""
        frame = self._frame(t)
        if isinstance(frame, np.ndarray) and frame.ndim == 3:
            return encode_image(np.ascontiguousarray(frame), "png")
        return bytes(frame)

    def image(self, t: int) -> np.ndarray:
        """Tactile image of frame `t`, RGB, uint8, (H, W, 3)."""
        self._frame(t)  # its own errors have names
        return self._blamed(f"frame {t}", partial(super().image, t))

    def _frame(self, t: int):
        images = self._reading.images
        if not 0 <= t < len(images):
            raise IndexError(f"frame {t} of a clip of {len(images)}")
        return images[t]

    def _blamed(self, what: str, get: Callable):
        """Name the clip's file in errors raised inside."""
        try:
            return get()
        except SimtouchError as error:
            raise SimtouchError(f"`{self._recordings.file_of(self._entry)}`, {what}: {error}") from error


def read_at_rate(images: Sequence, fps: float | None, **more) -> Reading:
    """A reading of frames at an even rate; None says that the frames are in no order of time."""
    time_s = np.full(len(images), np.nan) if fps is None else np.arange(len(images)) / fps
    return Reading(images, time_s, **more)
