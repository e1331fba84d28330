"""ObjectFolder's copy of Taxim: a folder with `polycalib`, `real_bg` and `depth_bg` in, a `SensorSpec` out.

Files of github.com/rhgao/ObjectFolder, CC BY 4.0: whoever passes the resulting sensor file on must name ObjectFolder.
"""

from pathlib import Path

from simtouch._checks import ArgumentError
from simtouch.optics.importers.imported import folder_of, the_file
from simtouch.optics.importers.taxim import import_taxim
from simtouch.sensors.spec import SensorSpec

LICENCE = "ObjectFolder (Gao et al., 2022), CC BY 4.0: name it where you pass this file on"


def import_object_folder(path: str | Path, base: SensorSpec) -> SensorSpec:
    """Return `base` with the colours of ObjectFolder's sensor, equation (2) of `taxim.py`."""
    folder = folder_of(path)
    for name in ("real_bg.npy", "depth_bg.npy"):
        if the_file(folder, name) is None:
            raise ArgumentError(f"`{folder}` has no {name}; ObjectFolder's calibration has it, Taxim's is imported as `taxim`.")
    return import_taxim(folder, base, kind="objectfolder", sources={"licence": LICENCE})
