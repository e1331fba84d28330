"""This very sensor: how one unit differs from its type. A `SensorSpec` and a unit in, the unit's own `SensorSpec` out.

Ranges of `SensorUnit.sample` and where they come from. "Measured" is on resting pictures of real units, as figures alone: low-passed,
in natural logarithms, against the mean unit. 9 GelSight Minis (7 plain, 2 dotted; two may be one unit): mean level of a channel
std .15 / .09 / .06 (R / G / B), .065 of it common to the channels; low-order cosines of the log picture, rms std over channels, 0.045-0.05
for one half-wave along a side (common to the channels .03, a channel's own .036), .025-.05 for two, .01-.03 beyond; three waves a
side hold 80 % of it. 3 DIGITs: mean level .07 / .05 / .06, half-waves .16-.18 (.05-.11 without the one whose colours stand
otherwise). 5 GelSights of different make, an upper bound: .12 / .18 / .12 and .15. "Public" stands for the ranges that published code
and sheets disagree on, "guess" for no source at all. Of a unit's own gamma, pixel pitch, crown and tilt of the camera nothing is drawn.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch.sensors import unit_light
from simtouch.sensors.blemishes import Blemishes
from simtouch.sensors.spec import Coating, GelPad, Light, MarkerGrid, Rgb, SensorSpec
from simtouch.sensors.unit_light import IDENTITY, Field, Matrix

MOST_LAMPS = 8
"""Lamps that a unit drawn without a spec has numbers for."""
FIELD_STD = np.array([[0.0, 0.035, 0.03], [0.035, 0.015, 0.01], [0.025, 0.01, 0.015]])
"""Std of the cosines (2) of `unit_light.py` that the channels have in common; a channel's own have 1.2 times that. Measured, Minis."""
_SHAPES = {
    "slope_turn_rad": (3,),
    "slope_offset": (3, 2),
    "tint": (3,),
    "channel_gain": (3,),
    "cross_talk": (3, 3),
    "noise_scale": (3,),
}


@dataclass(frozen=True, kw_only=True)
class SensorUnit:
    """Differences of one unit from its type; the defaults are the type itself. Numbers only: hashable, and JSON by `asdict`."""

    name: str = "nominal"
    modulus_scale: float = 1.0
    thickness_change_m: float = 0.0
    friction: float | None = None
    """Coulomb coefficient; None keeps the type's."""
    light_gain: tuple[float, ...] = ()
    """Factor on each lamp; empty keeps the type's, and more than the type has are not used. So with the next three."""
    light_shift_m: tuple[tuple[float, float], ...] = ()
    """In-plane shift (x, y) of each lamp [m]."""
    light_aim_shift_m: tuple[tuple[float, float], ...] = ()
    """Shift (x, y) of the patch that each lamp lights: it stands tilted [m]."""
    light_spread: tuple[float, ...] = ()
    """Factor on the patch that each lamp lights."""
    unevenness_seed: int | None = None
    """Of the unevenness of the lamps' light; None keeps the type's."""
    light_field: Field = ()
    """f of (2) of `unit_light.py`: what the lamps' spread is for a calibrated sensor, (3, I, J); empty for none."""
    slope_turn_rad: Rgb = (0.0, 0.0, 0.0)
    slope_offset: tuple[tuple[float, float], tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    """The two of (3) of `unit_light.py`: what the lamps' places are for a calibrated sensor."""
    tint: Rgb = (1.0, 1.0, 1.0)
    """Factor on what the coating reflects."""
    channel_gain: Rgb = (1.0, 1.0, 1.0)
    """Gain and white balance of the camera."""
    cross_talk: Matrix = IDENTITY
    """How much of each true channel (columns) is in each channel of the image (rows)."""
    noise_scale: Rgb = (1.0, 1.0, 1.0)
    blur_scale: float = 1.0
    exposure_drift: float | None = None
    """`Camera.exposure_drift`; None keeps the type's."""
    blemishes: Blemishes | None = None
    """Dust, scratches, worn gel; None keeps the type's."""
    marker_shift_m: tuple[float, float] = (0.0, 0.0)
    marker_rotation_rad: float = 0.0
    marker_jitter_m: float = 0.0
    marker_size_jitter: float = 0.0
    marker_dropout: float = 0.0
    marker_seed: int = 0
    """These four go to `MarkerGrid.jitter_m` and on, where they are not 0."""

    def __post_init__(self):
        for name, shape in _SHAPES.items():
            if np.shape(getattr(self, name)) != shape:
                raise ArgumentError(f"`{name}` must have shape {shape}; got {np.shape(getattr(self, name))}.")
        if self.light_field and (np.ndim(self.light_field) != 3 or len(self.light_field) != 3):
            raise ArgumentError(f"`light_field` must have shape (3, I, J); got {np.shape(self.light_field)}.")
        for name in ("modulus_scale", "light_spread"):
            for value in np.atleast_1d(getattr(self, name)):
                as_number(name, value, above=0)
        for name in ("light_gain", "tint", "channel_gain", "cross_talk", "noise_scale", "blur_scale"):
            for value in np.ravel(getattr(self, name)):
                as_number(name, value, at_least=0)

    @classmethod
    def sample(cls, rng: np.random.Generator, spec: SensorSpec | None = None, name: str = "sampled") -> "SensorUnit":
        """Draw a unit: of any type, or with as many lamps as `spec` has; the same otherwise. Ranges and sources: `_sample_*` below."""
        lamps = MOST_LAMPS if spec is None else min(len(spec.lights), MOST_LAMPS)
        return cls(
            name=name,
            **_sample_gel(rng),
            **_sample_lamps(rng, lamps),
            **_sample_camera(rng),
            **_sample_coating(rng),
            **_sample_dots(rng),
        )

    def apply_to(self, spec: SensorSpec) -> SensorSpec:
        """Return the unit's own spec; lamps, a calibrated response and a resting picture change alike, so rest stays rest."""
        matrix = unit_light.colour_matrix(self.channel_gain, self.cross_talk, self.tint)
        calibrated = {}
        if spec.response is not None:
            turned = self.slope_turn_rad, self.slope_offset
            calibrated["response"] = unit_light.unit_table(spec.response, matrix, self.light_field, *turned)
        if spec.background is not None:
            calibrated["background"] = unit_light.unit_background(spec.background, matrix, self.light_field)
        camera = replace(
            spec.camera,
            noise_std=tuple(std * scale for std, scale in zip(spec.camera.noise_std, self.noise_scale, strict=True)),
            blur_px=spec.camera.blur_px * self.blur_scale,
            exposure_drift=spec.camera.exposure_drift if self.exposure_drift is None else self.exposure_drift,
        )
        return replace(
            spec,
            gel=self._gel(spec.gel),
            camera=camera,
            lights=self._lights(spec.lights, matrix),
            coating=self._coating(spec.coating, matrix),
            markers=spec.markers and self._markers(spec.markers),
            blemishes=spec.blemishes if self.blemishes is None else self.blemishes,
            **calibrated,
        )

    def _gel(self, gel: GelPad) -> GelPad:
        return replace(
            gel,
            youngs_modulus_pa=gel.youngs_modulus_pa * self.modulus_scale,
            thickness_m=gel.thickness_m + self.thickness_change_m,
            friction=gel.friction if self.friction is None else self.friction,
        )

    def _lights(self, lights: tuple[Light, ...], matrix: np.ndarray) -> tuple[Light, ...]:
        same = (("light_gain", 1.0), ("light_shift_m", (0.0, 0.0)), ("light_aim_shift_m", (0.0, 0.0)), ("light_spread", 1.0))
        each = (self._each(name, len(lights), nothing) for name, nothing in same)
        return tuple(_changed_lamp(light, matrix, *values) for light, *values in zip(lights, *each, strict=True))

    def _each(self, name: str, lamps: int, same) -> tuple:
        """The unit's numbers of as many lamps; `same` where it has none at all."""
        values = getattr(self, name) or (same,) * lamps
        if len(values) < lamps:
            raise ArgumentError(
                f"`{name}` of the unit must be empty or have a value for each of {lamps} lamps; it has {len(values)}."
            )
        return values[:lamps]

    def _coating(self, coating: Coating, matrix: np.ndarray) -> Coating:
        seed = coating.unevenness_seed if self.unevenness_seed is None else self.unevenness_seed
        return replace(coating, ambient=_mixed(matrix, coating.ambient), unevenness_seed=seed)

    def _markers(self, markers: MarkerGrid) -> MarkerGrid:
        return replace(
            markers,
            offset_m=(markers.offset_m[0] + self.marker_shift_m[0], markers.offset_m[1] + self.marker_shift_m[1]),
            rotation_rad=markers.rotation_rad + self.marker_rotation_rad,
            jitter_m=self.marker_jitter_m or markers.jitter_m,
            size_jitter=self.marker_size_jitter or markers.size_jitter,
            dropout=self.marker_dropout or markers.dropout,
            jitter_seed=self.marker_seed or markers.jitter_seed,
        )


def _changed_lamp(light: Light, matrix: np.ndarray, gain: float, shift, aim_shift, spread: float) -> Light:
    x, y, z = light.position_m
    return replace(
        light,
        position_m=(x + shift[0], y + shift[1], z),
        color=tuple(gain * c for c in _mixed(matrix, light.color)),
        aim_m=(light.aim_m[0] + aim_shift[0], light.aim_m[1] + aim_shift[1]),
        spread_m=(light.spread_m[0] * spread, light.spread_m[1] * spread),
    )


def _mixed(matrix: np.ndarray, color: Rgb) -> Rgb:
    r, g, b = (float(c) for c in matrix @ np.asarray(color, float))
    return r, g, b


def _sample_gel(rng: np.random.Generator) -> dict:
    """Modulus x 0.67-1.5 log-uniform (public, 0.15-0.8 MPa by type), thickness +-0.2 mm (data sheet of the Mini), friction 0.5-1.6
    (public, nothing measured)."""
    return {
        "modulus_scale": float(np.exp(rng.uniform(-0.4, 0.4))),
        "thickness_change_m": float(rng.uniform(-0.2e-3, 0.2e-3)),
        "friction": float(rng.uniform(0.5, 1.6)),
    }


def _sample_lamps(rng: np.random.Generator, lamps: int) -> dict:
    """Lamps x 0.85-1.15 and +-1 mm (within public guesses, 0.7-1.3 and +-1 mm), their patches x 0.8-1.25 and +-1.2 mm: set so that the
    resting pictures of drawn units spread as the measured ones. For calibrated sensors the field has the measured spread, and 1 mm
    at 12-20 mm from the gel turns a lamp by up to 0.06 rad and moves its height by 0.03 in sines of slope."""
    gain, spread = rng.uniform(0.85, 1.15, MOST_LAMPS), np.exp(rng.uniform(-0.22, 0.22, MOST_LAMPS))
    shift, aim = rng.uniform(-1e-3, 1e-3, (MOST_LAMPS, 2)), rng.uniform(-1.2e-3, 1.2e-3, (MOST_LAMPS, 2))
    field = FIELD_STD * (rng.standard_normal((1, 3, 3)) + 1.2 * rng.standard_normal((3, 3, 3))).clip(-3, 3)
    return {
        "light_gain": tuple(gain[:lamps].tolist()),
        "light_spread": tuple(spread[:lamps].tolist()),
        "light_shift_m": tuple(map(tuple, shift[:lamps].tolist())),
        "light_aim_shift_m": tuple(map(tuple, aim[:lamps].tolist())),
        "unevenness_seed": int(rng.integers(2**31)),
        "light_field": tuple(tuple(map(tuple, channel)) for channel in field.tolist()),
        "slope_turn_rad": tuple(rng.uniform(-0.06, 0.06, 3).tolist()),
        "slope_offset": tuple(map(tuple, rng.uniform(-0.03, 0.03, (3, 2)).tolist())),
    }


def _sample_camera(rng: np.random.Generator) -> dict:
    """Gain x 0.9-1.1 overall and 0.88-1.12 a channel, which with lamps and tint gives the measured levels; cross-talk 0-0.1 into each
    channel from each other (public: 0-0.2); noise x 0.5-1.5 (guess; channels of one real DIGIT differ by 2); blur x 0.7-1.4 (guess);
    exposure drift 0.0005-0.05 log-uniform (measured std of frame means: a DIGIT and a Mini .001 and less, GelSights .01 and .05)."""
    talk = rng.uniform(0.0, 0.1, (3, 3))
    np.fill_diagonal(talk, 0.0)
    np.fill_diagonal(talk, 1 - talk.sum(1))
    gain = np.exp(rng.uniform(math.log(0.9), math.log(1.1)) + rng.uniform(math.log(0.88), math.log(1.12), 3))
    return {
        "channel_gain": tuple(gain.tolist()),
        "cross_talk": tuple(map(tuple, talk.tolist())),
        "noise_scale": tuple(rng.uniform(0.5, 1.5, 3).tolist()),
        "blur_scale": float(rng.uniform(0.7, 1.4)),
        "exposure_drift": float(np.exp(rng.uniform(math.log(5e-4), math.log(0.05)))),
    }


def _sample_coating(rng: np.random.Generator) -> dict:
    """Tint +-5 %, up to 10 specks of 25-60 um and 2 scratches, wear +-8 % (all guesses; real pictures show a few marks each)."""
    return {
        "tint": tuple(rng.uniform(0.95, 1.05, 3).tolist()),
        "blemishes": Blemishes(
            dust=int(rng.integers(0, 11)),
            dust_radius_m=float(rng.uniform(25e-6, 60e-6)),
            dust_loss=float(rng.uniform(0.1, 0.5)),
            scratches=int(rng.integers(0, 3)),
            scratch_width_m=float(rng.uniform(20e-6, 60e-6)),
            scratch_gain=float(rng.uniform(-0.12, 0.12)),
            wear=float(rng.uniform(-0.08, 0.08)),
            wear_radius_m=float(rng.uniform(2e-3, 5e-3)),
            seed=int(rng.integers(2**31)),
        ),
    }


def _sample_dots(rng: np.random.Generator) -> dict:
    """Grid +-0.5 mm and +-0.1 rad, dropout 0-1 % (public); each dot up to 0.06 mm off (the public pitch of the Mini, 1.95-2.15 mm, leaves
    as much), diameters within 10 % (guess)."""
    return {
        "marker_shift_m": tuple(rng.uniform(-0.5e-3, 0.5e-3, 2).tolist()),
        "marker_rotation_rad": float(rng.uniform(-0.1, 0.1)),
        "marker_jitter_m": float(rng.uniform(0.0, 0.06e-3)),
        "marker_size_jitter": float(rng.uniform(0.0, 0.1)),
        "marker_dropout": float(rng.uniform(0.0, 0.01)),
        "marker_seed": int(rng.integers(1, 2**31)),
    }
