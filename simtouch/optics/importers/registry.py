"""Names of foreign calibrations, as the command line takes them: a name in, the function that reads such files out."""

from collections.abc import Callable
from pathlib import Path

from simtouch.optics.importers.fots import import_fots
from simtouch.optics.importers.gpu_taxim import import_gpu_taxim
from simtouch.optics.importers.object_folder import import_object_folder
from simtouch.optics.importers.tacto import import_tacto
from simtouch.optics.importers.taxim import import_taxim
from simtouch.sensors.spec import SensorSpec

IMPORTERS: dict[str, Callable[[Path, SensorSpec], SensorSpec]] = {
    "taxim": import_taxim,
    "gpu-taxim": import_gpu_taxim,
    "objectfolder": import_object_folder,
    "fots": import_fots,
    "tacto": import_tacto,
}
"""(file or folder, base sensor) -> sensor. What is said aloud comes as `UserWarning`, what was read where as `sources`."""
