"""Light field of a sensor at rest: its spec in, directions and strengths of its lamps over the gel out. Once per sensor.

    a_k(x, y) = U_k(x, y) (d_k0 / d_k(x, y))^p_k G_k(x, y)                                (1)
    U_k = 1 + e sum_w cos(kappa_w . x + phi_kw) / sqrt(W / 2)                                (2)
    v(x, y) = 1 - vignetting (rho / rho_corner)^2                                            (3)

d_k distance to lamp k (d_k0: from the gel's apex), p_k its fall-off, G_k its patch of light, a Gaussian; U_k a smooth
unevenness of amplitude e that stands for guides, reflectors and coating, drawn from the sensor's own seed; rho distance from
the image's centre.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.geometry.dome import dome_height_m
from simtouch.optics.planes import Planes
from simtouch.sensors.spec import SensorSpec

WAVES = 6


@dataclass(frozen=True, kw_only=True)
class LightField:
    """What the kernels need to know of the lamps. K lamps; planes are float32."""

    rest_px: np.ndarray
    """Resting surface in pixels, plane, shape (1, H, stride)."""
    colors: np.ndarray
    """Float32, shape (K, 3)."""
    strength: np.ndarray
    """a_k of (1), planes, shape (K, H, stride)."""
    places_px: np.ndarray
    """Camera, then lamps (column, row, z) in pixels, float32, shape (1 + K, 3)."""
    scales: np.ndarray
    """1 / distance to the camera, then per lamp 1 / distance and 1 / sqrt(2 + 2 l . v), planes, shape (1 + 2 K, H, stride)."""
    coating: np.ndarray
    """Ambient rgb, share of the highlight, softness, float32, shape (5,)."""
    shininess: int


def light_field(spec: SensorSpec, planes: Planes) -> LightField:
    """Return the light field (1), (2) of a sensor on its resting surface."""
    grid, pitch = spec.image_grid, spec.camera.pixel_pitch_m
    rest = dome_height_m(grid, spec.gel.dome_radius_m) / pitch
    place = np.stack([*np.meshgrid(np.arange(grid.cols), np.arange(grid.rows)), rest])
    centre = np.array([(grid.cols - 1) / 2, (grid.rows - 1) / 2, 0.0])
    lamps = np.array([light.position_m for light in spec.lights]) / pitch + centre
    camera = centre - [0, 0, spec.camera.distance_m / pitch]
    scales = [_scale(camera, place)]
    for lamp in lamps:
        scales += [_scale(lamp, place), _halfway_scale(lamp, camera, place)]
    surface = planes.padded(rest)
    planes.extend_linearly(surface)
    coating = spec.coating
    return LightField(
        rest_px=surface,
        colors=np.array([light.color for light in spec.lights], np.float32),
        strength=planes.padded(np.stack([_strength(spec, k, lamp, place, centre) for k, lamp in enumerate(lamps)])),
        places_px=np.array([camera, *lamps], np.float32),
        scales=planes.padded(np.stack(scales)),
        coating=np.array([*coating.ambient, coating.specular, coating.softness], np.float32),
        shininess=round(coating.shininess),
    )


def unevenness(shape: tuple[int, int], amplitude: float, seed: tuple[int, ...]) -> np.ndarray:
    """Equation (2): a smooth random field about 1, float64, shape (H, W); waves of 0.6 to 2.5 image lengths."""
    rng = np.random.default_rng(seed)
    y, x = (np.arange(n) / max(shape) for n in shape)
    waves = np.zeros(shape)
    for _ in range(WAVES):
        heading, turns, phase = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.6), rng.uniform(0, 2 * np.pi)
        kx, ky = 2 * np.pi * turns * np.array([np.cos(heading), np.sin(heading)])
        waves += np.cos(kx * x[None, :] + ky * y[:, None] + phase)
    return np.maximum(1 + amplitude * waves / np.sqrt(WAVES / 2), 0.05)


def vignetting(shape: tuple[int, int], loss: float) -> np.ndarray:
    """Equation (3), float64, shape (H, W)."""
    y, x = (np.linspace(-1, 1, n) * n / np.hypot(*shape) for n in shape)
    return 1 - loss * (x[None, :] ** 2 + y[:, None] ** 2)


def _scale(point: np.ndarray, place: np.ndarray) -> np.ndarray:
    return 1 / np.linalg.norm(point[:, None, None] - place, axis=0)


def _halfway_scale(lamp: np.ndarray, camera: np.ndarray, place: np.ndarray) -> np.ndarray:
    l_v = (
        np.sum((lamp[:, None, None] - place) * (camera[:, None, None] - place), axis=0)
        * _scale(lamp, place)
        * _scale(camera, place)
    )
    return 1 / np.sqrt(2 + 2 * l_v.clip(-0.99))


def _strength(spec: SensorSpec, k: int, lamp: np.ndarray, place: np.ndarray, centre: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(lamp[:, None, None] - place, axis=0)
    fall_off = (np.linalg.norm(lamp - centre) / distance) ** spec.lights[k].falloff
    offset = place[:2] - (centre[:2] + np.array(spec.lights[k].aim_m) / spec.camera.pixel_pitch_m)[:, None, None]
    spread = np.array(spec.lights[k].spread_m)[:, None, None] / spec.camera.pixel_pitch_m
    patch = np.exp(-0.5 * np.sum((offset / spread) ** 2, axis=0))
    return fall_off * patch * unevenness(distance.shape, spec.coating.unevenness, (spec.coating.unevenness_seed, k))
