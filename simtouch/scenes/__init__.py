"""Who touches what, when: no reward, no policy."""

from simtouch.scenes.motions import MOTIONS
from simtouch.scenes.recipes import Scene, make_scene

__all__ = ["MOTIONS", "Scene", "make_scene"]
