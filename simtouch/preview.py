"""Contact sheet of a stream or of recordings: a folder in, one picture out.

python -m simtouch.preview PATH [--clip N] [--out FILE]
"""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from simtouch._checks import ArgumentError, SimtouchError
from simtouch._verb import run_verb


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to draw."""

    path: Path
    """Folder of the stream, or of recordings in one of the layouts that `simtouch.open_stream` reads."""
    clip: int | None = None
    """Show this clip alone, with all its sensors; by default up to six, evenly chosen."""
    out: Path | None = None
    """Picture to write; by default `preview.png`, or `preview-clip-N.png`, in the current folder."""


def main(config: Config) -> Path:
    """Draw the contact sheet, write it and return its path."""
    from simtouch.stream.contact_sheet import make_contact_sheet
    from simtouch.stream.reader import open_stream

    stream = open_stream(config.path)
    if not len(stream):
        raise SimtouchError(f"`{config.path}` holds no finished shard yet; there is nothing to show.")
    name = "preview.png" if config.clip is None else f"preview-clip-{config.clip}.png"
    out = config.out or Path(name)
    if not out.parent.is_dir():
        raise ArgumentError(f"`--out` must lie in a folder that exists; got {out}.")
    if config.clip is None:
        png = make_contact_sheet(stream)
    else:
        ids = getattr(stream, "clip_ids", range(len(stream)))  # recordings are counted
        if config.clip not in ids:
            raise ArgumentError(f"`--clip` must be one of the {len(ids)} clips from {ids[0]} to {ids[-1]}; got {config.clip}.")
        first, sensors = ids.index(config.clip), getattr(stream, "sensors_per_clip", 1)
        png = make_contact_sheet([stream[i] for i in range(first, first + sensors)])
    _write(out, png)
    if not getattr(stream, "complete", True):
        print(f"unfinished: {len(stream.missing_shards)} shards are missing.", file=sys.stderr)
    return out


def cli() -> None:
    """The command line."""
    run_verb(Config, lambda config: print(main(config)), __doc__)


def _write(path: Path, data: bytes) -> None:
    tmp = path.with_name(path.name + ".tmp")
    try:
        tmp.write_bytes(data)
        os.replace(tmp, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            tmp.unlink()
        raise SimtouchError(f"`{path}` cannot be written: {error.strerror}.") from error


if __name__ == "__main__":
    cli()
