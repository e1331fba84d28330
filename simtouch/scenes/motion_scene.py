"""One clip of touch: sensor, indenter, motion and a random generator in, a path and its frames out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simtouch._checks import pick
from simtouch.frame import TactileFrame
from simtouch.geometry.gap_map import Indenter
from simtouch.geometry.pose import from_quaternion
from simtouch.scenes.motions import MOTIONS, Plan
from simtouch.scenes.path import Path
from simtouch.simulator import TactileSimulator

_FORCE_SHARE = 0.7  # of the largest working force at the start; moving over a texture or a crown adds to it


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """What happens in one clip."""

    indenter: Indenter
    motion: str
    path: Path

    def play(self, sim: TactileSimulator, *, seed: int | None = None) -> Iterator[TactileFrame]:
        """Reset the sensor and yield the frames of the clip; `seed` is that of the camera's noise."""
        sim.reset(self.indenter, seed=seed)
        for pose, depth_m in zip(self.path.poses, self.path.depth_m, strict=True):
            yield sim.step_depth(pose, depth_m)


def make_scene(
    sim: TactileSimulator, indenter: Indenter, motion: str, frames: int, rng: np.random.Generator, *, any_side: bool = False
) -> Scene:
    """Draw a scene: a path of the named motion whose depth keeps the force in the sensor's working range.

    Args:
        sim: The sensor; its state is not touched.
        indenter: What touches.
        motion: Name of one of `MOTIONS`.
        frames: Length of the clip.
        rng: Source of every choice.
        any_side: Press any side of the indenter on the gel, not only the one it presents.
    """
    spec, travel = sim.spec, pick("motion", motion, MOTIONS)
    attitude = from_quaternion(_unit(rng.normal(size=4))) if any_side else np.eye(3)
    held = np.eye(4)
    held[:3, :3] = attitude
    shallow, deep = spec.working_range.indent_depth_m
    force = _FORCE_SHARE * spec.working_range.normal_force_n[1]
    deepest_m = max(sim.depth_for_force(indenter, held, force, deep), shallow / 4)
    plan = Plan(spec=spec, frames=frames, deepest_m=deepest_m, reach_m=indenter.reach_m(attitude), attitude=attitude, rng=rng)
    return Scene(indenter=indenter, motion=motion, path=travel(plan))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt(np.sum(vector**2))
