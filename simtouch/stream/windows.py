"""Windows: the few frames that an encoder sees at once. A clip in, the frames of every window of it out.

A window is n frames, newest first, wanted at the times

    t, t - lag, ..., t - (n - 1) lag                                                  (1)

`stride` states the lag in frames: 5 gives the published Sparsh pair [t, t - 5], 2 with four frames its video. `lag_ms` states
it in time, so that sources of different rates show the same motion: each wanted time takes the clip's nearest frame, the older
of two that are equally near.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError, as_number, pick
from simtouch.stream.any_clip import AnyClip

_SLACK = 1e-6  # of half a frame period: time stamps are rounded
_LARGEST_SIDE = 4096


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """What a window is made of and how it is handed out."""

    frames: int = 2
    """How many, n in (1)."""
    stride: int | None = None
    """Lag in frames; 5 where neither it nor `lag_ms` is given."""
    lag_ms: float | None = None
    """Lag in time [ms]."""
    tolerance_ms: float | None = None
    """How far [ms] a frame may be from its wanted time; by default half a frame period of the clip."""
    if_off: Literal["skip", "refuse"] = "skip"
    """What becomes of a window with a frame further off than that: left out, or an error."""
    pad: Literal["none", "repeat"] = "none"
    """`none`: full windows only. `repeat`: one window for each frame as the published loaders have it: frame i is the oldest of
    window i, and what would come after the clip's end is its last frame again."""
    layout: Literal["auto", "channels", "time"] = "auto"
    """`channels`: (3 n, H, W), frame after frame. `time`: (3, n, H, W). `auto`: channels up to two frames, else time."""
    background: Literal["subtract", "first", "optional", "none"] = "subtract"
    """`subtract`: difference images, and a clip without a background is an error. `first`: a clip without one takes its own first
    frame. `optional`: the image itself where there is no background, as the published mix has it for GelSight'17. `none`: the
    image itself."""
    image_shape: tuple[int, int] = (320, 240)
    """(H, W). Images that lie across it are rotated by 90 degrees, landscape to portrait clockwise; other sizes are resized."""
    dtype: Literal["uint8", "float32"] = "uint8"
    """uint8 0..255, or float32 in [0, 1], which is made where the batch is received, not in the workers."""
    fast_dct: bool = False
    """Decode JPEG with the faster, less exact transform."""

    def __post_init__(self):
        for name, known in _CHOICES.items():
            pick(name, getattr(self, name), dict.fromkeys(known))
        if type(self.frames) is not int or not 1 <= self.frames <= 64:
            raise ArgumentError(f"`frames` must be a whole number, 1 to 64; got {self.frames!r}.")
        if self.stride is not None and self.lag_ms is not None:
            raise ArgumentError(f"give `stride` or `lag_ms`, not both; got {self.stride!r} and {self.lag_ms!r}.")
        if self.stride is not None and (type(self.stride) is not int or self.stride < 1):
            raise ArgumentError(f"`stride` must be a whole number >= 1; got {self.stride!r}.")
        if self.lag_ms is not None:
            as_number("lag_ms", self.lag_ms, above=0)
        if self.tolerance_ms is not None:
            as_number("tolerance_ms", self.tolerance_ms, at_least=0)
            if self.lag_ms is None:
                raise ArgumentError("`tolerance_ms` is for windows by `lag_ms`; windows by `stride` have no wanted time.")
        shape = self.image_shape
        if len(shape) != 2 or not all(type(n) is int and 1 <= n <= _LARGEST_SIDE for n in shape):
            raise ArgumentError(f"`image_shape` must be (H, W), each 1 to {_LARGEST_SIDE}; got {shape!r}.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one window as it is handed out."""
        by_time = self.layout == "time" or (self.layout == "auto" and self.frames > 2)
        return (3, self.frames, *self.image_shape) if by_time else (3 * self.frames, *self.image_shape)

    @property
    def _reach(self) -> int:
        return (self.frames - 1) * (5 if self.stride is None else self.stride)


_CHOICES = {
    "if_off": ("skip", "refuse"),
    "pad": ("none", "repeat"),
    "layout": ("auto", "channels", "time"),
    "background": ("subtract", "first", "optional", "none"),
    "dtype": ("uint8", "float32"),
}
SPARSH_PAIR = WindowSpec(frames=2, stride=5)
SPARSH_VIDEO = WindowSpec(frames=4, stride=2)


def count_windows(spec: WindowSpec, clip: AnyClip) -> int:
    """How many windows a clip has; by stride its length is enough to know."""
    if spec.lag_ms is not None:
        return len(window_frames(spec, clip))
    return len(clip) if spec.pad == "repeat" else max(0, len(clip) - spec._reach)


def window_frames(spec: WindowSpec, clip: AnyClip) -> np.ndarray:
    """Frames of every window of a clip, newest first: int64, shape (N, n)."""
    if spec.lag_ms is None:
        return _by_stride(spec, len(clip))
    return _by_time(spec, clip, spec.lag_ms * 1e-3)


def _by_stride(spec: WindowSpec, length: int) -> np.ndarray:
    back = np.arange(spec.frames) * (spec._reach // max(1, spec.frames - 1))
    if spec.pad == "repeat":
        return np.minimum(np.arange(length)[:, None] + spec._reach - back, max(0, length - 1))
    return np.arange(spec._reach, max(length, spec._reach))[:, None] - back


def _by_time(spec: WindowSpec, clip: AnyClip, lag_s: float) -> np.ndarray:
    time_s = _checked_times(clip)
    back_s = np.arange(spec.frames) * lag_s
    if len(time_s) == 0:
        return np.empty((0, spec.frames), np.int64)
    tolerance_s, half_s = _tolerance_s(spec, time_s), _half_period_s(time_s)
    if spec.pad == "repeat":
        wanted = np.minimum(time_s[:, None] + back_s[-1] - back_s, time_s[-1])
    else:
        # Further than half a period before the first frame the nearest one would have been an older one.
        ends = time_s[time_s - back_s[-1] >= time_s[0] - min(half_s, tolerance_s) * (1 - 4 * _SLACK)]
        wanted = ends[:, None] - back_s
    nearest = _nearest(time_s, wanted)
    off_s = np.abs(time_s[nearest] - wanted)
    # Where the lag is below the clip's frame period the same frame would come twice: no motion to see.
    twice = (np.diff(nearest, axis=1) >= 0) & (np.diff(wanted, axis=1) < -_SLACK * lag_s)
    bad = (off_s > tolerance_s).any(1) | twice.any(1)
    if spec.if_off == "refuse" and bad.any():
        first = int(np.argmax(bad))
        raise SimtouchError(
            f"clip {clip.clip_id} of `{clip.source}` has no frame within {1e3 * tolerance_s:.3g} ms of every "
            f"wanted time of the window that ends at {time_s[nearest[first, 0]]:.4f} s, {spec.lag_ms:g} ms apart."
        )
    return nearest[~bad]


def _checked_times(clip: AnyClip) -> np.ndarray:
    time_s = np.asarray(clip.time_s, np.float64)
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any():
        raise SimtouchError(
            f"windows by `lag_ms` need time stamps that grow; those of clip {clip.clip_id} of `{clip.source}` do not: use `stride`."
        )
    return time_s


def _half_period_s(time_s: np.ndarray) -> float:
    return float(np.median(np.diff(time_s))) / 2 if len(time_s) > 1 else 0.0


def _tolerance_s(spec: WindowSpec, time_s: np.ndarray) -> float:
    half_s = _half_period_s(time_s)
    return (half_s if spec.tolerance_ms is None else spec.tolerance_ms * 1e-3) + _SLACK * half_s


def _nearest(time_s: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The frame nearest to each wanted time; of two equally near the older."""
    after = np.clip(np.searchsorted(time_s, wanted), 1, max(1, len(time_s) - 1))
    after = np.minimum(after, len(time_s) - 1)
    before = np.maximum(after - 1, 0)
    slack = _SLACK * (time_s[after] - time_s[before])
    return np.where(time_s[after] - wanted < wanted - time_s[before] - slack, after, before)
