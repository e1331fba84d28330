"""Small streams to test with."""

import pytest

from simtouch.stream import StreamWriter, encode_clip
from tests.stream.synthetic import background, make_frames

FRAMES = 6


def make_table(clip_id, *, codec="png", count=FRAMES, **changes):
    names = {"indenter": "sphere", "motion": "drag", "sensor_id": "digit"} | changes
    return encode_clip(make_frames(count, markers=4, seed=clip_id), clip_id=clip_id, codec=codec, **names)


def make_writer(folder, *, clips=7, clips_per_shard=3, resume=False, **manifest):
    return StreamWriter(folder, {"seed": 0} | manifest, background(), clips=clips, clips_per_shard=clips_per_shard, resume=resume)


def fill(writer, shards=None):
    for shard_id in writer.missing_shards() if shards is None else shards:
        writer.write_shard(shard_id, map(make_table, writer.shard_clips(shard_id)))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A stream of seven clips in three shards. Read only."""
    folder = tmp_path_factory.mktemp("finished") / "stream"
    writer = make_writer(folder)
    fill(writer)
    writer.finish(b"sheet")
    return folder
