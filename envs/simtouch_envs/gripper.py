"""A floating gripper of two fingers with a gel pad each: springs of the gels and sizes in, MJCF out.

World: the left finger is at +y and feels along -y, the right one at -y and feels along +y; z is up. The gel frame of each side has x along
image columns, y down the image, which is down the world, and z out of the gel, so that the left one's x is the world's -x and the right
one's +x. A pad hangs on three slides and a hinge about z: these springs *are* the gel, and the housing it hangs in is the frame that
the camera sees it from. The pads meet what is held, and nothing else. A target of the hand leads it by a servo of `Hand.stiffness_n_m`.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.scenes.gel_bushing import Bushing

SIDES = ("left", "right")
GEL_AXES = {"left": "-1 0 0 0 0 -1", "right": "1 0 0 0 0 -1"}
"""x and y of the gel frame in the world, as MJCF's `xyaxes`."""
HELD, WIRE = 1, 2
"""Contact bits: what the pads hold; the wire and the wall of the hole around it."""
PALM_TOP_M = 0.083
"""Where a hand is bolted on: this far above the middle of its grip."""
_PAD_KG = 0.5e-3  # next to nothing: what the contact carries, the springs carry
_SPRING_DAMPING_S = 1e-3  # damping over stiffness: a gel without viscosity, but springs that come to rest
_CLEARANCE_M = 0.5e-3  # between pad and object before the grip


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Sizes of the gripper; ENVS figures of a light hand that a person could hold back."""

    stiffness_n_m: float = 400.0
    """Of the position servo."""
    moving_kg: float = 0.35
    """What the servo is damped for."""
    armature_kg: float = 0.3
    leash_m: float = 10e-3
    """How far the target may run ahead: times the stiffness, the most that the hand pushes."""
    finger_damping: float = 8.0
    finger_armature_kg: float = 0.02
    yaw: bool = False


@dataclass(frozen=True, kw_only=True)
class Pads:
    """Both gel pads."""

    half_size_m: tuple[float, float, float]
    """Along x, y and z of the gel frame."""
    springs: Bushing


def finger_mjcf(side: str, pads: Pads, hand: Hand, opening_m: float) -> str:
    """One finger: its slide, its housing, the site of its gel frame and the pad on its springs.

    Args:
        side: left or right.
        pads: Size and springs of the gel.
        hand: Sizes of the gripper.
        opening_m: From the middle to the face of the gel, before the fingers close [m].
    """
    sign = 1 if side == "left" else -1
    seen = 1.0 if side == "left" else 0.25  # cameras look from the right, through the finger at what is held
    springs, (x, y, thick) = pads.springs, pads.half_size_m
    slides = "".join(
        f'<joint name="{side}_{axis}" type="{kind}" axis="{where}" stiffness="{k:.9g}" damping="{k * _SPRING_DAMPING_S:.9g}"/>'
        for axis, kind, where, k in (
            ("x", "slide", "1 0 0", springs.shear_n_m[0]),
            ("y", "slide", "0 1 0", springs.shear_n_m[1]),
            ("z", "slide", "0 0 1", springs.normal_n_m),
            ("turn", "hinge", "0 0 1", springs.torsion_nm),
        )
    )
    return f"""
    <body name="{side}_finger" pos="0 {sign * opening_m:.9g} 0" gravcomp="1">
      <joint name="{side}_close" type="slide" axis="0 {-sign} 0" damping="{hand.finger_damping:.9g}"
        armature="{hand.finger_armature_kg:.9g}" range="-0.03 0.03"/>
      <geom type="box" size="{x + 2e-3:.9g} 0.005 {y + 3e-3:.9g}" pos="0 {sign * (2 * thick + 6e-3):.9g} 0"
        mass="0.03" rgba=".2 .2 .22 {seen}" contype="0" conaffinity="0"/>
      <geom type="box" size="0.006 0.004 0.03" pos="0 {sign * (2 * thick + 8e-3):.9g} {y + 3e-2:.9g}" mass="0.001" rgba=".25 .25 .28 {seen}"
        contype="0" conaffinity="0"/>
      <site name="gel_{side}" xyaxes="{GEL_AXES[side]}" size="0.0005" rgba="0 0 0 0"/>
      <body name="{side}_pad" xyaxes="{GEL_AXES[side]}" gravcomp="1">
        {slides}
        <geom name="{side}_pad" type="box" size="{x:.9g} {y:.9g} {thick:.9g}" pos="0 0 {-thick:.9g}" mass="{_PAD_KG}"
          condim="4" priority="1" friction="{springs.friction:.9g} {springs.friction_length_m:.9g} 0.0001" solref="0.006 1"
          contype="{HELD}" conaffinity="{HELD}" rgba=".85 .85 .9 .55"/>
      </body>
    </body>"""


def palm_mjcf(pads: Pads, hand: Hand, held_half_width_m: float) -> str:
    """What is inside the body of a hand, whatever carries it: the palm and two fingers open around what they will hold."""
    opening = held_half_width_m + _CLEARANCE_M
    return f"""
    <geom type="box" size="0.02 0.045 0.008" pos="0 0 {PALM_TOP_M - 8e-3:.9g}" mass="0.2" rgba=".15 .15 .17 1"
      contype="0" conaffinity="0"/>
    {"".join(finger_mjcf(side, pads, hand, opening) for side in SIDES)}"""


def hand_mjcf(pads: Pads, hand: Hand, place_m: np.ndarray, held_half_width_m: float) -> str:
    """The whole hand at a place: slides x, y, z (and yaw), two fingers open around what they will hold."""
    where = " ".join(f"{v:.9g}" for v in place_m)
    slides = "".join(
        f'<joint name="hand_{n}" type="slide" axis="{a}" armature="{hand.armature_kg:.9g}"/>'
        for n, a in (("x", "1 0 0"), ("y", "0 1 0"), ("z", "0 0 1"))
    )
    turn = '<joint name="hand_yaw" type="hinge" axis="0 0 1" damping="0.05" armature="0.002"/>' if hand.yaw else ""
    return f"""
  <body name="hand" pos="{where}" gravcomp="1">
    {slides}{turn}
    {palm_mjcf(pads, hand, held_half_width_m)}
  </body>"""


def drives_mjcf(hand: Hand, held_geom: str) -> str:
    """Servos of the hand, motors of the fingers, which move as one, and the contact sensors between pads and what is held.

    Controls: target x, y, z [m] (and yaw [rad]) from where the hand was built, closing force of the left and the right finger [N].
    """
    kv = 2 * np.sqrt(hand.moving_kg * hand.stiffness_n_m)
    servos = "".join(f'<position joint="hand_{n}" kp="{hand.stiffness_n_m:.9g}" kv="{kv:.9g}"/>' for n in "xyz")
    turn = '<position joint="hand_yaw" kp="2" kv="0.1"/>' if hand.yaw else ""
    return f"<actuator>{servos}{turn}</actuator>" + grip_mjcf(held_geom)


def grip_mjcf(held_geom: str) -> str:
    """Motors of the fingers, which move as one, and the contact sensors between pads and what is held.

    Controls: closing force of the left and the right finger [N].
    """
    motors = "".join(f'<motor joint="{side}_close" ctrlrange="0 20"/>' for side in SIDES)
    felt = "".join(
        f'<contact name="{side}_felt" geom1="{side}_pad" geom2="{held_geom}" data="found force" reduce="netforce"/>'
        for side in SIDES
    )
    return f"""
  <equality><joint joint1="left_close" joint2="right_close" solref="0.01 1"/></equality>
  <actuator>{motors}</actuator>
  <sensor>{felt}</sensor>"""
