"""Clips from numbers: a recipe and a clip number in, one encoded clip out. A pure function, so any worker may make any clip.

Every choice of a clip hangs on (seed, clip number) alone: `SeedSequence(seed, spawn_key=(purpose, number))`.
"""

from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa

from simtouch import indenters
from simtouch._checks import ArgumentError, SimtouchError, pick
from simtouch.gel import GELS, LayerConfig
from simtouch.scenes.motions import MOTIONS
from simtouch.scenes.recipes import SCENES, Recipe, motion_kind
from simtouch.scenes.stage import SceneKind, Stage
from simtouch.sensors import SensorSpec, SensorUnit
from simtouch.simulator import TactileSimulator
from simtouch.stream.encode import encode_clip
from simtouch.stream.images import decode_image, encode_image

_CLIP, _UNIT, _OBJECTS, _MOTIONS = range(4)  # purposes of random numbers
_STRIBECK_SPEED_M_S = 10e-3  # our choice: it lies between slow and fast slides of the working ranges
_MOST_SIMULATORS = 64  # that a process keeps, about 6 MB each
MESH_SUFFIXES = (".stl", ".obj", ".ply")
MOTIONS_ALONE = Recipe(name="", shares={"motion": 1})
"""What is made without a recipe."""


@dataclass(frozen=True, kw_only=True)
class ClipMaker:
    """What a stream is made of. Picklable; workers get a copy."""

    spec: SensorSpec
    frames: int
    seed: int
    objects: tuple[str, ...]
    """Names of the catalogue, and mesh files."""
    motions: tuple[str, ...] = tuple(MOTIONS)
    """Ways to move, of scenes of the kind `motion`."""
    recipe: Recipe = MOTIONS_ALONE
    codec: str = "png"
    gel: str = "layer"
    units: int = 0
    """Number of sampled units that share the clips; 0 takes the type itself."""
    mesh_scale: float = 1.0
    _simulators: dict = field(default_factory=dict, init=False, repr=False, compare=False, hash=False)

    def __post_init__(self):
        for motion in self.motions:
            pick("motion", motion, MOTIONS)
        for name in self.objects:
            if not is_mesh_file(name):
                pick("object", name, indenters.INDENTERS)
        if not self.objects or not self.motions:
            raise ArgumentError("`objects` and `motions` must name at least one each.")
        self.recipe.check_installed()
        _ = self.meshes  # read now: a bad file is found before anything is written

    def __getstate__(self) -> dict:
        """Meshes travel along: another machine does not have their files."""
        return self.__dict__ | {"_simulators": {}}

    @cached_property
    def meshes(self) -> dict[str, indenters.Solid]:
        """The user's bodies by the name of their file."""
        return {name: indenters.mesh(name, scale=self.mesh_scale) for name in self.objects if is_mesh_file(name)}

    @property
    def gel_class(self) -> type:
        """The class of its gel."""
        return GELS[self.gel]

    def unit(self, clip_id: int, sensor: int = 0) -> SensorUnit:
        """The unit that feels this clip, as this one of its scene's sensors."""
        if self.units == 0:
            return SensorUnit()
        return self.unit_numbered((clip_id * self.recipe.sensors + sensor) % self.units)

    def make(self, clip_id: int) -> list[pa.Table]:
        """Simulate and encode one clip: a table for each of its sensors."""
        scene, turn = self.recipe.kind_of(self.seed, clip_id)
        kind = self._kind(scene, turn)
        sides = kind.sides[: self.recipe.sensors]
        units = {side: self.unit(clip_id, k) for k, side in enumerate(sides)}
        rng = self._rng(_CLIP, clip_id)
        # Each kind takes the objects in an order of its own, or the first clips of all kinds would share one.
        own_order = () if scene == "motion" else (crc32(scene.encode()),)
        name = _in_turn(self.objects, turn, lambda block: self._rng(_OBJECTS, block, *own_order))
        own = self.meshes.get(name)
        stage = Stage(
            simulator=partial(self._simulator_of, units),
            frames=self.frames,
            rng=rng,
            indenter=own or indenters.random_indenter(name, rng),
            any_side=own is not None,
            turn=turn,
            seed=self.seed,
            sides=sides,
        )
        touches = kind.play(stage)
        if tuple(touch.side for touch in touches) != sides:
            raise SimtouchError(f"a scene of the kind `{scene}` must give the sides {sides}; got {[t.side for t in touches]}.")
        return [
            encode_clip(
                touch.frames,
                clip_id=clip_id,
                indenter=touch.indenter,
                motion=touch.motion,
                sensor_id="-".join(filter(None, (units[touch.side].name if self.units else self.spec.name, touch.side))),
                scene=scene,
                codec=self.codec,
                labels=touch.labels,
                label_types=self.recipe.labels,
                world_T_gel=touch.world_T_gel,
                world_T_indenter=touch.world_T_indenter,
                background=self.simulator(units[touch.side], touch.side).background if self.units else None,
            )
            for touch in touches
        ]

    def simulator(self, unit: SensorUnit, side: str = "", *, stick_slip: bool = False) -> TactileSimulator:
        """The simulated unit on one side of a scene; kept, because making one costs as much as fifty frames."""
        key = unit, side, stick_slip
        if key not in self._simulators:
            while len(self._simulators) >= _MOST_SIMULATORS:
                self._simulators.pop(next(iter(self._simulators)))
            falls = stick_slip and self.gel == "layer"
            gel = LayerConfig(stribeck_speed_m_s=_STRIBECK_SPEED_M_S) if falls else self.gel
            self._simulators[key] = TactileSimulator(self.spec, gel=gel, unit=unit)
        return self._simulators[key]

    def _simulator_of(self, units: dict[str, SensorUnit], side: str = "", stick_slip: bool = False) -> TactileSimulator:
        return self.simulator(units[side], side, stick_slip=stick_slip)

    def unit_numbered(self, number: int) -> SensorUnit:
        """A randomly drawn unit."""
        return SensorUnit.sample(self._rng(_UNIT, number), self.spec, name=f"{self.spec.name}-{number:03d}")

    def _kind(self, scene: str, turn: int) -> SceneKind:
        if scene != "motion":
            return SCENES[scene]
        return motion_kind((_in_turn(self.motions, turn, lambda block: self._rng(_MOTIONS, block)),))

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def is_mesh_file(name: str) -> bool:
    """Whether `--object` means a file."""
    return Path(name).suffix.lower() in MESH_SUFFIXES or "/" in name


def strip_of(table: pa.Table, tiles: int = 8) -> bytes:
    """A few images of a clip side by side, as a PNG: the first thing to look at while the rest is made."""
    column = table["image"]
    chosen = np.unique(np.linspace(0, len(column) - 1, tiles).round().astype(int))
    return encode_image(np.hstack([decode_image(column[int(t)].as_py()["bytes"]) for t in chosen]), "png")


def _in_turn(choices: tuple[str, ...], number: int, rng_of_block) -> str:
    """The choice of a clip: each block of `len(choices)` clips has them all, in its own random order."""
    block, place = divmod(number, len(choices))
    return choices[int(rng_of_block(block).permutation(len(choices))[place])]
