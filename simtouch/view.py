"""Look at touch in the browser: a stream, real recordings, or a live sensor whose indenter the mouse moves.

python -m simtouch.view PATH

python -m simtouch.view --live --sensor digit --object sphere

python -m simtouch.view PATH --rerun clips.rrd
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch._verb import run_verb


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to look at."""

    path: tyro.conf.Positional[Path | None] = None
    """A stream, or real recordings."""
    live: bool = False
    """Simulate a sensor instead, and move its indenter with the mouse."""
    sensor: str = "digit"
    """With --live: name of a preset, or a sensor file (.json)."""
    object: str = "sphere"
    """With --live: name of a shape, or a mesh file (.stl, .obj, .ply)."""
    scale: float = 1.0
    """With --live: factor on the coordinates of a mesh file, which are taken as metres: 0.001 for millimetres."""
    fps: float = 30.0
    """With --live: most readings a second."""
    rerun: Path | None = None
    """Write the clips to this Rerun file (.rrd) instead of opening a page."""
    clip: int | None = None
    """Write only the clip at this place to the Rerun file."""
    host: str = "127.0.0.1"
    """Address to listen on. Whoever reaches it can look and move things: nobody is asked for a password."""
    port: int = 8080
    """Port; the next free one if it is taken."""


def main(config: Config) -> None:
    """Serve the page until Ctrl-C, or write the Rerun file."""
    _check(config)
    if config.rerun is not None:
        from simtouch.stream import open_stream
        from simtouch.view_rerun import write_rerun

        count = write_rerun(open_stream(config.path), config.rerun, config.clip)
        print(f"{config.rerun}: {count} frames; `rerun {config.rerun}` shows them")
        return
    shown: Any = _live(config) if config.live else _clips(config)
    try:
        if shown.page.port != config.port:
            print(f"port {config.port} is taken; took the next free one")
        print(f"{shown.page.url}  (Ctrl-C stops)", flush=True)
        shown.run()
    finally:
        shown.page.close()


def cli() -> None:
    """The command line."""
    run_verb(Config, main, __doc__)


def _check(config: Config) -> None:
    if (config.path is None) != config.live:
        raise ArgumentError("give either the path of a stream or of recordings, or `--live`.")
    if config.live and config.rerun is not None:
        raise ArgumentError("`--rerun` writes clips that are on disk; it does not go with `--live`.")
    if config.clip is not None and config.rerun is None:
        raise ArgumentError("`--clip` goes with `--rerun`; the page has a chooser.")
    if not 1 <= config.fps <= 240:
        raise ArgumentError(f"`--fps` must be from 1 to 240; got {config.fps:g}.")


def _clips(config: Config):
    from simtouch.stream import open_stream
    from simtouch.view_clips import ClipPage
    from simtouch.view_page import Page

    clips = open_stream(config.path)
    if not len(clips):
        raise SimtouchError(f"`{config.path}` holds no finished clip yet; there is nothing to show.")
    return ClipPage(clips, Page(config.host, config.port, "simtouch"))


def _live(config: Config):
    from functools import partial

    from simtouch import indenters
    from simtouch.sensors import SENSORS, load_sensor

    sensors, objects = dict(SENSORS), dict(indenters.INDENTERS)
    if config.sensor.endswith(".json"):
        sensors = {config.sensor: load_sensor(config.sensor)} | sensors
    if Path(config.object).suffix.lower() in (".stl", ".obj", ".ply"):
        body = indenters.mesh(config.object, scale=config.scale)
        objects = {config.object: partial(_same, body)} | objects
    pick("sensor", config.sensor, sensors)
    pick("object", config.object, objects)
    from simtouch.view_live import LivePage
    from simtouch.view_page import Page

    page = Page(config.host, config.port, "simtouch")
    return LivePage(page, sensors, objects, sensor=config.sensor, object=config.object, fps=config.fps)


def _same(body):
    return body


if __name__ == "__main__":
    cli()
