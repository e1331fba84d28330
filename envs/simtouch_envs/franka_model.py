"""A Franka arm as MJCF: the model and meshes in the wheel of gymnasium-robotics in, bodies with any hand at the flange out.

The wheel (MIT) bundles the arm of vikashplus/franka (Apache-2.0). Its files are read where they are, and nothing of it is copied: sizes,
limits and masses come from `chain.xml`, shapes from the light collision meshes. The arm's own hand is left out. Angles are radians.
"""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from simtouch._checks import MissingExtraError, SimtouchError
from simtouch_envs.physics import import_mujoco

JOINTS = tuple(f"arm_{n}" for n in range(1, 8))
FLANGE_M = 0.107
"""From the last link to the flange, along its z."""
_INSIDE = Path("envs", "assets", "kitchen_franka", "franka_assets")
_INERTIA = '<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'


@dataclass(frozen=True, kw_only=True)
class Link:
    """One body of the arm."""

    place: str
    """Attributes of MJCF: where it is on the one before."""
    mesh: Path
    mass_kg: float
    range_rad: str
    """Of its joint; empty for the base, which has none."""


@lru_cache(maxsize=1)
def links() -> tuple[Link, ...]:
    """Base and seven links, from the wheel.

    Raises:
        MissingExtraError: The wheel is not installed.
        SimtouchError: Its files are not the known ones.
    """
    found = importlib.util.find_spec("gymnasium_robotics")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("`robot` franka needs the arm's model and meshes: pip install 'simtouch[franka]'")
    folder = Path(found.submodule_search_locations[0]) / _INSIDE
    try:
        body = ElementTree.parse(folder / "chain.xml").getroot().find("body")
        files = {mesh.attrib["name"]: mesh.attrib["file"] for mesh in ElementTree.parse(folder / "assets.xml").iter("mesh")}
        chain = []
        while body is not None:
            shape = next(geom for geom in body.iter("geom") if geom.get("class") == "panda_col")
            joint = body.find("joint")
            chain.append(
                Link(
                    place=" ".join(f'{key}="{body.get(key)}"' for key in ("pos", "quat", "euler") if body.get(key)),
                    mesh=folder / "meshes" / files[shape.attrib["mesh"]],
                    mass_kg=float(shape.attrib["mass"]),
                    range_rad="" if joint is None else joint.attrib["range"],
                )
            )
            body = next((child for child in body.findall("body") if "link" in child.attrib["name"]), None)
    except (OSError, ElementTree.ParseError, StopIteration, KeyError, TypeError) as error:
        raise SimtouchError(f"the Franka of gymnasium-robotics in {folder} is not the known one (1.4): {error!r}") from error
    if len(chain) != len(JOINTS) + 1:
        raise SimtouchError(f"the Franka of gymnasium-robotics in {folder} has {len(chain) - 1} joints; 7 were expected")
    return tuple(chain)


def arm_mjcf(at_flange: str, base: str, *, armature: float, shapes: bool = True) -> str:
    """Bodies of the arm, weightless and touching nothing.

    Args:
        at_flange: MJCF of what the last link carries.
        base: Attributes that place the arm in the world.
        armature: Of every joint, what its motor adds [kg m^2].
        shapes: With meshes, and masses by them; without, only as the frame of its joints.
    """
    inside = at_flange
    for number, link in reversed(list(enumerate(links()))):
        geom = (
            f'<geom type="mesh" mesh="link{number}" mass="{link.mass_kg:.9g}" contype="0" conaffinity="0" rgba=".8 .82 .85 1"/>'
        )
        joint = f'<joint name="{JOINTS[number - 1]}" axis="0 0 1" range="{link.range_rad}" armature="{armature:.9g}"/>'
        inside = (
            f'<body name="link{number}" {link.place or base} gravcomp="1">{joint if number else ""}'
            f"{geom if shapes else _INERTIA}{inside}</body>"
        )
    return inside


def meshes_mjcf() -> str:
    """What `arm_mjcf` needs beside the world."""
    files = "".join(f'<mesh name="link{number}" file="{link.mesh}"/>' for number, link in enumerate(links()))
    return f'<compiler angle="radian"/><asset>{files}</asset>'


class Chain:
    """Where the arm's joints put the hand."""

    def __init__(self, base: str, hand_place: str):
        self._mj = import_mujoco()
        bodies = arm_mjcf(f'<body name="hand" {hand_place}>{_INERTIA}</body>', base, armature=0.1, shapes=False)
        text = f'<mujoco><compiler angle="radian"/><worldbody>{bodies}</worldbody></mujoco>'
        self._model = self._mj.MjModel.from_xml_string(text)
        self._data = self._mj.MjData(self._model)
        self._hand = self._model.body("hand").id
        self.ranges_rad = self._model.jnt_range.copy()
        """Lowest and highest angle of each joint, (7, 2)."""
        self._asked, self._answer = b"", (np.empty(0), np.empty(0), np.empty(0))

    def at(self, angles_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The hand's place [m], (3,), its axes as columns, (3, 3), and the Jacobian of both, (6, 7); not to be written to."""
        if (asked := np.asarray(angles_rad, float).tobytes()) == self._asked:
            return self._answer
        data, jacobian = self._data, np.empty((6, len(JOINTS)))
        data.qpos[:] = angles_rad
        self._mj.mj_kinematics(self._model, data)
        self._mj.mj_comPos(self._model, data)
        self._mj.mj_jacBody(self._model, data, jacobian[:3], jacobian[3:], self._hand)
        self._asked, self._answer = asked, (data.xpos[self._hand].copy(), data.xmat[self._hand].reshape(3, 3).copy(), jacobian)
        return self._answer
