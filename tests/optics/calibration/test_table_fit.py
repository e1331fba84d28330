"""The colour table is found again from presses that it rendered, and from the wheel's real ones."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.calibration.evaluate import predict, table_change
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.surface import press_field
from simtouch.optics.calibration.table_fit import FitConfig, field_of, fit_table
from simtouch.optics.importers.data_pack import read_data_pack
from simtouch.optics.metrics import mean_scores, scores
from simtouch.sensors.colour_table import ColourTable
from simtouch.sensors.numbers import Numbers
from tests.real import taxim_file

SHAPE, COUNT = (90, 120), 12
BALL, PITCH = 16.0, 1e-4
FIT = FitConfig(nodes=21, rounds=4)


def truth() -> ColourTable:
    """A smooth response of two terms; the second grows along x."""
    s = np.linspace(-1, 1, 21)
    y, x = np.meshgrid(s, s, indexing="ij")
    slope, place = np.zeros((2, 3, 2, 21, 21)), np.zeros((2, 3, 2, 10))
    for zone, gain in enumerate((1.0, 0.8)):
        for channel, angle in enumerate((0.3, 2.4, 4.4)):
            slope[zone, channel, 0] = gain * 60 * (np.cos(angle) * x + np.sin(angle) * y - 0.5 * (x * x + y * y))
            slope[zone, channel, 1] = gain * 25 * (x * np.sin(angle) + 0.3 * x * y)
    place[:, :, 0, 0] = 1
    place[:, :, 1, 1] = 1
    return ColourTable(slope=Numbers(slope), place=Numbers(place))


def field(circle):
    return press_field(circle, SHAPE, ball_radius_px=BALL, thickness_px=5e-3 / PITCH)


def rendered(count=COUNT, noise=1.0) -> PressSet:
    """Presses of a sensor whose response is `truth`."""
    rng = np.random.default_rng(2)
    H, W = SHAPE
    background = np.full((H, W, 3), 120.0)
    circles = np.column_stack([rng.uniform(12, W - 12, count), rng.uniform(12, H - 12, count), rng.uniform(11, 14, count)])
    images = np.stack([predict(truth(), background, field(c)) + rng.normal(0, noise, (H, W, 3)) for c in circles])
    images = np.rint(np.clip(images, 0, 255)).astype(np.uint8)
    rest = background.astype(np.uint8)
    return PressSet(images=images, rest=rest, ball_radius_m=BALL * PITCH, pixel_pitch_m=PITCH, circles_px=circles)


@pytest.fixture(scope="module")
def presses():
    return rendered()


@pytest.fixture(scope="module")
def fit(presses):
    return fit_table(presses, FIT)


def test_response_is_found_again_at_places_never_pressed(fit):
    for circle in ((40.0, 30.0, 12.5), (80.5, 60.0, 13.0)):
        unseen = field(circle)
        true, ours = (table_change(table, unseen.slope, unseen.touched) for table in (truth(), fit.table))
        assert np.abs(true[unseen.touched]).mean() > 15
        assert np.abs(ours - true)[unseen.touched].mean() < 1.0
        assert np.abs(ours - true)[~unseen.touched].mean() < 0.3


def test_background_and_offsets_of_steady_light_are_found(fit):
    assert np.abs(fit.background - 120).mean() < 0.7
    assert fit.far_levels.shape == (COUNT, 3)
    assert np.abs(fit.far_levels).max() < 0.5


def test_resting_gel_changes_no_colour(fit):
    change = table_change(fit.table, np.zeros((*SHAPE, 2)), np.zeros(SHAPE, bool))
    assert not change.any()
    assert not table_change(fit.table, np.zeros((*SHAPE, 2)), np.ones(SHAPE, bool)).any()


def test_equal_presses_give_equal_bytes(presses, fit):
    again = fit_table(presses, FIT)
    assert again.table == fit.table
    assert again.background.tobytes() == fit.background.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_the_bytes(presses, fit, threads):
    with threadpool_limits(threads):
        again = fit_table(presses, FIT)
    assert again.table == fit.table
    assert again.background.tobytes() == fit.background.tobytes()


def test_background_is_known_where_every_press_touches():
    """All presses lie on one spot: the no-contact frame there has noise of its own, the presses less the table have less."""
    many, rng = rendered(), np.random.default_rng(0)
    rest = np.rint(120 + rng.normal(0, 2, many.rest.shape)).astype(np.uint8)
    circles = np.column_stack([rng.uniform(55, 65, COUNT), rng.uniform(40, 50, COUNT), rng.uniform(11, 14, COUNT)])
    images = [predict(truth(), np.full(rest.shape, 120.0), field(c)) + rng.normal(0, 1, rest.shape) for c in circles]
    one_place = replace(many, images=np.rint(np.clip(images, 0, 255)).astype(np.uint8), rest=rest, circles_px=circles)
    there = slice(20, 70), slice(35, 85)
    off = np.abs(fit_table(one_place, FIT).background - 120)[there].mean()
    assert off < 0.7 * np.abs(rest[there] - 120.0).mean()


def test_three_presses_stay_tame(presses):
    """Where no press was, the table stays within the colours that it saw."""
    table = fit_table(presses.pick([0, 1, 2]), FIT).table
    for circle in ((20.0, 70.0, 12.0), (100.0, 20.0, 12.0), (60.0, 45.0, 12.0)):
        unseen = field(circle)
        assert np.abs(table_change(table, unseen.slope, unseen.touched)).max() < 255


def test_mix_turns_the_channels(fit):
    unseen = field((50.0, 50.0, 12.0))
    plain = table_change(fit.table, unseen.slope, unseen.touched)
    swapped = replace(fit.table, mix=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.5, 0.0, 0.0)))
    mixed = table_change(swapped, unseen.slope, unseen.touched)
    np.testing.assert_allclose(mixed, np.stack([plain[..., 2], plain[..., 1], 0.5 * plain[..., 0]], -1), rtol=1e-5, atol=1e-5)


def test_bad_input_is_refused(presses, fit):
    with pytest.raises(ArgumentError, match="`presses` must have circles"):
        fit_table(replace(presses, circles_px=None))
    for name, value in (("nodes", 20), ("terms", 0), ("thickness_m", -1), ("poisson_ratio", 0.5), ("background", "sky")):
        with pytest.raises(ArgumentError, match=name):
            FitConfig(**{name: value})
    with pytest.raises(ShapeError, match="`touched`"):
        table_change(fit.table, np.zeros((4, 5, 2)), np.zeros((5, 4), bool))


@pytest.mark.slow
@pytest.mark.parametrize("background", ["presses", "rest"])
def test_presses_of_a_real_sensor_that_were_left_out(background):
    """GelSight of the `taxim` wheel, test presses 0, 4, ...; with each kind of background."""
    presses = read_data_pack(taxim_file("gelsight/dataPack.npz"), ball_radius_m=2e-3, pixel_pitch_m=2.95e-5)
    training, test = presses.split(0)
    config = FitConfig(background=background)
    fit = fit_table(training, config)
    rows = []
    for k in range(len(test)):
        under = field_of(test, k, config)
        image = np.rint(predict(fit.table, fit.background, under)).astype(np.uint8)
        rows.append(scores(test.images[k], image, under.touched))
    mean = mean_scores(rows)
    l1c, psnr, ssim = {"presses": (2.5, 40, 0.985), "rest": (2.6, 37, 0.978)}[background]
    assert mean.l1c <= l1c
    assert mean.psnr >= psnr
    assert mean.ssim >= ssim
