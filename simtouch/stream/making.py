"""Clips from numbers: a recipe and a clip number in, one encoded clip out. A pure function, so any worker may make any clip.

Every choice of a clip hangs on (seed, clip number) alone: `SeedSequence(seed, spawn_key=(purpose, number))`.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from simtouch import indenters
from simtouch._checks import ArgumentError, pick
from simtouch.gel import GELS, LayerConfig
from simtouch.scenes import MOTIONS, make_scene
from simtouch.sensors import SensorSpec, SensorUnit
from simtouch.simulator import TactileSimulator
from simtouch.stream.encode import encode_clip
from simtouch.stream.images import decode_image, encode_image

_CLIP, _UNIT, _OBJECTS, _MOTIONS = range(4)  # purposes of random numbers
_STICK_SLIP = ("drag",)  # motions whose friction falls with speed
_STRIBECK_SPEED_M_S = 10e-3  # our choice: it lies between slow and fast slides of the working ranges
MESH_SUFFIXES = (".stl", ".obj", ".ply")


@dataclass(frozen=True, kw_only=True)
class ClipMaker:
    """What a stream is made of. Picklable; workers get a copy."""

    spec: SensorSpec
    frames: int
    seed: int
    objects: tuple[str, ...]
    """Names of the catalogue, and mesh files."""
    motions: tuple[str, ...]
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
        _ = self.meshes  # read now: a bad file is found before anything is written

    def __getstate__(self) -> dict:
        return {k: v for k, v in self.__dict__.items() if k not in ("_simulators", "meshes")} | {"_simulators": {}}

    @cached_property
    def meshes(self) -> dict[str, indenters.Solid]:
        """The user's bodies by the name of their file."""
        return {name: indenters.mesh(name, scale=self.mesh_scale) for name in self.objects if is_mesh_file(name)}

    @property
    def gel_class(self) -> type:
        """The class of its gel."""
        return GELS[self.gel]

    def unit(self, clip_id: int) -> SensorUnit:
        """The unit that feels this clip."""
        if self.units == 0:
            return SensorUnit()
        number = clip_id % self.units
        return SensorUnit.sample(self._rng(_UNIT, number), self.spec, name=f"{self.spec.name}-{number:03d}")

    def make(self, clip_id: int) -> pa.Table:
        """Simulate and encode one clip."""
        rng = self._rng(_CLIP, clip_id)
        name = _in_turn(self.objects, clip_id, lambda block: self._rng(_OBJECTS, block))
        motion = _in_turn(self.motions, clip_id, lambda block: self._rng(_MOTIONS, block))
        own = self.meshes.get(name)
        indenter = own or indenters.random_indenter(name, rng)
        unit = self.unit(clip_id)
        sim = self.simulator(unit, stick_slip=motion in _STICK_SLIP)
        scene = make_scene(sim, indenter, motion, self.frames, rng, any_side=own is not None)
        return encode_clip(
            list(scene.play(sim, seed=int(rng.integers(2**31)))),
            clip_id=clip_id,
            indenter=indenter.name,
            motion=motion,
            sensor_id=unit.name if self.units else self.spec.name,
            codec=self.codec,
            background=sim.background if self.units else None,
        )

    def simulator(self, unit: SensorUnit, *, stick_slip: bool = False) -> TactileSimulator:
        """The simulated unit; kept, because making one costs as much as ten frames."""
        key = unit, stick_slip
        if key not in self._simulators:
            if len(self._simulators) >= 8:
                self._simulators.clear()
            falls = stick_slip and self.gel == "layer"
            gel = LayerConfig(stribeck_speed_m_s=_STRIBECK_SPEED_M_S) if falls else self.gel
            self._simulators[key] = TactileSimulator(self.spec, gel=gel, unit=unit)
        return self._simulators[key]

    def _rng(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(purpose, number)))


def is_mesh_file(name: str) -> bool:
    """Whether `--object` means a file."""
    return Path(name).suffix.lower() in MESH_SUFFIXES or "/" in name


def make_clips(maker: ClipMaker, clip_ids: list[int], workers: int) -> Iterator[pa.Table]:
    """Clips in order, made here (`workers` 1) or by spawned processes that each run one Taichi thread."""
    if workers == 1:
        yield from map(maker.make, clip_ids)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker, initargs=(maker,))
    try:
        ahead: list = []
        queue = iter(clip_ids)
        for clip_id in queue:
            ahead.append(pool.submit(_make_in_worker, clip_id))
            if len(ahead) >= 2 * workers:
                yield ahead.pop(0).result()
        while ahead:
            yield ahead.pop(0).result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def strip_of(table: pa.Table, tiles: int = 8) -> bytes:
    """A few images of a clip side by side, as a PNG: the first thing to look at while the rest is made."""
    column = table["image"]
    chosen = np.unique(np.linspace(0, len(column) - 1, tiles).round().astype(int))
    return encode_image(np.hstack([decode_image(column[int(t)].as_py()["bytes"]) for t in chosen]), "png")


_maker: ClipMaker | None = None


def _start_worker(maker: ClipMaker) -> None:
    import os
    import signal

    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.environ["SIMTOUCH_TI_THREADS"] = "1"
    cv2.setNumThreads(1)
    global _maker
    _maker = maker


def _make_in_worker(clip_id: int) -> pa.Table:
    return _maker.make(clip_id)


def _in_turn(choices: tuple[str, ...], number: int, rng_of_block) -> str:
    """The choice of a clip: each block of `len(choices)` clips has them all, in its own random order."""
    block, place = divmod(number, len(choices))
    return choices[int(rng_of_block(block).permutation(len(choices))[place])]
