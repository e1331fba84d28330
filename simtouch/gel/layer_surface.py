"""Back to SI: what the layer's solvers find in mm and MPa in, a `GelSurface` out."""

import numpy as np

from simtouch.gel.surface import GelSurface

MM = 1e3  # mm in a metre
PA = 1e6  # pascal in a MPa


def from_maps(pascal, where, pressure, shear, fields, slides, slip) -> GelSurface:
    """SI again: tractions times `pascal`, within `where`; `fields` as those of `ContactSolver`."""
    shape = pressure.shape
    surface = GelSurface(
        normal_traction_pa=np.multiply(pressure, pressure.dtype.type(pascal)).astype(np.float32, copy=False),
        shear_traction_pa=np.zeros((*shape, 2), np.float32),
        displacement_m=np.empty((*shape, 3), np.float32),
        slides=slides,
        slip_m=np.zeros((*shape, 2), np.float32),
    )
    everywhere = (slice(None), slice(None))
    _store(surface.shear_traction_pa, where, pascal, shear)
    _store(surface.slip_m, where, 1 / MM, slip)
    _store(surface.displacement_m, everywhere, 1 / MM, fields[:, :2])
    _store(surface.displacement_m[..., 2:], everywhere, -1 / MM, fields[:, 2:3] + fields[:, 3:])
    return surface


def from_turns(maps: np.ndarray, slides: np.ndarray) -> GelSurface:
    """From `SURFACE` of `window_slide.py`."""
    (B, h, w), n = slides.shape, slides[0].size
    return GelSurface(
        normal_traction_pa=maps[:, :n].reshape(B, h, w),
        shear_traction_pa=maps[:, n : 3 * n].reshape(B, h, w, 2),
        displacement_m=maps[:, 5 * n :].reshape(B, h, w, 3),
        slides=slides,
        slip_m=maps[:, 3 * n : 5 * n].reshape(B, h, w, 2),
    )


def _store(out: np.ndarray, where: tuple[slice, slice], factor: float, channels: np.ndarray) -> None:
    """C maps (B, C, h, w) times a factor into (B, h, w, C), on some rows and columns."""
    for c in range(channels.shape[1]):
        np.multiply(channels[:, c, *where], channels.dtype.type(factor), out=out[:, *where, c], casting="same_kind")
