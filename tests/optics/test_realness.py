"""The probe: at chance on frames of one kind, sure of frames of two, and it names what gave them away."""

import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.realness import GROUPS, features, probe_realness

SHAPE, RADIUS = (72, 96), 12.0
BACKGROUND = np.full((*SHAPE, 3), 110.0)


def frame(rng, *, noise=2.0, strength=1.0, offset=0.0, kept=0.0):
    """A print at a random place: a slope of colour inside a circle."""
    x, y = rng.uniform(30, 66), rng.uniform(26, 46)
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    dx, dy = (cols - x) / RADIUS, (rows - y) / RADIUS
    inside = np.hypot(dx, dy) < 1
    levels = BACKGROUND + offset
    levels = levels + strength * 40 * inside[..., None] * np.stack([dx + 0 * dy, dy + 0 * dx, -dx - dy], -1)
    grain = rng.normal(0, noise, levels.shape)
    grain[:, 1:] += kept * grain[:, :-1]  # neighbours that share their noise, as after a demosaic
    return np.clip(levels + grain, 0, 255).astype(np.uint8), (x, y, RADIUS)


def many(seed, count=24, **how):
    rng = np.random.default_rng(seed)
    return [features(image, BACKGROUND, circle) for image, circle in (frame(rng, **how) for _ in range(count))]


@pytest.fixture(scope="module")
def real():
    return many(0)


def test_frames_of_one_kind_are_at_chance(real):
    found = probe_realness(real, many(1))
    low, high = found.auc_95
    assert low < 0.5 < high
    assert 0.3 < found.accuracy < 0.7
    assert found.pairs == 24


@pytest.mark.parametrize(
    ("how", "group"),
    [({"noise": 0.5}, "noise"), ({"kept": 0.7}, "noise"), ({"strength": 0.6}, "colour"), ({"offset": 3.0}, "drift")],
)
def test_what_differs_is_found_and_named(real, how, group):
    fakes = many(1, **how)
    found = probe_realness(real, fakes, groups=(group,))
    assert found.auc > 0.95
    assert found.accuracy > 0.9
    assert found.auc_95[0] > 0.5
    assert all(name.startswith(f"{group}/") for name, _ in found.heaviest)


def test_the_sign_of_a_weight_says_which_frames_have_more(real):
    found = dict(probe_realness(real, many(1, noise=1.0), groups=("noise",)).heaviest)
    stds = [weight for name, weight in found.items() if name.startswith("noise/std")]
    assert stds
    assert min(stds) > 0


def test_equal_seeds_give_equal_figures(real):
    other = many(2, strength=0.9)
    assert probe_realness(real, other, seed=3) == probe_realness(real, other, seed=3)


def test_a_frame_and_itself_cannot_be_told_apart(real):
    """Equal frames in one fold: every answer ties or is right once and wrong once."""
    found = probe_realness(real, real)
    assert found.accuracy == found.auc == 0.5


def test_features_are_finite_for_a_picture_without_noise():
    found = features(BACKGROUND.astype(np.uint8), BACKGROUND, (48, 36, RADIUS))
    assert np.isfinite(list(found.values())).all()
    assert {name.split("/")[0] for name in found} == set(GROUPS)


def test_bad_input_is_one_sentence(real):
    with pytest.raises(ArgumentError, match="4 pairs of frames or more; got 3 real and 3 rendered"):
        probe_realness(real[:3], real[:3])
    with pytest.raises(ArgumentError, match="`groups` must be some of colour, edges, drift, noise"):
        probe_realness(real, real, groups=("smell",))
    with pytest.raises(ShapeError, match="must have one shape"):
        features(np.zeros((9, 9, 3), np.uint8), BACKGROUND, (4, 4, 2))
    with pytest.raises(ArgumentError, match="too few pixels"):
        features(BACKGROUND.astype(np.uint8), BACKGROUND, (-50, -50, 3))
