"""Clips in memory, for exporters and readers: what an `AnyClip` is, with no file behind it."""

import numpy as np

from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import encode_image
from tests.stream.synthetic import background, make_frames


class SmallClip(AnyClip):
    """A clip of `make_frames`, or of given frames."""

    synthetic = True

    def __init__(self, clip_id=0, *, count=12, codec="png", values=(), **changes):
        names = {"source": "small", "sensor_id": "digit", "sensor_type": "digit", "indenter": "ball", "motion": "drag"}
        for name, value in (names | changes).items():
            setattr(self, name, value)
        self.clip_id, self._codec = clip_id, codec
        self.frames = make_frames(count, markers=4, seed=clip_id)
        self._background, self._values = background(), dict(values)
        self._labels = {}

    def __len__(self):
        return len(self.frames)

    @property
    def time_s(self):
        return np.array([f.time_s for f in self.frames])

    @property
    def background(self):
        return self._background

    @property
    def labels(self):
        return self._labels

    def encoded_image(self, t):
        image = self.frames[t].image
        return encode_image(image if self.channel_order == "rgb" else np.ascontiguousarray(image[..., ::-1]), self._codec)

    def has(self, name):
        return name in KNOWN or name in self._values or name in self._labels

    def values(self, name):
        if name in self._values:
            return self._values[name]
        return np.array([getattr(f, name) for f in self.frames]) if name in KNOWN else super().values(name)

    def map(self, name, t):
        return getattr(self.frames[t], name)

    def with_labels(self, **labels):
        self._labels = {name: np.asarray(v) for name, v in labels.items()}
        return self

    def without_background(self):
        self._background = None
        return self


KNOWN = (
    "force_n",
    "torque_nm",
    "torsion_nm",
    "slip_state",
    "slip_ratio",
    "contact_area_m2",
    "indent_depth_m",
    "friction",
    "gel_T_indenter",
)


class Recording(SmallClip):
    """A clip that knows its images alone."""

    synthetic = False

    def has(self, name):
        return name in self._labels
