"""Other people's recordings as clips: `open_images` (folders of pictures), `open_video` (PyAV), `open_lerobot` (LeRobot 3.0)."""

from simtouch.stream.interchange.clip_list import ClipList
from simtouch.stream.interchange.image_folder import open_images
from simtouch.stream.interchange.lerobot import open_lerobot
from simtouch.stream.interchange.video_folder import open_video

__all__ = ["ClipList", "open_images", "open_lerobot", "open_video"]
