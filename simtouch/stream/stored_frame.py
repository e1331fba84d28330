"""A frame of a clip on disk, with the attributes of `TactileFrame`, each decoded when it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from simtouch.frame import TactileFrame
from simtouch.stream.maps import MAPS

if TYPE_CHECKING:
    from simtouch.stream.clip import Clip

FRAME_NAMES = frozenset(f.name for f in fields(TactileFrame))


class Frames(Sequence):
    """The frames of a clip, made when asked for."""

    def __init__(self, clip: "Clip"):
        self._clip = clip

    def __len__(self) -> int:
        return len(self._clip)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [StoredFrame(self._clip, t) for t in range(*index.indices(len(self)))]
        t = index + len(self) if index < 0 else index
        if not 0 <= t < len(self):
            raise IndexError(f"frame {index} of a clip of {len(self)} frames")
        return StoredFrame(self._clip, t)

    def __iter__(self) -> "Iterator[StoredFrame]":
        return (StoredFrame(self._clip, t) for t in range(len(self)))


class StoredFrame:
    """A frame on disk: the attributes of `TactileFrame`, each decoded when it is asked for."""

    def __init__(self, clip: "Clip", index: int):
        self.clip, self.index = clip, index

    def __getattr__(self, name: str) -> Any:
        if name == "image":
            return self.clip.image(self.index)
        if name in MAPS:
            return self.clip.map(name, self.index)
        if name in ("markers_px", "flow_px"):
            return self.clip.points(name, self.index)
        if name == "cell_size_m":
            return self.clip.cell_size_m
        if name == "slip_state":
            return str(self.clip.slip_state[self.index])
        if name in FRAME_NAMES:
            value = getattr(self.clip, name)[self.index]
            return value if np.ndim(value) else value.item()
        raise AttributeError(f"a frame has no `{name}`")

    @property
    def normal_force_n(self) -> float:
        """How hard the gel is pressed."""
        return -float(self.force_n[2])

    @property
    def shear_force_n(self) -> np.ndarray:
        """In-plane part (x, y) of `force_n`, (2,)."""
        return self.force_n[:2]

    def load(self) -> TactileFrame:
        """Decode everything."""
        return TactileFrame(**{name: getattr(self, name) for name in FRAME_NAMES})
