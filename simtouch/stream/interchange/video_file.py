"""A video file as frames by number: a path in, RGB images and their times out; few frames are in memory at a time.

The frames are counted by reading the packets, not by the header, whose number and rate are often wrong. A frame is found by its time
stamp: the decoder goes on if it stands shortly before it, else it starts again at the key frame before.
"""

import os
from collections import OrderedDict
from functools import cached_property
from pathlib import Path

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.stream.pyav import load_av

_MOST_PIXELS = 1 << 26  # of a frame
_MOST_FRAMES = 10_000_000
_KEPT_BYTES = 32 << 20  # of decoded frames
_GO_ON = 64  # frames to decode rather than to seek


class VideoFile:
    """One file. Picklable by its path; each process opens it for itself."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.close()

    def __getstate__(self) -> dict:
        return {"path": self.path}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["path"])

    def __len__(self) -> int:
        return len(self._stamps)

    @cached_property
    def time_s(self) -> np.ndarray:
        """When each frame is shown, since the file's first frame, (T,)."""
        stamps = self._stamps
        return (stamps - stamps[0]) * self._time_base

    def image(self, index: int) -> np.ndarray:
        """Frame `index`, RGB, uint8, (H, W, 3)."""
        if self._pid != os.getpid():
            self.close()
        stamp = int(self._stamps[index])
        if stamp not in self._kept and not (self._decode_to(stamp, index) or self._decode_to(stamp, index, from_start=True)):
            raise SimtouchError(f"`{self.path}`: frame {index} of {len(self)} does not decode.")
        self._kept.move_to_end(stamp)
        return self._kept[stamp]

    @cached_property
    def _stamps(self) -> np.ndarray:
        """Time stamps of all frames, in the order in which they are shown."""
        container, stream = self._opened()
        try:
            self._time_base = float(stream.time_base)
            found = []
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    found.append(packet.pts if packet.pts is not None else packet.dts)
                if len(found) > _MOST_FRAMES:
                    raise SimtouchError(f"`{self.path}` has more than {_MOST_FRAMES} frames.")
        except load_av().FFmpegError as error:
            raise self._broken(error) from error
        finally:
            container.close()
        if not found or any(stamp is None for stamp in found):
            raise SimtouchError(f"`{self.path}` has no frames with time stamps.")
        return np.unique(np.array(found, np.int64))

    def _opened(self):
        """The container and its first video stream."""
        av = load_av()
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as error:
            raise self._broken(error) from error
        stream = next(iter(container.streams.video), None)
        if stream is None:
            container.close()
            raise SimtouchError(f"`{self.path}` has no video stream.")
        if not 0 < stream.width * stream.height <= _MOST_PIXELS:
            container.close()
            raise SimtouchError(f"`{self.path}` declares frames of {stream.width} x {stream.height} pixels.")
        stream.codec_context.thread_count = 1  # a loader's workers are the threads
        return container, stream

    def _broken(self, error: Exception) -> SimtouchError:
        told = getattr(error, "strerror", None) or str(error)
        return SimtouchError(f"`{self.path}` is not a readable video: {told}.")

    def close(self) -> None:
        """Close the file and forget decoded frames; asking for one opens it again."""
        self._pid, self._decoder, self._position = os.getpid(), None, -1
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def _decode_to(self, stamp: int, index: int, *, from_start: bool = False) -> bool:
        """Decode up to the frame with that time stamp; whether it came."""
        if self._decoder is None or from_start or not 0 <= index - self._position <= _GO_ON:
            self._start(stamp, from_start)
        try:
            for frame in self._decoder or ():
                now = frame.pts if frame.pts is not None else frame.dts
                if now is None:
                    continue
                self._position = int(np.searchsorted(self._stamps, now, "right"))
                if now > stamp - _GO_ON * self._step:
                    self._keep(now, frame)
                if now >= stamp:
                    return stamp in self._kept
        except load_av().FFmpegError as error:
            self.close()
            raise self._broken(error) from error
        self._decoder = None
        return False

    def _start(self, stamp: int, from_start: bool) -> None:
        container, stream = self._opened()
        try:
            container.seek(int(self._stamps[0]) if from_start else stamp, stream=stream)
        except load_av().FFmpegError:
            container.close()
            container, stream = self._opened()  # a container without an index: read it from its start
        self._decoder, self._position = _frames(container, stream), 0

    @cached_property
    def _step(self) -> float:
        """Time stamps from one frame to the next."""
        return float(np.median(np.diff(self._stamps))) if len(self) > 1 else 1.0

    def _keep(self, stamp: int, frame) -> None:
        if frame.width * frame.height > _MOST_PIXELS:
            raise SimtouchError(f"`{self.path}` has a frame of {frame.width} x {frame.height} pixels.")
        self._kept[stamp] = frame.to_ndarray(format="rgb24")
        while len(self._kept) > 1 and sum(image.nbytes for image in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)


def _frames(container, stream):
    """Frames as they are decoded; the container is closed with the iterator."""
    try:
        yield from container.decode(stream)
    finally:
        container.close()
