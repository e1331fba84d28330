"""The contact sheet of a stream."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

from simtouch._checks import ArgumentError
from simtouch.stream import StreamWriter, contact_sheet, encode_clip, open_stream
from simtouch.stream.contact_sheet import make_contact_sheet
from simtouch.stream.images import decode_image
from tests.stream.synthetic import background, make_frames


def write(folder, *, clips=1, count=8, shape=(64, 48), **settings):
    writer = StreamWriter(folder, {}, background(shape), clips=clips, clips_per_shard=clips)
    frames = make_frames(count, image_shape=shape, **settings)
    names = {"indenter": "sphere", "motion": "drag", "sensor_id": "digit"}
    writer.write_shard(0, [encode_clip(frames, clip_id=c, **names) for c in range(clips)])
    return open_stream(folder)


def test_equal_streams_give_equal_sheets_whatever_the_users_style_is(tmp_path, monkeypatch):
    first = make_contact_sheet(write(tmp_path / "a", markers=4))
    before = dict(matplotlib.rcParams), plt.get_fignums()
    with plt.style.context("dark_background"):
        again = make_contact_sheet(write(tmp_path / "b", markers=4))
    assert again == first
    assert (dict(matplotlib.rcParams), plt.get_fignums()) == before


def test_a_sheet_holds_nothing_but_pixels(tmp_path):
    png = make_contact_sheet(write(tmp_path))
    assert not any(chunk in png for chunk in (b"tEXt", b"tIME", b"Software"))


def test_markers_add_a_strip(tmp_path):
    plain, marked = (decode_image(make_contact_sheet(write(tmp_path / str(m), markers=m))) for m in (0, 4))
    assert marked.shape[0] > plain.shape[0]
    assert marked.shape[1] == plain.shape[1]


@pytest.mark.parametrize("count", [1, 2])
def test_a_clip_of_one_or_two_frames_is_drawn(tmp_path, count):
    assert make_contact_sheet(write(tmp_path, count=count))


def test_six_noisy_clips_stay_small(tmp_path):
    png = make_contact_sheet(write(tmp_path, clips=6, shape=(320, 240), gel_shape=(80, 60), noise=3.0))
    assert len(png) < 1_500_000


def test_more_than_six_clips_are_refused_and_of_a_stream_six_are_chosen(tmp_path, monkeypatch):
    stream, drawn = write(tmp_path, clips=7, count=1), []
    monkeypatch.setattr(contact_sheet, "_draw_block", lambda sheet, block, x, y: drawn.append(block.clip.clip_id))
    make_contact_sheet(stream)
    assert drawn == [0, 1, 2, 4, 5, 6]
    with pytest.raises(ArgumentError, match="1 to 6 clips; got 7"):
        make_contact_sheet(list(stream))
