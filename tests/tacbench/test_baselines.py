import numpy as np
import pytest

from simtouch._checks import ShapeError
from simtouch.tacbench.baselines import hog, hog_and_colour, pixel_statistics


def waves(angle: float, n: int = 64) -> np.ndarray:
    y, x = np.mgrid[:n, :n]
    return (127 + 60 * np.sin(0.5 * (x * np.cos(angle) + y * np.sin(angle))))[None]


def test_a_grating_fills_the_bin_of_its_direction():
    for k in range(9):
        cells = hog(waves(np.pi * (k + 0.5) / 9)).reshape(-1, 4, 9)
        assert int(cells.sum((0, 1)).argmax()) == k


def test_hog_does_not_see_brightness_or_contrast():
    grey = np.random.default_rng(0).uniform(0, 100, (2, 32, 40))
    assert np.allclose(hog(grey), hog(0.5 * grey + 20), atol=1e-4)


def test_hog_is_near_that_of_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    grey = np.random.default_rng(0).uniform(0, 255, (64, 48))
    theirs = feature.hog(grey, 9, (8, 8), (2, 2), block_norm="L2-Hys")
    ours = hog(grey[None])[0]
    assert ours.shape == theirs.shape
    assert np.corrcoef(ours, theirs)[0, 1] > 0.7  # theirs has hard bins and no gradient at the rim


def test_hog_of_less_than_two_cells_is_refused():
    with pytest.raises(ShapeError, match="2 x 2 cells"):
        hog(np.zeros((1, 15, 40)))


def test_an_untouched_sensor_has_no_change():
    rest = np.full((240, 320, 3), 90, np.uint8)
    touched = rest.copy()
    touched[100:140, 200:260] += 50
    statistics = pixel_statistics(np.stack([rest, touched]), rest)
    assert statistics.shape == (2, 26)
    assert np.allclose(statistics[0, :22], 0, atol=1e-4)
    assert (statistics[1, 18:22] > 0.03).all()
    both = hog_and_colour(np.stack([rest, touched]), rest)
    assert both.shape == (2, 14 * 19 * 36 + 9 * 12 * 3)
    assert np.allclose(both[0], 0, atol=1e-2)


def test_statistics_say_where_it_changed():
    rest = np.full((60, 80, 3), 90, np.uint8)
    left, right = rest.copy(), rest.copy()
    left[20:40, 5:15], right[20:40, 65:75] = 150, 150
    columns = pixel_statistics(np.stack([left, right]), rest)[:, -3]
    assert columns[0] < -0.5
    assert columns[1] > 0.5
