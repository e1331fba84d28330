"""Sliding over textiles: a stage in, a clip of a pad on one of twenty kinds of cloth out.

The task of TacBench T5 (Yuan et al., "Active clothing material perception using tactile sensing", ICRA 2018): which cloth is it?
Cloth lies over a rounded backing, is pressed with a force that varies slowly and slides under the pad, there and back in some clips.
"""

import numpy as np

from simtouch.geometry.pose import from_rotvec, pose
from simtouch.indenters.textile_catalogue import TEXTILES, random_textile
from simtouch.scenes.force_follower import ForceFollower
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.sensors.spec import SensorSpec

CLASS_OF = {name: number for number, name in enumerate(TEXTILES)}
"""Class of each textile, from 0."""

_CURVATURE_RADIUS_M = (13e-3, 24e-3)  # of backing and dome together: contacts of 6 to 10 mm
_FLATTEST_M = 200e-3
_FORCE_SHARE = (0.08, 0.5)  # of the largest working force, log-uniform
_SWING = 0.3
_TILT_RAD = 0.03
_RETURNS = 0.4  # chance that a slide comes back
_RIM_M = 5e-3


def feel(stage: Stage) -> list[Touch]:
    """Press and slide one piece of cloth, kind by turns."""
    sim, rng = stage.simulator(), stage.rng
    spec, name = sim.spec, stage.in_turn(tuple(TEXTILES))
    cloth = random_textile(name, rng, backing_radius_m=_backing(spec, rng))
    follower = ForceFollower(sim, cloth, seed=int(rng.integers(2**31)))
    fps = spec.camera.fps
    time_s = np.arange(stage.frames) / fps
    ramp = int(np.clip(round(0.12 * fps), 3, stage.frames // 5))
    level = _log_uniform(rng, *(share * spec.working_range.normal_force_n[1] for share in _FORCE_SHARE))
    wave = np.sin(2 * np.pi * rng.uniform(0.3, 1.5) * time_s + rng.uniform(0, 2 * np.pi))
    target = level * (1 + _SWING * wave) * np.clip(np.arange(stage.frames) / ramp, 0, 1)
    hold = from_rotvec((*rng.uniform(-_TILT_RAD, _TILT_RAD, 2), 0)) @ from_rotvec((0, 0, rng.uniform(-np.pi, np.pi)))
    # The cloth turns about the backing's top, so what is pressed may lie beside its origin.
    start, moved = _slide(spec, time_s, (ramp + 2) / fps, rng)
    frames, asked = [], []
    for shift, force in zip(moved, target, strict=True):
        frames.append(follower.step(pose((*(start + shift), 0), hold), float(force)))
        asked.append(follower.asked_n)
    labels = {"textile": name, "class": CLASS_OF[name], "target_force_n": asked}
    poses = np.stack([frame.gel_T_indenter for frame in frames])
    return [
        Touch(
            frames=frames,
            indenter=name,
            motion="textile_slide",
            labels=labels,
            world_T_gel=np.eye(4),
            world_T_indenter=poses,
        )
    ]


def _backing(spec: SensorSpec, rng: np.random.Generator) -> float:
    """Radius of a backing that, on this dome, makes a contact of the wanted width [m]."""
    dome = float(np.mean(1 / np.array(spec.gel.dome_radius_m)))
    left = 1 / rng.uniform(*_CURVATURE_RADIUS_M) - dome
    return float(1 / left) if left > 1 / _FLATTEST_M else _FLATTEST_M


def _slide(spec: SensorSpec, time_s: np.ndarray, begin_s: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where the backing's top starts (x, y) [m], (2,), and how far it has moved, (T, 2)."""
    grid = spec.image_grid
    room = np.maximum(np.array([grid.cols, grid.rows]) * grid.spacing_m / 2 - _RIM_M, 0.5e-3)
    heading = rng.uniform(-np.pi, np.pi)
    along = np.array([np.cos(heading), np.sin(heading)])
    longest = 2 * np.min(room / np.maximum(np.abs(along), 1e-9))
    speed = _log_uniform(rng, *spec.working_range.slide_speed_m_s)
    duration = max(time_s[-1] - begin_s, 1e-9)
    share = np.clip((time_s - begin_s) / duration, 0, 1)
    distance = min(speed * duration, longest)
    if rng.random() < _RETURNS:
        share = np.interp(share, (0, rng.uniform(0.4, 0.7), 1), (0, 1, rng.uniform(0, 0.6)))
    middle = rng.uniform(-1, 1, 2) * np.maximum(room - np.abs(along) * distance / 2, 0)
    return middle - along * distance / 2, along * (distance * share)[:, None]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


TEXTILE_SLIDES = SceneKind(play=feel, labels={"textile": str, "class": int, "target_force_n": float})
"""T5. Labels: `textile`, the kind of cloth; `class`, its number in `TEXTILES`; `target_force_n`, the force the hand went for [N]."""
