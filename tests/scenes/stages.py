"""Stages for tests of scenes: one simulator of each sensor, shared."""

from functools import cache

import numpy as np

from simtouch.gel import LayerConfig
from simtouch.indenters import sphere
from simtouch.scenes.stage import Stage
from simtouch.simulator import TactileSimulator

SENSORS = ("digit", "gelsight_mini", "gelsight_2017")


@cache
def simulator(sensor: str, stick_slip: bool = False) -> TactileSimulator:
    return TactileSimulator(sensor, gel=LayerConfig(stribeck_speed_m_s=10e-3) if stick_slip else "layer")


def stage(sensor="digit", indenter=None, *, frames=24, seed=0, any_side=False, turn=None) -> Stage:
    return Stage(
        simulator=lambda side="", stick_slip=False: simulator(sensor, stick_slip),
        frames=frames,
        rng=np.random.default_rng(seed),
        indenter=indenter or sphere(radius_m=5e-3),
        any_side=any_side,
        turn=seed if turn is None else turn,
        seed=3,
    )
