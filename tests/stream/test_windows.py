"""Windows by stride and by time."""

import json

import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.windows import SPARSH_PAIR, SPARSH_VIDEO, WindowSpec, count_windows, window_frames
from tests.real import ROOT
from tests.stream.mixing_clips import MemoryClip

FIXTURE = ROOT.parent / "shared" / "fixtures" / "sparsh" / "dataset_backbone.json"


def test_a_stride_of_5_gives_the_published_pair_newest_first():
    frames = window_frames(SPARSH_PAIR, MemoryClip(0, 12))
    assert frames.tolist() == [[t, t - 5] for t in range(5, 12)]
    assert SPARSH_PAIR.shape == (6, 320, 240)


def test_four_frames_two_apart_give_the_published_video():
    assert window_frames(SPARSH_VIDEO, MemoryClip(0, 8)).tolist() == [[6, 4, 2, 0], [7, 5, 3, 1]]
    assert SPARSH_VIDEO.shape == (3, 4, 320, 240)


def test_repeating_the_last_frame_is_what_the_published_loader_does():
    """The figures of the fixture `dataset_backbone`, and the file where it is there."""
    used = {"0": [5, 0], "1": [6, 1], "6": [11, 6], "11": [11, 11]}
    if FIXTURE.is_file():
        used = json.loads(FIXTURE.read_text("utf-8"))["used_frames"]
    frames = window_frames(WindowSpec(stride=5, pad="repeat"), MemoryClip(0, 12))
    assert len(frames) == 12
    assert {i: frames[int(i)].tolist() for i in used} == used
    video = window_frames(WindowSpec(frames=4, stride=2, pad="repeat"), MemoryClip(0, 9))
    assert video[0].tolist() == [6, 4, 2, 0]
    assert video[-1].tolist() == [8, 8, 8, 8]


@pytest.mark.parametrize(("rate_hz", "lag_frames"), [(60, 5), (30, 2), (25, 2), (18, 1)])
def test_a_lag_in_time_takes_the_nearest_frame_of_each_rate(rate_hz, lag_frames):
    """83.3 ms is 5 frames at 60 Hz, 2.5 at 30 Hz (the older is as near: no, 2 is nearer to 83.3), 2.08 at 25, 1.5 at 18."""
    frames = window_frames(WindowSpec(lag_ms=83.3), MemoryClip(0, 30, rate_hz=rate_hz))
    assert set((frames[:, 0] - frames[:, 1]).tolist()) == {lag_frames}
    assert abs(lag_frames / rate_hz - 0.0833) <= 0.5 / rate_hz


def test_of_two_equally_near_frames_the_older_is_taken():
    frames = window_frames(WindowSpec(lag_ms=60), MemoryClip(0, 6, rate_hz=25))
    assert set((frames[:, 0] - frames[:, 1]).tolist()) == {2}


def test_a_video_by_time_measures_every_lag_from_its_newest_frame():
    clip = MemoryClip(0, 40, rate_hz=30)
    frames = window_frames(WindowSpec(frames=4, lag_ms=50), clip)
    lags_s = clip.time_s[frames[:, :1]] - clip.time_s[frames]
    assert np.abs(lags_s - np.arange(4) * 0.05).max() <= 0.5 / 30 + 1e-9


def test_windows_over_a_gap_are_skipped_or_refused():
    time_s = np.concatenate([np.arange(10) / 60, 2 + np.arange(10) / 60])
    clip = MemoryClip(7, 20, time_s=time_s)
    frames = window_frames(WindowSpec(lag_ms=50), clip)
    assert sorted(frames[:, 0].tolist()) == [*range(3, 10), *range(13, 20)]
    with pytest.raises(SimtouchError, match=r"clip 7 of `memory` has no frame within 8\.33 ms"):
        window_frames(WindowSpec(lag_ms=50, if_off="refuse"), clip)


def test_a_lag_below_the_frame_period_makes_no_window():
    assert count_windows(WindowSpec(lag_ms=3), MemoryClip(0, 20, rate_hz=60)) == 0


def test_a_tolerance_of_its_own_holds():
    clip = MemoryClip(0, 20, rate_hz=30)
    assert count_windows(WindowSpec(lag_ms=50, tolerance_ms=5), clip) == 0
    assert count_windows(WindowSpec(lag_ms=50, tolerance_ms=17), clip) > 0


@pytest.mark.parametrize(
    "spec", [SPARSH_PAIR, SPARSH_VIDEO, WindowSpec(lag_ms=80), WindowSpec(pad="repeat"), WindowSpec(frames=1)]
)
@pytest.mark.parametrize("length", [0, 1, 5, 6, 7, 30])
def test_the_count_is_the_number_of_windows_and_all_lie_inside(spec, length):
    clip = MemoryClip(0, length)
    frames = window_frames(spec, clip)
    assert frames.shape == (count_windows(spec, clip), spec.frames)
    assert ((frames >= 0) & (frames < max(length, 1))).all()


def test_time_stamps_that_do_not_grow_are_told():
    with pytest.raises(SimtouchError, match="time stamps that grow"):
        window_frames(WindowSpec(lag_ms=50), MemoryClip(0, 3, time_s=[0, 0.1, 0.1]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stride": 5, "lag_ms": 80.0}, "not both"),
        ({"stride": 0}, "`stride`"),
        ({"lag_ms": -1.0}, "`lag_ms`"),
        ({"frames": 0}, "`frames`"),
        ({"tolerance_ms": 3.0}, "no wanted time"),
        ({"background": "no"}, "not a known background"),
        ({"image_shape": (0, 240)}, "`image_shape`"),
    ],
)
def test_a_wrong_window_is_one_sentence(wrong, said):
    with pytest.raises(SimtouchError, match=said):
        WindowSpec(**wrong)
