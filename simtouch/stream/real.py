"""Real recordings: a folder in, clips out, whatever layout it has; told by what lies in it, or by its name in `LAYOUTS`.

The pickles of the public sets are read as data and never run (`simtouch._unpickle`). What the files of a set do not say, such as
their frame rate or which background belongs to which object, is assumed openly: see `Recordings.assumptions`.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.recordings import forces, slides, tasks
from simtouch.stream.recordings.files import FolderFiles

_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
Opener = Callable[..., Sequence[AnyClip]]


@dataclass(frozen=True)
class Layout:
    """A layout of files: what it looks like, whether a folder has it, and how it is opened."""

    looks: str
    is_in: Callable[[FolderFiles], bool]
    opener: Callable[[], Opener]
    """Returns the opener; what it needs is imported then."""
    fallback: bool = False
    """Whether other layouts go before it: pictures and videos lie about in folders of other layouts too."""


def open_recordings(path: str | Path, layout: str = "auto", **options: Any) -> Sequence[AnyClip]:
    """Open a folder of real recordings.

    Args:
        path: The folder; or a video.
        layout: One of `LAYOUTS`, or `auto`: told by what lies in the folder.
        **options: What the opener of the layout takes; for most `fps` [1/s] and `channel_order` (`rgb` or `bgr`, as the files decode).

    Returns:
        Clips by position: `len`, `[i]`, iteration, `.path`; picklable. For the public sets a `Recordings`.

    Raises:
        SimtouchError: No folder, no known layout in it or several, an option that the layout does not take, a file that asks for code,
            is broken or too large.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() in _VIDEOS and layout in ("auto", "video"):
        return _interchange("open_video")()(path, **options)
    if not path.is_dir():
        raise ArgumentError(f"`path` must be a folder; got `{path}`.")
    name = layout_in(path) if layout == "auto" else layout
    opener = pick("layout", name, LAYOUTS).opener()
    taken = [p for p in inspect.signature(opener).parameters if p != "path"]
    unknown = sorted(set(options) - set(taken))
    if unknown:
        raise ArgumentError(f"the layout `{name}` takes {', '.join(taken) or 'no options'}; it got {', '.join(unknown)}.")
    clips = opener(path, **options)
    if not len(clips):
        raise SimtouchError(f"`{path}` holds no files of the layout `{name}`: {LAYOUTS[name].looks}.")
    return clips


def layout_in(path: str | Path) -> str:
    """Name of the layout that the folder has; raise if it has none that is known, or several."""
    files = FolderFiles(path)
    found = [name for name, layout in LAYOUTS.items() if layout.is_in(files)]
    first = [name for name in found if not LAYOUTS[name].fallback] or found[:1]
    if not first:
        known = "; ".join(f"{name} ({layout.looks})" for name, layout in LAYOUTS.items())
        raise SimtouchError(f"`{path}` holds no readable file of a known layout: {known}.")
    if len(first) > 1:
        raise SimtouchError(
            f"`{path}` has files of several layouts, {', '.join(first)}: open the folder of one, or name it (`layout=`)."
        )
    return first[0]


def _has_flat(folder: str, *, numbered: bool, of: type) -> Callable[[FolderFiles], bool]:
    """Whether pickles lie in the folder of that name, or right here with names and contents of the right kind."""

    def is_in(files: FolderFiles) -> bool:
        if files.names(f"gelsight/{folder}/*.pkl", f"{folder}/*.pkl"):
            return True
        named = files.root.absolute().name == folder
        names = [n for n in files.names("*.pkl") if not n.startswith(("dataset_", "bag_"))]
        if not names or not (named or all(n[:3].isdecimal() and len(n) == 7 for n in names) == numbered):
            return False
        return named or isinstance(files.pickle(names[0]), dict) == (of is dict)

    return is_in


def _interchange(name: str) -> Callable[[], Opener]:
    """An opener of `simtouch.stream.interchange`, imported when it is needed."""

    def opener() -> Opener:
        from simtouch.stream import interchange

        return getattr(interchange, name)

    return opener


def _has_suffix(*suffixes: str) -> Callable[[FolderFiles], bool]:
    """Whether a file with one of the suffixes lies at most three folders deep."""

    def is_in(files: FolderFiles) -> bool:
        return any(p.suffix.lower() in suffixes for depth in range(4) for p in files.root.glob("*/" * depth + "*.*"))

    return is_in


LAYOUTS: dict[str, Layout] = {
    "slide": Layout(
        "YCB-Slide, Touch-Slide: OBJECT/dataset_0.pkl, bgs/bg_0.jpg",
        lambda f: bool(slides.slide_files(f)),
        lambda: slides.open_slides,
    ),
    "touch_and_go": Layout(
        "touch_go/TIME.pkl, lists of JPEGs", _has_flat("touch_go", numbered=False, of=list), lambda: slides.open_touch_and_go
    ),
    "object_folder": Layout(
        "object_folder/NNN.pkl, lists of JPEGs",
        _has_flat("object_folder", numbered=True, of=list),
        lambda: slides.open_object_folder,
    ),
    "force": Layout(
        "digit-force, gelsight-force: PROBE/batch_1/dataset_digit_00.pkl, dataset_slip_forces.pkl",
        lambda f: bool(forces.force_files(f)),
        lambda: forces.open_forces,
    ),
    "pose": Layout("digit-pose: train/OBJECT/bag_00.pkl", lambda f: bool(tasks.pose_files(f)), lambda: tasks.open_poses),
    "grasp": Layout(
        "Feeling of Success: NNN.pkl, dicts of lists", _has_flat("feeling", numbered=True, of=dict), lambda: tasks.open_grasps
    ),
    "textile": Layout(
        "Clothing: train/CLASS/CLIP/dataset_gelsight.pkl", lambda f: bool(tasks.textile_files(f)), lambda: tasks.open_textiles
    ),
    "lerobot": Layout("LeRobot 3.0: meta/info.json", lambda f: bool(f.names("meta/info.json")), _interchange("open_lerobot")),
    "video": Layout("videos", _has_suffix(*_VIDEOS), _interchange("open_video"), fallback=True),
    "images": Layout(
        "folders of PNGs or JPEGs", _has_suffix(".png", ".jpg", ".jpeg"), _interchange("open_images"), fallback=True
    ),
}
"""Known layouts by name."""
