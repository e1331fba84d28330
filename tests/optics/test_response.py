import numpy as np
import pytest

from simtouch.optics.lights import light_field, unevenness, vignetting
from simtouch.optics.planes import Planes
from simtouch.optics.response import Response
from simtouch.sensors import SENSORS
from tests.optics.presses import press_m
from tests.reference.response import light, soft_positive


@pytest.mark.parametrize("name", SENSORS)
def test_the_response_is_its_numpy_twin(name):
    spec = SENSORS[name]
    planes = Planes(*spec.image_shape)
    field = light_field(spec, planes)
    surface = planes.inner(field.rest_px[0]) + press_m(spec) / spec.camera.pixel_pitch_m
    lit = np.random.default_rng(0).uniform(0, 1, (len(spec.lights), *spec.image_shape)).astype(np.float32)
    plane = planes.padded(surface)
    planes.extend_linearly(plane)
    ours = planes.inner(Response(field, planes).light(plane, planes.padded(lit)))
    rest, strength = planes.inner(field.rest_px[0]).astype(float), planes.inner(field.strength)
    tail = (field.places_px, field.colors, field.coating, field.shininess)
    wanted = light(surface.astype(float), rest, lit, strength, *tail)
    np.testing.assert_allclose(ours, wanted, atol=3e-5)


def test_the_soft_foot_joins_lamberts_law():
    assert soft_positive(np.array([-0.2, -0.1, 0.0, 0.1, 0.5]), 0.1).tolist() == pytest.approx([0, 0, 0.025, 0.1, 0.5])


def test_a_lamp_is_as_strong_as_stated_at_the_apex():
    for spec in SENSORS.values():
        H, W = spec.image_shape
        field = light_field(spec, Planes(H, W))
        at_apex = Planes(H, W).inner(field.strength)[:, H // 2, W // 2]
        for light_, strength in zip(spec.lights, at_apex, strict=True):
            offset = np.array(light_.aim_m) / light_.spread_m
            assert strength == pytest.approx(np.exp(-0.5 * offset @ offset), rel=0.02 + 3 * spec.coating.unevenness)


def test_unevenness_is_smooth_and_repeats():
    field = unevenness((120, 160), 0.1, (3, 1))
    assert np.array_equal(field, unevenness((120, 160), 0.1, (3, 1)))
    assert np.abs(np.diff(field, axis=1)).max() < 0.02
    assert (unevenness((8, 8), 0.0, (0,)) == 1).all()


def test_vignetting_takes_the_stated_share_from_the_corners():
    field = vignetting((121, 161), 0.3)
    assert field[60, 80] == pytest.approx(1)
    assert field[0, 0] == pytest.approx(0.7)
