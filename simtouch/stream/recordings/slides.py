"""Pretraining sets: pickles of lists of images in, a clip each out.

slide          [digitv1/|gelsight/]Object-Slide/OBJECT/dataset_K.pkl, bgs/bg_*.jpg    YCB-Slide and Touch-Slide (DIGIT), Object-Slide of
                                                                                     the GelSight Mini, told by bgs/bg_gs*.jpg
touch_and_go   [gelsight/]touch_go/TIME.pkl                                           GelSight 2017; the JPEGs decode to BGR
object_folder  [gelsight/]object_folder/NNN.pkl                                       GelSight Mini; in no order of time
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from simtouch._checks import SimtouchError, as_number
from simtouch.stream.any_clip import ChannelOrder
from simtouch.stream.recordings.backgrounds import Table, background_names, look_up, nearest_background, read_table
from simtouch.stream.recordings.files import FolderFiles
from simtouch.stream.recordings.recorded import Entry, Reading, Recordings, read_at_rate

_TRAJECTORY = re.compile(r"dataset_\d+\.pkl$")
_YCB_OBJECT = re.compile(r"\d{3}_[a-z]")
_BASES = ("", "Object-Slide/", "digitv1/Object-Slide/", "gelsight/Object-Slide/")
FPS = {"digit": 60.0, "gelsight_mini": 25.0, "gelsight_2017": 30.0}
"""Frames a second: the DIGIT's and the Mini's as published for these sets (YCB-Slide's own page says 30), the GelSight's as driven."""


def slide_files(files: FolderFiles) -> list[tuple[str, str]]:
    """(base, name) of every trajectory."""
    found = [(base, name) for base in _BASES for name in files.names(f"{base}*/dataset_*.pkl")]
    return [(base, name) for base, name in found if _TRAJECTORY.search(name) and not name.startswith(f"{base}bgs/")]


def open_slides(
    path: str | Path,
    *,
    fps: float | None = None,
    sensor_type: str = "",
    channel_order: ChannelOrder = "rgb",
    backgrounds: Table | str | Path | None = None,
) -> Recordings:
    """Open YCB-Slide, Touch-Slide or their like.

    Args:
        path: The folder `Object-Slide`, or one that holds it.
        fps: Frames a second; by default the sensor's.
        sensor_type: By default `gelsight_mini` where `bgs` or the path says so, else `digit`.
        channel_order: `bgr` if red and blue are swapped in the files.
        backgrounds: Which picture of `bgs` belongs to which object or trajectory, or a JSON file of that; by default
            `bgs/backgrounds.json`, else the picture nearest to the frames (see `Recordings.assumptions`).
    """
    files = FolderFiles(path)
    found = slide_files(files)
    sensors = {base: sensor_type or _sensor(files, base) for base in {base for base, _ in found}}
    tables = {base: read_table(files, base, backgrounds) for base in sensors}
    entries = []
    for base, name in found:
        obj, sensor = Path(name).parent.name, sensors[base]
        source = "ycb_slide" if sensor == "digit" and _YCB_OBJECT.match(obj) else ""
        entries.append(Entry((name,), len(entries), sensor, obj, "slide", part=base, source=source))
    read = partial(_read_slide, fps=fps, tables=tables)
    assumptions = [
        f"no table says which of the {len(background_names(files, base))} backgrounds in `{base}bgs` belongs to which object: each "
        "object has the one nearest to its frames (`backgrounds=` takes a table)."
        for base, table in tables.items()
        if not table and len(background_names(files, base)) > 1
    ]
    if fps is None and any(entry.source == "ycb_slide" for entry in entries):
        assumptions.append("60 frames a second are assumed, which fits 3500 frames a minute; YCB-Slide's page says 30 (`fps=`).")
    return Recordings(path, "slide", entries, read, channel_order=channel_order, assumptions=assumptions)


def _sensor(files: FolderFiles, base: str) -> str:
    of_mini = any(Path(name).name.startswith("bg_gs") for name in background_names(files, base))
    return "gelsight_mini" if of_mini or "gelsight" in base else "digit"


def _read_slide(files: FolderFiles, entry: Entry, fps: float | None, tables: Mapping[str, Mapping[str, str]]) -> Reading:
    images = files.images(entry.files[0])

    def background():
        name = _background_name(files, entry, tables[str(entry.part)])
        return None if name is None else files.picture(name)

    return read_at_rate(images, _rate(fps, entry), background=background)


def _background_name(files: FolderFiles, entry: Entry, table: Mapping[str, str]) -> str | None:
    base, name = str(entry.part), entry.files[0]
    pictures = background_names(files, base)
    if table:
        known = look_up(table, name.removeprefix(base))
        if known is None:
            raise SimtouchError(f"the table of backgrounds does not name it; it names {', '.join(sorted(table)[:5])}, ...")
        return known
    if len(pictures) < 2:
        return pictures[0] if pictures else None
    folder = Path(name).parent.as_posix()
    if folder not in files.chosen:
        first = next(n for n in files.names(f"{folder}/dataset_*.pkl") if _TRAJECTORY.search(n))
        files.chosen[folder] = nearest_background(files, pictures, files.images(first))
    return files.chosen[folder]


def open_touch_and_go(path: str | Path, *, fps: float | None = None, channel_order: ChannelOrder = "bgr") -> Recordings:
    """Open Touch-and-Go: the folder `touch_go` or one that holds it; `channel_order` as the JPEGs decode."""
    names = flat_files(FolderFiles(path), "touch_go")
    entries = [Entry((name,), k, "gelsight_2017") for k, name in enumerate(names)]
    rate = (
        [] if fps else ["30 frames a second are assumed, as the sensor is driven; the set does not say (`fps=` takes another)."]
    )
    return Recordings(path, "touch_and_go", entries, partial(_read_list, fps=fps), channel_order=channel_order, assumptions=rate)


def open_object_folder(path: str | Path, *, channel_order: ChannelOrder = "rgb") -> Recordings:
    """Open ObjectFolder-Real: the folder `object_folder` or one that holds it; frames are in no order of time."""
    names = flat_files(FolderFiles(path), "object_folder")
    entries = [Entry((name,), k, "gelsight_mini", indenter=Path(name).stem) for k, name in enumerate(names)]
    return Recordings(path, "object_folder", entries, _read_unordered, channel_order=channel_order)


def flat_files(files: FolderFiles, folder: str) -> list[str]:
    """The pickles of a set without subfolders, in the folder of that name or right here."""
    for base in (f"gelsight/{folder}/", f"{folder}/", ""):
        names = files.names(f"{base}*.pkl")
        if names:
            return names
    return []


def _rate(fps: float | None, entry: Entry) -> float:
    return FPS.get(entry.sensor_type, 30.0) if fps is None else as_number("fps", fps, above=0)


def _read_list(files: FolderFiles, entry: Entry, fps: float | None) -> Reading:
    return read_at_rate(files.images(entry.files[0]), _rate(fps, entry))


def _read_unordered(files: FolderFiles, entry: Entry) -> Reading:
    return read_at_rate(files.images(entry.files[0]), None)
