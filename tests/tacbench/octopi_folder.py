"""Tables of a made-up set of presses, in the layout of the real one; the videos are left out."""

import csv
from pathlib import Path

UNITS = ("(grey levels)", "(0-2)", "(0/1)")


def write_tables(folder: Path, *, objects: int = 12, clips: int = 4, unlabelled: int = 2) -> Path:
    """`objects` with `clips` each, every third with one more; the last `unlabelled` have no properties. Frames: early 2, contact 40..43."""
    clip_rows, label_rows = [], []
    for k in range(objects):
        name = f"thing_{k:02d}"
        properties = ["", "", ""] if k >= objects - unlabelled else [str(k % 3), str(k // 3 % 3), str(k // 2 % 3)]
        session = "A" if k < objects // 4 else "B"
        for clip in range(clips + (k % 3 == 0)):
            clip_rows.append([f"clips/{name}_{clip}.mov", name, clip, 126, 2.5, session, *properties])
            for t in (2, 40, 41, 42, 43):
                label_rows.append([f"frames/{name}_{clip}_{t}.jpg", name, clip, t, int(t > 2), session, *properties])
    properties = [f"{name}{UNITS[1]}" for name in ("hardness", "roughness", "bumpiness")]
    heads = [
        "file",
        "object",
        "clip",
        "decoded_frames",
        f"max_mean_abs_diff_from_start{UNITS[0]}",
        "background_group",
        *properties,
    ]
    _write(folder / "clips.csv", heads, clip_rows)
    heads = ["file", "object", "clip", "frame_index", f"is_contact_candidate{UNITS[2]}", "background_group", *properties]
    _write(folder / "labels.csv", heads, label_rows)
    return folder


def _write(path: Path, heads: list, rows: list) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([heads, *rows])
