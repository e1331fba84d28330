"""Mechanics: contact in, deformed surface out."""

from simtouch.gel.fem import FemConfig, FemGel
from simtouch.gel.layer import LayerConfig, LayerGel
from simtouch.gel.membrane import MembraneConfig, MembraneGel
from simtouch.gel.surface import GelModel, GelSurface, wrench

GELS = {"layer": LayerGel, "membrane": MembraneGel, "fem": FemGel}

__all__ = [
    "GELS",
    "FemConfig",
    "FemGel",
    "GelModel",
    "GelSurface",
    "LayerConfig",
    "LayerGel",
    "MembraneConfig",
    "MembraneGel",
    "wrench",
]
