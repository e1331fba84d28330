"""Real presses of 67 objects on a GelSight Mini (Octopi, Yu et al., RSS 2024): a folder in, clips, folds and encoder windows out.

The folder holds the clips, `clips.csv` and `labels.csv`, which names of each clip an early frame and those that differ most from
its start, the candidates for contact (four in all but two of 303 clips). The early frame need not be free of contact.

Who is tested on what:
    identity    4 folds: the rank of a clip among those of its object, modulo 4. A budget of b clips an object takes the first b of a
                permutation of the object's training clips, drawn from (seed, fold, object): budgets are nested, and a smaller number
                of clips is all that an object has where it has fewer.
    properties  hardness, roughness, bumpiness, 0 to 2, of 60 objects: repeats of 5 folds by object, drawn from the number of the repeat
                and dealt out class by class.
"""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch.stream.decode import laid_out
from simtouch.stream.images import difference_image
from simtouch.stream.interchange.video_file import VideoFile

IDENTITY_FOLDS, PROPERTY_FOLDS = 4, 5
PROPERTIES = ("hardness", "roughness", "bumpiness")
BACK = {"pair": (0, 5), "video": (0, 2, 4, 6)}
"""Frames of a window, counted back from the newest: those of pretraining, 200 and 240 ms at 25 frames/s."""


@dataclass(frozen=True, kw_only=True)
class OctopiClip:
    """One press, and what is known of it."""

    file: Path
    object: str
    number: int
    """Of the file among those of the object."""
    rank: int
    """Of the clip among those of the object, from 0, by `number`."""
    length: int
    """Frames. A trait of the recording, not of touch."""
    session: str
    """Of the two groups of backgrounds; no object is in both."""
    early: int
    """The early frame."""
    contact: tuple[int, ...]
    """Frames that differ most from the start, in order."""
    properties: dict[str, int] | None
    """By name, 0 to 2; None for objects without labels."""

    @property
    def fold(self) -> int:
        """The identity fold in which it is tested."""
        return self.rank % IDENTITY_FOLDS


@dataclass(frozen=True, kw_only=True)
class ClipFrames:
    """The decoded frames of a clip that are looked at; RGB, uint8."""

    early: np.ndarray
    """(H, W, 3)."""
    back: dict[int, np.ndarray]
    """By n: the images n frames before those of contact, or of the clip's first frame where there is none, (K, H, W, 3)."""

    @property
    def contact(self) -> np.ndarray:
        """The frames of contact themselves, (K, H, W, 3)."""
        return self.back[0]


def read_clips(folder: str | Path) -> list[OctopiClip]:
    """The clips of a folder, by object and number.

    Raises:
        SimtouchError: A table or a column is missing, or a clip has no early frame or none of contact.
    """
    folder = Path(folder)
    clips, labels = _table(folder / "clips.csv", "file", "decoded_frames"), _table(folder / "labels.csv", "frame_index")
    frames: dict[tuple[str, str], dict[bool, list[int]]] = {}
    for row in labels:
        chosen = frames.setdefault((row["object"], row["clip"]), {False: [], True: []})
        chosen[row["is_contact_candidate"] == "1"].append(int(row["frame_index"]))
    clips.sort(key=lambda row: (row["object"], int(row["clip"])))
    found = []
    for _, group in itertools.groupby(clips, key=lambda row: row["object"]):
        for rank, row in enumerate(group):
            of_clip = frames.get((row["object"], row["clip"]), {})
            if not of_clip.get(False) or not of_clip.get(True):
                raise SimtouchError(f"`{folder}`: {row['file']} has no early frame or no frame of contact in labels.csv.")
            found.append(_clip(folder, row, rank, of_clip))
    return found


def read_frames(clip: OctopiClip) -> ClipFrames:
    """Decode what is looked at of a clip.

    Raises:
        SimtouchError: The video does not hold the frames that the tables name.
    """
    video = VideoFile(clip.file)
    steps = sorted({n for back in BACK.values() for n in back})
    wanted = sorted({clip.early, *(max(0, t - n) for t in clip.contact for n in steps)})
    if wanted[-1] >= len(video):
        raise SimtouchError(f"`{clip.file}` has {len(video)} frames; the tables name frame {wanted[-1]}.")
    images = {t: video.image(t) for t in wanted}
    back = {n: np.stack([images[max(0, t - n)] for t in clip.contact]) for n in steps}
    return ClipFrames(early=images[clip.early], back=back)


def contact_windows(frames: ClipFrames, image_shape: tuple[int, int], window: str = "pair") -> np.ndarray:
    """Windows as an encoder was trained on: differences to the early frame, newest first, uint8.

    Args:
        frames: Of a clip.
        image_shape: (H, W) of the encoder.
        window: `pair`, (K, 6, H, W); or `video`, (K, 3, 4, H, W).
    """
    shown = [frames.back[n] for n in pick("window", window, BACK)]
    return np.stack([_window([difference_image(f, frames.early) for f in one], image_shape) for one in zip(*shown, strict=True)])


def early_window(frames: ClipFrames, image_shape: tuple[int, int], window: str = "pair") -> np.ndarray:
    """The control: the early frame itself, nothing subtracted, in every place of one window; shapes as of `contact_windows`."""
    return _window([frames.early] * len(pick("window", window, BACK)), image_shape)[None]


def identity_split(clips: Sequence[OctopiClip], fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the clips to train on and of those to test on."""
    tested = np.array([clip.fold == fold for clip in clips])
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def few_clips(clips: Sequence[OctopiClip], train: np.ndarray, budget: int | None, *, seed: int, fold: int) -> np.ndarray:
    """The clips of a budget, `budget` an object or all if None, in the order in which they are drawn: first clips first.

    Raises:
        ArgumentError: A budget below 1.
    """
    if budget is not None and budget < 1:
        raise ArgumentError(f"`budget` must be at least 1 clip an object; got {budget}.")
    names = sorted({clip.object for clip in clips})
    of_object: dict[str, list[int]] = {name: [] for name in names}
    for i in train:
        of_object[clips[i].object].append(int(i))
    drawn = [np.random.default_rng((seed, fold, k)).permutation(of_object[name]) for k, name in enumerate(names)]
    longest = max(len(order) for order in drawn)
    turns = range(longest if budget is None else min(budget, longest))
    return np.array([order[turn] for turn in turns for order in drawn if turn < len(order)], int)


def property_split(clips: Sequence[OctopiClip], name: str, repeat: int, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the labelled clips to train on and of those to test on: no object is in both, all classes are in every fold.

    Raises:
        UnknownNameError: An unknown property.
    """
    pick("property", name, dict.fromkeys(PROPERTIES))
    label_of = {clip.object: clip.properties[name] for clip in clips if clip.properties is not None}
    shuffled = np.random.default_rng((repeat,)).permutation(sorted(label_of)).tolist()
    in_order = sorted(shuffled, key=label_of.__getitem__)  # stable: dealt out class by class
    fold_of = {thing: k % PROPERTY_FOLDS for k, thing in enumerate(in_order)}
    labelled = [(i, fold_of[clip.object]) for i, clip in enumerate(clips) if clip.properties is not None]
    return np.array([i for i, f in labelled if f != fold], int), np.array([i for i, f in labelled if f == fold], int)


def _window(images: list[np.ndarray], image_shape: tuple[int, int]) -> np.ndarray:
    """Channels after channels for a pair, (6, H, W); time behind the channels for a video, (3, T, H, W)."""
    channels_first = [np.moveaxis(laid_out(image, image_shape), -1, 0) for image in images]
    return np.concatenate(channels_first) if len(images) == 2 else np.stack(channels_first, 1)


def _clip(folder: Path, row: dict[str, str], rank: int, frames: dict[bool, list[int]]) -> OctopiClip:
    known = all(row.get(name) for name in PROPERTIES)
    return OctopiClip(
        file=folder / row["file"], object=row["object"], number=int(row["clip"]), rank=rank, length=int(row["decoded_frames"]),
        session=row["background_group"], early=frames[False][0], contact=tuple(sorted(frames[True])),
        properties={name: int(row[name]) for name in PROPERTIES} if known else None,
    )  # fmt: skip


def _table(path: Path, *columns: str) -> list[dict[str, str]]:
    """Rows by column; what a heading says in brackets, units, is left out of its name."""
    if not path.is_file():
        raise SimtouchError(f"there is no `{path}`: the folder must hold clips.csv and labels.csv.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{k.split("(")[0]: v for k, v in row.items()} for row in csv.DictReader(file)]
    missing = {"object", "clip", "background_group", *columns} - set(rows[0] if rows else {})
    if missing:
        raise SimtouchError(f"`{path}` lacks {', '.join(sorted(missing))}.")
    return rows
