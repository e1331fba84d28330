"""T3, T4 and T5 of TacBench: digit-pose, Feeling of Success and Clothing in, clips with their labels out.

pose      {train,test}/OBJECT/bag_NN.pkl: digit_FINGER (images) and object_FINGER_rel_pose_n5 (T, 4, 4); bgs/digit_FINGER.png
          labels relative_pose (T, 4, 4), as stored, and the classes tx, ty, yaw (T,) of `official_windows`, -1 where there is no pose
grasp     NNN.pkl: lists of object_name, is_gripping and gelsight{A,B}_{before,during,after}, one item a trial
          a clip is one finger's three images; labels phase and grasp_success (T,); when they were taken is not stored
textile   {train,test}/CLASS/CLIP/dataset_gelsight.pkl (images), metadata.txt ("label: 3", "class_name: denim")
          labels textile, the name, and textile_class, the number (T,)
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch._unpickle import brief
from simtouch.stream.any_clip import ChannelOrder
from simtouch.stream.official_windows import pose_classes
from simtouch.stream.recordings.files import FolderFiles, as_images, as_numbers
from simtouch.stream.recordings.recorded import Entry, Reading, Recordings, read_at_rate

MOMENTS = ("before", "during", "after")
_SPLITS = ("train/", "test/", "")
_FINGER = re.compile(r"digit_(\w+)$")
_POSE_FPS, _TEXTILE_FPS = 60.0, 18.0


def pose_files(files: FolderFiles) -> list[tuple[str, str]]:
    """(split, name) of every bag."""
    found = [(s, n) for s in _SPLITS for n in files.names(f"{s}*/bag_*.pkl")]
    return found or [("", name) for name in files.names("bag_*.pkl")]


def open_poses(path: str | Path, *, fps: float = _POSE_FPS, channel_order: ChannelOrder = "rgb") -> Recordings:
    """Open digit-pose: clips of one finger each; fingers of one bag share `clip_id`, and `sensor_id` names the finger."""
    files, entries, fps = FolderFiles(path), [], as_number("fps", fps, above=0)
    found = pose_files(files)
    for number, (split, name) in enumerate(found):
        bag = _dict(files, name)
        obj = (files.root / name).absolute().parent.name
        fingers = sorted(m[1] for key in bag if isinstance(key, str) and (m := _FINGER.match(key)))
        if not fingers:
            raise ArgumentError(f"`{files.root / name}` must hold images of fingers, digit_ring and its like; it holds none.")
        for finger in fingers:
            entries.append(Entry((name,), number, "digit", obj, "in_hand", f"digit_{finger}", finger, split.strip("/")))
    return Recordings(
        path, "pose", entries, partial(_read_pose, fps=fps), channel_order=channel_order, assumptions=[_assumed_rate(fps)]
    )


def _read_pose(files: FolderFiles, entry: Entry, fps: float) -> Reading:
    name, finger = entry.files[0], entry.part
    bag, where = _dict(files, name), str(files.root / name)
    images = as_images(bag[f"digit_{finger}"], f"{where}: digit_{finger}")
    labels, key = {}, f"object_{finger}_rel_pose_n5"
    if key in bag:
        known = as_numbers(bag[key], f"{where}: {key}", (4, 4), len(images))
        pose = np.full((len(images), 4, 4), np.nan)
        pose[: len(known)] = known
        labels["relative_pose"] = pose
        finite = np.isfinite(pose).all(axis=(1, 2))
        for label, classes in pose_classes(pose[finite]).items():
            labels[label] = np.full(len(images), -1)
            labels[label][finite] = classes

    def background():
        # `bgs` lies beside `train` and `test`, or beside the bags.
        folders = [Path(name).parents[k].as_posix() for k in reversed(range(len(Path(name).parents)))]
        there = files.names(*(f"{folder}/bgs/digit_{finger}.png".removeprefix("./") for folder in folders))
        return files.picture(there[0]) if there else None

    return read_at_rate(images, fps, labels=labels, background=background)


def open_grasps(path: str | Path, *, channel_order: ChannelOrder = "rgb") -> Recordings:
    """Open Feeling of Success: three images a clip; the two fingers of one trial share `clip_id`, `sensor_id` is A or B."""
    files, entries, trial = FolderFiles(path), [], 0
    for name in files.names("*.pkl"):
        for k in range(_trials(files, name)):
            obj = files.pickle(name)["object_name"][k]
            if not isinstance(obj, str):
                raise ArgumentError(f"`{files.root / name}`: object_name must be text; trial {k} has {brief(obj)}.")
            entries += [Entry((name,), trial, "gelsight_2017", obj, "grasp", finger, k) for finger in "AB"]
            trial += 1
    assumptions = ["when the three images of a grasp were taken is not stored: `time_s` is NaN."]
    return Recordings(path, "grasp", entries, _read_grasp, channel_order=channel_order, assumptions=assumptions)


def _trials(files: FolderFiles, name: str) -> int:
    """How many grasps a file holds; its lists must agree."""
    found, where = _dict(files, name), files.root / name
    wanted = ["object_name", "is_gripping", *(f"gelsight{f}_{m}" for f in "AB" for m in MOMENTS)]
    for key in wanted:
        listed = found.get(key)
        if not isinstance(listed, list | tuple) and not (isinstance(listed, np.ndarray) and listed.ndim > 0):
            raise ArgumentError(f"`{where}` must hold a list `{key}`; it holds {brief(listed)}.")
    counts = {len(found[key]) for key in wanted}
    if len(counts) > 1:
        raise ArgumentError(f"`{where}` must hold lists of one length; they have {', '.join(map(str, sorted(counts)))}.")
    return counts.pop()


def _read_grasp(files: FolderFiles, entry: Entry) -> Reading:
    name, trial, where = entry.files[0], int(entry.part), str(files.root / entry.files[0])
    found = _dict(files, name)
    images = as_images([found[f"gelsight{entry.sensor_id}_{m}"][trial] for m in MOMENTS], f"{where}: trial {trial}")
    success = found["is_gripping"][trial]
    if not isinstance(success, bool | int | float | np.number | np.bool_):
        raise ArgumentError(f"`{where}`: is_gripping must be true or false; trial {trial} has {brief(success)}.")
    return read_at_rate(images, None, labels={"phase": np.array(MOMENTS), "grasp_success": np.full(len(MOMENTS), bool(success))})


def textile_files(files: FolderFiles) -> list[str]:
    """Images of every clip."""
    return [name for split in _SPLITS for name in files.names(f"{split}*/*/dataset_gelsight.pkl")]


def open_textiles(path: str | Path, *, fps: float = _TEXTILE_FPS, channel_order: ChannelOrder = "rgb") -> Recordings:
    """Open Clothing, as `convert_clothing` writes it."""
    files, fps = FolderFiles(path), as_number("fps", fps, above=0)
    names = textile_files(files)
    entries = [
        Entry((name,), k, "gelsight_2017", Path(name).parts[-3], split=name.split("/")[0] if name.count("/") > 2 else "")
        for k, name in enumerate(names)
    ]
    read = partial(_read_textile, fps=fps)
    return Recordings(path, "textile", entries, read, channel_order=channel_order, assumptions=[_assumed_rate(fps)])


def _read_textile(files: FolderFiles, entry: Entry, fps: float) -> Reading:
    name = entry.files[0]
    images = files.images(name)
    number, text = _metadata(files, name.replace("dataset_gelsight.pkl", "metadata.txt"))
    labels = {"textile": np.full(len(images), text or entry.indenter, object), "textile_class": np.full(len(images), number)}
    return read_at_rate(images, fps, labels=labels)


def _metadata(files: FolderFiles, name: str) -> tuple[int, str]:
    """The number and the name of a clip's class."""
    lines = [line.partition(":") for line in files.text(name).splitlines()]
    known = {key.strip(): value.strip() for key, colon, value in lines if colon}
    if not known.get("label", "").isdecimal() or not known.get("class_name"):
        raise ArgumentError(f"`{files.root / name}` must have the lines `label: NUMBER` and `class_name: NAME`; it has not.")
    return int(known["label"]), known["class_name"]


def _dict(files: FolderFiles, name: str) -> dict:
    value = files.pickle(name)
    if not isinstance(value, dict):
        raise ArgumentError(f"`{files.root / name}` must hold a dict; it holds {brief(value)}.")
    return value


def _assumed_rate(fps: float) -> str:
    return f"{fps:g} frames a second are assumed, since the set does not say (`fps=` takes another rate)."
