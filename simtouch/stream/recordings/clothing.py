"""Clothing (ICRA 2018) for the textile task: raw clips in, the layout that Sparsh's loaders read and no script of theirs writes, out.

In, either of

    RAW/CLASS/CLIP/*.png|jpg          a folder of pictures, in the order of their numbers, at any depth below its class
    RAW/CLASS/CLIP.mp4|avi|mov|...    a video

or clips anywhere below RAW, with a CSV of their classes: the columns `clip` (path below RAW) and `class_name`, perhaps `split`.

Out, with classes numbered in alphabetical order:

    OUT/{train,test}/CLASS/CLIP/dataset_gelsight.pkl      list of the bytes of images: pictures as they are, frames of videos as JPEG
    OUT/{train,test}/CLASS/CLIP/metadata.txt              "label: NUMBER", "class_name: CLASS"
    OUT/split.csv                                         which clip went where: clip, class_name, split
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError, as_number
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import encode_image
from simtouch.stream.recordings.files import natural_order

SPLITS = ("train", "test")
SPLIT_FILE = "split.csv"
_COLUMNS = ("clip", "class_name", "split")


def convert_clothing(
    raw: str | Path,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    test_share: float = 0.2,
    seed: int = 0,
) -> Path:
    """Write the clips below `raw` in the layout of the textile task and return its folder.

    Args:
        raw: Folder of raw clips.
        out: New or empty folder; whole or not there at all.
        labels: CSV with `clip` and `class_name`, perhaps `split`; without it, the folder right below `raw` names the class.
        test_share: Share of each class that goes to `test`, at least one clip of a class of two or more; for clips without a `split`.
        seed: Of the choice.

    Raises:
        SimtouchError: There is no clip, or a clip has no class.
    """
    # What writes files reads from recordings too.
    from simtouch.stream.export.new_folder import new_folder
    from simtouch.stream.export.plain_pickle import write_pickle

    test_share = as_number("test_share", test_share, at_least=0, below=1)
    clips = _raw_clips(Path(raw))
    known = _read_labels(Path(labels)) if labels is not None else {name: {"class_name": name.split("/")[0]} for name in clips}
    rows = _rows(clips, known, test_share, seed, Path(raw))
    numbers = {name: k for k, name in enumerate(sorted({row["class_name"] for row in rows}))}
    with new_folder(out) as folder:
        for row, place in zip(rows, _places(rows), strict=True):
            where = folder / place
            where.mkdir(parents=True)
            with (where / "dataset_gelsight.pkl").open("wb") as file:
                write_pickle(file, _encoded(clips[row["clip"]]))
            text = f"label: {numbers[row['class_name']]}\nclass_name: {row['class_name']}\n"
            (where / "metadata.txt").write_text(text, encoding="utf-8")
        with (folder / SPLIT_FILE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    return Path(out)


def _raw_clips(raw: Path) -> dict[str, AnyClip]:
    """Clips by their path below `raw`."""
    from simtouch.stream.interchange import open_images, open_video
    from simtouch.stream.interchange.clip_list import is_background, is_picture
    from simtouch.stream.interchange.video_folder import is_video

    if not raw.is_dir():
        raise ArgumentError(f"`raw` must be a folder; got `{raw}`.")
    below = [path for path in raw.rglob("*") if not path.name.startswith(".")]
    found: dict[str, AnyClip] = {}
    if any(is_picture(path) and not is_background(path) for path in below):
        found |= {clip.name: clip for clip in open_images(raw)}
    if any(is_video(path) for path in below):
        found |= {clip.name: clip for clip in open_video(raw)}
    if not found:
        raise SimtouchError(f"`{raw}` holds no clip: a folder of pictures or a video for each, below a folder for its class.")
    return {name: found[name] for name in sorted(found, key=natural_order)}


def _read_labels(path: Path) -> dict[str, dict[str, str]]:
    """Class and, perhaps, split by clip."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError(f"`labels` must be a CSV file; `{path}` cannot be read: {error}.") from error
    if not rows or not {"clip", "class_name"} <= set(rows[0]):
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise ArgumentError(f"`labels` must have the columns `clip` and `class_name`; `{path}` has {found}.")
    return {row["clip"]: {k: " ".join(row[k].split()) for k in _COLUMNS[1:] if row.get(k)} for row in rows}


def _rows(
    clips: Mapping, known: Mapping[str, Mapping[str, str]], test_share: float, seed: int, raw: Path
) -> list[dict[str, str]]:
    """`clip`, `class_name` and `split` of every clip."""
    rows = [{"clip": name, "split": "", **known.get(name, {})} for name in clips]
    without = [row["clip"] for row in rows if row.get("class_name", "") in ("", ".") or row["class_name"] == row["clip"]]
    if without:
        raise SimtouchError(
            f"`{raw / without[0]}` has no class ({len(without)} clips in all): put clips below a folder for each class, or give `labels`."
        )
    wrong = next((row for row in rows if row["split"] not in ("", *SPLITS)), None)
    if wrong:
        raise ArgumentError(f"`split` must be train or test; `{wrong['clip']}` has {wrong['split']!r:.40}.")
    rng = np.random.default_rng(seed)
    for name in sorted({row["class_name"] for row in rows}):
        open_ones = [row for row in rows if row["class_name"] == name and not row["split"]]
        count = round(test_share * len(open_ones))
        count = max(count, 1) if test_share > 0 and len(open_ones) > 1 else count
        tested = set(rng.permutation(len(open_ones))[:count].tolist())
        for k, row in enumerate(open_ones):
            row["split"] = "test" if k in tested else "train"
    return rows


def _places(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """{train,test}/CLASS/NNNNNN, numbered through each class."""
    counts: dict[str, int] = {}
    for row in rows:
        folder = "".join(c if c.isalnum() or c in "-_" else "_" for c in row["class_name"])
        counts[folder] = counts.get(folder, -1) + 1
        yield f"{row['split']}/{folder}/{counts[folder]:06d}"


def _encoded(clip: AnyClip) -> Iterator[bytes]:
    """Pictures as they are stored; frames of a video, which are not, as JPEG."""
    from simtouch.stream.interchange.image_folder import ImageFolderClip

    for t in range(len(clip)):
        yield clip.encoded_image(t) if isinstance(clip, ImageFolderClip) else encode_image(clip.image(t), "jpeg95")
