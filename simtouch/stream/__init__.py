"""Frames in time, on disk: `encode_clip` and `StreamWriter` write a stream, `open_stream` reads it."""

from simtouch.stream.clip import Clip
from simtouch.stream.digest import dataset_digest
from simtouch.stream.encode import encode_clip
from simtouch.stream.reader import Stream, open_stream
from simtouch.stream.stored_frame import StoredFrame
from simtouch.stream.writer import StreamWriter, clips_per_shard

__all__ = ["Clip", "StoredFrame", "Stream", "StreamWriter", "clips_per_shard", "dataset_digest", "encode_clip", "open_stream"]
