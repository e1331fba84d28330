"""This very sensor: how one unit differs from its type. A `SensorSpec` and a unit in, the unit's own `SensorSpec` out."""

from dataclasses import dataclass, replace

import numpy as np

from simtouch.sensors.spec import Light, SensorSpec


@dataclass(frozen=True, kw_only=True)
class SensorUnit:
    """Differences of one unit from its type; the defaults are the type itself."""

    name: str = "nominal"
    modulus_scale: float = 1.0
    thickness_change_m: float = 0.0
    friction: float | None = None
    """Coulomb coefficient; None keeps the type's."""
    light_gain: tuple[float, ...] = ()
    """Factor on each lamp; empty keeps the type's."""
    light_shift_m: tuple[tuple[float, float], ...] = ()
    """In-plane shift (x, y) of each lamp [m]; empty keeps the type's."""
    marker_shift_m: tuple[float, float] = (0.0, 0.0)
    marker_rotation_rad: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator, spec: SensorSpec, name: str = "sampled") -> "SensorUnit":
        """Draw a unit: modulus x 0.67-1.5 (log-uniform), thickness +-0.2 mm, friction 0.5-1.6, lamps x 0.7-1.3 and +-1 mm,
        dots +-0.5 mm and +-0.1 rad. Ranges bracket what public sources disagree on; those of friction and lamps are guesses."""
        lamps = len(spec.lights)
        return cls(
            name=name,
            modulus_scale=float(np.exp(rng.uniform(-0.4, 0.4))),
            thickness_change_m=float(rng.uniform(-0.2e-3, 0.2e-3)),
            friction=float(rng.uniform(0.5, 1.6)),
            light_gain=tuple(rng.uniform(0.7, 1.3, lamps).tolist()),
            light_shift_m=tuple(map(tuple, rng.uniform(-1e-3, 1e-3, (lamps, 2)).tolist())),
            marker_shift_m=tuple(rng.uniform(-0.5e-3, 0.5e-3, 2).tolist()),
            marker_rotation_rad=float(rng.uniform(-0.1, 0.1)),
        )

    def apply_to(self, spec: SensorSpec) -> SensorSpec:
        """Return the unit's own spec."""
        gel = replace(
            spec.gel,
            youngs_modulus_pa=spec.gel.youngs_modulus_pa * self.modulus_scale,
            thickness_m=spec.gel.thickness_m + self.thickness_change_m,
            friction=spec.gel.friction if self.friction is None else self.friction,
        )
        gains = self.light_gain or (1.0,) * len(spec.lights)
        shifts = self.light_shift_m or ((0.0, 0.0),) * len(spec.lights)
        lights = tuple(_shifted(light, gain, shift) for light, gain, shift in zip(spec.lights, gains, shifts, strict=True))
        markers = spec.markers and replace(
            spec.markers,
            offset_m=(spec.markers.offset_m[0] + self.marker_shift_m[0], spec.markers.offset_m[1] + self.marker_shift_m[1]),
            rotation_rad=spec.markers.rotation_rad + self.marker_rotation_rad,
        )
        return replace(spec, gel=gel, lights=lights, markers=markers)


def _shifted(light: Light, gain: float, shift: tuple[float, float]) -> Light:
    x, y, z = light.position_m
    return replace(light, position_m=(x + shift[0], y + shift[1], z), color=tuple(gain * c for c in light.color))
