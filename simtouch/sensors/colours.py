"""The calibrated colours of a preset: an asset in, its colour table, resting picture, lamps and coating out."""

import json
from dataclasses import dataclass

from simtouch._checks import ArgumentError
from simtouch.assets import asset_path
from simtouch.sensors.background import Background
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.sensor_file import part_from_plain, part_to_plain
from simtouch.sensors.spec import Coating, Light

FORMAT = "simtouch colours 1"


@dataclass(frozen=True, kw_only=True)
class Colours:
    """What a fit to real presses says of a sensor's light."""

    response: ColourTable
    background: Background
    lights: tuple[Light, ...]
    coating: Coating

    def fields(self) -> dict:
        """As arguments of a `SensorSpec`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def load_colours(name: str) -> Colours:
    """What `assets/sensors/<name>.json` holds."""
    data = json.loads(asset_path(f"sensors/{name}.json").read_text(encoding="utf-8"))
    if data.pop("format", None) != FORMAT:
        raise ArgumentError(f"the asset `sensors/{name}.json` must have the format `{FORMAT}`.")
    return part_from_plain(Colours, data, name)


def colours_text(colours: Colours) -> str:
    """The text of such an asset."""
    return json.dumps({"format": FORMAT} | part_to_plain(colours), indent=1) + "\n"
