"""What is measured of features while a training runs: closed forms, collapse, and probes that read what is there."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.splits import split_of
from tests.real import real_videos
from tests.training.small_streams import small_stream

torch = pytest.importorskip("torch")

from simtouch.models import EncoderConfig, VisionTransformer  # noqa: E402
from simtouch.training.feed import FeedConfig  # noqa: E402
from simtouch.training.monitors import Monitor, feature_rank, feature_spread, health  # noqa: E402

CLIPS = 16
SHAPE = EncoderConfig(embed_dim=48, depth=2, num_heads=3, image_size=(64, 48))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = small_stream(tmp_path_factory.mktemp("monitors") / "made", clips=CLIPS)
    return FeedConfig(data=(folder,), image_size=SHAPE.image_size)


@pytest.fixture(scope="module")
def monitor(tmp_path_factory):
    """Of folders too small to hold a clip out: the windows of the training itself, of six clips with labels."""
    folder = tmp_path_factory.mktemp("monitors")
    small = tuple(small_stream(folder / name, clips=3) for name in ("one", "two"))
    return Monitor(FeedConfig(data=small, image_size=SHAPE.image_size, split="all"), "pair", windows=42)


def random_encoder(seed=0):
    torch.manual_seed(seed)
    return VisionTransformer(SHAPE)


def collapsed_encoder(directions=0):
    """Its features are constant, or lie in a few directions."""
    encoder = random_encoder()
    with torch.no_grad():
        encoder.norm.weight[directions:] = 0
        encoder.norm.bias += 1
    return encoder


def test_rank_of_features_on_one_line_is_one():
    x = np.outer(np.arange(1, 50), np.linspace(-1, 3, 8))
    assert feature_rank(x) == pytest.approx(1)


@pytest.mark.parametrize("D", [1, 5, 32])
def test_rank_of_orthonormal_features_is_their_number(D):
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(64, D)))
    assert feature_rank(q) == pytest.approx(D)
    assert feature_rank(7.5 * q @ np.linalg.qr(np.random.default_rng(1).normal(size=(D, D)))[0]) == pytest.approx(D)


def test_rank_is_the_exponential_of_an_entropy():
    share = np.array([0.5, 0.3, 0.2])
    assert feature_rank(np.diag(share * 9)) == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert feature_rank(np.zeros((5, 3))) == 0


def test_spread_is_one_for_all_directions_and_zero_for_one():
    x = np.random.default_rng(0).normal(size=(4000, 64))
    assert feature_spread(x) == pytest.approx(1, abs=0.01)
    assert feature_spread(np.outer(np.arange(1, 9), np.ones(4))) == pytest.approx(0, abs=1e-12)
    assert feature_spread(np.zeros((4, 3))) == 0


def test_features_with_nan_are_refused():
    with pytest.raises(SimtouchError, match="must be finite"):
        health(np.full((4, 3), np.nan))


@pytest.mark.parametrize(
    "x",
    [
        np.full((50, 16), 0.3, np.float32),
        np.full((50, 16), 0.3, np.float32) * (1 + 1e-7 * np.random.default_rng(0).normal(size=(50, 16))).astype(np.float32),
        np.outer(np.linspace(-1, 1, 50), np.ones(16)),
        5 + np.outer(np.linspace(-1, 1, 50), np.arange(16)),
        1 + 1e-6 * np.random.default_rng(0).normal(size=(50, 16)),
    ],
    ids=["constant", "constant but for rounding", "a line", "a line off the origin", "almost constant"],
)
def test_collapse_is_seen(x):
    assert health(x)["collapsed"] == 1


def test_features_of_random_encoders_are_not_collapsed(monitor):
    for seed in range(3):
        found = monitor(random_encoder(seed))
        assert found["collapsed"] == 0
        assert found["feature_rank"] > 5


@pytest.mark.parametrize("directions", [0, 1, 2])
def test_a_collapsed_encoder_is_called_so(monitor, directions):
    assert monitor(collapsed_encoder(directions))["collapsed"] == 1


def test_windows_are_of_clips_that_the_training_does_not_see(config):
    held_out = Monitor(config, "pair", windows=64)
    clips = set(np.concatenate([groups for _, _, groups in held_out._parts]).tolist())
    assert held_out.held_out
    assert clips == {i for i in range(CLIPS) if split_of(i) == "val"}
    assert not clips & {i for i in range(CLIPS) if split_of(i) == "train"}


def test_a_set_too_small_to_hold_clips_out_is_looked_at_itself(monitor):
    assert not monitor.held_out
    assert monitor.windows == 2 * 3 * 7
    assert not any(split_of(i) == "val" for i in range(3))


def test_probes_read_force_and_slip_where_features_tell_them(monitor):
    random, nothing = monitor.reference(SHAPE), monitor(collapsed_encoder())
    assert random["force_mae_n"] < 0.8 * nothing["force_mae_n"]
    assert random["slip_f1"] > nothing["slip_f1"]


def test_the_same_encoder_gets_the_same_numbers(monitor):
    encoder = random_encoder()
    encoder.train()
    first = monitor(encoder)
    assert encoder.training
    assert monitor(encoder) == first
    assert monitor.reference(SHAPE) == monitor.reference(SHAPE)
    state = torch.random.get_rng_state()
    monitor.reference(SHAPE)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_video_windows_are_monitored_too(config):
    monitor = Monitor(config, "video", windows=8)
    video = VisionTransformer(replace(SHAPE, channels=3, num_frames=4))
    assert monitor(video)["feature_rank"] > 1


def test_at_least_two_windows_are_wanted(config):
    with pytest.raises(SimtouchError, match="`windows` must be a whole number >= 2"):
        Monitor(config, "pair", windows=1)


def test_real_recordings_without_labels_give_the_rank_alone():
    folder = real_videos("octopi_gsmini")
    monitor = Monitor(FeedConfig(data=(folder,), image_size=SHAPE.image_size), "pair", windows=32)
    found = monitor(random_encoder())
    assert set(found) == {"feature_rank", "feature_std", "collapsed"}
    assert found["collapsed"] == 0
