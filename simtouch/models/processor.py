"""The whole input recipe of the encoders in one object: tactile images of a sensor in, windows float32 in [0, 1] out.

    processor = TouchProcessor.for_sensor("digit", background=at_rest)
    x = processor([[newest, older]])                        # (1, 6, 320, 240)
    for x in processor.windows(clip): features = encoder(x) # of a clip of ours, or of images in time order with their `fps`
    stream = processor.stream(fps=30)                       # a camera, at whatever rate
    x = stream.push(image)                                  # (1, 6, 320, 240), or None while the past is too short

Background, rotation, crop and size are those of `stream/preprocess.py`, to the byte as published; which frames make a window is decided
by `stream/windows.py`, in milliseconds, so that a camera of 18 Hz shows an encoder the same motion as one of 60.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import numpy as np
import torch

from simtouch._checks import ArgumentError, ShapeError, as_array, as_number, pick
from simtouch.models.touch_stream import Timed, TouchStream
from simtouch.models.vit import VisionTransformer
from simtouch.sensors import SENSORS, SensorSpec
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.preprocess import ENCODER_SIZE, encoder_image
from simtouch.stream.windows import WindowSpec, window_frames

RAW = ("gelsight_2017",)
"""Sensors whose images are fed as they are: with markers there is no background to subtract."""
_STRIDES = {"pair": (2, 5), "video": (4, 2)}
"""Frames of a published window and the distance between them, in frames of the sensor's camera."""
_AT_START = {"wait": False, "repeat": True}


@dataclass(frozen=True, kw_only=True, eq=False)
class TouchProcessor:
    """Makes windows of images; `for_sensor` and `for_encoder` fill it in."""

    window: WindowSpec = field(default_factory=WindowSpec)
    """Which frames, their lag, the size of the images, and whether a background is subtracted."""
    background: np.ndarray | None = None
    """The resting sensor, uint8, (H, W, 3), where no other is given."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """Of images and backgrounds as arrays: cameras read by OpenCV give `bgr`. Clips of simtouch are RGB in any case."""
    more_contrast: bool = False
    """The contrast step that the demos for the GelSight Mini have; it reaches landscape images only."""

    def __post_init__(self):
        pick("channel_order", self.channel_order, {"rgb": 0, "bgr": 0})
        if self.background is not None and self.window.background == "none":
            raise ArgumentError("`background` is given, but nothing is to be subtracted from the images of this sensor.")

    @classmethod
    def for_sensor(
        cls,
        sensor: str | SensorSpec,
        *,
        background: np.ndarray | None = None,
        window: Literal["pair", "video"] = "pair",
        image_size: tuple[int, int] = ENCODER_SIZE,
        lag_ms: float | None = None,
        stride: int | None = None,
        channel_order: Literal["rgb", "bgr"] = "rgb",
        more_contrast: bool = False,
    ) -> "TouchProcessor":
        """The recipe of a sensor.

        Args:
            sensor: `digit`, `gelsight_mini`, `gelsight_2017`, ... or a `SensorSpec`. A background is subtracted from all but
                the last, whose markers are kept.
            background: The resting sensor, uint8, (H, W, 3); clips of simtouch bring their own.
            window: `pair`, frames t and t - lag as 6 channels, or `video`, four frames.
            image_size: (H, W) of the encoder's input.
            lag_ms: Time between the frames of a window [ms]; by default what the published encoders saw of this sensor: 5 frames of its
                camera in a pair, 2 in a video, which is 83 and 33 ms for a DIGIT, 200 and 80 ms for a GelSight Mini.
            stride: The lag in frames instead, whatever their rate.
            channel_order: Of images as arrays.
            more_contrast: See the class.
        """
        spec = pick("sensor", sensor, SENSORS) if isinstance(sensor, str) else sensor
        frames, published = pick("window", window, _STRIDES)
        if lag_ms is None and stride is None:
            lag_ms = 1e3 * published / spec.camera.fps
        return cls(
            window=WindowSpec(
                frames=frames,
                stride=stride,
                lag_ms=lag_ms,
                image_shape=(int(image_size[0]), int(image_size[1])),
                background="none" if spec.name in RAW else "subtract",
                layout="time" if window == "video" else "channels",
            ),
            background=background,
            channel_order=channel_order,
            more_contrast=more_contrast,
        )

    @classmethod
    def for_encoder(cls, encoder: VisionTransformer, sensor: str | SensorSpec, **options) -> "TouchProcessor":
        """The recipe of a sensor for the input that an encoder takes; `options` as for `for_sensor`."""
        config = encoder.config
        video = config.num_frames > 1
        made = cls.for_sensor(sensor, **{"image_size": config.image_size, "window": "video" if video else "pair", **options})
        frames = config.num_frames if video else config.channels // 3
        return replace(made, window=replace(made.window, frames=frames))

    def __call__(self, windows, background: np.ndarray | Sequence[np.ndarray] | None = None) -> torch.Tensor:
        """Return a batch of windows, float32 in [0, 1], (B, 6, H, W), or (B, 3, T, H, W) for video.

        Args:
            windows: B windows, each of as many tactile images as a window has, newest first: uint8, (h, w, 3) each.
            background: One for all, (h, w, 3), or B of them; by default the processor's.

        Raises:
            ShapeError: A window has another number of images, or images or backgrounds have another shape.
            ArgumentError: Images are not uint8, or there is no background.
        """
        backgrounds = list(background) if background is not None and np.ndim(background[0]) == 3 else [background] * len(windows)
        if len(backgrounds) != len(windows):
            raise ShapeError(f"`background` must be one, or one for each of the {len(windows)} windows; got {len(backgrounds)}.")
        made = []
        for images, resting in zip(windows, backgrounds, strict=True):
            if len(images) != self.window.frames:
                raise ShapeError(f"each window must have {self.window.frames} images, newest first; got {len(images)}.")
            made.append([self.prepare(image, resting) for image in images])
        return self._tensor(made)

    def prepare(self, image: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
        """One frame: background, rotation, crop, size. Tactile image in, uint8 RGB (H, W, 3) out; arguments as for a call."""
        background = self.background if background is None else background
        if self.channel_order == "bgr":
            image = np.asarray(image)[..., ::-1]
            background = None if background is None else np.asarray(background)[..., ::-1]
        return self._prepare_rgb(image, background)

    def windows(self, clip, *, fps=None, time_s=None, background=None, batch_size: int = 64) -> Iterator[torch.Tensor]:
        """Yield all windows of a clip in time order, at most `batch_size` at once, as a call returns them.

        Args:
            clip: A clip of simtouch, simulated or recorded, or tactile images in time order, uint8, (T, h, w, 3).
            fps: Frames per second of images, or
            time_s: when each was taken [s], (T,); not needed where the lag is in frames.
            background: The resting sensor; by default the clip's or the processor's.
            batch_size: Most windows at once: one of a pair at 320 x 240 takes 1.8 MB.
        """
        if isinstance(clip, AnyClip):
            resting = self._resting(clip, background)
            frames = window_frames(self.window, clip)
            yield from self._batches(frames, lambda t: self._prepare_rgb(clip.image(t), resting), batch_size)
            return
        times = _times(len(clip), fps, time_s, needed=self.window.lag_ms is not None)
        frames = window_frames(self.window, cast(AnyClip, Timed(times)))
        yield from self._batches(frames, lambda t: self.prepare(clip[t], self._or_first(background, clip[0])), batch_size)

    def stream(
        self, *, fps: float | None = None, background: np.ndarray | None = None, at_start: Literal["wait", "repeat"] = "wait"
    ) -> TouchStream:
        """A `TouchStream`, for images as they come from a camera.

        Args:
            fps: Frames per second, where images come without their time.
            background: The resting sensor; by default the processor's.
            at_start: While the past is too short for a window, `wait` gives none and `repeat` shows the first image again.

        Raises:
            ArgumentError: The camera is so slow that a window would show one image twice.
        """

        def prepare(image: np.ndarray, first: np.ndarray) -> np.ndarray:
            return self.prepare(image, self._or_first(background, first))

        return TouchStream(self.window, prepare, self._tensor, fps=fps, repeat=pick("at_start", at_start, _AT_START))

    def _resting(self, clip: AnyClip, background) -> np.ndarray | None:
        """The RGB background for a clip of simtouch."""
        given = self.background if background is None else background
        if given is not None:
            return np.asarray(given)[..., ::-1] if self.channel_order == "bgr" else given
        if self.window.background == "none":
            return None
        return clip.image(0) if clip.background is None and self.window.background == "first" else clip.background

    def _prepare_rgb(self, image: np.ndarray, background: np.ndarray | None) -> np.ndarray:
        wanted = self.window.background
        if background is None and wanted in ("subtract", "first"):
            raise ArgumentError("`background` is needed, an image of the resting sensor: give it here or to the processor.")
        if wanted == "none":
            background = None
        return encoder_image(image, background, size=self.window.image_shape, more_contrast=self.more_contrast)

    def _or_first(self, background, first: np.ndarray) -> np.ndarray | None:
        """The background of images as arrays: what was given, or the first of them where that is wanted."""
        given = self.background if background is None else background
        return first if given is None and self.window.background == "first" else given

    def _batches(self, frames: np.ndarray, prepare, batch_size: int) -> Iterator[torch.Tensor]:
        batch_size = int(as_number("batch_size", batch_size, at_least=1))
        ready: dict[int, np.ndarray] = {}
        for start in range(0, len(frames), batch_size):
            made = []
            for wanted in frames[start : start + batch_size].tolist():
                ready = {t: image for t, image in ready.items() if t >= min(wanted)}
                ready |= {t: prepare(t) for t in wanted if t not in ready}
                made.append([ready[t] for t in wanted])
            yield self._tensor(made)

    def _tensor(self, windows: list[list[np.ndarray]]) -> torch.Tensor:
        """uint8 images (H, W, 3), newest first, to what the encoder takes."""
        H, W = self.window.image_shape
        pixels = np.array(windows, np.uint8).reshape(len(windows), self.window.frames, H, W, 3)
        by_channel = torch.from_numpy(pixels).permute(0, 1, 4, 2, 3)
        if len(self.window.shape) == 4:
            by_channel = by_channel.transpose(1, 2)
        return by_channel.to(torch.float32).reshape(len(windows), *self.window.shape) / 255


def _times(length: int, fps, time_s, *, needed: bool) -> np.ndarray:
    """When each of `length` images was taken [s]."""
    if time_s is not None:
        return as_array("time_s", time_s, "T", np.float64, T=length)
    if fps is None and needed:
        raise ArgumentError("`fps` or `time_s` is needed: the lag of these windows is in milliseconds.")
    return np.arange(length) / (1.0 if fps is None else as_number("fps", fps, above=0))
