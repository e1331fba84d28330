"""Mechanics: contact in, deformed surface out."""

from simtouch.gel.layer import LayerConfig, LayerGel
from simtouch.gel.membrane import MembraneConfig, MembraneGel
from simtouch.gel.surface import GelModel, GelSurface, wrench

GELS = {"layer": LayerGel, "membrane": MembraneGel}

__all__ = ["GELS", "GelModel", "GelSurface", "LayerConfig", "LayerGel", "MembraneConfig", "MembraneGel", "wrench"]
