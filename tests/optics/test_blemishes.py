from dataclasses import replace

import numpy as np
import pytest

from simtouch.optics.blemishes import surface_gain
from simtouch.sensors import SENSORS, Blemishes

WORN = Blemishes(dust=30, scratches=6, wear=-0.2, seed=4)


def marked(name: str, marks: Blemishes | None):
    return replace(SENSORS[name], blemishes=marks)


def coarse(spec):
    """The same view in a quarter of the pixels a side."""
    H, W = spec.image_shape
    camera = replace(spec.camera, image_shape=(H // 4, W // 4), pixel_pitch_m=4 * spec.camera.pixel_pitch_m)
    return replace(spec, camera=camera, gel=replace(spec.gel, grid_shape=(H // 8, W // 8)))


@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("marks", [None, Blemishes()])
def test_a_coating_without_marks_has_a_gain_of_exactly_one(name, marks):
    gain = surface_gain(marked(name, marks))
    assert gain.shape == SENSORS[name].image_shape
    assert gain.dtype == np.float32
    assert (gain == 1).all()


@pytest.mark.parametrize("name", SENSORS)
def test_equal_seeds_give_equal_marks_and_others_differ(name):
    gain = surface_gain(marked(name, WORN))
    assert (gain > 0).all()
    np.testing.assert_array_equal(gain, surface_gain(marked(name, WORN)))
    assert not np.array_equal(gain, surface_gain(marked(name, replace(WORN, seed=5))))


@pytest.mark.parametrize("kind", [{"dust": 25}, {"scratches": 5}, {"wear": 0.3}])
def test_a_coarse_camera_sees_the_same_marks(kind):
    """A coarse pixel shows the mean of the fine ones it covers: to the second order of (2), and exactly in the light lost."""
    spec = marked("gelsight_2017", Blemishes(seed=3, dust_radius_m=90e-6, scratch_width_m=90e-6, **kind))
    fine, few = surface_gain(spec), surface_gain(coarse(spec))
    H, W = few.shape
    mean = fine.reshape(H, 4, W, 4).mean((1, 3))
    assert 1 - fine.min() > 0.1 or fine.max() - 1 > 0.1  # there is something to see
    assert np.abs(mean - few).max() < 0.03
    assert (1 - few).sum() == pytest.approx((1 - mean).sum(), rel=0.03)


def test_one_speck_takes_the_light_of_its_spot():
    """The lost light is loss x 2 pi r^2, whatever the pixel; places, sizes and losses are those of the seed."""
    marks = Blemishes(dust=1, dust_radius_m=80e-6, dust_loss=1.0, seed=1)
    spec = marked("gelsight_2017", marks)
    lost = (1 - surface_gain(spec).astype(float)).sum() * spec.camera.pixel_pitch_m**2
    factor = lost / (2 * np.pi * marks.dust_radius_m**2)
    assert 0.3 * 0.5**2 < factor < 2**2
    twice = marked("gelsight_2017", replace(marks, dust_loss=0.5))
    assert (1 - surface_gain(twice).astype(float)).sum() * spec.camera.pixel_pitch_m**2 == pytest.approx(lost / 2, rel=1e-3)


def test_specks_darken_and_scratches_have_the_sign_of_their_gain():
    assert surface_gain(marked("digit", Blemishes(dust=20))).max() == 1
    assert surface_gain(marked("digit", Blemishes(scratches=5, scratch_gain=0.3))).min() == 1
    assert surface_gain(marked("digit", Blemishes(scratches=5, scratch_gain=-0.3))).max() == 1
    worn = surface_gain(marked("digit", Blemishes(wear=-0.3)))
    assert 0.69 < worn.min() < 0.9
