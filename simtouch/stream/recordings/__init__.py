"""Real recordings in the layouts of Sparsh's public sets, as clips; `simtouch.stream.real.open_recordings` is the door."""

from simtouch.stream.recordings.clothing import convert_clothing
from simtouch.stream.recordings.recorded import RecordedClip, Recordings

__all__ = ["RecordedClip", "Recordings", "convert_clothing"]
