"""The simulated sensor: an indenter's pose in, a `TactileFrame` out; spec + gel + optics, and the memory of friction between frames."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError, ShapeError, SimtouchError, as_number, as_pose, pick
from simtouch.contact import Approach, Contact, frames_of, motions
from simtouch.force_control import LastPress, depth_for_force, lowering_for_force
from simtouch.frame import TactileFrame
from simtouch.gel import GELS, FemConfig, FemGel, LayerConfig, LayerGel, MembraneConfig, MembraneGel
from simtouch.gel.surface import GelModel
from simtouch.geometry.gap_map import Indenter
from simtouch.look import Look
from simtouch.optics import OpticsConfig, Renderer
from simtouch.sensors import SENSORS, SensorSpec, SensorUnit

GelChoice = str | LayerConfig | MembraneConfig | FemConfig


@dataclass(frozen=True, eq=False)
class SavedTouch:
    """What `TactileSimulator.save` gives and `restore` takes; it holds no picture."""

    gel: Any
    last_press: LastPress
    contacts: list[tuple[np.ndarray | None, np.ndarray]]


class TactileSimulator:
    """One sensor, and what touches it.

    >>> sim = TactileSimulator("digit", seed=0)
    >>> sim.reset(simtouch.indenters.sphere(radius_m=4e-3))
    >>> frame = sim.step(gel_T_indenter)

    Frames depend on what this simulator did since `reset` (friction has memory) and on nothing else: equal seeds give equal bytes.
    """

    def __init__(
        self,
        sensor: str | SensorSpec,
        *,
        seed: int = 0,
        gel: GelChoice = "layer",
        optics: OpticsConfig | None = None,
        unit: SensorUnit | None = None,
        batch: int | None = None,
    ):
        """Make a sensor.

        Args:
            sensor: Name of a preset, or a spec.
            seed: Of the camera's noise.
            gel: `layer` (elastic, the default), `fem` (large-strain finite elements, seconds a frame), `membrane` (blurred height map, for
                comparison), or a config of one.
            optics: What the camera does; the default is all of it.
            unit: This very sensor's differences from its type.
            batch: Number of independent contacts; then poses, arguments and all arrays have a leading axis of that size.
        """
        if not isinstance(sensor, str | SensorSpec):
            raise ArgumentError(f"`sensor` must be a name or a SensorSpec; got {type(sensor).__name__}.")
        spec = pick("sensor", sensor, SENSORS) if isinstance(sensor, str) else sensor
        self.spec: SensorSpec = unit.apply_to(spec) if unit else spec
        if batch is not None and batch < 1:
            raise ArgumentError(f"`batch` must be >= 1; got {batch}.")
        self.batch, self._seed = batch, int(seed)
        self._renderer = Renderer(self.spec, optics or OpticsConfig())
        self._gel = _make_gel(self.spec, gel, batch or 1)
        self._contacts = [Contact(self.spec, self._renderer) for _ in range(batch or 1)]
        self._look = Look(self._renderer, batch or 1)
        self._last_press = LastPress.none(batch or 1)

    @property
    def background(self) -> np.ndarray:
        """Image of the resting gel without noise, RGB, uint8, (H, W, 3)."""
        return self._renderer.background

    def reset(self, indenter: Indenter | list[Indenter], *, seed: int | None = None) -> None:
        """Take an indenter (in a batch: one for all, or a list), let go of the gel, rewind friction, time and noise."""
        self._seed = self._seed if seed is None else int(seed)
        several = isinstance(indenter, list | tuple)
        indenters = list(indenter) if several else [indenter] * len(self._contacts)
        if len(indenters) != len(self._contacts):
            raise ShapeError(f"`indenter` must be one or a list of {len(self._contacts)}; got {len(indenters)}.")
        self._gel.reset()
        self._last_press = LastPress.none(len(indenters))
        for index, (contact, one) in enumerate(zip(self._contacts, indenters, strict=True)):
            if not hasattr(one, "underside_m"):
                raise ArgumentError(
                    f"`indenter` must be an indenter, as `simtouch.indenters` makes them; got {type(one).__name__}."
                )
            contact.reset(one, self._seed + index)

    def save(self) -> SavedTouch:
        """What the gel remembers now, for `restore`: its load, friction and creep, and where each indenter was."""
        return SavedTouch(self._gel.save(), replace(self._last_press), [contact.save() for contact in self._contacts])

    def restore(self, saved: SavedTouch, gel_T_indenter: np.ndarray | None = None) -> None:
        """Touch again as at `save`, of a simulator made alike; call it after `reset`, which sets indenter, time and noise.

        `gel_T_indenter`, shape (4, 4) or (B, 4, 4), are poses to take for those of then, z aside: what has moved since, has moved
        from there. So an indenter that is pressed nearly as the saved one was needs no search for its depth.
        """
        poses = None if gel_T_indenter is None else self._poses(gel_T_indenter)
        self._gel.restore(saved.gel)
        self._last_press = replace(saved.last_press)
        for index, (contact, (pose, slip)) in enumerate(zip(self._contacts, saved.contacts, strict=True)):
            if poses is not None and pose is not None:
                z_m, pose = pose[2, 3], poses[index].copy()
                pose[2, 3] = z_m
            contact.restore((pose, slip))

    def step(self, gel_T_indenter: np.ndarray, dt_s: float | None = None, *, look: bool = True) -> TactileFrame:
        """Move the indenter to a pose, shape (4, 4) or (B, 4, 4), and read the sensor `dt_s` (default 1 / fps) later.

        Without `look` only the mechanics move on, as between two frames: the camera takes no picture and counts none, `image` and
        `height_m` are empty, (0, 0, 3) and (0, 0). Time begins with the first picture.
        """
        return self._move(self._approaches(gel_T_indenter), self._dt(dt_s), look)

    def step_force(
        self, gel_T_indenter: np.ndarray, normal_force_n, dt_s: float | None = None, *, look: bool = True
    ) -> TactileFrame:
        """As `step`, but z is moved until the gel is pressed with `normal_force_n` >= 0 [N], a number or shape (B,)."""
        forces, dt_s = self._each("normal_force_n", normal_force_n, at_least=0), self._dt(dt_s)
        approaches = self._approaches(gel_T_indenter)
        lowering = lowering_for_force(self._gel, approaches, forces, self.spec.gel.thickness_m, dt_s, self._last_press)
        return self._move([a.lowered(float(by)) for a, by in zip(approaches, lowering, strict=True)], dt_s, look)

    def step_depth(
        self, gel_T_indenter: np.ndarray, indent_depth_m, dt_s: float | None = None, *, look: bool = True
    ) -> TactileFrame:
        """As `step`, but z is moved until the deepest overlap with the resting gel is `indent_depth_m` [m], a number or shape (B,)."""
        depths, dt_s = self._each("indent_depth_m", indent_depth_m), self._dt(dt_s)
        approaches = self._approaches(gel_T_indenter)
        lowered = [a.lowered(float(depth) - a.deepest_m) for a, depth in zip(approaches, depths, strict=True)]
        return self._move(lowered, dt_s, look)

    def depth_for_force(self, indenter: Indenter, gel_T_indenter: np.ndarray, normal_force_n: float, most_m: float) -> float:
        """Depth at which a fresh, frictionless press gives `normal_force_n` within 2 %, or `most_m` if that is less [m].

        z of the pose is not read, and nothing changes.
        """
        pose = as_pose("gel_T_indenter", gel_T_indenter)
        force = as_number("normal_force_n", normal_force_n, above=0)
        approach = self._contacts[0].approach(pose, indenter)
        return depth_for_force(self._gel, approach, force, as_number("most_m", most_m, above=0))

    def _each(self, name: str, value, **bounds) -> np.ndarray:
        """A number for each contact."""
        try:
            numbers = np.broadcast_to(np.asarray(value, float), (len(self._contacts),))
        except (TypeError, ValueError) as error:
            raise ShapeError(f"`{name}` must be a number{f' or have shape ({self.batch},)' if self.batch else ''}.") from error
        return np.array([as_number(name, number, **bounds) for number in numbers])

    def _approaches(self, gel_T_indenter) -> list[Approach]:
        if not self._contacts[0].has_indenter:
            raise SimtouchError("Call `reset(indenter)` before the first step.")
        return [contact.approach(pose) for contact, pose in zip(self._contacts, self._poses(gel_T_indenter), strict=True)]

    def _move(self, approaches: list[Approach], dt_s: float, look: bool) -> TactileFrame:
        """The next state of the gel, and a reading of it."""
        cells = np.stack([a.cells for a in approaches])
        surfaces = self._gel.step(cells, motions(self._contacts, approaches, cells), dt_s)
        frames, known = frames_of(self._contacts, approaches, surfaces, dt_s, self._look if look else None)
        return frames[0] if self.batch is None else TactileFrame.stack(frames, **known)

    def _dt(self, dt_s: float | None) -> float:
        return 1 / self.spec.camera.fps if dt_s is None else as_number("dt_s", dt_s, above=0)

    def _poses(self, gel_T_indenter) -> list[np.ndarray]:
        if self.batch is None:
            return [as_pose("gel_T_indenter", gel_T_indenter)]
        poses = np.asarray(gel_T_indenter)
        if poses.shape != (self.batch, 4, 4):
            raise ShapeError(f"`gel_T_indenter` must have shape (B, 4, 4), B={self.batch}; got {poses.shape}.")
        return [as_pose("gel_T_indenter", pose) for pose in poses]


def _make_gel(spec: SensorSpec, gel: GelChoice, batch: int) -> GelModel:
    if isinstance(gel, LayerConfig):
        return LayerGel(spec, gel, batch=batch)
    if isinstance(gel, MembraneConfig):
        return MembraneGel(spec, gel, batch=batch)
    if isinstance(gel, FemConfig):
        return FemGel(spec, gel, batch=batch)
    return pick("gel", gel, GELS)(spec, batch=batch)
