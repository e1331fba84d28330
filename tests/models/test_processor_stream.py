"""A camera's images one by one give the windows that its recording gives, at any rate."""

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError, ShapeError
from simtouch.models.processor import TouchProcessor

SIZE = (32, 24)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), np.uint8)


def pushed(stream, frames, times=None) -> list:
    return [stream.push(frame, *(() if times is None else (times[k],))) for k, frame in enumerate(frames)]


@pytest.mark.parametrize("window", ["pair", "video"])
@pytest.mark.parametrize("fps", [60, 30, 25, 18])
def test_the_stream_gives_the_windows_of_the_recording(fps, window):
    frames = images(40)
    processor = TouchProcessor.for_sensor("digit", background=frames[0], image_size=SIZE, window=window, lag_ms=250 / 3)
    whole = torch.cat(list(processor.windows(frames, fps=fps)))
    times = 1e4 + np.arange(40) / fps  # seconds since the machine was started
    for made in (pushed(processor.stream(fps=fps), frames), pushed(processor.stream(), frames, times)):
        first = next(k for k, x in enumerate(made) if x is not None)
        assert all(x is not None for x in made[first:])
        assert torch.equal(torch.cat(made[first:]), whole)


@pytest.mark.parametrize(("fps", "back"), [(60, 5), (30, 3), (25, 2), (18, 2), (12, 1)])
def test_the_older_image_is_the_nearest_to_the_lag(fps, back):
    """83 ms; of two that are equally near the older, as for clips on disk."""
    frames = images(12)
    processor = TouchProcessor.for_sensor("digit", background=frames[0], image_size=SIZE)
    last = pushed(processor.stream(fps=fps), frames)[-1]
    assert torch.equal(last, processor([[frames[11], frames[11 - back]]]))


def test_by_stride_no_time_is_needed():
    frames = images(9)
    processor = TouchProcessor.for_sensor("digit", background=frames[0], image_size=SIZE, stride=3)
    made = pushed(processor.stream(), frames)
    assert made[:3] == [None] * 3
    assert torch.equal(torch.cat(made[3:]), torch.cat(list(processor.windows(frames))))


def test_the_first_image_repeats_until_the_past_is_long_enough():
    frames = images(10)
    processor = TouchProcessor.for_sensor("digit", background=frames[0], image_size=SIZE)
    made = pushed(processor.stream(fps=60, at_start="repeat"), frames)
    for k, x in enumerate(made):
        assert torch.equal(x, processor([[frames[k], frames[max(0, k - 5)]]]))


def test_a_reset_forgets_the_past():
    frames = images(8)
    processor = TouchProcessor.for_sensor("digit", background=frames[0], image_size=SIZE)
    stream = processor.stream(fps=60)
    assert pushed(stream, frames)[-1] is not None
    stream.reset()
    again = pushed(stream, frames)
    assert again[:5] == [None] * 5
    assert torch.equal(again[5], processor([[frames[5], frames[0]]]))


def test_an_image_that_was_missed_costs_no_window_and_a_hole_does():
    frames, times = images(30), np.arange(30) / 60
    processor = TouchProcessor.for_sensor("digit", background=frames[0], image_size=SIZE)
    kept = [k for k in range(20) if k != 9]
    made = pushed(processor.stream(), frames[kept], times[kept])
    assert all(x is not None for x in made[5:])
    at_14 = made[kept.index(14)]  # wants 9: takes 8, the older of two that are equally near
    assert torch.equal(at_14, processor([[frames[14], frames[8]]]))
    kept = [*range(10), *range(20, 30)]
    made = pushed(processor.stream(), frames[kept], times[kept])
    assert made[10] is None
    assert made[-1] is not None


def test_memory_does_not_grow():
    frame = images(1)[0]
    stream = TouchProcessor.for_sensor("digit", background=frame, image_size=SIZE).stream(fps=60)
    for _ in range(500):
        stream.push(frame)
    assert len(stream._images) < 15


def test_the_camera_s_buffer_may_be_used_again():
    frames = images(8)
    processor = TouchProcessor.for_sensor("digit", background=frames[0].copy(), image_size=SIZE)
    buffer, made, stream = np.empty_like(frames[0]), None, processor.stream(fps=60)
    for frame in frames:
        buffer[:] = frame
        made = stream.push(buffer)
    assert torch.equal(made, processor([[frames[7], frames[2]]]))


def test_times_that_stand_still_and_slow_cameras_are_refused():
    frame = images(1)[0]
    processor = TouchProcessor.for_sensor("digit", background=frame, image_size=SIZE)
    stream = processor.stream()
    with pytest.raises(ArgumentError, match="`time_s` is needed"):
        stream.push(frame)
    stream.push(frame, 1.0)
    with pytest.raises(ArgumentError, match="`time_s` must grow; got 1 after 1"):
        stream.push(frame, 1.0)
    with pytest.raises(ShapeError, match="must have shape"):
        stream.push(frame[0], 2.0)
    assert stream.push(frame, 1.01) is None  # a refused image leaves no trace
    with pytest.raises(ArgumentError, match=r"a camera of 5 Hz shows no motion within 83\.3333 ms"):
        processor.stream(fps=5)
