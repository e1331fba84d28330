"""Layouts of the Sparsh data sets: clips in, pickles of JPEG bytes as the official loaders want them out.

    pretrain  digitv1/Object-Slide/OBJECT/dataset_K.pkl, bgs/bg_B.jpg      a DIGIT: a clip is a trajectory, a list of JPEG bytes
              gelsight/Object-Slide/OBJECT/dataset_K.pkl, bgs/bg_gs.jpg    a GelSight Mini
              gelsight/touch_go/CLIP.pkl                                   a GelSight 2017 with markers: no background
    force     PROBE/batch_K/dataset_digit_NN.pkl, dataset_slip_forces.pkl  T1 and T2, see `sparsh_force.py`
    pose      {train,test}/OBJECT/bag_NN.pkl, bgs/digit_FINGER.png         T3
    grasp     NNN.pkl                                                      T4
    textile   {train,test}/CLASS/CLIP/dataset_gelsight.pkl, metadata.txt   T5; T3 to T5 in `sparsh_tasks.py`

The pickles are plain (`plain_pickle.py`); the JPEGs decode to RGB, but those of touch_go to BGR, as the official ones do. Which
background belongs to which trajectory is a table in the official configuration; here it is `bgs/backgrounds.json`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from simtouch._checks import ArgumentError, SimtouchError, as_number, pick
from simtouch.stream.any_clip import AnyClip, ChannelOrder
from simtouch.stream.export.frame_values import ImageCodec, encoded_as, file_name
from simtouch.stream.export.new_folder import new_folder
from simtouch.stream.export.plain_pickle import write_pickle
from simtouch.stream.images import encode_image

Task = Literal["pretrain", "force", "pose", "grasp", "textile"]
Tick = Callable[[int], object]


@dataclass(frozen=True)
class _PretrainSet:
    """Where the files of one sensor go."""

    folder: str
    background: str = ""
    """Name of a picture of the resting sensor, by number; empty where the official set has none."""
    flat: bool = False
    """One folder for all objects."""
    channel_order: ChannelOrder = "rgb"
    """What a decoder makes of the files; the official ones of Touch-and-Go decode to BGR, and its models saw that."""


PRETRAIN_SETS = {
    "digit": _PretrainSet("digitv1/Object-Slide", "bg_{}.jpg"),
    "gelsight_mini": _PretrainSet("gelsight/Object-Slide", "bg_gs{}.jpg"),
    "gelsight_2017": _PretrainSet("gelsight/touch_go", flat=True, channel_order="bgr"),
}


def export_sparsh(
    clips: Sequence[AnyClip],
    out: str | Path,
    *,
    task: Task = "pretrain",
    images: ImageCodec = "jpeg95",
    test_share: float = 0.2,
    tick: Tick = lambda frames: None,
) -> Path:
    """Write `clips` in the layout of a Sparsh data set and return its folder.

    Args:
        clips: Simulated or recorded.
        out: New or empty folder; whole or not there at all.
        task: Which layout.
        images: `jpeg95` as the official files; `png` or `stored` are read by the same loaders, which decode either.
        test_share: Share of each class of `pose` and `textile` that goes to `test`.
        tick: Called with the number of frames written since the last call.
    """
    # Those files build on this one.
    from simtouch.stream.export.sparsh_force import write_force
    from simtouch.stream.export.sparsh_tasks import write_grasp, write_pose, write_textile

    writers = {
        "pretrain": write_pretrain,
        "force": write_force,
        "pose": write_pose,
        "grasp": write_grasp,
        "textile": write_textile,
    }
    write = pick("task", task, writers)
    test_share = as_number("test_share", test_share, at_least=0, below=1)
    if not len(clips):
        raise ArgumentError("`clips` must hold at least one clip; got none.")
    with new_folder(out) as folder:
        write(SparshFolder(folder, images, test_share, tick), clips)
    return Path(out)


@dataclass
class SparshFolder:
    """A folder being filled."""

    path: Path
    images: ImageCodec
    test_share: float
    tick: Tick
    _taken: Counter = field(default_factory=Counter)

    def jpegs(self, clip: AnyClip, frames: Sequence[int] | None = None, channel_order: ChannelOrder = "rgb"):
        """The encoded frames of a clip, one after the other."""
        for t in range(len(clip)) if frames is None else frames:
            yield encoded_as(clip, t, self.images, channel_order)[0]
            self.tick(1)

    def pickle(self, name: str, value) -> None:
        """Write one file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_pickle(file, value)

    def number(self, name: str) -> int:
        """How many files of that name there were before."""
        self._taken[name] += 1
        return self._taken[name] - 1

    def split_of(self, name: str) -> str:
        """`train` or `test` for the next clip of a class: every so many-th one is for the test."""
        place = self.number(f"split of {name}") + 1
        return "test" if int(place * self.test_share) > int((place - 1) * self.test_share) else "train"


def write_pretrain(folder: SparshFolder, clips: Sequence[AnyClip]) -> None:
    """The layout `pretrain`."""
    backgrounds: dict[str, dict[str, str]] = {}
    names: dict[tuple[str, str], str] = {}
    for clip in clips:
        place = _pretrain_set(clip.sensor_type)
        if place.flat:
            name = f"{file_name(clip.indenter, 'touch')}_{folder.number(place.folder):06d}"
        else:
            obj = file_name(clip.indenter, "object")
            name = f"{obj}/dataset_{folder.number(f'{place.folder}/{obj}')}"
        folder.pickle(f"{place.folder}/{name}.pkl", folder.jpegs(clip, channel_order=place.channel_order))
        if place.background:
            background = _background_name(folder, place, clip, names)
            backgrounds.setdefault(place.folder, {})[f"{name}.pkl"] = background
    for where, table in backgrounds.items():
        text = json.dumps(table, indent=1, sort_keys=True) + "\n"
        (folder.path / where / "bgs" / "backgrounds.json").write_text(text, encoding="utf-8")


def _pretrain_set(sensor_type: str) -> _PretrainSet:
    """The set of a sensor, or of the sensor that it is a variant of."""
    variant_of = next((name for name in PRETRAIN_SETS if sensor_type.startswith(f"{name}_")), sensor_type)
    return pick("sensor of the Sparsh sets", variant_of, PRETRAIN_SETS)


def background_of(clip: AnyClip):
    """The resting sensor, which the layout needs."""
    if clip.background is None:
        raise SimtouchError(
            f"the layout needs a picture of the resting sensor; clip {clip.clip_id} of `{clip.source}` has no background."
        )
    return clip.background


def background_digest(clip: AnyClip) -> str:
    """Tells one background from another."""
    return hashlib.sha256(background_of(clip).tobytes()).hexdigest()


def _background_name(folder: SparshFolder, place: _PretrainSet, clip: AnyClip, names: dict[tuple[str, str], str]) -> str:
    """Name of the clip's background, written when it is met first."""
    key = place.folder, background_digest(clip)
    if key not in names:
        number = folder.number(f"{place.folder}/bgs")
        only_one = place.background == "bg_gs{}.jpg"
        names[key] = place.background.format("" if only_one and number == 0 else f"_{number}" if only_one else number)
        path = folder.path / place.folder / "bgs" / names[key]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_image(background_of(clip), "jpeg95"))
    return names[key]
