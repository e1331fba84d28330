"""Who touches what, when: no reward, no policy."""

from simtouch.scenes.motion_scene import Scene, make_scene
from simtouch.scenes.motions import MOTIONS

__all__ = ["MOTIONS", "Scene", "make_scene"]
