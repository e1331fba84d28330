"""Windows of a live camera: its images one by one in, the window that ends with the newest out, at any and even an uneven rate.

Which of the kept images make the window is asked of `window_frames`, as for a clip on disk: both give the same windows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch

from simtouch._checks import ArgumentError, as_number
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.windows import WindowSpec, window_frames

Prepare = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image, first image since the last reset) -> what is kept of it."""


class TouchStream:
    """Made by `TouchProcessor.stream`. Not safe for several threads at once."""

    def __init__(self, window: WindowSpec, prepare: Prepare, assemble: Callable, *, fps: float | None, repeat: bool):
        self._prepare, self._assemble, self._repeat = prepare, assemble, repeat
        self._fps = None if fps is None else as_number("fps", fps, above=0)
        lag_ms = window.lag_ms
        if lag_ms is not None and self._fps is not None and self._fps * lag_ms < 500 * (1 - 1e-6):
            raise ArgumentError(f"a camera of {fps:g} Hz shows no motion within {lag_ms:g} ms: give a longer `lag_ms`.")
        # A camera that misses an image now and then shall not leave its encoder without a window.
        tolerance_ms = lag_ms / 2 if lag_ms is not None and window.tolerance_ms is None else window.tolerance_ms
        self._window = replace(window, pad="none", if_off="skip", tolerance_ms=tolerance_ms)
        stride = 5 if window.stride is None else window.stride
        self._lag = stride if lag_ms is None else 1e-3 * lag_ms
        self.reset()

    def reset(self) -> None:
        """Forget the past: another contact begins."""
        self._times: list[float] = []
        self._images: list[np.ndarray] = []
        self._first: np.ndarray | None = None
        self._count = 0

    def push(self, image: np.ndarray, time_s: float | None = None) -> torch.Tensor | None:
        """Take an image; return the window that ends with it, a batch of one, or None if its past is too short or has a hole.

        Args:
            image: Tactile image, uint8, (h, w, 3).
            time_s: When it was taken [s], later than the one before; needed if the lag is in milliseconds and no `fps` was given.

        Raises:
            ArgumentError: The time is missing or does not grow; the image is not uint8 or has no background.
            ShapeError: It has another shape.
        """
        time_s = self._time(time_s)
        first = np.array(image) if self._first is None else self._first
        prepared = self._prepare(image, first)  # may refuse the image: until here nothing has changed
        self._first = first
        self._images.append(prepared)
        self._times.append(time_s)
        self._count += 1
        self._forget()
        chosen = self._chosen()
        return None if chosen is None else self._assemble([[self._images[t] for t in chosen]])

    def _time(self, time_s: float | None) -> float:
        if self._window.lag_ms is None:
            return float(self._count)
        if time_s is None:
            if self._fps is None:
                raise ArgumentError("`time_s` is needed, when the image was taken, or the `fps` of the stream.")
            time_s = self._count / self._fps
        time_s = as_number("time_s", time_s)
        if self._times and time_s <= self._times[-1]:
            raise ArgumentError(f"`time_s` must grow; got {time_s:g} after {self._times[-1]:g}.")
        return time_s

    def _chosen(self) -> list[int] | None:
        """Places of the window's images among those that are kept, newest first."""
        times = np.array(self._times)
        frames = window_frames(self._window, cast(AnyClip, Timed(times)))
        if len(frames) and frames[-1, 0] == len(times) - 1:
            return frames[-1].tolist()
        wanted = times[-1] - self._lag * np.arange(self._window.frames)
        if not self._repeat or self._count > len(times) or wanted[-1] >= times[0]:
            return None
        return np.abs(times - np.maximum(wanted, times[0])[:, None]).argmin(1).tolist()

    def _forget(self) -> None:
        """Keep what a later window can want."""
        oldest = self._times[-1] - self._lag * (self._window.frames - 1) - 1e-3 * (self._window.tolerance_ms or 0)
        while len(self._times) > 2 and self._times[1] < oldest:
            del self._times[0], self._images[0]


@dataclass(frozen=True)
class Timed:
    """What `window_frames` asks of a clip."""

    time_s: np.ndarray
    clip_id: int = 0
    source: str = "images"

    def __len__(self) -> int:
        return len(self.time_s)
