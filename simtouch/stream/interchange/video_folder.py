"""Video files as clips: a file, or a folder of files, in; one clip a file out, decoded where it is looked at."""

from pathlib import Path
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch.stream.images import encode_image
from simtouch.stream.interchange.clip_list import ClipList, ForeignClip, is_background, natural_key
from simtouch.stream.interchange.video_file import VideoFile
from simtouch.stream.pyav import load_av

VIDEOS = frozenset({".mov", ".mp4", ".avi", ".mkv", ".webm", ".m4v"})
Background = Literal["file", "first"]


def open_video(path: str | Path, *, background: Background = "file", sensor_type: str = "") -> ClipList:
    """Open a video file, or all video files of a folder, at any depth, in natural order.

    Args:
        path: File or folder.
        background: `file`: a picture named `background...` or `bg...` in the folder of the video, or above it up to `path`, shows the
            resting sensor; without one there is no background. `first`: the first frame of each video does.
        sensor_type: `digit`, `gelsight_mini`, ..., if it is known.

    Raises:
        MissingExtraError: PyAV is not installed.
        SimtouchError: There is no video.
    """
    load_av()
    pick("background", background, dict.fromkeys(("file", "first")))
    path = Path(path)
    if not path.exists():
        raise ArgumentError(f"`path` must be a video or a folder; there is no `{path}`.")
    root = path if path.is_dir() else path.parent
    files = sorted((f for f in path.rglob("*") if is_video(f)), key=natural_key) if path.is_dir() else [path]
    if not files:
        raise SimtouchError(f"`{path}` holds no video ({', '.join(sorted(VIDEOS))}), at any depth.")
    clips, source = [], path.name if path.is_dir() else path.stem
    for file in files:
        name = file.relative_to(root).with_suffix("").as_posix()
        clip = VideoClip(source=source, clip_id=len(clips), name=name, sensor_type=sensor_type)
        clip.file, clip.first_is_background = file, background == "first"
        clip.background_file = None if background == "first" else _background_file(file, root)
        clips.append(clip)
    return ClipList(path, clips)


def is_video(path: Path) -> bool:
    """Whether a file is a video by its name."""
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".") and path.is_file()


def _background_file(file: Path, root: Path) -> Path | None:
    folder = file.parent
    while True:
        found = sorted(filter(is_background, folder.iterdir()), key=natural_key)
        if found or folder == root:
            return found[0] if found else None
        folder = folder.parent


class VideoClip(ForeignClip):
    """One video file."""

    file: Path
    first_is_background: bool
    in_order = True
    _video: VideoFile | None = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_video": None}

    @property
    def video(self) -> VideoFile:
        """The file, opened when it is first looked at."""
        self._video = self._video or VideoFile(self.file)
        return self._video

    def __len__(self) -> int:
        return len(self.video)

    @property
    def time_s(self) -> np.ndarray:
        """Since the clip's start, (T,): the time stamps of the file."""
        return self.video.time_s

    @property
    def background(self) -> np.ndarray | None:
        """The resting sensor, RGB, uint8, (H, W, 3), if something shows it."""
        return self.image(0) if self.first_is_background else super().background

    def image(self, t: int) -> np.ndarray:
        """Tactile image of frame `t`, RGB, uint8, (H, W, 3)."""
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of a clip of {len(self)}")
        return self.video.image(t % len(self))

    def release(self) -> None:
        """Close the file and forget its frames, not where they are."""
        if self._video is not None:
            self._video.close()

    def encoded_image(self, t: int) -> bytes:
        """PNG of the decoded frame `t`: a video has no picture of one frame alone."""
        return encode_image(self.image(t), "png")
