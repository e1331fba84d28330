"""LeRobot 3.0 data sets as clips: a folder in, one clip an episode and camera out.

The cameras of an episode share `clip_id`, its number. Numeric and text features are labels under their own names, with `task`; the
numbers of `observation.state` that carry names of ours (`force_n.x`, see `export/lerobot.py`) are known by those names too.
"""

import re
from functools import cached_property
from pathlib import Path

import numpy as np

from simtouch._checks import SimtouchError, unknown_name
from simtouch.geometry.pose import from_quaternion, pose
from simtouch.stream.export.lerobot_files import OWN
from simtouch.stream.images import encode_image
from simtouch.stream.interchange.clip_list import ClipList, ForeignClip, folder_at, read_picture
from simtouch.stream.interchange.lerobot_folder import Episode, LeRobotFolder
from simtouch.stream.interchange.video_file import VideoFile

_CAMERA, _STATE, _LABEL = "observation.images.", "observation.state", "label."
_IN_NO_LABEL = {"timestamp", "frame_index", "episode_index", "index", "task_index"}
_POSES = ("gel_T_indenter", "world_T_gel", "world_T_indenter")


def open_lerobot(path: str | Path, *, cameras: tuple[str, ...] = (), sensor_type: str = "") -> ClipList:
    """Open a LeRobot 3.0 data set.

    Args:
        path: Its folder, with `meta/info.json`.
        cameras: Features to open as touch sensors, as `observation.images.left`; by default all images and videos.
        sensor_type: `digit`, `gelsight_mini`, ..., if it is known; data sets that simtouch wrote say so themselves.

    Raises:
        SimtouchError: Another version, files that are missing or do not fit, or no camera.
    """
    folder = LeRobotFolder(folder_at(path))
    known = [name for name, feature in folder.features.items() if feature["dtype"] in ("image", "video")]
    if unknown := [name for name in cameras if name not in known]:
        raise SimtouchError(unknown_name("camera of this data set", unknown[0], known or ["none"]))
    if not known:
        raise SimtouchError(f"`{path}` has no images and no videos among its features.")
    clips = [
        LeRobotClip(folder, episode, camera, sensor_type) for episode in folder.episodes for camera in (cameras or tuple(known))
    ]
    if not clips:
        raise SimtouchError(f"`{path}` has no episodes.")
    return ClipList(path, clips)


class LeRobotClip(ForeignClip):
    """One camera in one episode."""

    def __init__(self, folder: LeRobotFolder, episode: Episode, camera: str, sensor_type: str):
        side = camera.removeprefix(_CAMERA)
        own = folder.own_of(episode.index).get(side, {})
        super().__init__(
            source=own.get("source") or folder.path.name,
            clip_id=episode.index,
            name=f"{episode.index}/{side}",
            sensor_type=sensor_type or own.get("sensor_type", ""),
        )
        self.sensor_id = own.get("sensor_id") or side
        self.indenter, self.motion = own.get("indenter", ""), own.get("motion", "")
        self.synthetic = own.get("synthetic") is True
        self._folder, self._episode, self._camera, self._side = folder, episode, camera, side
        images = (name for name, feature in folder.features.items() if feature["dtype"] in ("image", "video"))
        self._sides = tuple(name.removeprefix(_CAMERA) for name in images)
        name = own.get("background", "")
        if re.fullmatch(r"[\w-]+\.png", name):
            self.background_file = folder.path / OWN / name

    def __getstate__(self) -> dict:
        caches = ("_video", "_encoded", "labels", "_named")
        return {name: value for name, value in self.__dict__.items() if name not in caches}

    def __len__(self) -> int:
        return self._episode.length

    @cached_property
    def labels(self) -> dict[str, np.ndarray]:
        """Features that are no images, by name, with `task`."""
        names = [n for n, f in self._folder.features.items() if f["dtype"] not in ("image", "video") and n not in _IN_NO_LABEL]
        own = {name: self._own_part(name) for name in names}
        columns = {part.removeprefix(_LABEL): self._folder.column(self._episode, name) for name, part in own.items() if part}
        return columns | {"task": np.full(len(self), self._episode.task)}

    def _own_part(self, name: str) -> str:
        """`name` without the name of this camera before it; empty if it speaks of another camera."""
        side = next((side for side in self._sides if name.startswith(f"{side}.")), None)
        return name if side is None else name.removeprefix(f"{side}.") if side == self._side else ""

    @cached_property
    def _named(self) -> dict[str, np.ndarray]:
        """Numbers of the state by the part of their names before the dot, poses as (T, 4, 4)."""
        names = self._folder.features.get(_STATE, {}).get("names")
        if not isinstance(names, list):
            return {}
        state = self.labels[_STATE].reshape(len(self), -1)
        places: dict[str, list[int]] = {}
        for i, name in enumerate(map(str, names[: state.shape[1]])):
            if part := self._own_part(name):
                places.setdefault(part.partition(".")[0], []).append(i)
        named = {name: state[:, found].astype(float) for name, found in places.items()}
        for name, values in named.items():
            if name in _POSES and values.shape[1] == 7:
                named[name] = np.array([pose(row[:3], from_quaternion(row[3:])) for row in values])
            elif values.shape[1] == 1:
                named[name] = values[:, 0]
        return named

    def has(self, name: str) -> bool:
        """Whether the clip knows `name` of each frame."""
        return name in self.labels or name in self._named

    def values(self, name: str) -> np.ndarray:
        """What is known of each frame by that name, T values."""
        return self._named[name] if name in self._named else super().values(name)

    @property
    def time_s(self) -> np.ndarray:
        """Since the clip's start, (T,)."""
        time_s = self._folder.column(self._episode, "timestamp").astype(float)
        return time_s - time_s[0]

    @property
    def background(self) -> np.ndarray | None:
        """The resting sensor, RGB, uint8, (H, W, 3), in data sets that simtouch wrote."""
        return None if self.background_file is None else read_picture(self.background_file)

    @property
    def is_video(self) -> bool:
        """Whether the images are frames of a video."""
        return self._folder.features[self._camera]["dtype"] == "video"

    @property
    def in_order(self) -> bool:
        """As `is_video`."""
        return self.is_video

    def release(self) -> None:
        """Close the video and forget its frames, not where they are."""
        if "_video" in self.__dict__:
            self._video[0].close()

    @cached_property
    def _video(self) -> tuple[VideoFile, np.ndarray]:
        """The file, and the places in it of this episode's frames."""
        path, begin_s = self._folder.video_of(self._episode, self._camera)
        video = VideoFile(path)
        wanted = begin_s + np.arange(len(self)) / self._folder.fps
        places = np.clip(np.searchsorted(video.time_s, wanted - 0.5 / self._folder.fps), 0, len(video) - 1)
        off = np.abs(video.time_s[places] - wanted)
        if off.max() > 0.5 / self._folder.fps:
            raise SimtouchError(f"`{path}` has no frame at {wanted[off.argmax()]:.3f} s, which episode {self.clip_id} needs.")
        return video, places

    @cached_property
    def _encoded(self) -> list:
        """The encoded images of this episode."""
        return self._folder.images(self._episode, self._camera)

    def image(self, t: int) -> np.ndarray:
        """Tactile image of frame `t`, RGB, uint8, (H, W, 3)."""
        if not self.is_video:
            return super().image(t)
        video, places = self._video
        return video.image(int(places[t]))

    def encoded_image(self, t: int) -> bytes:
        """The bytes of the image column, or a PNG of the video's frame."""
        if self.is_video:
            return encode_image(self.image(t), "png")
        data = self._encoded[t]
        if not isinstance(data, bytes):
            raise SimtouchError(f"`{self._camera}` of episode {self.clip_id}, frame {t}, has no bytes.")
        return data
