"""Videos to look at: clips in, one MP4 a clip out, the tactile image beside the difference image."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.frame_values import file_name, frames_per_second
from simtouch.stream.export.mp4 import Mp4Writer, PixelFormat
from simtouch.stream.export.new_folder import new_folder
from simtouch.stream.images import difference_image


def export_video(
    clips: Sequence[AnyClip],
    out: str | Path,
    *,
    fps: float | None = None,
    pixels: PixelFormat = "yuv420p",
    crf: int = 18,
    tick: Callable[[int], object] = lambda frames: None,
) -> Path:
    """Write one H.264 video a clip, `CLIP-SENSOR.mp4`, and return their folder.

    Args:
        clips: Simulated or recorded; without a background image they are shown alone.
        out: New or empty folder; whole or not there at all.
        fps: Frames a second to play at; by default those of the clip.
        pixels: `yuv420p`, which every player reads, or `yuv444p`, which keeps the colours' resolution.
        crf: Quality, 0 (lossless but for the colour conversion) to 51.
        tick: Called with the number of frames written since the last call.
    """
    if not len(clips):
        raise ArgumentError("`clips` must hold at least one clip; got none.")
    rate = None if fps is None else as_number("fps", fps, above=0, at_most=1000)
    taken: dict[str, int] = {}
    with new_folder(out) as folder:
        for clip in clips:
            name = f"{clip.clip_id:06d}-{file_name(clip.sensor_id, 'sensor')}"
            taken[name] = taken.get(name, 0) + 1
            name += "" if taken[name] == 1 else f"-{taken[name]}"
            with Mp4Writer(folder / f"{name}.mp4", rate or frames_per_second(clip), pixels=pixels, crf=crf) as video:
                for image in side_by_side(clip):
                    video.write(image)
                    tick(1)
    return Path(out)


def side_by_side(clip: AnyClip):
    """Each frame as (H, 2 W, 3): the tactile image and, where the clip has a background, the difference image."""
    background = clip.background
    for t in range(len(clip)):
        image = clip.image(t)
        if background is None:
            yield image
        elif background.shape != image.shape:
            sizes = f"{background.shape[0]} x {background.shape[1]} pixels; its images {image.shape[0]} x {image.shape[1]}"
            raise ArgumentError(f"the background of clip {clip.clip_id} of `{clip.source}` has {sizes}.")
        else:
            yield np.concatenate([image, difference_image(image, background)], axis=1)
