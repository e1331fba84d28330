"""Plain folders of pictures as clips: every folder with PNGs or JPEGs in it is one clip, its files in natural order."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simtouch._checks import SimtouchError, as_number
from simtouch.stream.any_clip import ChannelOrder
from simtouch.stream.interchange.clip_list import (
    ClipList,
    ForeignClip,
    folder_at,
    is_background,
    is_picture,
    natural_key,
    picture_bytes,
)


def open_images(path: str | Path, *, fps: float = 30.0, sensor_type: str = "", channel_order: ChannelOrder = "rgb") -> ClipList:
    """Open a folder of pictures, or of folders of pictures, at any depth.

    Args:
        path: Folder. A picture named `background...` or `bg...` shows the resting sensor of its folder and of those below.
        fps: Frames a second; a folder does not say.
        sensor_type: `digit`, `gelsight_mini`, ..., if it is known.
        channel_order: `bgr` if red and blue are swapped in the files.

    Raises:
        SimtouchError: There is no picture.
    """
    root, fps = folder_at(path), as_number("fps", fps, above=0)
    clips = []
    for folder, files, background in _picture_folders(root, None):
        name = folder.relative_to(root).as_posix()
        clip = ImageFolderClip(source=root.name, clip_id=len(clips), name=name, sensor_type=sensor_type)
        clip.files, clip.fps, clip.background_file, clip.channel_order = files, fps, background, channel_order
        clips.append(clip)
    if not clips:
        raise SimtouchError(f"`{root}` holds no PNG or JPEG picture, at any depth.")
    return ClipList(root, clips)


def _picture_folders(folder: Path, background: Path | None) -> Iterator[tuple[Path, tuple[Path, ...], Path | None]]:
    """Folders with pictures, their files and the background that holds for them, in natural order."""
    try:
        entries = sorted((e for e in folder.iterdir() if not e.name.startswith(".")), key=natural_key)
    except OSError as error:
        raise SimtouchError(f"`{folder}` cannot be read: {error.strerror}.") from error
    pictures = [e for e in entries if is_picture(e) and e.is_file()]
    background = next(filter(is_background, pictures), background)
    frames = tuple(e for e in pictures if not is_background(e))
    if frames:
        yield folder, frames, background
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            yield from _picture_folders(entry, background)


class ImageFolderClip(ForeignClip):
    """One folder of pictures."""

    files: tuple[Path, ...]
    fps: float

    def __len__(self) -> int:
        return len(self.files)

    @property
    def time_s(self) -> np.ndarray:
        """Since the clip's start, (T,): the place of the frame, over the rate that was given."""
        return np.arange(len(self)) / self.fps

    def encoded_image(self, t: int) -> bytes:
        """The file of frame `t`."""
        return picture_bytes(self.files[t])

    def image(self, t: int) -> np.ndarray:
        """Tactile image of frame `t`, RGB, uint8, (H, W, 3)."""
        try:
            return super().image(t)
        except SimtouchError as error:
            raise SimtouchError(f"`{self.files[t]}`: {error}") from error
