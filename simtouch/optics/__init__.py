"""Light: gel surface in, tactile image out."""

from simtouch.optics.renderer import OpticsConfig, Renderer

__all__ = ["OpticsConfig", "Renderer"]
