"""T1 and T2 of TacBench, digit-force and gelsight-force: batches of presses and slides in, a clip per trajectory out.

    PROBE/batch_K/dataset_{digit,gelsight}_NN.pkl      lists of images, one after the other the N frames of the batch
    PROBE/batch_K/dataset_slip_forces.pkl              in_contact (N,); trajectories {id: indexes (n,), forces (n, 3), slip_label (n,),
                                                       coef_friction; perhaps poses (n, 7) and more of n rows}

Labels of a clip of T = n frames; lists that are shorter than `indexes`, as some are, end in NaN:

    force_n (T, 3)       the stored force with z negated: the files count a press as positive (the official heads end in a sigmoid
                         there), we as negative. x and y are those of the rig, whose turn to our gel frame is not published.
    slip (T,)            1 in gross slip
    friction (T,)        coef_friction
    frame_index (T,)     which frame of the batch
    NAME (T, ...)        everything else with n rows, under its own name, as it is stored

The background is the batch's first frame out of contact.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch._unpickle import brief
from simtouch.stream.any_clip import ChannelOrder
from simtouch.stream.images import decode_image
from simtouch.stream.recordings.files import FolderFiles, as_numbers, natural_order
from simtouch.stream.recordings.recorded import Entry, Reading, Recordings
from simtouch.stream.recordings.slides import FPS

LABELS = "dataset_slip_forces.pkl"
_CHUNK = re.compile(r"dataset_(digit|gelsight)_\d+\.pkl$")
_NAMED = {"indexes", "forces", "slip_label", "coef_friction"}


def force_files(files: FolderFiles) -> list[str]:
    """The label files of all batches."""
    return files.names(*("*/" * depth + LABELS for depth in range(4)))


def open_forces(path: str | Path, *, fps: float | None = None, channel_order: ChannelOrder = "rgb") -> Recordings:
    """Open digit-force, gelsight-force, a probe of them or one batch.

    Args:
        path: The folder.
        fps: Frames a second; by default 60 for the DIGIT and 25 for the GelSight Mini.
        channel_order: `bgr` if red and blue are swapped in the files.
    """
    files = FolderFiles(path)
    entries: list[Entry] = []
    for labels in force_files(files):
        base = labels.removesuffix(LABELS)
        chunks = [name for name in files.names(f"{base}dataset_*.pkl") if _CHUNK.search(name)]
        if not chunks:
            raise ArgumentError(
                f"`{files.root / labels}` has no images beside it, dataset_digit_NN.pkl or dataset_gelsight_NN.pkl."
            )
        sensor = "digit" if Path(chunks[0]).name.startswith("dataset_digit") else "gelsight_mini"
        probe = (files.root / labels).absolute().parents[1].name
        for key in sorted(_trajectories(files, labels), key=lambda key: natural_order(str(key))):
            entries.append(Entry((labels, *chunks), len(entries), sensor, probe, "press_and_slide", part=key))
    return Recordings(path, "force", entries, partial(_read, fps=fps), channel_order=channel_order)


def _trajectories(files: FolderFiles, name: str) -> dict:
    value = files.pickle(name)
    found = value.get("trajectories") if isinstance(value, dict) else None
    if isinstance(found, list):
        found = dict(enumerate(found))
    if not isinstance(found, dict) or not all(isinstance(k, str | int) and isinstance(v, dict) for k, v in found.items()):
        raise ArgumentError(
            f"`{files.root / name}` must hold `trajectories`, each a dict, by their numbers; it holds {brief(found)}."
        )
    return found


def _read(files: FolderFiles, entry: Entry, fps: float | None) -> Reading:
    name, *chunks = entry.files
    where = f"{files.root / name}: trajectory {entry.part}"
    trajectory = _trajectories(files, name)[entry.part]
    for key in ("indexes", "forces"):
        if key not in trajectory:
            raise ArgumentError(f"`{where}` has no `{key}`.")
    counts = [files.image_count(chunk) for chunk in chunks]
    indexes = as_numbers(trajectory["indexes"], f"{where}, indexes", (), sum(counts))
    if not len(indexes) or not np.all((indexes >= 0) & (indexes < sum(counts)) & (indexes == np.rint(indexes))):
        raise ArgumentError(f"`{where}` must name frames of its batch, which has {sum(counts)}; it does not.")
    indexes = indexes.astype(np.int64)
    images = [_frame(files, chunks, counts, i) for i in indexes]
    rate = FPS[entry.sensor_type] if fps is None else as_number("fps", fps, above=0)
    return Reading(
        images,
        (indexes - indexes[0]) / rate,
        {"frame_index": indexes} | _labels(trajectory, len(indexes), where),
        lambda: _background(files, name, chunks, counts),
    )


def _frame(files: FolderFiles, chunks: list[str], counts: list[int], index: int):
    """Frame `index` of the batch."""
    ends = np.cumsum(counts)
    chunk = int(np.searchsorted(ends, index, side="right"))
    return files.images(chunks[chunk])[int(index) - int(ends[chunk]) + counts[chunk]]


def _labels(trajectory: dict, frames: int, where: str) -> dict[str, np.ndarray]:
    labels = {"force_n": _rows(trajectory["forces"], frames, f"{where}, forces", (3,)) * (1, 1, -1)}
    if "slip_label" in trajectory:
        labels["slip"] = _rows(trajectory["slip_label"], frames, f"{where}, slip_label")
    friction = trajectory.get("coef_friction")
    if isinstance(friction, int | float | np.number):
        labels["friction"] = np.full(frames, float(friction))
    elif friction is not None:
        labels["friction"] = _rows(friction, frames, f"{where}, coef_friction")
    for key, value in trajectory.items():
        is_rows = isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.shape[:1] == (frames,)
        if key not in _NAMED and isinstance(key, str) and is_rows:
            labels[key] = value
    return labels


def _rows(value, frames: int, where: str, columns: tuple[int, ...] = ()) -> np.ndarray:
    """`value` as numbers, with NaN where they end before the frames do; one number stands for all."""
    if isinstance(value, np.ndarray) and value.ndim == 0 and not columns:
        value = np.full(frames, value)
    values = as_numbers(value, where, columns, frames)
    out = np.full((frames, *columns), np.nan)
    out[: len(values)] = values
    return out


def _background(files: FolderFiles, name: str, chunks: list[str], counts: list[int]) -> np.ndarray | None:
    """The first frame out of contact, if there is one."""
    known = files.pickle(name)
    if "in_contact" not in known:
        return None
    in_contact = as_numbers(known["in_contact"], f"{files.root / name}: in_contact")
    if len(in_contact) != sum(counts):
        raise ArgumentError(f"`{files.root / name}`: in_contact has {len(in_contact)} values for {sum(counts)} frames.")
    resting = np.flatnonzero(in_contact == 0)
    frame = _frame(files, chunks, counts, int(resting[0])) if len(resting) else None
    return None if frame is None else decode_image(bytes(frame))
