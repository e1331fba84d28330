"""Distances between images: closed forms, and scikit-image beside them."""

from dataclasses import astuple

import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.metrics import circle_mask, histogram_distance, loses_to, mean_scores, scores, ssim

SHAPE = (48, 64)
CONTACT = circle_mask(SHAPE, (30, 20, 9.5))


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    smooth = 120 + 60 * np.sin(np.mgrid[0:48, 0:64].sum(0)[..., None] / (9 + np.arange(3)))
    real, other = (np.clip(smooth + rng.normal(0, s, (*SHAPE, 3)), 0, 255).astype(np.uint8) for s in (3, 9))
    return real, other


def test_equal_images_are_perfect(pair):
    found = scores(pair[0], pair[0], CONTACT)
    assert (found.l1, found.mse, found.psnr, found.l1c, found.msec) == (0, 0, np.inf, 0, 0)
    assert found.ssim == pytest.approx(1, abs=1e-12)


def test_an_offset_inside_the_contact_is_counted_where_it_is():
    real = np.full((*SHAPE, 3), 100, np.uint8)
    rendered = real.copy()
    rendered[CONTACT] = 90  # below: unsigned differences would wrap
    found, share = scores(real, rendered, CONTACT), CONTACT.mean()
    assert (found.l1c, found.msec) == (10, 100)
    assert found.l1 == pytest.approx(10 * share)
    assert found.mse == pytest.approx(100 * share)
    assert found.psnr == pytest.approx(20 * np.log10(255) - 10 * np.log10(100 * share))


def test_ssim_and_psnr_are_those_of_scikit_image(pair):
    metrics = pytest.importorskip("skimage.metrics")
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = metrics.structural_similarity(*pair, channel_axis=2, data_range=255, **window)
    assert ssim(*pair) == pytest.approx(expected, abs=1e-12)
    assert 0.1 < expected < 0.95
    assert scores(*pair, CONTACT).psnr == pytest.approx(metrics.peak_signal_noise_ratio(*pair, data_range=255), abs=1e-9)


def test_ssim_is_the_mean_over_windows_inside_the_image(pair):
    """Equation (2) with explicit 11 x 11 windows."""
    a, b = (image[:13, :12, 0].astype(float) for image in pair)
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    each = []
    for i in range(5, 8):
        for j in range(5, 7):
            p, q = (image[i - 5 : i + 6, j - 5 : j + 6] for image in (a, b))
            mp, mq = (weights * p).sum(), (weights * q).sum()
            covariance = (weights * p * q).sum() - mp * mq
            variances = (weights * (p - mp) ** 2).sum() + (weights * (q - mq) ** 2).sum()
            c1, c2 = 2.55**2, 7.65**2
            each.append((2 * mp * mq + c1) * (2 * covariance + c2) / ((mp**2 + mq**2 + c1) * (variances + c2)))
    grey = [np.repeat(image[:13, :12, :1], 3, axis=2) for image in pair]
    assert ssim(*grey) == pytest.approx(np.mean(each), abs=1e-10)


def test_a_mean_row_averages_decibels_and_marks_what_it_loses(pair):
    near, far = scores(pair[0], pair[0] // 2 * 2, CONTACT), scores(*pair, CONTACT)
    mean = mean_scores([near, far])
    assert astuple(mean) == pytest.approx(np.mean([astuple(near), astuple(far)], axis=0))
    assert loses_to(far, near) == ("l1", "mse", "psnr", "ssim", "l1c", "msec")
    assert loses_to(near, far) == loses_to(far, far) == ()


def test_histograms_do_not_see_places_but_see_colours(pair):
    real = pair[0]
    assert histogram_distance(real, real[::-1]) == 0
    lighter = np.minimum(real, 200) + np.uint8(7)
    assert histogram_distance(np.minimum(real, 200), lighter) == pytest.approx(7)
    only = real.copy()
    only[~CONTACT] = 0
    assert histogram_distance(real, only, CONTACT) == 0 < histogram_distance(real, only)


def test_a_circle_holds_the_pixels_whose_centres_are_inside():
    assert circle_mask((5, 6), (2, 1, 1.1)).nonzero()[0].tolist() == [0, 1, 1, 1, 2]
    assert circle_mask((200, 200), (99.3, 100.6, 70.5)).sum() == pytest.approx(np.pi * 70.5**2, rel=2e-3)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"rendered": np.zeros((48, 63, 3), np.uint8)}, ShapeError, "`rendered` must have the shape of `real`, (48, 64, 3)"),
        ({"real": np.zeros((48, 64, 3))}, ShapeError, "`real` must be uint8 of shape (H, W, 3); got float64 (48, 64, 3)."),
        ({"contact": np.zeros(SHAPE, bool)}, ArgumentError, "`contact` must hold at least one pixel"),
        ({"contact": np.zeros(SHAPE, np.uint8)}, ShapeError, "`contact` must be bool of shape (48, 64); got uint8"),
    ],
)
def test_bad_input_is_one_sentence(pair, change, error, said):
    arguments = {"real": pair[0], "rendered": pair[1], "contact": CONTACT} | change
    with pytest.raises(error) as found:
        scores(**arguments)
    assert said in str(found.value)


def test_an_image_smaller_than_the_window_has_no_ssim():
    tiny = np.zeros((10, 20, 3), np.uint8)
    with pytest.raises(ShapeError, match="11 pixels wide; got images of 10 x 20"):
        ssim(tiny, tiny)


def test_no_scores_have_no_mean():
    with pytest.raises(ArgumentError, match="at least one row"):
        mean_scores([])
