"""A sensor with a smaller image: the same gel and light, fewer pixels."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch import TactileSimulator, indenters, sensors
from simtouch._checks import ArgumentError
from simtouch.geometry.pose import pose
from simtouch.optics import OpticsConfig
from simtouch.sensors.background import Background
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.sizes import shrink

QUIET = OpticsConfig(noise=False)


def test_a_small_sensor_sees_the_same_gel():
    small = shrink(sensors.DIGIT, 2)
    assert small.image_shape == (160, 120)
    assert small.image_shape[0] * small.camera.pixel_pitch_m == pytest.approx(320 * sensors.DIGIT.camera.pixel_pitch_m)
    assert small.gel.grid_shape == sensors.DIGIT.gel.grid_shape
    assert small.gel_grid.spacing_m == pytest.approx(sensors.DIGIT.gel_grid.spacing_m)
    assert shrink(sensors.DIGIT, 1) == sensors.DIGIT


def test_a_small_picture_is_the_large_one_averaged():
    frames = []
    for factor in (1, 2):
        sim = TactileSimulator(shrink(sensors.DIGIT, factor), optics=QUIET)
        sim.reset(indenters.sphere(radius_m=4e-3))
        frames.append(sim.step(pose((0, 0, 3.5e-3))))
    large, small = (frame.image.astype(float) for frame in frames)
    averaged = large.reshape(160, 2, 120, 2, 3).mean((1, 3))
    assert np.abs(averaged - small).mean() < 0.6
    assert frames[1].normal_force_n == pytest.approx(frames[0].normal_force_n, rel=5e-3)


def test_the_average_of_pixels_is_quieter():
    small = shrink(sensors.DIGIT, 2)
    assert np.allclose(np.array(small.camera.noise_std) * 2, sensors.DIGIT.camera.noise_std)
    assert small.camera.blur_px == pytest.approx(sensors.DIGIT.camera.blur_px / 2)


def test_a_measured_background_is_averaged_too():
    picture = np.random.default_rng(0).uniform(0, 255, (320, 240, 3))
    unit = replace(sensors.DIGIT, background=Background(picture=Numbers(picture)))
    shown = shrink(unit, 2).background.picture.array
    assert shown == pytest.approx(picture.reshape(160, 2, 120, 2, 3).mean((1, 3)), abs=1e-3)


def test_cells_are_chosen_along_the_longer_side():
    assert shrink(sensors.DIGIT, 2, cells=40).gel.grid_shape == (40, 30)
    assert shrink(sensors.GELSIGHT_MINI, 2, cells=80).gel.grid_shape == (60, 80)
    with pytest.raises(ArgumentError, match="must be one of 4, 8, 16, 20, 40, 80"):
        shrink(sensors.DIGIT, 2, cells=50)
    with pytest.raises(ArgumentError, match="whole number that divides"):
        shrink(sensors.DIGIT, 7)
