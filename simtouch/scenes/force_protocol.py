"""Press to a load, then slide 2 mm: a stage in, one trial of the force and slip protocol out.

The protocol of TacBench T1 and T2 (Higuera et al., "Sparsh", CoRL 2024): a robot presses one of three probes on a fixed sensor
to a normal load and drags it sideways while the load is held. What is labelled is what the simulation knows:

    slip          all but 5 % of the contact slides (`TactileFrame.slip_state` is `slip`): the shear force is at the friction cone
    cone_share    |(f_x, f_y)| / (mu |f_z|), in [0, 1]; 0 without contact
    delta_force   force_n(t) - force_n(max(t - 5, 0)), N, gel frame: the change over Sparsh's window of five frames
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simtouch import indenters
from simtouch.frame import TactileFrame
from simtouch.geometry.pose import from_rotvec, pose
from simtouch.scenes.force_follower import ForceFollower
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.sensors.spec import SensorSpec

SLIDE_M = 2e-3
WINDOW = 5
"""Frames between the two that Sparsh's encoders see."""
PROBES: dict[str, Callable[[], indenters.Solid]] = {
    "hemisphere": lambda: indenters.sphere(radius_m=4e-3),
    "sharp": lambda: indenters.cone(radius_m=3e-3, height_m=5e-3, tip_radius_m=0.6e-3),
    "flat": lambda: indenters.flat_punch(radius_m=3e-3, edge_radius_m=0.3e-3),
}
"""The probes; sizes are ours, of the order of the published pictures."""
PHASES = ("approach", "press", "hold", "slide", "dwell", "release")

_T1_LOAD_N = {"digit": 5.0}  # by which T1 divides normal forces; 2 N for GelSights
_LEAST_N, _LOAD_SHARE = 0.15, 0.9
_REACH_SHARE = 0.85  # of the force foretold for the largest depth, which is right within 20 %
_RIM_M = 3.5e-3
_TILT_RAD = 0.02
_SLIDE_SHARE = 0.45  # of a clip, where the working speeds allow


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Frames of each phase."""

    approach: int
    press: int
    hold: int
    slide: int
    dwell: int
    release: int

    @property
    def phases(self) -> list[str]:
        """Phase of each frame, (T,)."""
        return [phase for phase in PHASES for _ in range(getattr(self, phase))]


def press_and_slide(stage: Stage) -> list[Touch]:
    """One trial: probe by turns; load, place and direction at random."""
    name = stage.in_turn(tuple(PROBES))
    probe, rng, sim = PROBES[name](), stage.rng, stage.simulator()
    spec = sim.spec
    follower = ForceFollower(sim, probe, seed=int(rng.integers(2**31)))
    angle, heading = rng.uniform(-_TILT_RAD, _TILT_RAD, 2), rng.uniform(-np.pi, np.pi)
    along = np.array([np.cos(heading), np.sin(heading)])
    start = _middle(spec, rng) - along * SLIDE_M / 2
    turn = from_rotvec((*angle, 0)) @ from_rotvec((0, 0, rng.uniform(-np.pi, np.pi)))
    held = pose((*start, 0), turn)
    most = min(_LOAD_SHARE * _top_load_n(spec), _REACH_SHARE * follower.most_n(held))
    load = float(np.exp(rng.uniform(np.log(min(_LEAST_N, most / 2)), np.log(most))))
    timing = plan_timing(spec, stage.frames, rng)
    travel, target = _travel(timing) * SLIDE_M, load * _envelope(timing)
    frames, asked = [], []
    for moved, force in zip(travel, target, strict=True):
        held[:2, 3] = start + along * moved
        frames.append(follower.step(held, float(force)))
        asked.append(follower.asked_n)
    labels = {"phase": timing.phases, "load_n": asked, "coef_friction": spec.gel.friction, **force_labels(frames)}
    poses = np.stack([frame.gel_T_indenter for frame in frames])
    return [
        Touch(
            frames=frames,
            indenter=name,
            motion="force_protocol",
            labels=labels,
            world_T_gel=np.eye(4),
            world_T_indenter=poses,
        )
    ]


def force_labels(frames: list[TactileFrame]) -> dict[str, list]:
    """What T1 and T2 ask of a clip: `slip`, `in_contact`, `cone_share` and `delta_force_{x,y,z}_n`, each T numbers."""
    force = np.stack([frame.force_n for frame in frames])
    change = force - force[np.maximum(np.arange(len(force)) - WINDOW, 0)]
    cone = [_cone_share(frame) for frame in frames]
    labels: dict[str, list] = {
        "slip": [frame.slip_state == "slip" for frame in frames],
        "in_contact": [bool(frame.contact_mask.any()) for frame in frames],
        "cone_share": cone,
    }
    return labels | {f"delta_force_{axis}_n": change[:, k].tolist() for k, axis in enumerate("xyz")}


FORCE_LABELS = {
    "slip": bool,
    "in_contact": bool,
    "cone_share": float,
    **{f"delta_force_{axis}_n": float for axis in "xyz"},
}
"""Types of `force_labels`."""


def plan_timing(spec: SensorSpec, frames: int, rng: np.random.Generator) -> Timing:
    """Frames of each phase; the slide takes about half of a clip, at a speed of the working range where that is possible."""
    fps, working = spec.camera.fps, spec.working_range
    press = int(np.clip(round(0.15 * fps), 3, max(3, frames // 6)))
    room = frames - 2 - press - press - 1
    speed = np.clip(SLIDE_M / (_SLIDE_SHARE * frames / fps) * rng.uniform(0.8, 1.25), *working.slide_speed_m_s)
    slide = int(np.clip(np.ceil(SLIDE_M / speed * fps), 1, max(1, room)))
    rest = max(frames - 2 - 2 * press - slide, 0)
    hold = (rest + 1) // 2
    return Timing(approach=2, press=press, hold=hold, slide=slide, dwell=rest - hold, release=frames - 2 - press - slide - rest)


def _top_load_n(spec: SensorSpec) -> float:
    """The load by which T1 scales, within the sensor's range [N]."""
    kind = next((force for name, force in _T1_LOAD_N.items() if spec.name.startswith(name)), 2.0)
    return min(kind, spec.working_range.normal_force_n[1])


def _middle(spec: SensorSpec, rng: np.random.Generator) -> np.ndarray:
    """Middle of a slide that stays in the view (x, y) [m]."""
    grid = spec.image_grid
    room = np.maximum(np.array([grid.cols, grid.rows]) * grid.spacing_m / 2 - _RIM_M - SLIDE_M / 2, 0.2e-3)
    return rng.uniform(-room, room)


def _travel(timing: Timing) -> np.ndarray:
    """Share of the slide done in each frame, (T,)."""
    before = timing.approach + timing.press + timing.hold
    return np.clip((np.arange(len(timing.phases)) - before + 1) / timing.slide, 0, 1)


def _envelope(timing: Timing) -> np.ndarray:
    """Share of the load wanted in each frame, (T,): depth grows evenly, force as its power 1.5."""
    middle = np.ones(timing.hold + timing.slide + timing.dwell)
    down = (np.arange(1, timing.press + 1) / timing.press) ** 1.5
    up = (np.arange(timing.release - 1, -1, -1) / max(timing.release, 1)) ** 1.5
    return np.concatenate([np.zeros(timing.approach), down, middle, up])


def _cone_share(frame: TactileFrame) -> float:
    normal = frame.friction * frame.normal_force_n
    return float(np.sqrt(np.sum(frame.shear_force_n**2)) / normal) if normal > 0 else 0.0


FORCE_PROTOCOL = SceneKind(play=press_and_slide, labels={"phase": str, "load_n": float, "coef_friction": float, **FORCE_LABELS})
"""T1 and T2. Labels beside those of `force_labels`: `phase`, one of `PHASES`; `load_n`, the load held [N]; `coef_friction`, mu."""
