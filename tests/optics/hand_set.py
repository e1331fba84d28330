"""Lamps that were set by hand: they stand low, throw long shadows, and do not change when the presets are fitted anew."""

from dataclasses import replace

from simtouch.sensors import SENSORS, Coating, Light, SensorSpec

_DIGIT = {
    "lights": (
        Light(
            position_m=(15e-3, -10e-3, -4.5e-3), color=(1.8, 0.2, 0.3), falloff=0.6, aim_m=(-5e-3, -3e-3), spread_m=(14e-3, 8e-3)
        ),
        Light(
            position_m=(-15e-3, -10e-3, -4.5e-3),
            color=(0.12, 1.5, 0.06),
            falloff=0.6,
            aim_m=(5e-3, -2e-3),
            spread_m=(14e-3, 8e-3),
        ),
        Light(position_m=(0.0, 20e-3, -4.8e-3), color=(0.05, 0.3, 1.25), falloff=0.4, aim_m=(0.0, 2e-3), spread_m=(6e-3, 18e-3)),
    ),
    "coating": Coating(
        ambient=(0.07, 0.1, 0.11),
        specular=0.06,
        shininess=16,
        shadow_depth=0.9,
        penumbra_m=0.4e-3,
        softness=0.15,
        unevenness=0.1,
        unevenness_seed=1,
    ),
}

_MINI = {
    "lights": (
        Light(
            position_m=(0.0, -18e-3, -6e-3), color=(1.5, 0.03, 0.1), falloff=0.0, aim_m=(0.0, 1.5e-3), spread_m=(6.5e-3, 3.8e-3)
        ),
        Light(position_m=(0.0, 18e-3, -6e-3), color=(0.05, 0.2, 1.2), falloff=0.0, aim_m=(0.0, -2e-3), spread_m=(7.5e-3, 4.5e-3)),
        Light(position_m=(18e-3, -4e-3, -6e-3), color=(0.3, 0.34, 0.08), falloff=0.0, spread_m=(10e-3, 8e-3)),
        Light(position_m=(-18e-3, 0.0, -6e-3), color=(0.05, 0.36, 0.2), falloff=0.0, spread_m=(10e-3, 8e-3)),
    ),
    "coating": Coating(
        ambient=(0.06, 0.2, 0.2),
        specular=0.08,
        shininess=12,
        shadow_depth=0.6,
        penumbra_m=0.3e-3,
        softness=0.12,
        unevenness=0.04,
        unevenness_seed=2,
    ),
}

_GELSIGHT = {
    "lights": (
        Light(position_m=(16e-3, -2e-3, -5e-3), color=(1.4, 0.25, 0.5), falloff=0.7, aim_m=(4e-3, 0.0), spread_m=(10e-3, 10e-3)),
        Light(position_m=(-5e-3, 15e-3, -5e-3), color=(0.25, 1.5, 0.6), falloff=0.9, aim_m=(-3e-3, 4e-3), spread_m=(9e-3, 9e-3)),
        Light(
            position_m=(-12e-3, -12e-3, -5e-3), color=(0.3, 0.35, 1.9), falloff=0.6, aim_m=(-2e-3, -4e-3), spread_m=(9e-3, 9e-3)
        ),
    ),
    "coating": Coating(
        ambient=(0.12, 0.1, 0.14),
        specular=0.1,
        shininess=12,
        shadow_depth=0.6,
        penumbra_m=0.3e-3,
        softness=0.12,
        unevenness=0.08,
        unevenness_seed=3,
    ),
}


def hand_set(name: str) -> SensorSpec:
    """A preset as lamps alone make it."""
    lamps = {"digit": _DIGIT, "gelsight_mini": _MINI, "gelsight_mini_markers": _MINI, "gelsight_2017": _GELSIGHT}[name]
    return replace(SENSORS[name], response=None, background=None, **lamps)
