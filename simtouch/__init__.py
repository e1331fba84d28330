"""simtouch: a vision-based touch sensor you can pip install, and the road from a contact to a policy.

The public names load when they are first used: importing simtouch costs nothing heavier than the standard library.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simtouch import indenters
    from simtouch._checks import SimtouchError
    from simtouch.frame import TactileFrame
    from simtouch.gel import LayerConfig, MembraneConfig
    from simtouch.models.load import load_encoder
    from simtouch.models.processor import TouchProcessor
    from simtouch.optics import OpticsConfig
    from simtouch.sensors import SENSORS, SensorSpec, SensorUnit, load_sensor, save_sensor
    from simtouch.simulator import TactileSimulator
    from simtouch.stream import open_stream

__version__ = "0.1.0"

_HOME = {
    "LayerConfig": "simtouch.gel",
    "MembraneConfig": "simtouch.gel",
    "OpticsConfig": "simtouch.optics",
    "SENSORS": "simtouch.sensors",
    "SensorSpec": "simtouch.sensors",
    "SensorUnit": "simtouch.sensors",
    "SimtouchError": "simtouch._checks",
    "TactileFrame": "simtouch.frame",
    "TactileSimulator": "simtouch.simulator",
    "TouchProcessor": "simtouch.models.processor",
    "indenters": "simtouch.indenters",
    "load_encoder": "simtouch.models.load",
    "load_sensor": "simtouch.sensors",
    "open_stream": "simtouch.stream",
    "save_sensor": "simtouch.sensors",
}

__all__ = [
    "SENSORS",
    "LayerConfig",
    "MembraneConfig",
    "OpticsConfig",
    "SensorSpec",
    "SensorUnit",
    "SimtouchError",
    "TactileFrame",
    "TactileSimulator",
    "TouchProcessor",
    "__version__",
    "indenters",
    "load_encoder",
    "load_sensor",
    "open_stream",
    "save_sensor",
]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module `simtouch` has no attribute `{name}`; it has {', '.join(__all__)}.")
    module = importlib.import_module(_HOME[name])
    value = module if _HOME[name] == f"simtouch.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
