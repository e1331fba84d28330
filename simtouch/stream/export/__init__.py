"""Other people's formats: clips in, a folder out, whole or not at all.

`export_sparsh`, `export_lerobot`, `export_webdataset` and `export_video` take any `AnyClip`s, simulated or recorded.
"""

from simtouch.stream.export.lerobot import export_lerobot
from simtouch.stream.export.sparsh import export_sparsh
from simtouch.stream.export.video import export_video
from simtouch.stream.export.webdataset import export_webdataset

__all__ = ["export_lerobot", "export_sparsh", "export_video", "export_webdataset"]
