"""Folders of small streams and recordings: contacts of known depth, so that force can be read from the image."""

from simtouch.stream import StreamWriter, encode_clip
from tests.stream.synthetic import background, make_frames

FRAMES = 12


def small_stream(folder, *, clips=8, frames=FRAMES, sensor=None):
    """A finished stream of the synthetic clips of the stream tests."""
    manifest = {"seed": 0} | ({"sensor": sensor} if sensor else {})
    writer = StreamWriter(folder, manifest, background(), clips=clips, clips_per_shard=4)
    for shard_id in writer.missing_shards():
        ids = writer.shard_clips(shard_id)
        writer.write_shard(shard_id, (encode_clip(make_frames(frames, markers=4, seed=i), clip_id=i, **NAMES) for i in ids))
    writer.finish(b"sheet")
    return folder


NAMES = {"codec": "png", "indenter": "sphere", "motion": "drag", "sensor_id": "digit"}
