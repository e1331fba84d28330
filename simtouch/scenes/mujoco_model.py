"""Edits and readings of an MJCF model: text in, the same model with gel pads on its sensor sites out. MuJoCo itself is handed in.

What holds still: elliptic cones and a high `impratio`, so that a held object does not creep; the `discrete` integrator,
which takes springs and damping implicitly, so that a stiff light pad is stable at any step.
"""

from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, unknown_name
from simtouch.geometry.pose import inverse, pose
from simtouch.scenes.geom_solids import KINDS, Geom
from simtouch.sensors import SensorSpec

_SITE = "gel"  # and gel_left, gel_right, ...
_PAD_KG = 0.5e-3  # next to nothing: what the contact carries, the springs carry
_ALL = 0x7FFFFFFF  # contact bits: a pad meets whatever meets anything
_SOLREF = (4e-3, 1.0)  # of the pad's contacts: stiff against the gel, whose springs are meant to give way


def load(mj, mjcf: str | Path):
    """(spec, compiled model) of an MJCF file or text.

    Raises:
        ArgumentError: It does not load.
    """
    try:
        spec = mj.MjSpec.from_string(mjcf) if "<mujoco" in str(mjcf) else mj.MjSpec.from_file(str(mjcf))
        for number, body in enumerate(spec.bodies):
            body.name = body.name or f"body_{number}"
        return spec, spec.compile()
    except ValueError as error:
        raise ArgumentError(f"`mjcf` must be MJCF that MuJoCo loads: {' '.join(str(error).split())}.") from error


def sensor_sites(model, sites: tuple[str, ...] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(sides, names) of the sensor sites: all called `gel` or `gel_*`, or the given ones."""
    known = [model.site(i).name for i in range(model.nsite)]
    if sites is None:
        names = tuple(name for name in known if name == _SITE or name.startswith(_SITE + "_"))
        if not names:
            listed = f"its sites are {', '.join(n or '(unnamed)' for n in known)}" if known else "it has no site at all"
            raise ArgumentError(f"`mjcf` must have a sensor site, called `{_SITE}` or `{_SITE}_<side>`; {listed}.")
    else:
        names = tuple(sites)
        for name in names:
            if name not in known:
                raise ArgumentError(f"`sites`: {unknown_name('site', name, known)}")
    return tuple(name.removeprefix(_SITE).removeprefix("_") for name in names), names


def pad_name(site: str) -> str:
    """Name of the pad's body and geom."""
    return f"{site}_pad"


def mount(mj, spec, bare, site: str, sensor: SensorSpec) -> None:
    """Add a pad to a sensor site: the box in view of the camera, on three slides and three hinges, that meets all but its own housing."""
    number = bare.site(site).id
    housing = spec.site(site).parent
    pad = housing.add_body(name=pad_name(site), pos=bare.site_pos[number], quat=bare.site_quat[number], gravcomp=1)
    for axis in np.eye(3):
        pad.add_joint(type=mj.mjtJoint.mjJNT_SLIDE, axis=axis)
    for axis in np.eye(3):
        pad.add_joint(type=mj.mjtJoint.mjJNT_HINGE, axis=axis)
    half = np.array(sensor.image_shape[::-1]) * sensor.camera.pixel_pitch_m / 2
    thick = sensor.gel.thickness_m / 2
    priority = int(bare.geom_priority.max(initial=0)) + 1  # its friction rules
    pad.add_geom(name=pad_name(site), type=mj.mjtGeom.mjGEOM_BOX, size=(*half, thick), pos=(0, 0, -thick), mass=_PAD_KG, condim=4,
                 priority=priority, contype=_ALL, conaffinity=_ALL, solref=_SOLREF)  # fmt: skip
    rigid = bare.body_weldid[bare.site_bodyid[number]]
    for body in np.flatnonzero(bare.body_weldid == rigid):
        spec.add_exclude(bodyname1=bare.body(body).name, bodyname2=pad.name)


def set_options(mj, spec, timestep_s: float) -> None:
    """Contacts and springs that hold still: see the top."""
    option = spec.option
    option.timestep, option.integrator = timestep_s, mj.mjtIntegrator.mjINT_DISCRETE
    option.cone, option.impratio = mj.mjtCone.mjCONE_ELLIPTIC, max(option.impratio, 100.0)
    option.noslip_iterations = max(option.noslip_iterations, 10)
    option.jacobian = mj.mjtJacobian.mjJAC_DENSE


def touched_body(mj, model, sites: tuple[str, ...], name: str | None) -> tuple[int, np.ndarray]:
    """(body, its geoms) that the sensors touch: the named one, else the only one that moves apart from them, else the only other.

    Bodies welded together are one; its frame is that of the first.
    """
    bodies = [b for s in sites for b in (model.body(pad_name(s)).id, model.site_bodyid[model.site(s).id])]
    own = {int(model.body_weldid[body]) for body in bodies}
    trees = {int(model.body_treeid[body]) for body in own} - {-1}
    solid = ((model.geom_contype != 0) | (model.geom_conaffinity != 0)) & (model.geom_type != int(mj.mjtGeom.mjGEOM_PLANE))
    rigid = model.body_weldid[model.geom_bodyid]
    if name is not None:
        names = [model.body(b).name for b in range(model.nbody)]
        if name not in names:
            raise ArgumentError(f"`touched`: {unknown_name('body', name, [n for n in names if n])}")
        bodies = [int(model.body_weldid[names.index(name)])]
    else:
        others = [int(b) for b in np.unique(rigid[solid]) if b not in own and int(model.body_treeid[b]) not in trees]
        bodies = [b for b in others if model.body_treeid[b] >= 0] or others
    if len(bodies) != 1:
        listed = ", ".join(model.body(b).name or f"(body {b})" for b in bodies) or "none"
        raise ArgumentError(f"`touched` must name the body that the sensors touch, as there is not exactly one; found {listed}.")
    geoms = np.flatnonzero(solid & (rigid == bodies[0]))
    if not geoms.size:
        raise ArgumentError(f"`touched`: the body `{name}` has no geom that can touch a gel.")
    return bodies[0], geoms


def geom_of(mj, model, data, number: int, body: int) -> Geom:
    """A geom in the frame of a body, at the present pose."""
    kind = mj.mjtGeom(int(model.geom_type[number])).name.removeprefix("mjGEOM_").lower()
    place = inverse(frame_of(data.body(body))) @ frame_of(data.geom(number))
    name = model.geom(number).name or f"number {number}"
    if kind not in KINDS:
        raise ArgumentError(f"the geom `{name}` is a {kind}; what touches a gel must be one of {', '.join(KINDS)}.")
    vertices = faces = None
    if kind == "mesh":
        mesh = int(model.geom_dataid[number])
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        vertices = model.mesh_vert[first : first + count]
        first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        faces = model.mesh_face[first : first + count]
    return Geom(
        kind=kind, size_m=tuple(model.geom_size[number].tolist()), place=place, vertices_m=vertices, faces=faces, name=name
    )


def frame_of(item) -> np.ndarray:
    """World pose of a body, site or geom of MuJoCo's data, (4, 4)."""
    return pose(item.xpos, item.xmat.reshape(3, 3))
