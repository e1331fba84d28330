"""Whatever presses on the gel: shapes made by code, and meshes from files, as `Solid` bodies with SI sizes."""

from simtouch.indenters.catalogue import INDENTERS, SIZES, names, random_indenter
from simtouch.indenters.grains import leather, rough, sandpaper
from simtouch.indenters.lettering import text
from simtouch.indenters.machined import gear, hex_nut, screw_thread
from simtouch.indenters.mesh_file import mesh
from simtouch.indenters.polyhedra import box, pyramid, wedge
from simtouch.indenters.primitives import capsule, cone, cylinder, ellipsoid, flat_punch, ring, sphere, torus
from simtouch.indenters.solid import Solid
from simtouch.indenters.studs import braille, dots, grid
from simtouch.indenters.textile_catalogue import TEXTILES, random_textile
from simtouch.indenters.textured_ball import textured_ball
from simtouch.indenters.textures import corduroy, fingerprint, knit, knurl, textile, wave

__all__ = [
    "INDENTERS",
    "SIZES",
    "TEXTILES",
    "Solid",
    "box",
    "braille",
    "capsule",
    "cone",
    "corduroy",
    "cylinder",
    "dots",
    "ellipsoid",
    "fingerprint",
    "flat_punch",
    "gear",
    "grid",
    "hex_nut",
    "knit",
    "knurl",
    "leather",
    "mesh",
    "names",
    "pyramid",
    "random_indenter",
    "random_textile",
    "ring",
    "rough",
    "sandpaper",
    "screw_thread",
    "sphere",
    "text",
    "textile",
    "textured_ball",
    "torus",
    "wave",
    "wedge",
]
