"""MP4 files: RGB frames in, one video file out, the same bytes on every run."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from simtouch._checks import SimtouchError, as_number, pick
from simtouch.stream.images import check_image
from simtouch.stream.pyav import load_av

VideoCodec = Literal["h264", "av1"]
PixelFormat = Literal["yuv420p", "yuv444p"]
# Codec: encoder, its options. One thread: x264 and SVT-AV1 give other bytes with another number of threads. Without
# `cpu-independent`, x264's AVX-512 lookahead for B frames gave 19 different files in 20 runs on equal frames.
_ENCODERS = {
    "h264": ("libx264", {"preset": "medium", "threads": "1", "x264-params": "cpu-independent=1"}),
    "av1": ("libsvtav1", {"preset": "8", "svtav1-params": "lp=1"}),
}
SMPTE_170M = 6  # the matrix of standard definition, which libav also assumes of files that do not say


class Mp4Writer:
    """One video file. Use it in a `with` block.

    Args:
        path: File to write.
        fps: Frames a second.
        codec: `h264` or `av1`.
        pixels: `yuv420p`, which every player reads, or `yuv444p`, which keeps colour at full resolution (H.264 only).
        crf: Quality of the encoder, 0 (best) to 51 (H.264) or 63 (AV1).
        keyframe_every: Most frames between two key frames; few make random access fast.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        *,
        codec: VideoCodec = "h264",
        pixels: PixelFormat = "yuv420p",
        crf: int = 18,
        keyframe_every: int = 30,
    ):
        encoder, options = pick("video codec", codec, _ENCODERS)
        as_number("crf", crf, at_least=0, at_most=51 if codec == "h264" else 63)
        self._av = load_av()
        if codec == "av1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only
        if encoder not in self._av.codecs_available:
            raise SimtouchError(f"this build of PyAV has no {encoder}, which the video codec `{codec}` needs.")
        self.path, self.fps = path, fps
        self.frames, self.bytes = 0, 0
        self._encoder, self._pixels = encoder, "yuv420p" if codec == "av1" else pixels
        self._options = options | {"crf": str(crf), "g": str(keyframe_every)}
        self._container = self._stream = None

    def __enter__(self) -> "Mp4Writer":
        return self

    def __exit__(self, kind, *_) -> None:
        self.close(whole=kind is None)

    def close(self, *, whole: bool = True) -> None:
        """End the file; with `whole=False` what the encoder still holds is dropped."""
        if self._container is not None:
            if whole:
                self._mux(self._stream.encode())
            self._container.close()
            self._container = None

    def write(self, image: np.ndarray) -> None:
        """Append a frame, uint8, RGB, (H, W, 3); odd sizes grow by one row or column, which 4:2:0 needs."""
        check_image("image", image)
        H, W, _ = image.shape
        even = np.pad(image, ((0, H % 2), (0, W % 2), (0, 0)), "edge")
        if self._stream is None:
            self._begin(even.shape)
        elif (self._stream.height, self._stream.width) != even.shape[:2]:
            raise SimtouchError(f"`{self.path.name}`: all frames of a video must have one size; got {H} x {W} pixels.")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame = frame.reformat(format=self._pixels, dst_colorspace="smpte170m")
        frame.pts = self.frames
        frame.time_base = self._stream.codec_context.time_base
        self._mux(self._stream.encode(frame))
        self.frames += 1

    def _begin(self, shape: tuple[int, ...]) -> None:
        rate = Fraction(self.fps).limit_denominator(1001)
        # `bitexact` leaves out the library's version; the index comes first, so that browsers can start at once.
        container = self._av.open(str(self.path), "w", format="mp4", options={"movflags": "faststart"})
        container.flags |= self._av.container.Flags.bitexact.value
        stream = container.add_stream(self._encoder, rate=rate, options=self._options)
        stream.height, stream.width = shape[:2]
        stream.pix_fmt = self._pixels
        context = stream.codec_context
        context.time_base = 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = SMPTE_170M
        self._container, self._stream = container, stream

    def _mux(self, packets) -> None:
        for packet in packets:
            self.bytes += packet.size
            self._container.mux(packet)
