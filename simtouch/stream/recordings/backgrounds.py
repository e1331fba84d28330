"""Which picture of `bgs/` shows which trajectory's sensor at rest: a table where there is one, else the nearest picture.

The official sets come with `bgs/bg_0.jpg` to `bg_18.jpg`, and the table that says which object has which is not among the files.
Then each object gets the picture that is nearest to its frames, by the median over the pixels of |frame - picture|, which a contact
that covers less than half of the gel does not move; the least of three frames of its first trajectory counts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.images import decode_image
from simtouch.stream.recordings.files import FolderFiles

TABLE = "backgrounds.json"
_PICTURES = ("bgs/*.jpg", "bgs/*.jpeg", "bgs/*.png")

Table = Mapping[str, str | int]
"""Trajectory ("OBJECT/dataset_0.pkl") or object to the name or the number of a picture in `bgs/`."""


def background_names(files: FolderFiles, base: str) -> list[str]:
    """The pictures of the resting sensor below the folder `base`."""
    return files.names(*(base + pattern for pattern in _PICTURES))


def read_table(files: FolderFiles, base: str, given: Table | str | Path | None) -> dict[str, str]:
    """The table, with names of files; empty if there is none: what was given, else `bgs/backgrounds.json`."""
    pictures = background_names(files, base)
    if isinstance(given, str | Path):
        given = _read_json(Path(given).read_text(encoding="utf-8"), str(given))
    elif given is None:
        name = f"{base}bgs/{TABLE}"
        given = _read_json(files.text(name), str(files.root / name)) if files.names(name) else {}
    return {trajectory: _named(picture, pictures, trajectory) for trajectory, picture in given.items()}


def look_up(table: Mapping[str, str], trajectory: str) -> str | None:
    """The picture of "OBJECT/dataset_K.pkl", named so, without its suffix, or by its object."""
    keys = (trajectory, trajectory.removesuffix(".pkl"), trajectory.split("/")[0])
    return next((table[key] for key in keys if key in table), None)


def nearest_background(files: FolderFiles, pictures: Sequence[str], frames: Sequence) -> str:
    """The one of `pictures` that is nearest to the frames of a trajectory."""
    looked_at = [decode_image(bytes(frames[t])) for t in sorted({0, len(frames) // 2, len(frames) - 1})]
    distances = {name: _distance(files.picture(name), looked_at) for name in pictures}
    best = min(distances, key=distances.__getitem__)
    if distances[best] == np.inf:
        raise SimtouchError(f"no background in `{files.root / Path(best).parent}` has the size of the frames.")
    return best


def _distance(picture: np.ndarray, frames: Sequence[np.ndarray]) -> float:
    same_size = [np.abs(frame.astype(np.int16) - picture) for frame in frames if frame.shape == picture.shape]
    # The mean breaks ties of a median of whole numbers.
    return min((float(np.median(change)) + 1e-3 * float(change.mean()) for change in same_size), default=np.inf)


def _named(picture: str | int, pictures: Sequence[str], trajectory: str) -> str:
    """The file that a table means."""
    for name in pictures:
        path = Path(name)
        if picture in (path.name, path.stem) or path.stem == f"bg_{picture}":
            return name
    known = ", ".join(Path(name).name for name in pictures) or "none"
    raise ArgumentError(f"the background of `{trajectory}` must be one of the pictures in `bgs`, {known}; got {picture!r:.60}.")


def _read_json(text: str, where: str) -> Table:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"`{where}` must be a table of backgrounds as JSON: {error}.") from error
    if not isinstance(table, dict) or not all(isinstance(v, str | int) for v in table.values()):
        raise ArgumentError(f"`{where}` must map objects or trajectories to pictures; it does not.")
    return table
