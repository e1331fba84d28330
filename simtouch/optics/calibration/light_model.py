"""Physical lights at a few pixels, in NumPy: lamps in, the light of each that a press adds or takes out.

    D(x) = sum_k c_k gain a_k(x) [V_k F(n) - V_k0 F(n_0)]     [grey levels]                            (1)
    F = (1 - g) f(n . l_k) + g max(0, n . b_k)^m                                             (2)

with the symbols of `simtouch.optics.response`; gain is 255 times the vignetting, 0 the resting gel. D is linear in the colours c_k; the
other numbers of a lamp are, in this order and in units of half the image's diagonal: its azimuth [rad], log distance along the
gel, log height below it, fall-off, aim x, aim y, log spread x, log spread y. Numbers that all lamps share: g, log m, log s.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.geometry.dome import dome_height_m
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.surface import press_field
from simtouch.optics.lights import vignetting
from simtouch.sensors.spec import Light, SensorSpec

PER_LAMP, SHARED = 8, 3
LOWEST = np.array([-np.inf, np.log(0.2), np.log(0.03), 0.0, -1.5, -1.5, np.log(0.2), np.log(0.2)])
HIGHEST = np.array([np.inf, np.log(8.0), np.log(3.0), 4.0, 1.5, 1.5, np.log(30.0), np.log(30.0)])
LOWEST_SHARED, HIGHEST_SHARED = np.array([0.0, 0.0, np.log(0.02)]), np.array([0.7, np.log(200.0), np.log(4.0)])


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """N pixels of presses, or of the resting gel; lengths in half diagonals, origin in the middle of the image."""

    press: np.ndarray
    """Which press, (N,)."""
    pixel: np.ndarray
    """Row, column, (2, N)."""
    rest: np.ndarray
    """Place (x, y, z) on the resting surface, (3, N)."""
    rise: np.ndarray
    """z of the gel above its rest, (N,)."""
    normal: np.ndarray
    """(3, N)."""
    rest_normal: np.ndarray
    to_camera: np.ndarray
    """Unit vector from the resting surface, (3, N)."""
    facing: np.ndarray
    """n . v, and the same at rest, (2, N)."""
    gain: np.ndarray
    """Grey levels per full scale, (N,)."""
    target: np.ndarray
    """Difference image, or resting picture [grey levels], (N, 3)."""

    def thinned(self, every: int) -> "Samples":
        """Every `every`-th of them."""
        return Samples(
            **{name: value[..., ::every] if name != "target" else value[::every] for name, value in vars(self).items()}
        )


@dataclass(frozen=True, eq=False)
class View:
    """The image of a sensor at rest, in half diagonals."""

    half_px: float
    camera: np.ndarray
    rest_px: np.ndarray
    rest_normals: np.ndarray
    gain: np.ndarray


def view(spec: SensorSpec) -> View:
    """What the samples need to know of a sensor."""
    (H, W), pitch = spec.image_shape, spec.camera.pixel_pitch_m
    half_px = float(np.hypot(H, W) / 2)
    rest_px = dome_height_m(spec.image_grid, spec.gel.dome_radius_m) / pitch
    camera = np.array([0.0, 0.0, -spec.camera.distance_m / pitch / half_px])
    return View(half_px, camera, rest_px, normals(rest_px), 255 * vignetting((H, W), spec.camera.vignetting))


def normals(surface_px: np.ndarray) -> np.ndarray:
    """Unit normals towards the camera by central differences, one-sided at the rims, (3, H, W)."""
    slope_y, slope_x = np.gradient(surface_px)
    return np.stack([slope_x, slope_y, -np.ones_like(slope_x)]) / np.sqrt(1 + slope_x**2 + slope_y**2)


def press_surfaces(presses: PressSet, spec: SensorSpec, rest_px: np.ndarray) -> list[np.ndarray]:
    """The gel's surface [px] under each press, float32, (H, W)."""
    pitch = spec.camera.pixel_pitch_m
    numbers = {"ball_radius_px": presses.ball_radius_m / pitch, "thickness_px": spec.gel.thickness_m / pitch}
    fields = (press_field(c, presses.image_shape, **numbers, poisson_ratio=spec.gel.poisson_ratio) for c in presses.circles)
    return [np.asarray(rest_px + field.height_px, np.float32) for field in fields]


def samples_at(at: View, press: int, pixel: np.ndarray, surface_px: np.ndarray | None, target: np.ndarray) -> Samples:
    """Samples of one press at (row, column) pixels, (2, N); without a surface, of the resting gel."""
    rows, cols = pixel
    H, W = at.rest_px.shape
    z = at.rest_px[rows, cols]
    rest = np.stack([cols - (W - 1) / 2, rows - (H - 1) / 2, z]) / at.half_px
    rest_normal = at.rest_normals[:, rows, cols]
    rise = np.zeros(rows.size) if surface_px is None else (surface_px[rows, cols] - z) / at.half_px
    normal = rest_normal if surface_px is None else normals(surface_px)[:, rows, cols]
    way = at.camera[:, None] - rest
    length = np.linalg.norm(way, axis=0)
    facing = np.stack([_dot(normal, way) - normal[2] * rise, _dot(rest_normal, way)]) / length
    here = {"press": np.full(rows.size, press), "pixel": pixel, "rest": rest, "rise": rise, "normal": normal, "target": target}
    return Samples(**here, rest_normal=rest_normal, to_camera=way / length, facing=facing, gain=at.gain[rows, cols])


def joined(parts: list[Samples]) -> Samples:
    """All samples of several."""
    names = (*vars(parts[0]),)
    return Samples(**{n: np.concatenate([getattr(p, n) for p in parts], axis=0 if n == "target" else -1) for n in names})


def lamp_place(lamp: np.ndarray) -> np.ndarray:
    """(x, y, z) of a lamp."""
    along = np.exp(lamp[1])
    return np.array([along * np.cos(lamp[0]), along * np.sin(lamp[0]), -np.exp(lamp[2])])


def light_of(lamp: np.ndarray, shared: np.ndarray, s: Samples) -> np.ndarray:
    """Gain a_k F of (1) of the pressed and of the resting gel per unit of colour [grey levels], (2, N)."""
    falloff, aim, spread = lamp[3], lamp[4:6, None], np.exp(lamp[6:8, None])
    place = lamp_place(lamp)
    way = place[:, None] - s.rest
    length = np.sqrt(_dot(way, way))
    lit = np.stack([_dot(s.normal, way) - s.normal[2] * s.rise, _dot(s.rest_normal, way)]) / length
    halfway = 1 / np.sqrt(2 + 2 * (_dot(way, s.to_camera) / length).clip(-0.99))
    gloss, shininess, soft = shared[0], np.exp(shared[1]), np.exp(shared[2])
    foot = (lit + soft).clip(0, 2 * soft)
    diffuse = np.maximum(lit - soft, 0) + foot * foot / (4 * soft)
    highlight = np.maximum((lit + s.facing) * halfway, 1e-9) ** shininess
    patch = np.exp(-0.5 * np.sum(((s.rest[:2] - aim) / spread) ** 2, axis=0))
    strength = s.gain * (np.linalg.norm(place) / length) ** falloff * patch
    return strength * ((1 - gloss) * diffuse + gloss * highlight)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("in,in->n", a, b)


def lamp_numbers(light: Light, spec: SensorSpec, half_px: float) -> np.ndarray:
    """The eight numbers of a lamp of a sensor."""
    half_m = half_px * spec.camera.pixel_pitch_m
    x, y, z = np.array(light.position_m) / half_m
    spread = np.log(np.minimum(np.array(light.spread_m) / half_m, np.exp(HIGHEST[6:])))
    along = np.log(max(np.hypot(x, y), 1e-6))
    numbers = np.array([np.arctan2(y, x), along, np.log(-z), light.falloff, *np.array(light.aim_m) / half_m, *spread])
    return numbers.clip(LOWEST, HIGHEST)


def lamp_of(numbers: np.ndarray, color: np.ndarray, spec: SensorSpec, half_px: float) -> Light:
    """The lamp that has these numbers; spreads near the upper bound are even light."""
    half_m = half_px * spec.camera.pixel_pitch_m
    return Light(
        position_m=tuple((lamp_place(numbers) * half_m).tolist()),
        color=tuple(color.tolist()),
        falloff=float(numbers[3]),
        aim_m=tuple((numbers[4:6] * half_m).tolist()),
        spread_m=tuple((np.exp(numbers[6:8]) * half_m).tolist()),
    )
