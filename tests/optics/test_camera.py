import numpy as np
import pytest

from simtouch.optics.camera import Exposure, gaussian_taps, noise_cubic, noise_key
from simtouch.optics.planes import Planes
from tests.reference.camera import as_bytes, blur, noise

PLANES = Planes(90, 110)  # not whole tiles


def exposure(blur_px=1.0, std=(0.0, 0.0, 0.0), gain=255.0) -> Exposure:
    return Exposure(PLANES, blur_px=blur_px, noise_std=std, gain=np.full((90, 110), gain))


@pytest.mark.parametrize("sigma_px", [0.0, 0.4, 1.0, 2.0])
def test_blur_is_its_numpy_twin(sigma_px):
    light = np.random.default_rng(0).uniform(0, 1, (3, 90, 110)).astype(np.float32)
    ours = PLANES.inner(exposure(sigma_px).blurred(PLANES.padded(light)))
    np.testing.assert_allclose(ours, blur(light.astype(float), gaussian_taps(sigma_px)), atol=1e-6)


def test_blur_keeps_the_light_and_spreads_it_by_sigma():
    light = np.zeros((3, 90, 110), np.float32)
    light[:, 45, 50] = 1.0
    seen = PLANES.inner(exposure(1.0).blurred(PLANES.padded(light)))[0].astype(float)
    assert seen.sum() == pytest.approx(1, abs=1e-6)
    assert seen.sum(0) @ (np.arange(110) - 50.0) ** 2 == pytest.approx(1.0, rel=0.1)  # cut at 2.5 sigma


def test_the_image_is_its_numpy_twin():
    rng = np.random.default_rng(1)
    light = rng.uniform(0, 1.2, (3, 90, 110)).astype(np.float32)
    camera = exposure(1.0, (2.0, 1.0, 3.0), 230.0)
    level = 230 * blur(light.astype(float), gaussian_taps(1.0)).transpose(1, 2, 0)
    grain = noise((90, 110), 77, *noise_cubic()) * [2.0, 1.0, 3.0]
    for ours, wanted in (
        (camera.image(PLANES.padded(light), None), as_bytes(level)),
        (camera.image(PLANES.padded(light), 77), as_bytes(level + grain)),
    ):
        apart = np.abs(ours.astype(int) - wanted)
        assert apart.max() <= 1
        assert (apart > 0).mean() < 1e-3  # rounding at a half, in float32


def test_rounding_is_half_up_and_held_to_a_byte():
    camera = exposure(0.0, gain=1.0)
    light = np.tile(np.array([[[-3.0, 0.49, 0.5, 1.5, 254.5, 254.49, 255.4, 900.0]]], np.float32), (3, 90, 14))[..., :110]
    assert camera.image(PLANES.padded(light), None)[0, :8, 0].tolist() == [0, 0, 1, 2, 255, 254, 255, 255]


def test_noise_has_the_stated_mean_and_spread_and_no_memory():
    std = (3.25, 1.65, 2.8)
    camera = exposure(0.0, std, gain=1.0)
    grey = PLANES.padded(np.full((3, 90, 110), 127.0))
    frames = np.stack([camera.image(grey, noise_key(5, f)) for f in range(12)]).astype(float) - 127
    values = frames.reshape(-1, 3)
    assert np.abs(values.mean(0)).max() < 0.05
    rounding = 1 / 12
    np.testing.assert_allclose(np.sqrt(values.var(0) - rounding), std, rtol=0.02)
    flat = (values / values.std(0)).T
    assert np.abs(np.corrcoef(flat) - np.eye(3)).max() < 0.02  # between channels
    assert abs(np.mean(frames[0] * frames[1]) / np.prod(frames[:2].std(axis=(1, 2, 3)))) < 0.03  # between frames
    assert abs(np.mean(frames[:, :, 1:] * frames[:, :, :-1]) / frames.var()) < 0.02  # between neighbours


def test_noise_follows_its_key():
    assert noise_key(1, 2) == noise_key(1, 2)
    assert len({noise_key(s, f) for s in range(20) for f in range(20)}) == 400


def test_the_bytes_of_a_hash_are_normal_to_the_fourth_moment():
    a, b = noise_cubic()
    four = np.random.default_rng(0).integers(0, 256, (4, 2_000_000)).sum(0) - 510.0
    q = a * four + b * four**3
    assert [q.mean(), q.var(), (q**3).mean(), (q**4).mean()] == pytest.approx([0, 1, 0, 3], abs=0.02)


def test_noise_of_channels_and_rows_is_as_independent_as_normal_numbers():
    n = np.stack([noise((60, 320), noise_key(0, f), *noise_cubic()) for f in range(30)])
    values = n.reshape(-1, 3)
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 5e-3
    assert np.abs(np.corrcoef((values**2).T) - np.eye(3)).max() < 5e-3
    assert abs(np.mean(n[:, 1:] * n[:, :-1])) < 5e-3
    assert np.mean(values**4) == pytest.approx(3, abs=0.05)
