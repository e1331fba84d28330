"""Files of a LeRobot 3.0 data set: episodes, columns and images in, arrays and bytes out, every size checked before it is read.

Parquet and JSON come from strangers: the paths inside are not followed but made from the layout of version 3.0, a footer's sizes
are compared with limits, and what is missing or of another kind is one sentence with the file's name.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simtouch._checks import SimtouchError
from simtouch.stream.export.lerobot_files import DATA_PATH, OWN, VIDEO_PATH

_MOST_JSON_BYTES = 1 << 26
_MOST_BYTES = 1 << 31  # of the columns that are read at once, uncompressed
_MOST_EPISODES, _MOST_FRAMES = 10_000_000, 10_000_000
_KEY = re.compile(r"[\w.-]+")
_WHOLE = ("episode_index", "length", "dataset_from_index", "data/chunk_index", "data/file_index")


@dataclass(frozen=True)
class Episode:
    """One row of `meta/episodes`."""

    index: int
    length: int
    data: tuple[int, int]
    """Chunk and file."""
    begin: int
    """First row in that file."""
    task: str
    videos: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    """Chunk, file and time of the first frame, by camera."""


class LeRobotFolder:
    """One data set. Picklable: it keeps no file open."""

    def __init__(self, path: Path):
        self.path = path
        info = _json(path / "meta" / "info.json")
        self.fps, self.features = _checked_info(path, info)
        videos = [name for name, feature in self.features.items() if feature["dtype"] == "video"]
        self.episodes = _episodes(path, videos)
        own = path / OWN / "episodes.json"
        self._own = _json(own) if own.is_file() else []

    def own_of(self, index: int) -> dict[str, dict]:
        """What simtouch wrote beside the format about an episode, by camera."""
        rows = self._own[index] if isinstance(self._own, list) and index < len(self._own) else []
        return {row["camera"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("camera"), str)}

    def column(self, episode: Episode, name: str) -> np.ndarray:
        """One feature of an episode, (T,) or (T, n)."""
        array = self._read(episode, name)
        shape = (len(array),)
        while pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type) or pa.types.is_large_list(array.type):
            array = array.flatten()
            shape = (*shape, len(array) // max(math.prod(shape), 1))
        values = array.to_numpy(zero_copy_only=False)
        if values.size != math.prod(shape):
            raise SimtouchError(f"`{self.path}`: `{name}` of episode {episode.index} has rows of different lengths.")
        return values.reshape(shape)

    def images(self, episode: Episode, name: str) -> list[bytes | None]:
        """The encoded images of an episode."""
        array = self._read(episode, name)
        if not pa.types.is_struct(array.type) or array.type.get_field_index("bytes") < 0:
            raise SimtouchError(f"`{self.path}`: `{name}` must be a column of encoded images; it is {array.type}.")
        return array.field("bytes").to_pylist()

    def video_of(self, episode: Episode, camera: str) -> tuple[Path, float]:
        """The file of a camera, and when the episode begins in it [s]."""
        chunk, file, begin_s = episode.videos[camera]
        return self.path / VIDEO_PATH.format(video_key=camera, chunk_index=chunk, file_index=file), begin_s

    def _read(self, episode: Episode, name: str) -> pa.Array:
        """Rows of one column: the row groups that hold them are read, no others."""
        chunk, number = episode.data
        path = self.path / DATA_PATH.format(chunk_index=chunk, file_index=number)
        file = _parquet(path)
        if name not in file.schema_arrow.names:
            raise SimtouchError(f"`{path}` has no column `{name}`, which meta/info.json declares.")
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
        ends = np.cumsum(sizes, dtype=np.int64)
        first, last = np.searchsorted(ends, [episode.begin, episode.begin + episode.length - 1], "right")
        if last >= len(sizes):
            raise SimtouchError(f"`{path}` has {sum(sizes)} rows; episode {episode.index} needs more.")
        groups = list(range(int(first), int(last) + 1))
        begin = episode.begin - int(ends[first] - sizes[first])
        table = _read_groups(path, file, groups, [name])
        return table[name].slice(begin, episode.length).combine_chunks()


def _checked_info(path: Path, info: Any) -> tuple[float, dict[str, dict]]:
    """Rate and features, or what is wrong with them."""
    info = info if isinstance(info, dict) else {}
    version, features, fps = info.get("codebase_version"), info.get("features"), info.get("fps")
    where = f"`{path / 'meta' / 'info.json'}`"
    if not isinstance(version, str) or not version.startswith("v3."):
        raise SimtouchError(f"{where} is of the version {version!r:.20}; LeRobot 3.0 is read, and LeRobot converts older ones.")
    if not isinstance(fps, int | float) or not 0 < fps <= 1e6:
        raise SimtouchError(f"{where} must give `fps` as a number > 0; it says {fps!r:.20}.")
    if not isinstance(features, dict) or not all(
        isinstance(f, dict) and isinstance(f.get("dtype"), str) for f in features.values()
    ):
        raise SimtouchError(f"{where} must describe `features`, each with a dtype.")
    if strange := [name for name in features if not _KEY.fullmatch(name) or ".." in name]:
        raise SimtouchError(f"{where} names a feature {strange[0]!r:.60}; letters, digits, `.`, `_` and `-` are possible.")
    return float(fps), features


def _episodes(path: Path, videos: list[str]) -> list[Episode]:
    """All episodes in order."""
    names = [f"videos/{key}/{name}" for key in videos for name in ("chunk_index", "file_index", "from_timestamp")]
    rows: list[dict] = []
    for file_path in sorted((path / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
        file = _parquet(file_path)
        missing = [name for name in (*_WHOLE, *names) if name not in file.schema_arrow.names]
        if missing:
            raise SimtouchError(f"`{file_path}` has no column `{missing[0]}`.")
        if file.metadata.num_rows + len(rows) > _MOST_EPISODES:
            raise SimtouchError(f"`{file_path}` declares {file.metadata.num_rows} episodes.")
        wanted = [*_WHOLE, *names, *(["tasks"] if "tasks" in file.schema_arrow.names else [])]
        rows += _read_groups(file_path, file, list(range(file.metadata.num_row_groups)), wanted).to_pylist()
    if not rows:
        raise SimtouchError(f"`{path}` has no episodes: meta/episodes holds no rows.")
    return list(_checked_episodes(path, rows, videos))


def _checked_episodes(path: Path, rows: list[dict], videos: list[str]) -> Iterator[Episode]:
    for row in rows:
        numbers = [row[name] for name in _WHOLE] + [
            row[f"videos/{key}/{n}"] for key in videos for n in ("chunk_index", "file_index")
        ]
        if not all(type(n) is int and n >= 0 for n in numbers) or not 0 < row["length"] <= _MOST_FRAMES:
            told = dict(zip(_WHOLE, numbers, strict=False))
            raise SimtouchError(f"`{path / 'meta' / 'episodes'}` describes an impossible episode: {told}.")
    rows.sort(key=lambda row: row["episode_index"])
    first_row: dict[tuple[int, int], int] = {}
    for row in rows:
        data = row["data/chunk_index"], row["data/file_index"]
        first_row[data] = min(first_row.get(data, row["dataset_from_index"]), row["dataset_from_index"])
    for row in rows:
        data, tasks = (row["data/chunk_index"], row["data/file_index"]), row.get("tasks") or []
        places = {
            key: (
                row[f"videos/{key}/chunk_index"],
                row[f"videos/{key}/file_index"],
                float(row[f"videos/{key}/from_timestamp"] or 0),
            )
            for key in videos
        }
        task = "; ".join(map(str, tasks)) if isinstance(tasks, list) else str(tasks)
        begin = row["dataset_from_index"] - first_row[data]
        yield Episode(row["episode_index"], row["length"], data, begin, task, places)


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, memory_map=True, pre_buffer=False)
    except FileNotFoundError as error:
        raise SimtouchError(f"`{path}` is missing.") from error
    except (OSError, pa.ArrowException) as error:
        raise SimtouchError(f"`{path}` is not a readable Parquet file ({str(error).splitlines()[0]:.120}).") from error


def _read_groups(path: Path, file: pq.ParquetFile, groups: list[int], names: list[str]) -> pa.Table:
    """Some columns of some row groups, if the footer says that they are small enough."""
    size = 0
    for i in groups:
        group = file.metadata.row_group(i)
        parts = (group.column(k) for k in range(group.num_columns))
        size += sum(part.total_uncompressed_size for part in parts if _belongs(part.path_in_schema, names))
    if not 0 <= size <= _MOST_BYTES:
        raise SimtouchError(f"`{path}` declares {size >> 20} MB to be read at once; at most {_MOST_BYTES >> 20} MB are.")
    try:
        return file.read_row_groups(groups, columns=names, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise SimtouchError(f"`{path}` cannot be read, its bytes are damaged ({str(error).splitlines()[0]:.120}).") from error


def _belongs(path_in_schema: str, names: list[str]) -> bool:
    return any(path_in_schema == name or path_in_schema.startswith(f"{name}.") for name in names)


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_JSON_BYTES:
            raise SimtouchError(f"`{path}` is larger than the {_MOST_JSON_BYTES >> 20} MB that are read.")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SimtouchError(f"`{path}` is missing: the folder is no LeRobot 3.0 data set.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise SimtouchError(f"`{path}` is not readable JSON: {error!s:.120}.") from error
