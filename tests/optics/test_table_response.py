import numpy as np
import pytest

from simtouch.optics.camera import noise_cubic
from simtouch.optics.planes import Planes
from simtouch.optics.table_response import TableResponse
from tests.optics.presses import hertz_px
from tests.optics.tables import plain_table, random_table
from tests.reference import camera as camera_twin
from tests.reference import table_response as twin

SHAPE = (90, 120)
COVERED = ((-0.7, 0.9), (-0.8, 0.6))
MIX = ((0.9, 0.1, -0.05), (0.0, 1.1, 0.2), (0.02, -0.1, 0.95))
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]


def plane(height_px) -> np.ndarray:
    planes = Planes(*height_px.shape)
    surface = planes.padded(height_px)
    planes.extend_linearly(surface)
    return surface


def change(table, height_px, touched=None, **more) -> np.ndarray:
    planes = Planes(*height_px.shape)
    return planes.inner(TableResponse(table, planes, **more).change(plane(height_px), touched)).transpose(1, 2, 0).copy()


def waves(amplitude: float = 4.0, shape=SHAPE) -> np.ndarray:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    return (amplitude * np.sin(x / 7 + 0.3) * np.cos(y / 9)).astype(np.float32)


@pytest.mark.parametrize("shape", [SHAPE, (33, 50)])
@pytest.mark.parametrize(("terms", "n"), [(1, 3), (3, 41), (5, 15)])
def test_the_change_is_its_numpy_twin(terms, n, shape):
    table = random_table(terms, terms, n, covered=COVERED, mix=MIX)
    height, touched = waves(shape=shape), np.random.default_rng(0).random(shape) > 0.5
    wanted = twin.change(table, height, touched)
    assert np.abs(wanted).max() > 20
    assert np.abs(change(table, height, touched) - wanted).max() < 0.01


def test_steep_slopes_and_rims_are_the_twins_too():
    height = waves(300.0)
    table = random_table(9)
    assert np.abs(twin.tilt(height)).max() > 0.99
    assert np.abs(change(table, height) - twin.change(table, height, np.ones(SHAPE))).max() < 0.01


@pytest.mark.parametrize("terms", [1, 3])
def test_a_resting_gel_changes_no_colour_at_all(terms):
    for touched in (None, np.zeros(SHAPE, bool), X > 50):
        assert not change(random_table(0, terms), np.zeros(SHAPE, np.float32), touched).any()
        assert not change(random_table(0, terms), np.full(SHAPE, -7.25, np.float32), touched).any()  # lowered as a whole


def test_passing_over_a_tile_hides_less_than_a_fiftieth_of_a_level():
    """Just under the bound nothing is drawn, just above it all of it; what is hidden is under 1/50."""
    table = random_table(3, covered=COVERED, mix=MIX)
    unseen = TableResponse(table, Planes(*SHAPE)).unseen_slope
    for slope, drawn in ((0.999, False), (1.01, True)):
        worst = 0.0
        for along, down in ((1, 0), (0, 1), (1, 1), (1, -1), (-1, -1), (-1, 1)):
            height = (slope * unseen * (along * (X - 60.0) + down * (Y - 45.0))).astype(np.float32)
            assert change(table, height).any() == drawn
            worst = max(worst, np.abs(twin.change(table, height, np.ones(SHAPE))).max())
        assert 0.001 < worst < 0.0202


def test_the_lookup_sees_slopes_and_the_right_ones():
    """Red asks s_x, green s_y: a wedge to the right is red, one down the image is green, and the signs are those of the slopes."""
    table = plain_table(lambda x, y: 100 * x, lambda x, y: 100 * y, lambda x, y: 0 * x)
    for slope in (0.2, -0.35):
        s = slope / np.hypot(1, slope)
        assert np.abs(change(table, (slope * X).astype(np.float32)) - [100 * s, 0, 0]).max() < 2e-3
        assert np.abs(change(table, (slope * Y).astype(np.float32)) - [0, 100 * s, 0]).max() < 2e-3


def test_a_ball_is_red_on_the_side_that_rises_to_the_right():
    """`height_m` is negative where pressed in: right of a ball's middle the gel rises along x, so s_x > 0 there."""
    table = plain_table(lambda x, y: 100 * x, lambda x, y: 0 * x, lambda x, y: 0 * x)
    red = change(table, hertz_px(SHAPE, 60.0, 10.0, (60, 45)))[..., 0]
    assert red[45, 78] > 20
    assert red[45, 42] < -20
    assert abs(red[27, 60]) < 1e-3


def test_a_symmetric_table_gives_a_symmetric_image():
    table = plain_table(lambda x, y: 60 * x**2, lambda x, y: 50 * y**2, lambda x, y: 40 * (x**2 + y**2))
    seen = change(table, hertz_px((91, 121), 60.0, 10.0, (60, 45)))
    np.testing.assert_allclose(seen, seen[:, ::-1], atol=2e-3)
    np.testing.assert_allclose(seen, seen[::-1], atol=2e-3)
    assert np.abs(seen).max() > 5


def test_outside_the_covered_box_the_response_is_that_of_its_rim():
    table = random_table(4, covered=COVERED)
    seen = change(table, (0.3 * X).astype(np.float32))
    x, y = (2 * np.arange(120) + 1) / 120 - 1, (2 * np.arange(90) + 1) / 90 - 1
    inner = seen[1:-1, 1:-1]
    left, low = inner[:, x[1:-1] < COVERED[0][0]], inner[y[1:-1] > COVERED[1][1]]
    assert left.shape[1] > 10
    assert low.shape[0] > 10
    assert np.ptp(left, axis=1).max() < 1e-3
    assert np.ptp(low, axis=0).max() < 1e-3
    assert np.ptp(inner, axis=1).max() > 5


def test_zones_are_asked_pixel_by_pixel():
    table, height = random_table(5), waves()
    free, both = change(table, height, np.zeros(SHAPE, bool)), change(table, height, X > 77)
    touched = change(table, height)
    assert np.array_equal(both, np.where((X > 77)[..., None], touched, free))
    assert np.abs(touched - free).max() > 10


def test_mix_is_a_matrix_on_rgb():
    height = waves()
    plain, mixed = change(random_table(6), height), change(random_table(6, mix=MIX), height)
    np.testing.assert_allclose(mixed, plain @ np.array(MIX).T, atol=2e-3)


@pytest.mark.parametrize("shape", [SHAPE, (32, 64), (33, 50)])
def test_the_fused_image_is_its_twin(shape):
    rng = np.random.default_rng(2)
    table, height, touched = random_table(7, mix=MIX), waves(shape=shape), rng.random(shape) > 0.3
    rest, gain, std = rng.uniform(30, 220, (*shape, 3)), rng.uniform(0.6, 1.1, shape), (2.0, 1.0, 3.0)
    response = TableResponse(table, Planes(*shape), rest=rest, gain=gain, noise_std=std)
    level = rest + gain[..., None] * twin.change(table, height, touched)
    grain = camera_twin.noise(shape, 77, *noise_cubic()) * std
    for more, wanted in (({}, level), ({"key": 77}, level + grain), ({"key": 77, "exposure": 0.9}, 0.9 * level + grain)):
        ours = response.image(plane(height), touched, **more)
        assert ours.shape == (*shape, 3)
        apart = np.abs(ours.astype(int) - camera_twin.as_bytes(wanted))
        assert apart.max() <= 1
        assert (apart > 0).mean() < 1e-3  # rounding at a half, in float32
    np.testing.assert_allclose(
        response._planes.inner(response.levels(plane(height), touched)).transpose(1, 2, 0), level, atol=0.01
    )
