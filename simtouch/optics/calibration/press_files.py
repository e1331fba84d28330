"""Ball presses from a folder of pictures, or from a `dataPack.npz`: files in, presses out.

    calibration/  background.png   press_00.png ...   circles.csv (optional)

Circles may be given as `circles.csv` or `labels.csv`, with a column for the file and columns for the centre and the radius in pixels, or
as `circles.txt`, lines of `name (cx, cy) radius`. A `kind` or `shape` column tells other pictures from ball presses.
"""

import csv
import re
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.image_header import image_size
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.importers.data_pack import read_data_pack

PICTURES = (".png", ".jpg", ".jpeg")
REST_NAMES = ("background", "rest", "f0", "blank", "bg", "nocontact", "no_contact", "reference", "ref", "empty")
MOST_PIXELS = 20_000_000
"""Of one picture, read from its header before it is decoded."""
MOST_BYTES = 2 << 30
"""Of all pictures of a set together."""
_LISTS = ("circles.csv", "labels.csv", "circles.txt")
_LINE = re.compile(r"^\s*(\S+)\s*\(\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\)\s*([-+.\deE]+)\s*$")


def load_presses(
    folder: str | Path,
    *,
    ball_radius_m: float,
    pixel_pitch_m: float,
    rest: str | Path | None = None,
    circles: str | Path | Literal["auto"] | None = None,
    channels: Literal["rgb-file", "bgr-file"] = "rgb-file",
) -> PressSet:
    """Read the presses of a folder, in the sorted order of their names, or of a `dataPack.npz`.

    Args:
        folder: Pictures (png, jpg) of one size; or the .npz file.
        ball_radius_m: Of the ball [m].
        pixel_pitch_m: Gel length seen by one pixel [m].
        rest: The no-contact frame; by default the picture that is called background, rest, f0, blank, bg or the like.
        circles: A list of circles; None takes the folder's own if it has one, "auto" none.
        channels: "bgr-file" for pictures that were saved with red and blue exchanged.
    """
    folder = Path(folder)
    if folder.suffix == ".npz":
        return read_data_pack(folder, ball_radius_m=ball_radius_m, pixel_pitch_m=pixel_pitch_m, circles=circles != "auto")
    if not folder.is_dir():
        raise ArgumentError(f"`{folder}` must be a folder of pictures, or a dataPack .npz.")
    listing = _listing(folder, circles)
    rest_file, files = _files(folder, rest, listing)
    known = None
    if listing is not None and any(name in listing for name in map(str, _names(folder, files))):
        names = _names(folder, files)
        if missing := [n for n in names if listing.get(n) is None]:
            raise ArgumentError(f"`{circles or folder}` gives no circle for {missing[0]}; give all, or say `--circles auto`.")
        known = np.array([listing[n] for n in names], np.float64)
    if circles == "auto":
        known = None
    size = image_size(rest_file)
    for file in files:
        if (found := image_size(file)) != size:
            raise ArgumentError(
                f"`{file.name}` has {found[0]} x {found[1]} pixels, "
                f"`{rest_file.name}` {size[0]} x {size[1]}: all must be of one size."
            )
    if size[0] * size[1] > MOST_PIXELS or 3 * size[0] * size[1] * len(files) > MOST_BYTES:
        raise ArgumentError(f"{len(files)} pictures of {size[0]} x {size[1]} pixels are more than are read.")
    return PressSet(
        images=np.stack([_read(file, size, channels) for file in files]),
        rest=_read(rest_file, size, channels),
        ball_radius_m=ball_radius_m,
        pixel_pitch_m=pixel_pitch_m,
        circles_px=known,
        names=tuple(_names(folder, files)),
        source=folder.resolve().name,
    )


def _files(folder: Path, rest: str | Path | None, listing: dict | None) -> tuple[Path, list[Path]]:
    """The no-contact frame and the presses."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and p.is_file())
    if rest is not None:
        rest_file = next((p for p in (Path(rest), folder / rest) if p.is_file()), None)
        if rest_file is None:
            raise ArgumentError(f"`rest` must be a picture; there is no `{rest}`.")
    else:
        resting = [p for p in found if re.split(r"[^a-z0-9]+", p.stem.lower())[0] in REST_NAMES or p.stem.lower() in REST_NAMES]
        if not resting:
            raise ArgumentError(f"`{folder}` has no no-contact frame: call one background.png, or name it with `--rest`.")
        rest_file = min(resting, key=lambda p: (len(p.parts), p.name))
        found = [p for p in found if p not in resting]
    found = [p for p in found if p.resolve() != rest_file.resolve()]
    if listing:
        listed = [p for p in found if _names(folder, [p])[0] in listing]
        found = listed or found
    if not found:
        raise ArgumentError(f"`{folder}` has no press beside the no-contact frame.")
    return rest_file, found


def _names(folder: Path, files: list[Path]) -> list[str]:
    """Names relative to the folder, with forward slashes."""
    return [p.relative_to(folder).as_posix() for p in files]


def _listing(folder: Path, circles: str | Path | None) -> dict[str, tuple[float, float, float] | None] | None:
    """Circle, or None where the list has none, of each file that is a ball press; None without a list."""
    if circles in (None, "auto"):
        path = next((folder / name for name in _LISTS if (folder / name).is_file()), None)
        if path is None:
            return None
    else:
        path = Path(circles)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"`{path}` is not a readable list of circles: {error}.") from error
    return _from_csv(path, text) if path.suffix.lower() == ".csv" else _from_lines(path, text)


def _from_lines(path: Path, text: str) -> dict:
    """`name (cx, cy) radius` per line."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.match(line)
        try:
            name, x, y, r = match.groups() if match else (None,) * 4
            found[name] = (float(x), float(y), float(r))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"`{path}`, line {number}, must read `name (cx, cy) radius`; got {line.strip()[:60]!r}."
            ) from None
    return found


def _from_csv(path: Path, text: str) -> dict:
    """Columns are known by their names: file, kind or shape, center_x or cx or x, center_y or cy or y, radius or r."""
    rows = list(csv.reader(text.splitlines()))
    head = [re.sub(r"\(.*", "", h).strip().lower().replace("centre", "center") for h in rows[0]] if rows else []
    file, kind = _column(head, "file", "name", "image"), _column(head, "kind", "shape", "type")
    columns = [_column(head, *names) for names in (("center_x", "cx", "x"), ("center_y", "cy", "y"), ("radius", "r"))]
    if file is None:
        raise ArgumentError(f"`{path}` must have a column `file`; it has {', '.join(rows[0]) if rows else 'nothing'}.")
    found = {}
    for number, row in enumerate(rows[1:], 2):
        if not row or not row[file].strip():
            continue
        is_ball = kind is None or row[kind].strip().lower() in ("", "ball", "sphere", "ball calibration", "press")
        values = [row[c].strip() if c is not None and c < len(row) else "" for c in columns]
        if not is_ball or Path(row[file]).stem.lower() in REST_NAMES:
            continue
        try:
            found[row[file].strip()] = tuple(map(float, values)) if all(values) else None
        except ValueError:
            raise ArgumentError(
                f"`{path}`, line {number}, must give centre and radius as numbers; got {', '.join(values)}."
            ) from None
    return found


def _column(head: list[str], *names: str) -> int | None:
    """Index of the first column that is called, or ends in, one of the names."""
    for name in names:
        for index, title in enumerate(head):
            if title == name or (len(name) > 2 and title.endswith(name)):
                return index
    return None


def _read(path: Path, size: tuple[int, int], channels: str) -> np.ndarray:
    """RGB, uint8, (H, W, 3)."""
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None or image.shape[:2] != (size[1], size[0]):
        raise ArgumentError(f"`{path}` is not a whole picture.")
    return image if channels == "bgr-file" else np.ascontiguousarray(image[..., ::-1])
