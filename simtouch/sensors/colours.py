"""The calibrated colours of a preset: an asset in, its colour table and resting picture out."""

import json

from simtouch._checks import ArgumentError
from simtouch.assets import asset_path
from simtouch.sensors.background import Background
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.sensor_file import part_from_plain, part_to_plain

FORMAT = "simtouch colours 1"


def load_colours(name: str) -> tuple[ColourTable, Background]:
    """The colour table and the resting picture in `assets/sensors/<name>.json`."""
    data = json.loads(asset_path(f"sensors/{name}.json").read_text(encoding="utf-8"))
    if data.get("format") != FORMAT:
        raise ArgumentError(f"the asset `sensors/{name}.json` must have the format `{FORMAT}`.")
    return part_from_plain(ColourTable, data["response"], "response"), part_from_plain(Background, data["background"], "background")


def colours_text(response: ColourTable, background: Background) -> str:
    """The text of such an asset."""
    parts = {"format": FORMAT, "response": part_to_plain(response), "background": part_to_plain(background)}
    return json.dumps(parts, indent=1) + "\n"
