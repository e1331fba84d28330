"""A jar as a model of MuJoCo: the jar and a hand in, MJCF out.

The knob meets the pads and nothing else; the jar meets the table and nothing else. Integrator and friction are those of the bead maze.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simtouch import SensorSpec, TactileSimulator
from simtouch.geometry.pose import pose
from simtouch.scenes.gel_bushing import Bushing, bushing_of
from simtouch_envs.grasp_lift.jars import GRAVITY_M_S2, KNOBS, STEM_M, Jar, knob_solid
from simtouch_envs.gripper import HELD, Pads
from simtouch_envs.robots import Robot

STANDS = 4
"""Contact bit: the jar and the table."""
_KNOB_KG = 2e-3
_SPRINGS_AT_N = (0.22, 0.33, 0.5, 0.75, 1.1, 1.7)
"""Normal forces at which springs are measured: the gel stiffens under load."""
_WORKING_SHARE = 0.7
"""Of the friction limit: a good grip is near it."""
_WORLD_R_KNOB = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
"""Of a knob in the left gel frame."""


@dataclass(frozen=True, kw_only=True)
class LiftPhysics:
    """How the world moves."""

    timestep_s: float = 5e-3
    impratio: float = 100.0
    noslip_iterations: int = 3
    table_friction: float = 0.5
    first_grip_n: float = 0.2
    """Force of each finger at the start."""


def pads_for(spec: SensorSpec, jar: Jar) -> Pads:
    """Gel pads as they answer this kind of knob at about the force that carries it."""
    gel, carrying = spec.gel, jar.carrying_n(spec.gel.friction)
    at = min(_SPRINGS_AT_N, key=lambda force: abs(np.log(force / carrying)))
    half = gel.size_m[0] / 2, gel.size_m[1] / 2, gel.thickness_m / 2
    return Pads(half_size_m=half, springs=_springs(spec, jar.knob, at))


_simulator = lru_cache(maxsize=2)(TactileSimulator)


@lru_cache(maxsize=64)
def _springs(spec: SensorSpec, knob: str, normal_force_n: float) -> Bushing:
    """Springs of a gel under a knob of middle size."""
    solid = knob_solid(knob, KNOBS[knob].middle_m)
    return bushing_of(_simulator(spec), solid, pose((0, 0, 0), _WORLD_R_KNOB), normal_force_n, share=_WORKING_SHARE)


def jar_mjcf(jar: Jar, pads: Pads, robot: Robot, physics: LiftPhysics) -> str:
    """A jar on a table, the hand open around its knob."""
    place = np.array([0.0, 0.0, jar.stands_m])
    knob, size = KNOBS[jar.knob], " ".join(f"{v:.9g}" for v in jar.knob_size_m)
    turn = 'euler="0 90 0"' if knob.lies else ""
    low, middle = STEM_M, STEM_M + jar.height_m / 2
    return f"""<mujoco model="grasp_lift">
  <option timestep="{physics.timestep_s:.9g}" integrator="discrete" cone="elliptic" impratio="{physics.impratio:.9g}"
    jacobian="dense" noslip_iterations="{physics.noslip_iterations}" gravity="0 0 -{GRAVITY_M_S2}"/>
  <size memory="4M"/>
  <visual><global offwidth="640" offheight="480"/><map znear="0.001" zfar="5"/>
    <headlight ambient=".35 .35 .35" diffuse=".5 .5 .5"/></visual>
  <statistic center="0 0 .08" extent="0.3"/>
  <asset><texture name="sky" type="skybox" builtin="gradient" rgb1=".93 .95 .98" rgb2=".75 .8 .88" width="64" height="64"/></asset>
  <worldbody>
    <light pos=".3 -.3 .8" dir="-.3 .3 -.8"/>
    <camera name="side" pos=".30 -.12 .13" xyaxes=".37139 .92848 0 -.12 .05 .99" fovy="36"/>
    <geom name="table" type="box" size=".2 .2 .01" pos="0 0 -.01" rgba=".72 .6 .45 1" condim="3"
      friction="{physics.table_friction:.9g} 0.001 0.0001" contype="{STANDS}" conaffinity="{STANDS}"/>
    <body name="jar" pos="0 0 {place[2]:.9g}">
      <freejoint/>
      <geom name="knob" type="{knob.kind}" size="{size}" {turn} mass="{_KNOB_KG}" condim="4" friction="1 0.001 0.0001" solref="0.006 1"
        contype="{HELD}" conaffinity="{HELD}" rgba=".85 .2 .18 1"/>
      <geom type="cylinder" size=".002 {low / 2:.9g}" pos="0 0 -{low / 2:.9g}" mass="1e-4" contype="0" conaffinity="0"
        rgba=".6 .62 .68 1"/>
      <geom name="jar" type="cylinder" size="{jar.radius_m:.9g} {jar.height_m / 2:.9g}" pos="0 0 -{middle:.9g}"
        mass="{jar.mass_kg - _KNOB_KG - 1e-4:.9g}" condim="3" friction="{physics.table_friction:.9g} 0.001 0.0001"
        contype="{STANDS}" conaffinity="{STANDS}" rgba=".35 .55 .75 1"/>
    </body>
    {robot.world(pads, place, jar.half_width_m)}
  </worldbody>
  {robot.drives("knob")}
</mujoco>"""
