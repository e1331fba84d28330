"""What windows, exporters and viewers may ask of a clip, simulated or recorded: T frames of one sensor in time.

`Clip` is a clip of a stream; recordings (`real.py`) open as their own kinds. What a recording does not know it does not have:
`has` says so, and asking for it raises `SimtouchError`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.images import decode_image

ChannelOrder = Literal["rgb", "bgr"]


class AnyClip(ABC):
    """T frames of one sensor."""

    source: str
    """Which data set it is from: the name of its folder, or of the public set."""
    clip_id: int
    """Number of the clip in its source; two sensors of one scene share it."""
    sensor_id: str
    """Which sensor felt it."""
    sensor_type: str
    """Type of that sensor: `digit`, `gelsight_mini`, ...; empty if it is not known."""
    indenter: str
    """What touched; empty if it is not known."""
    motion: str
    """How; empty if it is not known."""
    synthetic: bool
    """Whether it was simulated."""
    channel_order: ChannelOrder = "rgb"
    """In which order a decoder hands out the channels of `encoded_image`; `image` is always RGB."""
    in_order: bool = False
    """Whether frames are fast only one after the other, as those of a video; then `encoded_image` makes what was never stored."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def time_s(self) -> np.ndarray:
        """Since the clip's start, (T,)."""

    @property
    @abstractmethod
    def background(self) -> np.ndarray | None:
        """The resting sensor, RGB, uint8, (H, W, 3); None if there is no picture of it."""

    @property
    @abstractmethod
    def labels(self) -> Mapping[str, np.ndarray]:
        """Labels by name, T values each; a missing one is NaN, None or ""."""

    @abstractmethod
    def encoded_image(self, t: int) -> bytes:
        """PNG or JPEG of frame `t`, as it is stored."""

    def image(self, t: int) -> np.ndarray:
        """Tactile image of frame `t`, RGB, uint8, (H, W, 3)."""
        image = decode_image(self.encoded_image(t))
        return image if self.channel_order == "rgb" else np.ascontiguousarray(image[..., ::-1])

    def release(self) -> None:  # noqa: B027
        """Let go of decoded frames and open files, if the clip keeps any; asking for an image gets them again."""

    @property
    def images(self) -> np.ndarray:
        """All tactile images, uint8, (T, H, W, 3)."""
        return np.stack([self.image(t) for t in range(len(self))])

    def has(self, name: str) -> bool:
        """Whether the clip knows `name` of each frame: `force_n` and its like, or a label."""
        return name in self.labels

    def values(self, name: str) -> np.ndarray:
        """What is known of each frame by that name, T values; raise `SimtouchError` if nothing is."""
        if not self.has(name):
            raise SimtouchError(
                f"clip {self.clip_id} of `{self.source}` has no `{name}`; it has {', '.join(self.labels) or 'no labels'}."
            )
        return np.asarray(self.labels[name])

    def window(self, i: int, n: int = 2, stride: int = 5) -> np.ndarray:
        """Images of the n frames i - (n - 1) stride, ..., i - stride, i, oldest first: uint8, (n, H, W, 3)."""
        first = i - (n - 1) * stride
        if n < 1 or stride < 1 or first < 0 or i >= len(self):
            wanted = f"{n} frames, stride {stride}, ending at frame {i}"
            raise ArgumentError(f"a window of {wanted} does not fit a clip of {len(self)}.")
        return np.stack([self.image(t) for t in range(first, i + 1, stride)])
