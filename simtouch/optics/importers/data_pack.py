"""Presses as Taxim stores them, `dataPack.npz`: a no-contact frame, ball presses and hand-clicked circles.

Pictures are BGR and become RGB. Circles are (column, row) and radius in pixels, in whatever integers the file has. Ball and pixel size
are not in the file. Layout as published with Taxim (Si and Yuan, RA-L 2022, arXiv 2109.04027).
"""

from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.importers.npz import read_arrays


def read_data_pack(path: str | Path, *, ball_radius_m: float, pixel_pitch_m: float, circles: bool = True) -> PressSet:
    """Read a `dataPack.npz`.

    Args:
        path: The file.
        ball_radius_m: Of the ball [m].
        pixel_pitch_m: Gel length seen by one pixel [m].
        circles: Whether to take the file's circles.
    """
    found = read_arrays(path, ("f0", "imgs", "touch_center", "touch_radius", "names"))
    if missing := [n for n in ("f0", "imgs", "touch_center", "touch_radius") if n not in found]:
        raise ArgumentError(f"`{path}` has no `{missing[0]}`; a dataPack has f0, imgs, touch_center and touch_radius.")
    images, count = found["imgs"], len(found["imgs"])
    centres, radii = np.asarray(found["touch_center"], float), np.asarray(found["touch_radius"], float)
    if centres.shape != (count, 2) or radii.shape != (count,):
        raise ArgumentError(f"`{path}` has {count} presses, but centres {centres.shape} and radii {radii.shape}.")
    return PressSet(
        images=np.ascontiguousarray(images[..., ::-1]),
        rest=np.ascontiguousarray(found["f0"][..., ::-1]),
        ball_radius_m=ball_radius_m,
        pixel_pitch_m=pixel_pitch_m,
        circles_px=np.column_stack([centres, radii]) if circles else None,
        names=tuple(f"press_{k:02d}" for k in range(count)),
        source=str(Path(path).name),
    )
