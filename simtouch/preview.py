"""Contact sheet of a stream: a folder in, one picture out.

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
    """Folder of the stream."""
    clip: int | None = None
    """Show this clip alone; by default up to six, evenly chosen."""
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
        ids = stream.clip_ids
        if config.clip not in ids:
            raise ArgumentError(f"`--clip` must be one of the {len(ids)} clips from {ids[0]} to {ids[-1]}; got {config.clip}.")
        png = make_contact_sheet([stream[ids.index(config.clip)]])
    _write(out, png)
    if not stream.complete:
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
