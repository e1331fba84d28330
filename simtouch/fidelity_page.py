"""Real presses beside simulated ones to look at: pictures and a table in, PNG files or one self-contained page out.

The real pictures belong to whoever recorded them. So nothing is ever written into the project itself.
"""

import base64
import contextlib
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.fidelity_rows import Row, cells
from simtouch.stream.images import encode_small_png

ERROR_GAIN = 4
"""Grey levels in an error map for each level of error; none is 127."""
NEAR = 1.6
"""Half the side of the enlarged part, in contact radii."""
_TILE_PX, _GAP_PX = 320, 6
_HERE = Path(__file__).resolve().parent
OWNERS = "The real pictures belong to whoever recorded them: keep this page to yourself unless their licence lets you share it."
_STYLE = """body{font:14px/1.5 sans-serif;margin:2em auto;max-width:1000px;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;margin:1em 0}th,td{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child,td.note{text-align:left}td.worse{color:#b00020;font-weight:bold}
figure{margin:1.5em 0}img{max-width:100%}figcaption{color:#555}.owners{background:#fff3cd;padding:.5em 1em}"""


@dataclass(frozen=True, eq=False)
class Picture:
    """One press to look at. RGB, uint8, (H, W, 3)."""

    name: str
    row: str
    """Which prediction it is."""
    real: np.ndarray
    rendered: np.ndarray
    circle_px: tuple[float, float, float]
    caption: str = ""


def strip(picture: Picture) -> np.ndarray:
    """Real, rendered and signed error side by side, RGB, uint8; below, the contact alone, enlarged."""
    error = picture.rendered.astype(np.int16) - picture.real
    signed = np.clip(127 + ERROR_GAIN * error, 0, 255).astype(np.uint8)
    tiles = (picture.real, picture.rendered, signed)
    H, W, _ = picture.real.shape
    x, y, radius = picture.circle_px
    half = NEAR * radius
    rows, cols = (slice(max(0, int(c - half)), min(n, int(c + half) + 1)) for c, n in ((y, H), (x, W)))
    return np.concatenate([_side_by_side(tiles), _side_by_side([tile[rows, cols] for tile in tiles])])


def write_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write a PNG a picture."""
    outside_the_project("--pictures", folder)
    make_folder(folder)
    for picture in pictures:
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{picture.name}-{picture.row}")
        write_file(folder / f"{name}.png", encode_small_png(strip(picture)))


def write_page(
    path: Path, *, title: str, facts: Sequence[str], tables: dict[str, Sequence[Row]], pictures: Sequence[Picture]
) -> None:
    """Write a page that needs no other file.

    Args:
        path: Where to.
        title: Headline.
        facts: Sentences below it.
        tables: Rows by the heading of their table.
        pictures: Shown below.
    """
    outside_the_project("--page", path)
    body = [f"<h1>{html.escape(title)}</h1>", f'<p class="owners">{OWNERS}</p>']
    body += [f"<p>{html.escape(fact)}</p>" for fact in facts]
    for head, rows in tables.items():
        body += [f"<h2>{html.escape(head)}</h2>", _html_table(rows)]
    body.append(
        f"<h2>Real, rendered, error</h2><p>Error is rendered minus real, times {ERROR_GAIN}, about 127: a grey map is a "
        "perfect one. Below each picture the contact is enlarged.</p>"
    )
    for picture in pictures:
        data = base64.b64encode(encode_small_png(strip(picture))).decode("ascii")
        caption = html.escape(f"{picture.name}, {picture.row}. {picture.caption}")
        body.append(f'<figure><img src="data:image/png;base64,{data}" alt=""><figcaption>{caption}</figcaption></figure>')
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    write_file(path, (page + "\n".join(body) + "</html>\n").encode())


def outside_the_project(argument: str, path: Path) -> None:
    """Raise if `path` lies in the installed package, or in its checkout other than below `runs`."""
    where = path.resolve()
    checkout = _HERE.parent if (_HERE.parent / "pyproject.toml").exists() else _HERE
    inside = where.is_relative_to(checkout) and not where.is_relative_to(checkout / "runs")
    if inside or where.is_relative_to(_HERE):
        raise ArgumentError(
            f"`{argument}` must lie outside simtouch itself: it shows real pictures, which are not ours; got {path}."
        )


def make_folder(path: Path) -> None:
    """Make a folder and those above it, if they are not there yet."""
    with _one_sentence(path):
        path.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write all of it or nothing."""
    tmp = path.with_name(path.name + ".tmp")
    with _one_sentence(path):
        try:
            tmp.write_bytes(data)
            os.replace(tmp, path)
        finally:
            with contextlib.suppress(OSError):
                tmp.unlink()


@contextlib.contextmanager
def _one_sentence(path: Path):
    try:
        yield
    except OSError as error:
        raise SimtouchError(f"`{path}` cannot be written: {error.strerror}.") from error


def _side_by_side(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """In tiles of one width, with gaps, and a gap below."""
    H, W, _ = tiles[0].shape
    size = _TILE_PX, max(1, round(H * _TILE_PX / W))
    how = cv2.INTER_AREA if W > _TILE_PX else cv2.INTER_NEAREST
    out = np.full((size[1] + _GAP_PX, 3 * _TILE_PX + 2 * _GAP_PX, 3), 255, np.uint8)
    for k, tile in enumerate(tiles):
        left = k * (_TILE_PX + _GAP_PX)
        out[: size[1], left : left + _TILE_PX] = cv2.resize(np.ascontiguousarray(tile), size, interpolation=how)
    return out


def _html_table(rows: Sequence[Row]) -> str:
    heads = "".join(f"<th>{head}</th>" for head in ["", *cells(rows[0]), ""])
    lines = [f"<tr>{heads}</tr>"]
    for row in rows:
        values = "".join(f"<td{' class=worse' if '*' in text else ''}>{text}</td>" for text in cells(row).values())
        notes = "; ".join(filter(None, [row.note, "* worse than the background alone" if row.loses else ""]))
        lines.append(f"<tr><td>{html.escape(row.name)}</td>{values}<td class=note>{html.escape(notes)}</td></tr>")
    return f"<table>{''.join(lines)}</table>"
