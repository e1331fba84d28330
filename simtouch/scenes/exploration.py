"""Exploration of whole bodies: a stage in, a clip of a pad that slides over an object, lifts off and lands elsewhere, out.

In the manner of YCB-Slide (Suresh et al., "MidasTouch", CoRL 2022): the object stands still in the world and the sensor goes
about on its surface, flat against it, at one speed and with a force that varies slowly, several strokes to a clip.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.frame import TactileFrame
from simtouch.geometry.gap_map import Indenter
from simtouch.geometry.pose import inverse
from simtouch.indenters import Solid
from simtouch.scenes.force_follower import ForceFollower
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.scenes.surface_walk import SurfaceWalk
from simtouch.sensors.spec import SensorSpec

_FORCE_SHARE = (0.04, 0.6)  # of the largest working force, log-uniform: level of a stroke
_SWING = 0.35  # share by which the force varies about its level
_STROKE_S, _FEWEST_FRAMES = (0.5, 1.8), 12  # a stroke, and what it must have
_RAMP_S = 0.08  # pressing down and letting go
_AWAY_FRAMES = (2, 5)
_WANDER_RAD = 2.5  # standard deviation of the heading's turn in a second
_TILT_RAD = 0.025  # from the local normal
_PAD_SHARE = 0.45  # of the view's half width: where on the pad a stroke lies


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One touch from landing to lift-off."""

    frames: int
    away: int
    """Frames off the body before it."""
    speed_m_s: float
    force_n: float
    contact_m: np.ndarray
    """Where on the pad (x, y) [m], (2,)."""


def explore(stage: Stage) -> list[Touch]:
    """Walk over `stage.indenter`; all sides of it if it is a closed body or `stage.any_side`."""
    sim, rng = stage.simulator(), stage.rng
    follower = ForceFollower(sim, stage.indenter, seed=int(rng.integers(2**31)))
    whole = stage.any_side or is_closed(stage.indenter)
    walk = SurfaceWalk(stage.indenter, sim.spec.gel_grid, sim.spec.gel, rng, whole=whole)
    frames: list[TactileFrame] = []
    targets: list[float] = []
    strokes: list[int] = []
    while len(frames) < stage.frames:
        stroke = _draw_stroke(sim.spec, stage.frames - len(frames), rng)
        number = strokes[-1] + 1 if strokes else 0
        for frame, target in _play(follower, walk, stroke, rng):
            frames.append(frame)
            targets.append(target)
            strokes.append(number)
    frames, targets, strokes = frames[: stage.frames], targets[: stage.frames], strokes[: stage.frames]
    poses = np.stack([frame.gel_T_indenter for frame in frames])
    labels = {
        "target_force_n": targets,
        "in_contact": [bool(frame.contact_mask.any()) for frame in frames],
        "stroke": strokes,
    }
    return [
        Touch(
            frames=frames,
            indenter=stage.indenter.name,
            motion="exploration",
            labels=labels,
            world_T_gel=np.stack([inverse(p) for p in poses]),
            world_T_indenter=np.eye(4),
        )
    ]


def is_closed(indenter: Indenter) -> bool:
    """Whether the body has an outside all round: no open sheet among its parts."""
    parts = indenter.parts if isinstance(indenter, Solid) else ()
    return bool(parts) and all(getattr(getattr(part, "mesh", None), "closed", not hasattr(part, "build")) for part in parts)


def _draw_stroke(spec: SensorSpec, left: int, rng: np.random.Generator) -> Stroke:
    """A stroke that ends with the clip, or leaves room for another."""
    fps, working, grid = spec.camera.fps, spec.working_range, spec.image_grid
    frames = max(int(rng.uniform(*_STROKE_S) * fps), _FEWEST_FRAMES)
    away = int(rng.integers(*_AWAY_FRAMES, endpoint=True))
    if left - away - frames < _FEWEST_FRAMES + _AWAY_FRAMES[1]:
        frames = max(left - away, 1)
    return Stroke(
        frames=frames,
        away=away,
        speed_m_s=_log_uniform(rng, *working.slide_speed_m_s),
        force_n=_log_uniform(rng, *(share * working.normal_force_n[1] for share in _FORCE_SHARE)),
        contact_m=rng.uniform(-1, 1, 2) * _PAD_SHARE * np.array([grid.cols, grid.rows]) * grid.spacing_m / 2,
    )


def _play(follower: ForceFollower, walk: SurfaceWalk, stroke: Stroke, rng: np.random.Generator):
    """Yield the frames of a stroke and the force that each was to have; it ends early where the walk goes astray."""
    fps = follower.sim.spec.camera.fps
    ramp = int(np.clip(np.ceil(_RAMP_S * fps), 3, max(3, stroke.frames // 4)))
    phase, waves = rng.uniform(0, 2 * np.pi, 5), rng.uniform(0.3, 1.5, 5)  # of force and tilt, in cycles a second
    walk.land(stroke.contact_m)
    for _ in range(stroke.away):
        yield follower.step(walk.gel_T_body, 0.0, walk.underside_m), follower.asked_n
    age, left = 0, stroke.frames
    while left > 0:
        wave = np.sin(2 * np.pi * waves * age / fps + phase)
        if age >= ramp and left > ramp:
            wander = _WANDER_RAD * rng.normal() / np.sqrt(fps)
            walk.advance(stroke.speed_m_s / fps, wander, 1 / fps, _TILT_RAD * wave[3:])
            left = min(left, ramp) if walk.astray else left
        envelope = min((age + 1) / ramp, 1.0, left / ramp)
        target = stroke.force_n * (1 + _SWING * wave[:3].mean()) * envelope
        yield follower.step(walk.gel_T_body, target, walk.underside_m), follower.asked_n
        age, left = age + 1, left - 1


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


EXPLORATION = SceneKind(play=explore, labels={"target_force_n": float, "in_contact": bool, "stroke": int})
"""Strokes over the surface of `Stage.indenter`. Labels: `target_force_n`, the force the hand went for [N]; `in_contact`; `stroke`,
its number in the clip."""
