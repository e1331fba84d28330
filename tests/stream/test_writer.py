"""Streams on disk: whole shards, equal bytes, nothing half-written."""

import errno
import hashlib
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream import clips_per_shard, dataset_digest, encode_clip, open_stream
from tests.stream.conftest import FRAMES, fill, make_table, make_writer
from tests.stream.synthetic import make_frames

ROOT = Path(__file__).resolve().parents[2]


def sums(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def written(folder):
    """What changes when a file is written, and not when it is read."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns, p.stat().st_size) for p in folder.iterdir()}


def test_a_shard_has_the_same_bytes_twice(finished, tmp_path):
    writer = make_writer(tmp_path / "again")
    fill(writer, shards=[2, 0, 1])  # the order does not matter
    writer.finish(b"sheet")
    assert sums(tmp_path / "again") == sums(finished)
    assert dataset_digest(tmp_path / "again") == dataset_digest(finished)


def test_one_changed_byte_changes_the_digest(finished, tmp_path):
    for p in finished.iterdir():
        (tmp_path / p.name).write_bytes(p.read_bytes())
    assert dataset_digest(tmp_path) == dataset_digest(finished)
    (tmp_path / "preview.png").write_bytes(b"sheeT")
    assert dataset_digest(tmp_path) != dataset_digest(finished)


def test_the_digest_of_a_file_is_refused(finished):
    with pytest.raises(ArgumentError, match="folder of a data set"):
        dataset_digest(finished / "manifest.json")


def test_one_clip_is_one_row_group(finished):
    rows = []
    for path in sorted(finished.glob("*.parquet")):
        meta = pq.ParquetFile(path).metadata
        rows.append([meta.row_group(i).num_rows for i in range(meta.num_row_groups)])
    assert rows == [[FRAMES] * 3, [FRAMES] * 3, [FRAMES]]


@pytest.mark.parametrize(("frames", "clips"), [(1, 250), (32, 8), (125, 2), (249, 2), (250, 1), (4000, 1)])
def test_a_shard_holds_250_frames_or_one_clip(frames, clips):
    assert clips_per_shard(frames) == clips


def test_the_last_shard_takes_what_is_left(tmp_path):
    writer = make_writer(tmp_path / "s", clips=7, clips_per_shard=3)
    assert [list(writer.shard_clips(i)) for i in range(writer.shards)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_resume_makes_exactly_the_missing_shards(finished, tmp_path):
    fill(make_writer(tmp_path / "s"), shards=[1])
    before = written(tmp_path / "s")["clips-00001.parquet"]
    writer = make_writer(tmp_path / "s", resume=True)
    assert writer.missing_shards() == [0, 2]
    fill(writer)
    writer.finish(b"sheet")
    assert sums(tmp_path / "s") == sums(finished)
    assert written(tmp_path / "s")["clips-00001.parquet"] == before


def test_resume_on_complete_data_writes_nothing(tmp_path):
    fill(make_writer(tmp_path / "s"))
    before = written(tmp_path / "s")
    assert make_writer(tmp_path / "s", resume=True).missing_shards() == []
    assert written(tmp_path / "s") == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-4] + b"XXXX"])
def test_resume_makes_a_damaged_shard_again(finished, tmp_path, damage):
    fill(make_writer(tmp_path / "s"))
    path = tmp_path / "s" / "clips-00001.parquet"
    path.write_bytes(damage(path.read_bytes()))
    writer = make_writer(tmp_path / "s", resume=True)
    assert writer.missing_shards() == [1]
    fill(writer)
    writer.finish(b"sheet")
    assert sums(tmp_path / "s") == sums(finished)


def test_a_shard_with_too_few_clips_is_made_again(tmp_path):
    fill(make_writer(tmp_path / "s"))
    (tmp_path / "s" / "clips-00002.parquet").replace(tmp_path / "s" / "clips-00001.parquet")
    assert make_writer(tmp_path / "s", resume=True).missing_shards() == [1, 2]


def test_an_unfinished_stream_is_not_finished(tmp_path):
    with pytest.raises(SimtouchError, match="still misses 3 of 3 shards"):
        make_writer(tmp_path / "s").finish(b"sheet")


def test_the_same_data_set_without_resume_is_refused(tmp_path):
    fill(make_writer(tmp_path / "s"), shards=[0])
    with pytest.raises(ArgumentError, match=r"already holds this data set \(1 of 3 shards\); resume it"):
        make_writer(tmp_path / "s")


@pytest.mark.parametrize("resume", [False, True])
def test_another_data_set_is_refused_by_what_differs(tmp_path, resume):
    make_writer(tmp_path / "s")
    before = sums(tmp_path / "s")
    with pytest.raises(ArgumentError, match="another data set: seed is 0 there and 1 here"):
        make_writer(tmp_path / "s", resume=resume, seed=1)
    with pytest.raises(ArgumentError, match=r"codec is absent there and .png. here"):
        make_writer(tmp_path / "s", resume=resume, codec="png")
    with pytest.raises(ArgumentError, match=r"stream\.clips is 7 there and 8 here"):
        make_writer(tmp_path / "s", resume=resume, clips=8)
    assert sums(tmp_path / "s") == before


@pytest.mark.parametrize("name", ["notes.txt", "other.parquet", "other.tmp", "clips-00000.parquet"])
def test_a_folder_with_unrelated_files_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ArgumentError, match="give another folder"):
        make_writer(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_unrelated_files_in_a_stream_are_refused(tmp_path):
    make_writer(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArgumentError, match=r"not of this stream \(`notes.txt`\)"):
        make_writer(tmp_path, resume=True)


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "s").write_text("mine")
    with pytest.raises(ArgumentError, match="cannot be used as the output folder"):
        make_writer(tmp_path / "s")


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    make_writer(tmp_path)
    for name in ("clips-00002.parquet.tmp", "preview.png.tmp"):
        (tmp_path / name).write_text("half")
    make_writer(tmp_path, resume=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["background.png", "manifest.json"]


@pytest.mark.parametrize("manifest", [{"x": float("nan")}, {"x": object()}, {"stream": 1}])
def test_a_manifest_that_is_not_plain_json_is_refused(tmp_path, manifest):
    with pytest.raises(ArgumentError, match="`manifest` must"):
        make_writer(tmp_path / "s", **manifest)
    assert not (tmp_path / "s").exists()


def interrupted(error):
    yield make_table(0)
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_an_interrupted_shard_is_removed(tmp_path, error):
    writer = make_writer(tmp_path)
    with pytest.raises(error):
        writer.write_shard(0, interrupted(error))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["background.png", "manifest.json"]


def test_an_open_shard_has_no_final_name(tmp_path):
    with make_writer(tmp_path, clips=1).open_shard(0) as shard:
        shard.append(make_table(0))
        assert not (tmp_path / "clips-00000.parquet").exists()
    assert (tmp_path / "clips-00000.parquet").exists()


def test_clips_must_come_in_order_and_in_full(tmp_path):
    writer = make_writer(tmp_path)
    with pytest.raises(ArgumentError, match="must be clip 0; got clip 1"):
        writer.write_shard(0, [make_table(1)])
    with pytest.raises(ArgumentError, match="must have 3 clips; got 1"):
        writer.write_shard(0, [make_table(0)])
    with pytest.raises(ArgumentError, match="got one more"):
        writer.write_shard(2, [make_table(6), make_table(7)])
    assert writer.missing_shards() == [0, 1, 2]
    assert not list(tmp_path.glob("clips*"))


def test_a_clip_of_another_layout_is_refused(tmp_path):
    other = encode_clip(make_frames(2, image_shape=(128, 96)), clip_id=1, indenter="a", motion="b", sensor_id="c")
    with pytest.raises(ArgumentError, match="sizes and labels of the clips before it"):
        make_writer(tmp_path).write_shard(0, [make_table(0), other])


def test_a_worker_may_have_a_copy(tmp_path):
    writer = pickle.loads(pickle.dumps(make_writer(tmp_path)))
    fill(writer, [0])
    assert writer.missing_shards() == [1, 2]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_keeps_whole_shards_and_says_how_to_go_on(tmp_path, monkeypatch, call):
    writer = make_writer(tmp_path)
    fill(writer, [0])

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "write":
        monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", lambda *a, **k: full())
    else:
        monkeypatch.setattr(os, call, full)
    with pytest.raises(SimtouchError, match=r"disk is full: .* keeps 1 of 3 shards; make room and go on with `--resume`"):
        fill(writer, [1])
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["background.png", "clips-00000.parquet", "manifest.json"]
    fill(make_writer(tmp_path, resume=True))


def test_a_file_size_limit_is_met_like_a_full_disk(tmp_path):
    """The kernel itself refuses the bytes, in the middle of a page."""
    writer = make_writer(tmp_path)
    tables = [make_table(c) for c in writer.shard_clips(0)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        with pytest.raises(SimtouchError, match="keeps 0 of 3 shards"):
            writer.write_shard(0, tables)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    assert not list(tmp_path.glob("clips*"))


KILLED = """
import sys
from tests.stream.conftest import make_table, make_writer
writer = make_writer(sys.argv[1])
for shard_id in range(writer.shards):
    with writer.open_shard(shard_id) as shard:
        for clip in writer.shard_clips(shard_id):
            shard.append(make_table(clip))
            if clip == 4:
                print("in the middle", flush=True)
                sys.stdin.read()
"""


def test_a_killed_run_loses_only_the_open_shard(finished, tmp_path):
    folder = tmp_path / "s"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"in the middle\n"
        run.kill()
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["background.png", "clips-00000.parquet", "clips-00001.parquet.tmp", "manifest.json"]
    assert len(open_stream(folder)) == 3
    writer = make_writer(folder, resume=True)
    assert writer.missing_shards() == [1, 2]
    fill(writer)
    writer.finish(b"sheet")
    assert sums(folder) == sums(finished)


def test_bytes_do_not_depend_on_the_time(tmp_path, monkeypatch):
    fill(make_writer(tmp_path / "a", clips=1))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    fill(make_writer(tmp_path / "b", clips=1))
    assert dataset_digest(tmp_path / "a") == dataset_digest(tmp_path / "b")
