"""Machined parts: sizes in, a `Solid` with one closed mesh out. The origin is the middle of the part's axis."""

from functools import partial
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch.geometry.raster import TriangleMesh
from simtouch.indenters.solid import Shell, Solid
from simtouch.indenters.surfaces import loft

_FACET_M = 0.055e-3
_SIDE = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])  # takes z to y and x to -z


def hex_nut(
    width_m: float = 8e-3, thickness_m: float = 4e-3, bore_radius_m: float = 2.5e-3, *, axis: Literal["side", "end"] = "end"
) -> Solid:
    """A hexagon nut with turned-down corners, flat on the gel (`end`) or standing on a flat (`side`).

    Args:
        width_m: Width across flats [m].
        thickness_m: Thickness [m].
        bore_radius_m: Radius of the hole [m].
        axis: Which face looks at the gel.
    """
    width, thickness = as_number("width_m", width_m, above=0), as_number("thickness_m", thickness_m, above=0)
    bore = as_number("bore_radius_m", bore_radius_m, above=0, at_most=0.42 * width)
    parameters = {"width_m": width, "thickness_m": thickness, "bore_radius_m": bore, "axis": _axis(axis)}
    return Solid("hex_nut", parameters, (Shell(partial(_build_nut, width, thickness, bore, axis)),))


def gear(
    module_m: float = 0.8e-3,
    teeth: int = 12,
    width_m: float = 4e-3,
    *,
    bore_radius_m: float = 1.5e-3,
    axis: Literal["side", "end"] = "end",
) -> Solid:
    """A spur gear with involute teeth, flat on the gel (`end`) or pressing with its teeth (`side`).

    Args:
        module_m: Pitch diameter over the number of teeth [m].
        teeth: Number of teeth.
        width_m: Width of the rim [m].
        bore_radius_m: Radius of the hole [m].
        axis: Which face looks at the gel.
    """
    module, width = as_number("module_m", module_m, above=0), as_number("width_m", width_m, above=0)
    teeth = int(as_number("teeth", teeth, at_least=6, at_most=200))
    bore = as_number("bore_radius_m", bore_radius_m, above=0, at_most=0.8 * module * (teeth / 2 - 1.25))
    parameters = {"module_m": module, "teeth": teeth, "width_m": width, "bore_radius_m": bore, "axis": _axis(axis)}
    return Solid("gear", parameters, (Shell(partial(_build_gear, module, teeth, width, bore, axis)),))


def screw_thread(radius_m: float = 3e-3, pitch_m: float = 1e-3, length_m: float = 12e-3, *, left_handed: bool = False) -> Solid:
    """A threaded rod with the ISO metric profile that lies on its side along y.

    Args:
        radius_m: Radius over the crests [m].
        pitch_m: Advance in one turn [m].
        length_m: Length of the rod [m].
        left_handed: Whether the helix is the mirrored one.
    """
    radius, length = as_number("radius_m", radius_m, above=0), as_number("length_m", length_m, above=0)
    pitch = as_number("pitch_m", pitch_m, above=0, at_most=radius)
    parameters = {"radius_m": radius, "pitch_m": pitch, "length_m": length, "left_handed": bool(left_handed)}
    return Solid("screw_thread", parameters, (Shell(partial(_build_thread, radius, pitch, length, bool(left_handed))),))


def _axis(axis: str) -> str:
    if axis not in ("side", "end"):
        raise ArgumentError(f"`axis` must be side or end; got {axis!r}.")
    return axis


def _build_nut(width: float, thickness: float, bore: float, axis: str) -> TriangleMesh:
    angle = np.arange(540) * 2 * np.pi / 540
    flat = width / 2 / np.cos((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)  # a flat looks to +x, corners fall on samples
    face = 0.475 * width
    turned = np.minimum((flat - face) * np.tan(np.pi / 6), thickness / 2)  # a 30 degree cone takes the corners off
    low, sink = -thickness / 2, min(0.1 * bore, thickness / 4)
    section = [(bore + sink, low), (face, low), (flat, low + turned), (flat, -low - turned), (face, -low)]
    section += [(bore + sink, -low), (bore, -low - sink), (bore, low + sink)]
    return _turned_part(section, angle, axis)


def _build_gear(module: float, teeth: int, width: float, bore: float, axis: str) -> TriangleMesh:
    angle, outer = _gear_outline(module, teeth)
    low, sink = -width / 2, min(0.1 * module, width / 8)
    section = [(bore + sink, low), (outer - sink, low), (outer, low + sink), (outer, -low - sink), (outer - sink, -low)]
    section += [(bore + sink, -low), (bore, -low - sink), (bore, low + sink)]
    return _turned_part(section, angle, axis)


def _gear_outline(module: float, teeth: int) -> tuple[np.ndarray, np.ndarray]:
    """Angle and radius along the rim: involute flanks at 20 degrees pressure angle, radial below the base circle."""

    def involute(cosine):
        return np.tan(np.arccos(cosine)) - np.arccos(cosine)

    pitch = module * teeth / 2
    base = pitch * np.cos(np.radians(20))
    radius = np.linspace(pitch - 1.25 * module, pitch + module, max(16, int(np.ceil(2.25 * module / _FACET_M))))
    half = np.pi / (2 * teeth) + involute(np.cos(np.radians(20))) - involute(np.minimum(base / radius, 1.0))
    half = np.maximum(half, 0.02 / teeth)  # few teeth come to a point
    half += np.linspace(1e-4, 0, len(half)) / teeth  # angles must grow along radial flanks too
    tip = np.linspace(-half[-1], half[-1], 13)[1:-1]
    root = np.linspace(half[0], 2 * np.pi / teeth - half[0], 13)[1:-1]
    tooth_angle = np.concatenate([-half, tip, half[::-1], root])
    tooth_radius = np.concatenate([radius, np.full(11, radius[-1]), radius[::-1], np.full(11, radius[0])])
    # A tooth looks to +x, which `side` presents to the gel.
    angle = (np.arange(teeth)[:, None] * 2 * np.pi / teeth + tooth_angle).ravel()
    return angle, np.tile(tooth_radius, teeth)


def _turned_part(section: list, angle: np.ndarray, axis: str) -> TriangleMesh:
    """Loft a ring of (radius, height) around z; either may vary with the angle. `side` lays +x to the gel, z along y."""
    rings = [np.broadcast_arrays(radius * np.cos(angle), radius * np.sin(angle), height) for radius, height in section]
    points = np.moveaxis(np.array(rings, np.float64), 1, -1)
    if axis == "side":
        points = points @ _SIDE.T
    return loft(points)


def _build_thread(radius: float, pitch: float, length: float, left_handed: bool) -> TriangleMesh:
    """Rod about y. Its near side is at angle 0; a right-handed ridge moves to -y (up the image) as it goes to +x."""
    angle = np.arange(np.ceil(2 * np.pi * radius / _FACET_M)) * 2 * np.pi / np.ceil(2 * np.pi * radius / _FACET_M)
    along = np.linspace(-length / 2, length / 2, int(np.ceil(length / _FACET_M)) + 1)
    turns = angle / (2 * np.pi) * (-1 if left_handed else 1)
    phase = np.abs((along[:, None] / pitch + turns + 0.5) % 1 - 0.5)  # 0 at a crest, 0.5 at a root
    # ISO 68: 60 degree flanks, the crest flat over pitch / 8, the root over pitch / 4.
    r = radius - np.clip((phase - 1 / 16) * pitch * np.sqrt(3), 0, 0.625 * pitch * np.sqrt(3) / 2)
    points = np.stack([r * np.sin(angle), np.broadcast_to(along[:, None], r.shape), -r * np.cos(angle)], axis=-1)
    caps = np.zeros((2, 1, len(angle), 3))
    caps[0, ..., 1], caps[1, ..., 1] = along[0], along[-1]
    return loft(np.concatenate([caps[0], points, caps[1]]))
