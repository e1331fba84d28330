"""What a sensor is: `SENSORS` by name, or a sensor file."""

from simtouch.sensors.background import Background
from simtouch.sensors.blemishes import Blemishes
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.digit import DIGIT
from simtouch.sensors.gelsight_2017 import GELSIGHT_2017
from simtouch.sensors.gelsight_mini import GELSIGHT_MINI, GELSIGHT_MINI_MARKERS
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.sensor_file import load_sensor, save_sensor
from simtouch.sensors.spec import Camera, Coating, GelPad, Light, MarkerGrid, SensorSpec, WorkingRange
from simtouch.sensors.unit import SensorUnit

SENSORS: dict[str, SensorSpec] = {spec.name: spec for spec in (DIGIT, GELSIGHT_MINI, GELSIGHT_MINI_MARKERS, GELSIGHT_2017)}

__all__ = [
    "SENSORS",
    "Background",
    "Blemishes",
    "Camera",
    "Coating",
    "ColourTable",
    "GelPad",
    "Light",
    "MarkerGrid",
    "Numbers",
    "SensorSpec",
    "SensorUnit",
    "WorkingRange",
    "load_sensor",
    "save_sensor",
]
