"""The maze as a model of MuJoCo: a maze, a bead and a hand in, MJCF out.

The bead is a ball on a free joint. Three rings of small spheres make the wall of its hole, and meet a chain of capsules that is the wire.
Every wire has as many capsules, so that models of different mazes can be stepped as one batch. The integrator `discrete` takes springs
and damping implicitly: a light pad on stiff springs is stable at a step of 10 ms, of which five make exactly 20 Hz.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simtouch_envs.bead_maze.mazes import START_M, Bead, Maze
from simtouch_envs.gripper import HELD, WIRE, Pads
from simtouch_envs.robots import Robot

CAPSULES = 70
"""Pieces of a wire: 5 mm each at the longest family's 35 cm."""
_BEAD_KG = 5e-3
_WALL_RADIUS_M = 2.5e-3
_RINGS_M = (-5e-3, 0.0, 5e-3)
_IN_A_RING = 8
_WALL_KG = 1e-6
_MIDDLE_M = np.array([0.1, 0.0, 0.15])


@dataclass(frozen=True, kw_only=True)
class MazePhysics:
    """How the world moves."""

    timestep_s: float = 0.01
    """Exact for 20 and 10 Hz."""
    impratio: float = 100.0
    """Friction that gives way less than the normal force: what is held does not creep."""
    noslip_iterations: int = 3
    """Without them a pad at half of its friction limit creeps by .3 mm/s, with them by .01."""
    wire_friction: float = 0.1
    grip_force_n: float = 2.5
    """Of each finger's motor."""


def maze_mjcf(maze: Maze, bead: Bead, pads: Pads, robot: Robot, physics: MazePhysics) -> str:
    """A bead at the start of its wire, the hand open around it."""
    place, tangent = maze.wire.at(START_M), maze.wire.tangent(START_M)
    across = np.cross([0.0, 1.0, 0.0], tangent)
    across /= np.linalg.norm(across)
    axes = _text(np.concatenate([tangent, np.cross(across, tangent)]))
    return f"""<mujoco model="bead_maze">
  <option timestep="{physics.timestep_s:.9g}" integrator="discrete" cone="elliptic" impratio="{physics.impratio:.9g}"
    jacobian="dense" noslip_iterations="{physics.noslip_iterations}"/>
  <size memory="4M"/>
  <visual><global offwidth="640" offheight="480"/><map znear="0.001" zfar="5"/>
    <headlight ambient=".35 .35 .35" diffuse=".5 .5 .5"/></visual>
  <statistic center="{_text(_MIDDLE_M)}" extent="0.4"/>
  <asset><texture name="sky" type="skybox" builtin="gradient" rgb1=".93 .95 .98" rgb2=".75 .8 .88" width="64" height="64"/></asset>
  <worldbody>
    <light pos="0 -.5 1" dir="0 .5 -1"/>
    <camera name="side" pos="0.11 -0.42 0.19" xyaxes="1 0 0 0 .1 1" fovy="34"/>
    <geom type="box" size=".3 .2 .01" pos=".1 0 -.03" rgba=".72 .6 .45 1" contype="0" conaffinity="0"/>
    {_wire(maze, bead, physics)}
    <body name="bead" pos="{_text(place)}" xyaxes="{axes}">
      <freejoint/>
      <geom name="bead" type="sphere" size="{bead.radius_m:.9g}" mass="{_BEAD_KG}" condim="4" friction="1 0.001 0.0001" solref="0.006 1"
        contype="{HELD}" conaffinity="{HELD}" rgba=".85 .2 .18 .8"/>
      {_wall(bead, physics)}
    </body>
    {robot.world(pads, place, bead.radius_m)}
  </worldbody>
  {robot.drives("bead")}
</mujoco>"""


def _wire(maze: Maze, bead: Bead, physics: MazePhysics) -> str:
    ends = maze.wire.pieces(CAPSULES)
    return "".join(
        f'<geom type="capsule" size="{bead.wire_radius_m:.9g}" fromto="{_text(a)} {_text(b)}" condim="3" '
        f'friction="{physics.wire_friction:.9g} 0.001 0.0001" solref="0.004 1" contype="{WIRE}" conaffinity="{WIRE}" rgba=".6 .62 .68 1"/>'
        for a, b in pairwise(ends)
    )


def _wall(bead: Bead, physics: MazePhysics) -> str:
    out, angles = bead.hole_radius_m + _WALL_RADIUS_M, 2 * np.pi * np.arange(_IN_A_RING) / _IN_A_RING
    return "".join(
        f'<geom type="sphere" size="{_WALL_RADIUS_M}" pos="{x:.9g} {out * np.cos(a):.9g} {out * np.sin(a):.9g}" mass="{_WALL_KG}" '
        f'friction="{physics.wire_friction:.9g} 0.001 0.0001" condim="3" solref="0.004 1" contype="{WIRE}" conaffinity="{WIRE}" '
        f'rgba=".5 .1 .1 .3"/>'
        for x in _RINGS_M
        for a in angles
    )


def _text(values) -> str:
    return " ".join(f"{v:.9g}" for v in values)
