"""LeRobot data sets, version 3.0: clips in, the folder that `LeRobotDataset(repo_id, root=...)` opens out.

    meta/info.json                                  features, counts, rate, where the files are
    meta/stats.json, meta/tasks.parquet             statistics over all frames; `task_index` of each task
    meta/episodes/chunk-000/file-000.parquet        a row an episode: its frames, files and statistics
    data/chunk-000/file-000.parquet                 a row a frame, a row group an episode
    videos/KEY/chunk-000/file-000.mp4               with images="video"; many episodes a file
    meta/simtouch/                                  backgrounds and what LeRobot has no place for; other readers pass it by

One scene is one episode, each of its sensors one camera: `observation.images.touch`, or `.left` and `.right`.
`observation.state` is all that is known in numbers, SI and in the gel frame, each with its name (`force_n.x`, `left.force_n.x`);
a label is a feature of its own (`label.NAME`), as is `slip_state`. The task is the motion and the indenter.
Images are lossless columns by default: a video's 4:2:0 chroma and quantisation change the shading, which is the measurement.
Written from the format's documentation and the keys that its loader asks for; LeRobot is never imported.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.frame_values import frames_per_second, known_values, position_quaternion, scenes_of, side_names
from simtouch.stream.export.lerobot_files import LeRobotFiles
from simtouch.stream.export.mp4 import VideoCodec
from simtouch.stream.export.new_folder import new_folder

_STATE = {
    "force_n": ("x", "y", "z"),
    "torque_nm": ("x", "y", "z"),
    "torsion_nm": (),
    "centre_of_pressure_m": ("x", "y"),
    "slip_ratio": (),
    "contact_area_m2": (),
    "indent_depth_m": (),
    "friction": (),
    "gel_T_indenter": ("x", "y", "z", "qw", "qx", "qy", "qz"),
    "world_T_gel": ("x", "y", "z", "qw", "qx", "qy", "qz"),
    "world_T_indenter": ("x", "y", "z", "qw", "qx", "qy", "qz"),
}
"""What goes into `observation.state` where every clip has it, and the names of its numbers."""
_OFF_GRID = 0.5  # frames: more than this from i / fps is another rate


def export_lerobot(
    clips: Sequence[AnyClip],
    out: str | Path,
    *,
    images: Literal["stored", "png", "jpeg95", "video"] = "stored",
    fps: float | None = None,
    video_codec: VideoCodec = "h264",
    crf: int = 18,
    tick: Callable[[int], object] = lambda frames: None,
) -> Path:
    """Write `clips` as a LeRobot data set and return its folder.

    Args:
        clips: Simulated or recorded; all of one rate, size and set of known values.
        out: New or empty folder; whole or not there at all.
        images: Image columns with the `stored` bytes, or encoded as `png` or `jpeg95`; or `video`.
        fps: Frames a second; by default those of the first clip. LeRobot has one for the whole data set.
        video_codec: Of `video`: `h264` or `av1`.
        crf: Its quality, 0 (best) to 51 or 63.
        tick: Called with the number of frames written since the last call.

    Raises:
        SimtouchError: Clips of different rates, or of different known values.
    """
    if not len(clips):
        raise ArgumentError("`clips` must hold at least one clip; got none.")
    rate, schema = _whole(fps or frames_per_second(clips[0])), _Schema(clips)
    options = {"images": images, "video_codec": video_codec, "crf": crf, "tick": tick}
    with new_folder(out) as folder, LeRobotFiles(folder, rate, **options) as files:
        for scene in scenes_of(clips):
            for clip in scene:
                if len(clip) != len(scene[0]):
                    raise SimtouchError(f"the sensors of clip {clip.clip_id} of `{clip.source}` have clips of different lengths.")
                _check_rate(clip, rate)
            cameras = dict(zip(side_names(scene), scene, strict=True))
            files.write_episode(cameras, schema.columns(cameras), _task(scene[0]))
    return Path(out)


class _Schema:
    """What all episodes have in common: LeRobot has one set of features."""

    def __init__(self, clips: Sequence[AnyClip]):
        names: set[str] | None = None
        self._label_kinds: dict[str, type] = {}
        having: Counter[str] = Counter()
        for clip in clips:
            known = known_values(clip)
            names = set(known) if names is None else names & known.keys()
            for name, values in known.items():
                if name.startswith("label_") and name != "label_task":
                    kind = _kind_of(values)
                    before = self._label_kinds.setdefault(name, kind)
                    self._label_kinds[name] = max(kind, before, key=_KINDS.index)
                    having[name] += 1
        for name, kind in self._label_kinds.items():
            if kind is int and having[name] < len(clips):
                self._label_kinds[name] = float  # where it is missing it is NaN
        self._names = names or set()

    def columns(self, cameras: dict[str, AnyClip]) -> dict[str, tuple[np.ndarray, list[str] | None]]:
        """Features of one episode but for its images: (T,) or (T, n) values and the names of the n, by feature."""
        columns: dict[str, tuple[np.ndarray, list[str] | None]] = {}
        state, names = [], []
        for side, clip in cameras.items():
            prefix, known = "" if len(cameras) == 1 else f"{side}.", known_values(clip)
            for name, parts in _STATE.items():
                if name in self._names:
                    numbers = np.asarray(known[name], float)
                    numbers = position_quaternion(numbers) if "_T_" in name else numbers.reshape(len(clip), -1)
                    state.append(numbers.astype(np.float32))
                    names += [f"{prefix}{name}.{part}" for part in parts] or [f"{prefix}{name}"]
            if "slip_state" in self._names:
                columns[f"{prefix}slip_state"] = known["slip_state"].astype(object), None
            for name, kind in sorted(self._label_kinds.items()):
                values = known.get(name, np.full(len(clip), None, object))
                columns[_feature_name(name.removeprefix("label_"), prefix)] = _label(values, kind), None
        if state:
            columns |= {"observation.state": (np.concatenate(state, axis=1), names)}
        return columns


def _feature_name(label: str, prefix: str) -> str:
    """A label's feature; what came from LeRobot (`action`, `next.reward`) keeps its name, which all cameras share."""
    return label if "." in label or label == "action" else f"{prefix}label.{label}"


def _task(clip: AnyClip) -> str:
    """What is done: the label `task`, or the motion and the indenter."""
    if "task" in clip.labels and len(clip):
        return str(clip.labels["task"][0])
    return f"{clip.motion or 'touch'} {clip.indenter}".strip()


_KINDS = (int, float, str)  # each holds those before it


def _kind_of(values: np.ndarray) -> type:
    """Of a label: text, or numbers that may be missing, or whole numbers."""
    if values.dtype.kind in "UO":
        return str if any(isinstance(v, str) for v in values) else float
    return float if values.dtype.kind == "f" else int


def _label(values: np.ndarray, kind: type) -> np.ndarray:
    """A label as a column of one type: what is missing is NaN or empty text."""
    if kind is str:
        return np.array([v if isinstance(v, str) else "" if v is None else str(v) for v in values], object)
    if kind is float:
        values = np.array([np.nan if v is None else v for v in values], np.float32)
        return values if values.ndim == 1 else values.reshape(len(values), -1)
    return values.astype(np.int64)


def _whole(fps: float) -> float:
    """`fps` as a whole number where it is one; LeRobot's own are."""
    return round(fps) if abs(fps - round(fps)) < 1e-3 * fps else float(fps)


def _check_rate(clip: AnyClip, fps: float) -> None:
    time_s = np.asarray(clip.time_s, float)
    off = np.abs((time_s - time_s[0]) * fps - np.arange(len(clip)))
    if not off.max() <= _OFF_GRID:
        raise SimtouchError(
            f"LeRobot has one rate for all frames, here {fps:g}/s; frame {int(off.argmax())} of clip {clip.clip_id} of "
            f"`{clip.source}` is {off.max():.3g} frames off."
        )
