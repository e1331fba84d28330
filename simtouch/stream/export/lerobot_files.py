"""The files of a LeRobot 3.0 data set: one episode after the other in, the folder out; see `lerobot.py`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simtouch._checks import SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.frame_values import encoded_as
from simtouch.stream.export.lerobot_stats import FeatureStats
from simtouch.stream.export.mp4 import Mp4Writer, VideoCodec
from simtouch.stream.images import encode_image

VERSION = "v3.0"
CHUNKS_SIZE, DATA_MB, VIDEO_MB = 1000, 100, 200  # files a chunk, and LeRobot's own sizes of a file
_CHUNK = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH, VIDEO_PATH = f"data/{_CHUNK}.parquet", f"videos/{{video_key}}/{_CHUNK}.mp4"
EPISODES_PATH, OWN = f"meta/episodes/{_CHUNK}.parquet", "meta/simtouch"
_DEFAULTS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class _File:
    """Which file of a kind is being written."""

    def __init__(self):
        self.chunk_index, self.file_index = 0, 0

    def next(self) -> None:
        """Go on to the next one."""
        self.chunk_index, self.file_index = divmod(self.chunk_index * CHUNKS_SIZE + self.file_index + 1, CHUNKS_SIZE)

    def path(self, folder: Path, pattern: str, **names: str) -> Path:
        """Where it is; its folder is made."""
        path = folder / pattern.format(chunk_index=self.chunk_index, file_index=self.file_index, **names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class LeRobotFiles:
    """Writes one data set, in a `with` block. Arguments as in `export_lerobot`."""

    def __init__(
        self, folder: Path, fps: float, *, images: str, video_codec: VideoCodec, crf: int, tick: Callable[[int], object]
    ):
        self.folder, self.fps, self.images, self.tick = folder, fps, images, tick
        self._video_codec, self._crf = video_codec, crf
        self.features: dict[str, dict] = {}
        self._tasks: dict[str, int] = {}
        self._episodes: list[dict] = []
        self._own_episodes: list[list[dict]] = []
        self._backgrounds: dict[bytes, str] = {}
        self._stats: dict[str, FeatureStats] = {}
        self._frames = 0
        self._data, self._data_bytes, self._writer = _File(), 0, None
        self._videos: dict[str, tuple[_File, Mp4Writer]] = {}

    def write_episode(self, cameras: dict[str, AnyClip], columns: dict, task: str) -> None:
        """Append the frames of one scene: a clip a camera, the other features, what is done."""
        T, index = len(next(iter(cameras.values()))), len(self._episodes)
        self._check_features(self._features_of(cameras, columns), index)
        task_index = self._tasks.setdefault(task, len(self._tasks))
        defaults = {
            "timestamp": (np.arange(T) / self.fps).astype(np.float32),
            "frame_index": np.arange(T),
            "episode_index": np.full(T, index),
            "index": np.arange(self._frames, self._frames + T),
            "task_index": np.full(T, task_index),
        }
        values = {name: column for name, (column, _) in columns.items()} | defaults
        stats = {name: FeatureStats(images=False) for name, column in values.items() if column.dtype != object}
        for name, counted in stats.items():
            counted.add(values[name])
        row = {"episode_index": index, "tasks": [task], "length": T}
        row |= {"dataset_from_index": self._frames, "dataset_to_index": self._frames + T}
        encoded = {}
        for side, clip in cameras.items():
            key = f"observation.images.{side}"
            stats[key] = FeatureStats(images=True)
            if self.images == "video":
                row |= self._write_video(key, clip, stats[key])
            else:
                encoded[key] = self._encoded(key, clip, index, stats[key])
        row |= self._write_data(encoded, values)
        for name, counted in stats.items():
            row |= {f"stats/{name}/{stat}": number for stat, number in counted.numbers().items()}
            self._stats.setdefault(name, FeatureStats(images=counted.images)).merge(counted)
        self._episodes.append(row)
        self._own_episodes.append([self._own(side, clip) for side, clip in cameras.items()])
        self._frames += T

    def __enter__(self) -> "LeRobotFiles":
        return self

    def __exit__(self, kind, *_) -> None:
        if self._writer is not None:
            self._writer.close()
        for _, video in self._videos.values():
            video.close(whole=kind is None)
        if kind is None:
            self._write_meta()

    def _write_meta(self) -> None:
        meta = self.folder / "meta"
        _write_json(meta / "info.json", self._info())
        _write_json(meta / "stats.json", {name: stats.numbers() for name, stats in sorted(self._stats.items())})
        pq.write_table(_tasks_table(self._tasks), meta / "tasks.parquet")
        rows = [row | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0} for row in self._episodes]
        path = _File().path(self.folder, EPISODES_PATH)
        pq.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), path)
        _write_json(self.folder / OWN / "episodes.json", self._own_episodes)

    def _features_of(self, cameras: dict[str, AnyClip], columns: dict) -> dict[str, dict]:
        features: dict[str, dict] = {}
        for side, clip in cameras.items():
            shape = list(clip.image(0).shape)
            feature = {"dtype": "image", "shape": shape, "names": ["height", "width", "channels"]}
            if self.images == "video":
                even = [shape[0] + shape[0] % 2, shape[1] + shape[1] % 2, 3]
                feature |= {"dtype": "video", "shape": even, "info": self._video_info(even)}
            features[f"observation.images.{side}"] = feature
        for name, (values, names) in columns.items():
            kind = "string" if values.dtype == object else values.dtype.name
            features[name] = {"dtype": kind, "shape": [1 if values.ndim == 1 else values.shape[1]], "names": names}
        return features | {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _DEFAULTS.items()}

    def _video_info(self, shape: list[int]) -> dict:
        named = {"height": shape[0], "width": shape[1], "codec": self._video_codec, "pix_fmt": "yuv420p"}
        named |= {"is_depth_map": False, "fps": self.fps, "channels": 3}
        return {f"video.{name}": value for name, value in named.items()} | {"has_audio": False}

    def _check_features(self, features: dict[str, dict], index: int) -> None:
        """LeRobot has one schema for all episodes."""
        self.features = self.features or features
        if features != self.features:
            other = next(k for k in features.keys() | self.features.keys() if features.get(k) != self.features.get(k))
            raise SimtouchError(
                f"LeRobot has the same features in all episodes; `{other}` of episode {index} differs from that of the first."
            )

    def _encoded(self, key: str, clip: AnyClip, index: int, stats: FeatureStats) -> pa.Array:
        rows = []
        for t in range(len(clip)):
            data, extension = encoded_as(clip, t, self.images)
            rows.append({"bytes": data, "path": f"{key}-episode-{index:06d}-frame-{t:06d}.{extension}"})
            stats.add(clip.image(t)[None])
            self.tick(1)
        return pa.array(rows, _IMAGE)

    def _write_video(self, key: str, clip: AnyClip, stats: FeatureStats) -> dict:
        """Append the clip to the camera's video; return where it is."""
        file, video = self._videos.get(key) or (_File(), None)
        if video is not None and video.bytes >= VIDEO_MB * 1e6:
            video.close()
            file.next()
            video = None
        if video is None:
            path = file.path(self.folder, VIDEO_PATH, video_key=key)
            # LeRobot's own videos have a key frame every second frame, too: its readers jump about.
            video = Mp4Writer(path, self.fps, codec=self._video_codec, crf=self._crf, keyframe_every=2)
            self._videos[key] = file, video
        begin = video.frames
        for t in range(len(clip)):
            image = clip.image(t)
            video.write(image)
            stats.add(image[None])
            self.tick(1)
        place = {"chunk_index": file.chunk_index, "file_index": file.file_index}
        place |= {"from_timestamp": begin / self.fps, "to_timestamp": video.frames / self.fps}
        return {f"videos/{key}/{name}": value for name, value in place.items()}

    def _write_data(self, encoded: dict[str, pa.Array], columns: dict[str, np.ndarray]) -> dict:
        """Append a row group; return where it is."""
        arrays = encoded | {name: _array(values) for name, values in columns.items()}
        table = pa.table(arrays, schema=pa.schema(_fields(arrays), metadata=self._metadata(arrays)))
        if self._writer is not None and self._data_bytes >= DATA_MB * 2**20:
            self._writer.close()
            self._data.next()
            self._writer, self._data_bytes = None, 0
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._data.path(self.folder, DATA_PATH), table.schema, compression="snappy")
        self._writer.write_table(table)
        self._data_bytes += table.nbytes
        return {"data/chunk_index": self._data.chunk_index, "data/file_index": self._data.file_index}

    def _metadata(self, arrays: dict[str, pa.Array]) -> dict[str, str]:
        """Types in the words of HuggingFace `datasets`, so that the viewer of the Hub shows images as images."""
        told = {name: _told(self.features[name]) for name in arrays}
        return {"huggingface": json.dumps({"info": {"features": told}})}

    def _own(self, side: str, clip: AnyClip) -> dict:
        told = {name: getattr(clip, name) for name in ("source", "clip_id", "sensor_id", "sensor_type", "indenter", "motion")}
        told |= {"camera": side, "synthetic": clip.synthetic}
        return told if clip.background is None else told | {"background": self._background(clip.background)}

    def _background(self, background: np.ndarray) -> str:
        key = background.tobytes()
        if key not in self._backgrounds:
            self._backgrounds[key] = f"background-{len(self._backgrounds):03d}.png"
            path = self.folder / OWN / self._backgrounds[key]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_image(background, "png"))
        return self._backgrounds[key]

    def _info(self) -> dict:
        return {
            "codebase_version": VERSION,
            "robot_type": "simtouch",
            "total_episodes": len(self._episodes),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNKS_SIZE,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "fps": self.fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH if self.images == "video" else None,
            "features": self.features,
        }


def _array(values: np.ndarray) -> pa.Array:
    if values.dtype == object:
        return pa.array(values.tolist(), pa.string())
    if values.ndim == 1 or values.shape[1] == 1:  # of one number LeRobot has no lists
        return pa.array(values.ravel())
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])


def _fields(arrays: dict[str, pa.Array]) -> list[pa.Field]:
    return [pa.field(name, array.type) for name, array in arrays.items()]


def _told(feature: dict) -> dict:
    if feature["dtype"] == "image":
        return {"_type": "Image"}
    value = {"dtype": feature["dtype"], "_type": "Value"}
    return value if feature["shape"] == [1] else {"feature": value, "length": feature["shape"][0], "_type": "List"}


def _tasks_table(tasks: dict[str, int]) -> pa.Table:
    """`task_index` by task, the task being the index of the data frame that pandas makes of it."""

    def column(name: str, kind: str, numpy_kind: str) -> dict:
        return {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_kind, "metadata": None}

    columns = [column("task_index", "int64", "int64"), column("task", "unicode", "object")]
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    table = pa.table({"task_index": pa.array(list(tasks.values()), pa.int64()), "task": pa.array(list(tasks), pa.string())})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _write_json(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
