"""Any MJCF with a sensor site: rigid bodies move by MuJoCo, their touch is felt by simtouch.

A sensor is a site called `gel`, or `gel_<side>`: its frame is the gel frame (origin at the centre of the resting surface, z out of the gel,
x along the image's columns, y along its rows), its body the sensor's housing. The scene mounts a pad of the view's size there, on a
bushing of three slides and three hinges (`gel_bushing.py`), so nothing else of the housing may come nearer than the gel is thick.
With q the pad's motion (of the six, not z) on its springs K, and W the layer's answer (force along x, y; torque about the hinges):

    force of the springs on the pad until the next coupling = -W - K (q - q_now),    normal force of the layer = MuJoCo's        (1)

Touch takes the object's pose relative to the housing, not to the pad, and finds the depth by the second of (1). The first keeps the
springs on the layer's own curve, with its partial slip and its memory (`follow_gel`): K is the slope that W showed since the last
coupling, at most that at the origin. Without it they are the straight line -K q.
Both friction laws have one coefficient, that of `spec.gel`. Needs the extra `envs`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError, as_number
from simtouch.frame import TactileFrame
from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.pose import inverse, pose, rotation_z
from simtouch.indenters.solid import Solid
from simtouch.scenes.gel_bushing import LOAD, Bushing, bushing_of, softening
from simtouch.scenes.geom_solids import solid_of
from simtouch.scenes.mujoco_model import frame_of, geom_of, load, mount, pad_name, sensor_sites, set_options, touched_body
from simtouch.simulator import TactileSimulator

GROSS_SLIP_M_S = 1e-3
"""Sliding of the object over the pad that counts as gross slip; MuJoCo's own creep is a hundredth of it."""
_DAMPING_S = 1e-3  # damping over stiffness of the bushing: a gel without viscosity, but springs that come to rest
_FOLLOWS = 2.0  # in limit / slope: by then all of a contact slides; a pad of MuJoCo that turns or shifts further has yielded
_LIGHTEST_N = 2e-3  # below it a contact is none: the gel's answer is under a cell
_DEEPEST = 0.6  # of the gel's thickness: where a force ends that the part of the object in view cannot carry


@dataclass(frozen=True, eq=False, kw_only=True)
class Felt:
    """What one sensor felt, and what MuJoCo knows of it at the same instant. In the gel frame."""

    frame: TactileFrame
    force_n: np.ndarray
    """MuJoCo's contact force on the pad, (3,)."""
    torque_nm: np.ndarray
    """Its torque about the gel frame's origin, (3,)."""
    torsion_nm: float
    """Its torque about z through MuJoCo's centre of pressure."""
    slip_speed_m_s: float
    """How fast the object slides over the gel: its centre of contact, and the turn at the contact's mean radius; 0 without contact."""
    gel_T_object: np.ndarray
    world_T_gel: np.ndarray
    world_T_object: np.ndarray

    @property
    def gross_slip(self) -> bool:
        """Whether the object slides over the pad as a whole."""
        return self.slip_speed_m_s > GROSS_SLIP_M_S


@dataclass(eq=False, kw_only=True)
class _Pad:
    """One sensor in the model."""

    site: int
    body: int
    geom: int
    first_joint: int
    sim: TactileSimulator
    bushing: Bushing | None = None
    last: np.ndarray | None = None
    """Pose of the object over the gel as it was followed in the last frame, (4, 4); None where nothing touched."""
    answered: tuple[np.ndarray, np.ndarray] | None = None
    """Motion on the springs and the layer's answer at the last coupling, (6,) each; None where nothing touched."""


class MujocoScene:
    """A model of MuJoCo whose sensor sites feel."""

    def __init__(
        self,
        mjcf: str | Path,
        simulator: Callable[[str], TactileSimulator],
        *,
        sites: tuple[str, ...] | None = None,
        touched: str | None = None,
        working_force_n: float = 1.0,
        follow_gel: bool = True,
        coupling_hz: float = 120.0,
        substep_s: float = 2e-3,
    ):
        """Mount a pad at each sensor site.

        Args:
            mjcf: Path of an MJCF file, or its text.
            simulator: Makes the sensor of a side: of site `gel_left` that is `left`, of `gel` the empty string. One frame rate for all.
            sites: Names of the sensor sites; None takes every `gel` and `gel_*`.
            touched: Name of the body that is touched; None where only one besides the sensors' own could be.
            working_force_n: Normal force at which the bushing is measured [N].
            follow_gel: Springs by (1), not straight.
            coupling_hz: How often (1) is renewed at least [Hz]: a whole number of times a frame, without a picture but the last time.
            substep_s: Longest step of MuJoCo [s]; a whole number of steps makes a frame.

        Raises:
            ArgumentError: The MJCF does not load, has no sensor site, or nothing in it can be touched.
            MissingExtraError: MuJoCo is not installed.
        """
        self._mj = mj = _mujoco()
        spec, bare = load(mj, mjcf)
        self.sides, names = sensor_sites(bare, sites)
        sims = [simulator(side) for side in self.sides]
        if any(sim.batch for sim in sims) or len({sim.spec.camera.fps for sim in sims}) > 1:
            raise ArgumentError("`simulator` must make sensors of one frame rate, without a batch.")
        self.fps, self.follow_gel = sims[0].spec.camera.fps, follow_gel
        self.couplings = _at_least(as_number("coupling_hz", coupling_hz, at_least=0) / self.fps)
        self.substeps = self.couplings * _at_least(1 / self.fps / self.couplings / as_number("substep_s", substep_s, above=0))
        for name, sim in zip(names, sims, strict=True):
            mount(mj, spec, bare, name, sim.spec)
        set_options(mj, spec, 1 / self.fps / self.substeps)
        self.model = spec.compile()
        self.data = mj.MjData(self.model)
        self._pads = [_pad(self.model, name, sim) for name, sim in zip(names, sims, strict=True)]
        mj.mj_forward(self.model, self.data)
        self._object, geoms = touched_body(mj, self.model, names, touched)
        name = self.model.body(self._object).name or "object"
        self.indenter: Solid = solid_of(name, [geom_of(mj, self.model, self.data, g, self._object) for g in geoms])
        self._is_object = np.isin(np.arange(self.model.ngeom), geoms)
        self.tune(working_force_n)
        self.reset()

    @property
    def bushings(self) -> dict[str, Bushing]:
        """The springs by side."""
        return {side: pad.bushing for side, pad in zip(self.sides, self._pads, strict=True) if pad.bushing}

    def tune(self, working_force_n: float) -> None:
        """Measure the bushings at another normal force [N], with the object as it now lies over each gel, else over its centre."""
        force = as_number("working_force_n", working_force_n, above=0)
        for pad in self._pads:
            held = inverse(frame_of(self.data.site(pad.site))) @ frame_of(self.data.body(self._object))
            view = np.array(pad.sim.spec.image_shape[::-1]) * pad.sim.spec.camera.pixel_pitch_m / 2
            held[:3, 3] = (*np.where(np.abs(held[:2, 3]) < view, held[:2, 3], 0), 0)
            pad.bushing = b = bushing_of(pad.sim, self.indenter, held, force, share=0.0 if self.follow_gel else LOAD)
            self.model.geom_friction[pad.geom] = b.friction, b.friction_length_m, 1e-4
            for j, k in enumerate(b.stiffness, pad.first_joint):
                self.model.jnt_stiffness[j] = k
                self.model.dof_damping[self.model.jnt_dofadr[j]] = k * _DAMPING_S
                self.model.jnt_pos[j] = (*b.centre_m, 0)

    def reset(self, *, seed: int = 0, qpos: np.ndarray | None = None) -> None:
        """Back to the start, or to other joint positions [m, rad], with gels that nothing has touched; `seed` is that of the cameras."""
        self._mj.mj_resetData(self.model, self.data)
        if qpos is not None:
            self.data.qpos[:] = qpos
        self._mj.mj_forward(self.model, self.data)
        for index, pad in enumerate(self._pads):
            pad.sim.reset(self.indenter, seed=seed + index)
            pad.last = pad.answered = None

    def step(self, control: Callable[[Any], None] | None = None) -> dict[str, Felt]:
        """Advance by one frame of the sensors, 1 / fps, and feel.

        Args:
            control: Given MuJoCo's data before each substep, to set `ctrl`, forces or mocap poses.
        """
        for left in range(self.couplings - 1, -1, -1):
            sprung = self._advance(control)
            felt = {side: self._feel(pad, sprung, look=left == 0) for side, pad in zip(self.sides, self._pads, strict=True)}
        return felt

    def _advance(self, control: Callable[[Any], None] | None) -> np.ndarray:
        """Move MuJoCo on to the next coupling; joint positions at the instant that contacts, forces and poses then belong to."""
        for _ in range(self.substeps // self.couplings):
            if control is not None:
                control(self.data)
            sprung = self.data.qpos.copy()  # a step leaves contacts, forces and poses of its beginning
            self._mj.mj_step(self.model, self.data)
        if any(self.data.warning[w].number for w in (self._mj.mjtWarning.mjWARN_BADQACC, self._mj.mjtWarning.mjWARN_BADQPOS)):
            raise SimtouchError("MuJoCo became unstable: take a smaller `substep_s`, or heavier bodies.")
        return sprung

    def _feel(self, pad: _Pad, sprung: np.ndarray, *, look: bool) -> Felt:
        """One side at a coupling; without `look` between two frames, and then its slip is not told."""
        world_T_gel, world_T_object = frame_of(self.data.site(pad.site)), frame_of(self.data.body(self._object))
        gel_T_object = inverse(world_T_gel) @ world_T_object
        force, torque, centre = self._contact(pad, world_T_gel)
        pressed = -force[2] > _LIGHTEST_N
        dt_s = 1 / self.fps / self.couplings
        frame = _press(pad.sim, self.indenter, gel_T_object, -force[2] if pressed else 0.0, dt_s, look)
        base_T_object = inverse(self._elastic(pad, sprung, -force[2])) @ gel_T_object
        slip = 0.0 if pad.last is None or not pressed else _slide(pad, base_T_object @ inverse(pad.last), centre) * self.fps
        if look:
            pad.last = base_T_object if pressed else None  # sliding is told from frame to frame
        if self.follow_gel:
            self._follow(pad, frame, sprung)
        return Felt(
            frame=frame,
            force_n=force,
            torque_nm=torque,
            torsion_nm=float(torque[2] - (centre[0] * force[1] - centre[1] * force[0])),
            slip_speed_m_s=slip,
            gel_T_object=gel_T_object,
            world_T_gel=world_T_gel,
            world_T_object=world_T_object,
        )

    def _contact(self, pad: _Pad, world_T_gel: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Force on the pad, torque about the gel's origin, and where the normal force acts, (3,) each, gel frame."""
        rotation, origin = world_T_gel[:3, :3], world_T_gel[:3, 3]
        force, torque, centre, part = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(6)
        for c in range(self.data.ncon):
            contact = self.data.contact[c]
            one, two = contact.geom
            if not ((two == pad.geom and self._is_object[one]) or (one == pad.geom and self._is_object[two])):
                continue
            self._mj.mj_contactForce(self.model, self.data, c, part)
            # MuJoCo gives what the first geom does to the second.
            wrench = (part if two == pad.geom else -part).reshape(2, 3) @ contact.frame.reshape(3, 3) @ rotation
            place = (contact.pos - origin) @ rotation
            force += wrench[0]
            torque += np.cross(place, wrench[0]) + wrench[1]
            centre += place * -wrench[0, 2]
        return force, torque, centre / max(-force[2], 1e-12)

    def _elastic(self, pad: _Pad, sprung: np.ndarray, normal_force_n: float) -> np.ndarray:
        """How the pad has moved in its plane [gel frame, (4, 4)], as far as a gel can follow: what is more is sliding."""
        b, limit = pad.bushing, _FOLLOWS * pad.bushing.friction * max(normal_force_n, 0.0)
        q = sprung[self.model.jnt_qposadr[pad.first_joint + np.array([0, 1, 5])]]
        most = limit / np.array(b.shear_n_m), limit * b.friction_length_m / b.friction / b.torsion_nm
        shift, turn = np.clip(q[:2], -most[0], most[0]), np.clip(q[2], -most[1], most[1])
        x, y = anchor = np.array(b.centre_m)
        return pose((*(anchor + shift), 0)) @ pose((0, 0, 0), rotation_z(turn)) @ pose((-x, -y, 0))

    def _follow(self, pad: _Pad, frame: TactileFrame, sprung: np.ndarray) -> None:
        """The first of (1): a constant force beside softer springs, about the hinges where they now are."""
        joints = pad.first_joint + np.arange(6)
        q, K = sprung[self.model.jnt_qposadr[joints]], np.array(pad.bushing.stiffness)
        hinge = np.array([*pad.bushing.centre_m, 0]) + q[:3]
        answer = np.concatenate([frame.force_n, frame.torque_nm - np.cross(hinge, frame.force_n)])
        before, pad.answered = pad.answered, (q, answer) if frame.contact_area_m2 > 0 else None
        if before is not None and pad.answered is not None:
            K *= softening(answer - before[1], K * (q - before[0]), answer)
        push = K * q - answer
        push[2] = 0.0  # the depth answers for the normal force
        self.model.jnt_stiffness[joints] = K
        self.data.qfrc_applied[self.model.jnt_dofadr[joints]] = 0.0 if frame.contact_area_m2 == 0 else push


def _at_least(count: float) -> int:
    """The whole number from which `count` is no more than rounding; 1 or more."""
    return max(1, int(np.ceil(count - 1e-9)))


def _mujoco():
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtraError("Scenes of MuJoCo need it: pip install 'simtouch[envs]'.") from error
    return mujoco


def _pad(model, site: str, sim: TactileSimulator) -> _Pad:
    """Where the pad of a site is in the compiled model."""
    body = model.body(pad_name(site))
    return _Pad(
        site=model.site(site).id, body=body.id, geom=model.geom(pad_name(site)).id, first_joint=int(body.jntadr[0]), sim=sim
    )


def _slide(pad: _Pad, moved: np.ndarray, centre: np.ndarray) -> float:
    """How far a motion (4, 4) slides over the gel [m]: of the contact's centre, and of its mean radius by the turn."""
    turn = np.arctan2(moved[1, 0] - moved[0, 1], moved[0, 0] + moved[1, 1])
    travel = (moved[:3, :3] @ centre + moved[:3, 3] - centre)[:2]
    return float(np.hypot(np.hypot(*travel), turn * pad.bushing.friction_length_m / pad.bushing.friction))


def _press(
    sim: TactileSimulator, indenter: Solid, gel_T_object: np.ndarray, normal_force_n: float, dt_s: float, look: bool
) -> TactileFrame:
    """The sensor's next frame: pressed as hard as MuJoCo says, or with the object where it is."""
    if normal_force_n > 0:
        try:
            return sim.step_force(gel_T_object, normal_force_n, dt_s, look=look)
        except ArgumentError:  # so little of the object lies in view that no depth gives this force
            deepest = _DEEPEST * sim.spec.gel.thickness_m
    else:
        deepest = -1e-6
    grid = sim.spec.image_grid
    gap = float((indenter.underside_m(gel_T_object, grid) - dome_height_m(grid, sim.spec.gel.dome_radius_m)).min())
    if np.isinf(gap) or (normal_force_n == 0 and gap > 0):
        return sim.step(gel_T_object, dt_s, look=look)
    return sim.step_depth(
        gel_T_object, deepest, dt_s, look=look
    )  # MuJoCo's pad is flat and takes meshes for their hulls: it decides who touches
