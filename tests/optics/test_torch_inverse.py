"""The judge reads slopes off pictures it has seen the like of, reads foreign weights without running them, and can be wrong."""

from itertools import pairwise

import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.calibration.presses import PressSet
from tests.real import taxim_file

torch = pytest.importorskip("torch")

from simtouch.optics.torch_inverse import (  # noqa: E402
    LAYOUTS,
    cap_slope,
    forward,
    read_inverse,
    slope_angle_error,
    train_inverse,
)

SHAPE = (60, 80)


def lamps(slope: np.ndarray) -> np.ndarray:
    """A made-up sensor: colours that follow the normal and, a little, the place; RGB [grey levels], float."""
    H, W = slope.shape[:2]
    s = slope / np.sqrt(1 + np.sum(slope**2, -1, keepdims=True))
    y, x = np.mgrid[:H, :W]
    headings = [0.3, 0.3 + 2 * np.pi / 3, 0.3 + 4 * np.pi / 3]
    lit = [90 * (s[..., 0] * np.cos(a) + s[..., 1] * np.sin(a)) * (1 + 0.3 * x / W) for a in headings]
    return np.stack(lit, -1) + np.stack([110 + 20 * x / W, 120 + 10 * y / H, 100 + 0 * x], -1)


def press_set(count=12, seed=0) -> PressSet:
    rng = np.random.default_rng(seed)
    circles = np.column_stack([rng.uniform(15, 65, count), rng.uniform(15, 45, count), rng.uniform(9, 14, count)])
    rest = lamps(np.zeros((*SHAPE, 2))).round().astype(np.uint8)
    blank = PressSet(images=np.stack([rest] * count), rest=rest, ball_radius_m=1e-3, pixel_pitch_m=0.05e-3, circles_px=circles)
    images = np.stack([lamps(cap_slope(blank, k)[0]) for k in range(count)])
    noisy = (images + rng.normal(0, 1, images.shape)).clip(0, 255).round().astype(np.uint8)
    return PressSet(images=noisy, rest=rest, ball_radius_m=1e-3, pixel_pitch_m=0.05e-3, circles_px=circles)


@pytest.fixture(scope="module")
def trained():
    train, test = press_set().split()
    return train_inverse(train, steps=400, batch=512, pixels=600), test


def median_error(inverse, test, images=None) -> float:
    images = test.images if images is None else images
    errors = [slope_angle_error(inverse, images[k], test.rest, *cap_slope(test, k)) for k in range(len(test))]
    return float(np.median(np.concatenate(errors)))


def test_a_trained_judge_reads_presses_it_never_saw(trained):
    inverse, test = trained
    assert median_error(inverse, test) < 4
    for wrong in (test.images[..., ::-1], np.stack([test.rest] * len(test))):  # swapped channels; no press at all
        assert median_error(inverse, test, wrong) > 12


def test_the_background_has_no_slope(trained):
    inverse, test = trained
    assert np.abs(inverse.slope(test.rest, test.rest)).max() == 0


def test_the_sign_is_settled_by_a_press(trained):
    inverse, test = trained
    turned = type(inverse)(inverse.layers, sign=-1.0)
    assert turned.settled(test).sign == 1
    assert inverse.settled(test).sign == 1


def test_equal_seeds_give_equal_judges():
    options = {"steps": 5, "batch": 64, "pixels": 100}
    a, b = (train_inverse(press_set(3), seed=4, **options) for _ in range(2))
    assert all(torch.equal(x[0], y[0]) and torch.equal(x[1], y[1]) for x, y in zip(a.layers, b.layers, strict=True))


def test_the_error_is_the_angle_between_normals(trained):
    """A judge that always answers 30 degrees along x, on surfaces of known tilt."""
    inverse, _ = trained
    layers = [(torch.zeros_like(w), torch.zeros_like(b)) for w, b in inverse.layers]
    layers[0][0][0, 2] = 1.0  # red
    for k in (1, 2):
        layers[k][0][0, 0] = 1.0
    layers[3][0][0, 0] = np.pi / 6
    judge = type(inverse)(tuple(layers))
    red, black = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    everywhere = np.ones((4, 4), bool)
    for slope, degrees in (((0, 0), 30), ((np.tan(np.pi / 6), 0), 0), ((-np.tan(np.pi / 6), 0), 60)):
        error = slope_angle_error(judge, red, black, np.broadcast_to(slope, (4, 4, 2)), everywhere)
        assert np.allclose(error, degrees, atol=1e-4)


def linear_state(sizes, seed=0) -> dict:
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for k, (a, b) in enumerate(pairwise(sizes), 1):
        state[f"fc{k}.weight"] = torch.randn(b, a, generator=generator) / a**0.5
        state[f"fc{k}.bias"] = torch.randn(b, generator=generator)
    return state


@pytest.mark.parametrize("sizes", [s for s in LAYOUTS if s[1] != 128])
def test_weights_of_others_are_read(tmp_path, sizes):
    state = linear_state(sizes)
    torch.save(state, tmp_path / "nnmodel.pth")
    inverse = read_inverse(tmp_path / "nnmodel.pth")
    assert inverse.answers == LAYOUTS[sizes]
    x = torch.rand(10, 5)
    wanted = x
    for k in range(1, 5):
        wanted = torch.nn.functional.linear(torch.relu(wanted) if k > 1 else wanted, state[f"fc{k}.weight"], state[f"fc{k}.bias"])
    assert torch.allclose(forward(inverse.layers, x), wanted, atol=1e-5)


def test_convolutions_with_batch_norm_are_folded(tmp_path):
    torch.manual_seed(0)
    nn, layers, sizes = torch.nn, [], (5, 128, 32, 32, 2)
    for k, (a, b) in enumerate(pairwise(sizes)):
        layers += [nn.Conv2d(a, b, 1)] if k == 3 else [nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.ReLU()]
    network = nn.Sequential(*layers)
    for _ in range(3):
        network(torch.randn(4, 5, 6, 7) * 2 + 1)  # gives the batch norms statistics of their own
    network.eval()
    torch.save(network.state_dict(), tmp_path / "gsmini.pth")
    inverse, x = read_inverse(tmp_path / "gsmini.pth"), torch.rand(1, 5, 6, 7)
    with torch.no_grad():
        wanted = network(x)[0].permute(1, 2, 0)
    assert torch.allclose(forward(inverse.layers, x[0].permute(1, 2, 0)), wanted, atol=1e-4)


def test_wrong_weights_are_one_sentence(tmp_path):
    path = tmp_path / "x.pth"
    torch.save(linear_state((5, 16, 2)), path)
    with pytest.raises(ShapeError, match="5-32-32-32-2"):
        read_inverse(path)
    state = linear_state((5, 32, 32, 32, 2))
    torch.save(state | {"fc2.weight": torch.zeros(32, 31)}, path)
    with pytest.raises(ShapeError, match="layers of sizes"):
        read_inverse(path)
    torch.save(state | {"fc1.bias": torch.full((32,), torch.nan)}, path)
    with pytest.raises(ArgumentError, match="NaN"):
        read_inverse(path)
    torch.save(state | {"fc1.weight": torch.zeros(32, 5, 3, 3)}, path)
    with pytest.raises(ShapeError, match="1x1"):
        read_inverse(path)


def test_presses_without_circles_teach_nothing():
    presses = press_set(2)
    bare = PressSet(images=presses.images, rest=presses.rest, ball_radius_m=1e-3, pixel_pitch_m=0.05e-3)
    with pytest.raises(ArgumentError, match="circles"):
        train_inverse(bare, steps=1)


@pytest.mark.slow
def test_renders_of_the_fitted_table_are_read_within_five_degrees():
    """Judge and table learn from presses that the other never saw; both are asked about circles and shapes that neither saw."""
    from simtouch.optics.calibration.evaluate import predict, table_change
    from simtouch.optics.calibration.table_fit import FitConfig, field_of, fit_table
    from simtouch.optics.importers.data_pack import read_data_pack

    pack = taxim_file("gelsight/dataPack.npz")
    presses = read_data_pack(pack, ball_radius_m=2e-3, pixel_pitch_m=0.0295e-3)
    even, odd = (presses.pick(range(start, len(presses), 2)) for start in (0, 1))
    inverse, fit = train_inverse(odd, steps=2500), fit_table(even)
    real, ball, swapped = [], [], []
    for k in range(0, len(even), 2):
        real.append(slope_angle_error(inverse, even.images[k], fit.background, *cap_slope(even, k)))
        field = field_of(even, k, FitConfig())
        image = predict(fit.table, fit.background, field)
        ball.append(slope_angle_error(inverse, image, fit.background, field.slope, field.touched))
        swapped.append(slope_angle_error(inverse, image[..., ::-1], fit.background[..., ::-1], field.slope, field.touched))
    y, x = np.mgrid[: presses.image_shape[0], : presses.image_shape[1]].astype(float)
    along, across = (x - 300) * 0.8 + (y - 240) * 0.6, (y - 240) * 0.8 - (x - 300) * 0.6
    touched = (np.abs(along) < 40) & (np.abs(across) < 80)  # a cylinder of the ball's radius
    slope = np.where(touched[..., None], (along / np.sqrt(67.8**2 - along.clip(-40, 40) ** 2))[..., None] * (0.8, 0.6), 0.0)
    image = np.clip(fit.background + table_change(fit.table, slope, touched), 0, 255)
    cylinder = slope_angle_error(inverse, image, fit.background, slope, touched)
    medians = [float(np.median(np.concatenate(e))) for e in (real, ball, swapped)] + [float(np.median(cylinder))]
    print("real {:.2f}, ball {:.2f}, channels swapped {:.2f}, cylinder {:.2f} degrees".format(*medians))
    assert medians[1] <= 5
    assert medians[3] <= 5
    assert medians[2] > 20
