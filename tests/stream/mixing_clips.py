"""Clips that live in memory, each frame's first pixels telling which clip and frame it is: what mixtures are tested with."""

import numpy as np

from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import encode_image

SHAPE = (16, 12)


class MemoryClip(AnyClip):
    """`length` frames at `rate_hz`."""

    def __init__(self, clip_id, length, *, source="memory", synthetic=True, rate_hz=60.0, shape=SHAPE, codec="png", **known):
        self.clip_id, self.source, self.synthetic = clip_id, source, synthetic
        self._length, self._rate_hz, self._shape, self._codec = length, rate_hz, shape, codec
        self.sensor_type = known.get("sensor_type", "digit")
        self.sensor_id = known.get("sensor_id", "left")
        self.indenter, self.motion = known.get("indenter", f"thing {clip_id % 5}"), known.get("motion", "press")
        self._labels = known.get("labels", {"force_n": np.arange(length * 3.0).reshape(length, 3) + clip_id})
        self._background = known.get("background", True)
        self._time_s = known.get("time_s")

    def __len__(self):
        return self._length

    @property
    def time_s(self):
        return np.arange(self._length) / self._rate_hz if self._time_s is None else np.asarray(self._time_s)

    @property
    def background(self):
        return np.full((*self._shape, 3), (127, 100, 150), np.uint8) if self._background else None

    @property
    def labels(self):
        return self._labels

    def encoded_image(self, t):
        rng = np.random.default_rng([self.clip_id, t])
        image = rng.integers(0, 256, (*self._shape, 3), np.uint8)
        image[0, 0] = self.clip_id % 256, t % 256, self.synthetic
        return encode_image(image, self._codec)


def clips(count, *, length=20, **known):
    """`count` clips of one source; lengths differ a little."""
    return [MemoryClip(i, length + i % 3, **known) for i in range(count)]
