"""A TACTO sensor, its yaml in, a `SensorSpec` with the same lamps, view and noise out.

    z = camera's view, x = its right, y = its down, origin = gel.origin                                (1)
    lamp = lights.origin + (x, r cos theta, r sin theta)   or   lights.origin + coords                 (2)
    pitch = 2 |gel - camera| tan(yfov / 2) / H                                                         (3)

TACTO's default camera looks along +x; its orientation (Euler angles about the fixed axes x, y, z) turns OpenGL's camera, which looks along
-z. Colours are RGB. TACTO renders with a point light's inverse square and no unit of brightness: the brightest lamp gets the brightness of
the base sensor's. Layout as published with TACTO (Wang et al., RA-L 2022, arXiv 2012.08456).
"""

import math
import reprlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, as_array, as_number
from simtouch.optics.importers.imported import imported_spec
from simtouch.sensors.spec import Light, SensorSpec

MOST_BYTES = 1 << 16
MOST_BRACKETS, LONGEST_LINE = 1000, 1000  # PyYAML's time grows with the square of the nesting
MOST_LAMPS = 64
REAL_STD = 3.25
"""Largest pixel noise of a real DIGIT over its channels [grey levels]: repeated presses of one place."""


def import_tacto(path: str | Path, base: SensorSpec) -> SensorSpec:
    """Return `base` with the lamps, the view and the noise of a TACTO yaml; its picture size stays, since no yaml has one."""
    path = Path(path)
    sensor = _section(_read_yaml(path), "sensor", path)
    gel, camera, lights = _section(sensor, "gel", path), _camera(sensor, path), _section(sensor, "lights", path)
    origin = _point(gel, "origin", f"{path}: sensor.gel")
    tacto_T_gel = _axes(camera, path)
    eye = (_point(camera, "position", f"{path}: sensor.camera") - origin) @ tacto_T_gel
    if not eye[2] < 0:
        raise ArgumentError(f"`{path}` has its camera in front of the gel; it must look at the gel from behind.")
    yfov = as_number(f"{path}: sensor.camera.yfov", camera.get("yfov"), above=0, below=180)
    H = base.image_shape[0]
    size = tuple(as_number(f"{path}: sensor.gel.{n}", gel.get(n), above=0, at_most=1) for n in ("width", "height"))
    record = {
        "imported from": f"tacto, {path.name}",
        "camera.image_shape": f"that of `{base.name}`: no yaml has one",
        "camera.pixel_pitch_m": f"yfov {yfov:g} degrees at {-eye[2] * 1e3:.1f} mm over {H} rows",
        "lights": "places and colours of the yaml, inverse square; TACTO has no unit of brightness: "
        f"the brightest lamp is as bright as that of `{base.name}`",
        "gel.size_m": "width and height of the yaml",
        "gel": f"`force` of the yaml is not used: the gel is the elastic layer of `{base.name}`",
    }
    spec = imported_spec(
        replace(base, background=None),
        kind="tacto",
        path=path,
        image_shape=base.image_shape,
        pixel_pitch_m=-2 * eye[2] * math.tan(math.radians(yfov) / 2) / H,
        response=None,
        background=None,
        dome_radius_m=_dome(gel, size, record, path),
        sources=record,
    )
    return replace(
        spec,
        gel=replace(spec.gel, size_m=size),
        camera=replace(spec.camera, distance_m=-float(eye[2]), noise_std=_noise(sensor, base, record, path)),
        lights=_lights(lights, origin, tacto_T_gel, base, path),
        sources=spec.sources | record,
    )


def _read_yaml(path: Path) -> dict:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("TACTO files are YAML: `pip install pyyaml`.") from error
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ArgumentError(f"`{path}` is larger than the {MOST_BYTES >> 10} kB that are read.")
        text = path.read_text(encoding="utf-8")
        if sum(map(text.count, "[{")) > MOST_BRACKETS or max(map(len, text.splitlines()), default=0) > LONGEST_LINE:
            raise ArgumentError(f"`{path}` is not a readable TACTO yaml: it nests too deeply.")
        data = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, RecursionError, ValueError, yaml.YAMLError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"`{path}` is not a readable TACTO yaml: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ArgumentError(f"`{path}` is not a readable TACTO yaml: it has no `sensor`.")
    return data


def _section(parent: dict, name: str, path: Path) -> dict:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise ArgumentError(f"`{path}` must have a section `{name}`; got {reprlib.repr(value)}.")
    return value


def _camera(sensor: dict, path: Path) -> dict:
    """The first camera: a list of {cam0: ..., position: ...} or of {cam0: {position: ...}}, or one section."""
    value = sensor.get("camera")
    if isinstance(value, list):
        if len(value) != 1:
            raise ArgumentError(f"`{path}` has {len(value)} cameras; one sensor has one.")
        value = value[0]
    if isinstance(value, dict) and "position" not in value:
        value = next(iter(value.values()), None)
    if not isinstance(value, dict):
        raise ArgumentError(f"`{path}` must have a `sensor.camera` with position, orientation and yfov.")
    return value


def _point(section: dict, name: str, where: str) -> np.ndarray:
    return as_array(f"{where}.{name}", section.get(name), "3", np.float64)


def _axes(camera: dict, path: Path) -> np.ndarray:
    """Equation (1): x, y and z of the gel frame in TACTO's, as columns (3, 3)."""
    angles = np.radians(_point(camera, "orientation", f"{path}: sensor.camera"))
    turn = np.eye(3)
    for k, angle in enumerate(angles):
        c, s, (i, j) = math.cos(angle), math.sin(angle), [(1, 2), (2, 0), (0, 1)][k]
        about = np.eye(3)
        about[i, i] = about[j, j] = c
        about[j, i], about[i, j] = s, -s
        turn = about @ turn
    return turn @ np.diag([1.0, -1.0, -1.0])  # OpenGL's y is up, and it looks along -z


def _lights(lights: dict, origin, tacto_T_gel, base: SensorSpec, path: Path) -> tuple[Light, ...]:
    places = (_places(lights, path) - origin) @ tacto_T_gel
    K = len(places)
    colors = as_array(f"{path}: sensor.lights.colors", lights.get("colors"), "K 3", np.float64, K=K)
    power = as_array(f"{path}: sensor.lights.intensities", lights.get("intensities", [1.0] * K), "K", np.float64, K=K)
    if colors.min() < 0 or power.min() < 0 or (colors * power[:, None]).max() == 0:
        raise ArgumentError(f"`{path}` must have colours and intensities >= 0, not all 0.")
    if not places[:, 2].max() < 0:
        raise ArgumentError(f"`{path}` has a lamp in front of the gel; all must lie on the camera's side.")
    colors = colors * (power / np.sum(places**2, 1))[:, None]
    colors *= max(max(light.color) for light in base.lights) / colors.max()
    return tuple(
        Light(position_m=tuple(map(float, p)), color=tuple(map(float, c)), falloff=2.0)
        for p, c in zip(places, colors, strict=True)
    )


def _places(lights: dict, path: Path) -> np.ndarray:
    """Equation (2), (K, 3), TACTO's frame."""
    where = f"{path}: sensor.lights"
    if lights.get("polar"):
        polar = lights.get("xrtheta")
        if not isinstance(polar, dict):
            raise ArgumentError(f"`{where}.xrtheta` must hold xs, rs and thetas.")
        xs = as_array(f"{where}.xrtheta.xs", polar.get("xs"), "K", np.float64)
        rs, thetas = (as_array(f"{where}.xrtheta.{n}", polar.get(n), "K", np.float64, K=len(xs)) for n in ("rs", "thetas"))
        places = np.stack([xs, rs * np.cos(np.radians(thetas)), rs * np.sin(np.radians(thetas))], 1)
    else:
        xyz = lights.get("xyz")
        places = as_array(f"{where}.xyz.coords", xyz.get("coords") if isinstance(xyz, dict) else xyz, "K 3", np.float64)
    if not 1 <= len(places) <= MOST_LAMPS:
        raise ArgumentError(f"`{where}` must have 1 to {MOST_LAMPS} lamps; got {len(places)}.")
    return places + _point(lights, "origin", where)


def _dome(gel: dict, size: tuple[float, float], record: dict, path: Path) -> tuple[float, float]:
    if not gel.get("curvature"):
        record["gel.dome_radius_m"] = "flat in the yaml"
        return math.inf, math.inf
    drop = as_number(f"{path}: sensor.gel.curvatureMax", gel.get("curvatureMax"), above=0, at_most=max(size))
    radius = (size[0] ** 2 + size[1] ** 2) / 8 / drop
    record["gel.dome_radius_m"] = f"curvatureMax {drop * 1e3:g} mm taken as the drop at the corners; `R` of the yaml is not used"
    return radius, radius


def _noise(sensor: dict, base: SensorSpec, record: dict, path: Path) -> tuple[float, float, float]:
    noise = sensor.get("noise")
    color = noise.get("color") if isinstance(noise, dict) else None
    if not isinstance(color, dict):
        record["camera.noise_std"] = f"none in the yaml: that of `{base.name}`"
        return base.camera.noise_std
    std = as_number(f"{path}: sensor.noise.color.std", color.get("std"), at_least=0, at_most=255)
    mean = as_number(f"{path}: sensor.noise.color.mean", color.get("mean", 0), at_least=-255, at_most=255)
    record["camera.noise_std"] = f"std of the yaml, {std:g} levels" + (f"; its mean of {mean:g} is left out" if mean else "")
    if std > 2 * REAL_STD:
        warnings.warn(f"`{path}` has noise of {std:g} levels, over twice that of a real DIGIT ({REAL_STD}).", stacklevel=3)
        record["camera.noise_std"] += f"; over twice that of a real DIGIT ({REAL_STD})"
    return std, std, std
