"""What a training sees: the same samples for any ranks, workers and interruptions, and one sentence about a bad folder."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch.sensors import DIGIT, GELSIGHT_MINI
from simtouch.sensors.sensor_file import sensor_to_dict
from simtouch.stream.images import encode_image
from tests.real import real_videos
from tests.training.small_streams import small_stream

torch = pytest.importorskip("torch")

from simtouch.training.feed import Feed, FeedConfig  # noqa: E402


def pictures(folder, *, clips=3, frames=14, shape=(48, 64)):
    """A folder of recordings: landscape pictures without a background, the first frame darker."""
    for clip, frame in itertools.product(range(clips), range(frames)):
        image = np.random.default_rng([clip, frame]).integers(60, 120, (*shape, 3), np.uint8)
        path = folder / f"clip{clip}" / f"{frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_image(image, "png"))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_stream(tmp_path_factory.mktemp("feed") / "made", sensor=sensor_to_dict(DIGIT))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("feed") / "recorded")


@pytest.fixture
def config(made, recorded):
    return FeedConfig(data=(made, recorded), synthetic_share=0.5, image_size=(32, 16), split="all", seed=4)


def taken(feed, batches):
    return list(itertools.islice(feed, batches))


def joined(batches):
    return torch.cat([b.images for b in batches]), torch.cat([b.sample for b in batches]), [w for b in batches for w in b.where]


def test_batches_are_windows_with_their_numbers(config):
    feed = Feed(config, "pair", batch_size=6)
    batch = next(iter(feed))
    assert (tuple(batch.images.shape), batch.images.dtype, len(batch)) == ((6, 6, 32, 16), torch.float32, 6)
    assert batch.images.min() >= 0
    assert batch.images.max() <= 1
    assert batch.sample.tolist() == list(range(6))
    assert {where.split(",")[0] for where in batch.where} == {"made", "recorded"}
    video = next(iter(Feed(config, "video", batch_size=2)))
    assert tuple(video.images.shape) == (2, 3, 4, 32, 16)


def test_it_says_where_a_window_is_from(config, made):
    feed = Feed(replace(config, augment=False, image_size=(64, 48), data=(made,), synthetic_share=None), "pair", batch_size=4)
    batch = next(iter(feed))
    clips = {clip.clip_id: clip for clip in feed.mixture.sources[0]}
    for image, where in zip(batch.images, batch.where, strict=True):
        name, clip, frame = where.split(", ")
        clip, frame = clips[int(clip.removeprefix("clip "))], int(frame.removeprefix("frame "))
        wanted = (clip.image(frame).astype(float) - clip.background + 127).clip(0, 255) / 255
        assert name == "made"
        np.testing.assert_allclose(image[:3].permute(1, 2, 0), wanted, atol=1e-6)


def test_epochs_follow_each_other_and_numbers_go_on(config):
    feed = Feed(config, "pair", batch_size=6)
    batches = taken(feed, feed.steps_per_epoch + 2)
    count = len(feed.mixture)
    assert feed.epoch == 1
    assert batches[feed.steps_per_epoch].sample.tolist() == list(range(count, count + 6))
    assert len({tuple(b.where) for b in batches}) == len(batches)


@pytest.mark.parametrize("window", ["pair", "video"])
def test_two_ranks_see_what_one_with_twice_the_batch_sees(config, window):
    one = taken(Feed(config, window, batch_size=6), 12)
    ranks = [taken(Feed(config, window, batch_size=3, rank=r, world_size=2), 12) for r in range(2)]
    for whole, *parts in zip(one, *ranks, strict=True):
        for r, part in enumerate(parts):
            assert torch.equal(part.images, whole.images[r::2])
            assert torch.equal(part.sample, whole.sample[r::2])
            assert part.where == whole.where[r::2]


def test_workers_change_nothing(config):
    alone, helped = (joined(taken(Feed(replace(config, workers=n), "pair", batch_size=6), 14)) for n in (0, 2))
    assert torch.equal(alone[0], helped[0])
    assert torch.equal(alone[1], helped[1])
    assert alone[2] == helped[2]


def test_a_feed_goes_on_from_a_state(config):
    feed = Feed(config, "pair", batch_size=6)
    batches = iter(feed)
    for _ in range(feed.steps_per_epoch + 1):  # into the second epoch
        next(batches)
    state = feed.state_dict()
    expected = joined(list(itertools.islice(batches, 3)))
    other = Feed(config, "pair", batch_size=6)
    other.load_state_dict(state)
    found = joined(taken(other, 3))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert found[2] == expected[2]
    with pytest.raises(SimtouchError, match="another mixture"):
        Feed(replace(config, seed=5), "pair", batch_size=6).load_state_dict(state)


def test_augmentation_is_off_by_a_flag_and_changes_no_choice(config):
    on, off = (next(iter(Feed(replace(config, augment=a), "pair", batch_size=12))) for a in (True, False))
    assert on.where == off.where
    assert not torch.equal(on.images, off.images)


def test_recordings_without_background_are_shown_minus_their_first_frame(recorded):
    config = FeedConfig(data=(recorded,), image_size=(64, 48), split="all", augment=False)
    feed = Feed(config, "pair", batch_size=3)
    batch = next(iter(feed))
    assert abs(batch.images.mean().item() - 127 / 255) < 0.01  # the raw pictures have 0.35
    raw = next(iter(Feed(replace(config, background="none"), "pair", batch_size=3)))
    assert raw.images.mean() < 0.4
    assert raw.where == batch.where


def test_a_lag_in_time_picks_frames_by_their_times(made):
    config = FeedConfig(data=(made,), image_size=(32, 16), split="all", lag_ms=1000 * 3 / 60)
    feed = Feed(config, "pair", batch_size=2)
    assert len(feed.mixture) == 8 * (12 - 3)
    assert len(Feed(replace(config, lag_ms=None), "pair", batch_size=2).mixture) == 8 * (12 - 5)


def test_splits_share_no_clip(made):
    seen = []
    for split in ("train", "val"):
        feed = Feed(FeedConfig(data=(made,), image_size=(32, 16), split=split, seed=1), "pair", batch_size=1)
        seen.append({where.split(", ")[1] for batch in taken(feed, feed.steps_per_epoch) for where in batch.where})
    assert not seen[0] & seen[1]


def test_folders_that_cannot_be_used_are_named(tmp_path, made):
    empty, short = tmp_path / "empty", pictures(tmp_path / "short", frames=3)
    empty.mkdir()
    other = small_stream(tmp_path / "mini", clips=4, sensor=sensor_to_dict(GELSIGHT_MINI))
    size = {"image_size": (32, 16), "split": "all"}
    for data, told in (
        ((), "at least one folder"),
        ((empty,), r"the data folder `.*empty` cannot be used: .*no readable file"),
        ((tmp_path / "nowhere",), r"the data folder `.*nowhere` cannot be used"),
        ((short,), r"the data folder `.*short` has no window to train on: its clips are too short"),
        ((made, other), r"the data folder `.*mini` is of another sensor, gelsight_mini, than `.*made`, digit"),
    ):
        with pytest.raises(SimtouchError, match=told):
            Feed(FeedConfig(data=data, **size), "pair", batch_size=2)
    assert Feed(FeedConfig(data=(made, other), allow_sensor_mix=True, **size), "pair", batch_size=2).steps_per_epoch
    with pytest.raises(SimtouchError, match="no full batch of 4000"):
        Feed(FeedConfig(data=(made,), **size), "pair", batch_size=4000)
    with pytest.raises(SimtouchError, match="`weights` must be one number for each of the 1 folders"):
        FeedConfig(data=(made,), weights=(1.0, 2.0))
    with pytest.raises(SimtouchError, match="synthetic_share"):
        FeedConfig(data=(made,), synthetic_share=1.5)
    with pytest.raises(SimtouchError, match="Known: pair, video"):
        Feed(FeedConfig(data=(made,), **size), "triple", batch_size=2)


def test_real_clips_show_contact_against_their_first_frame():
    folder = real_videos("octopi_gsmini")
    config = FeedConfig(data=(folder,), image_size=(128, 96), augment=False)
    feed = Feed(config, "pair", batch_size=16)
    assert 20_000 < len(feed.mixture) < 33_895
    batch = next(iter(feed))
    off = (batch.images - 127 / 255).abs().mean((1, 2, 3)) * 255
    assert off.median() < 6  # raw images are some 40 levels from there
    assert off.max() > 1
