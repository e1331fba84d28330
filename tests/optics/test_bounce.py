import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.bounce import Bounce
from simtouch.optics.lights import light_field
from simtouch.optics.planes import Planes
from simtouch.optics.response import Response
from simtouch.sensors import SENSORS
from tests.optics.presses import hertz_px, press_m
from tests.reference import bounce as twin


def bounced(surface, light, albedo=0.5) -> np.ndarray:
    """What the bounce adds, shape (3, H, W)."""
    planes = Planes(*surface.shape)
    plane, before = planes.padded(surface), planes.padded(light)
    planes.extend_linearly(plane)
    after = before.copy()
    Bounce(planes, albedo=albedo).add(plane, after)
    return planes.inner(after).astype(float) - planes.inner(before)


def white(shape) -> np.ndarray:
    return np.ones((3, *shape), np.float32)


@pytest.mark.parametrize("shape", [(96, 128), (100, 70), (41, 33)])
def test_the_bounce_is_its_numpy_twin(shape):
    rng = np.random.default_rng(4)
    surface = hertz_px(shape, 25.0, 12.0, (30, 22)) + rng.normal(0, 0.1, shape).astype(np.float32)
    light = rng.uniform(0, 1, (3, *shape)).astype(np.float32)
    wanted = twin.bounce(surface.astype(float), light.astype(float), 0.7)
    assert wanted.max() > 2e-3
    np.testing.assert_allclose(bounced(surface, light, 0.7), wanted, atol=2e-6)


def test_planes_send_themselves_nothing():
    y, x = np.mgrid[0:96, 0:128]
    assert not bounced(np.zeros((96, 128), np.float32), white((96, 128))).any()
    assert np.abs(bounced((0.5 * x - 0.25 * y).astype(np.float32), white((96, 128)))).max() < 1e-6


def test_a_bump_towards_the_camera_lights_the_gel_around_it_not_itself():
    y, x = np.mgrid[0:160, 0:160]
    bump = -np.sqrt(np.maximum(40.0**2 - (x - 79.5) ** 2 - (y - 79.5) ** 2, 0)).astype(np.float32)
    added = bounced(bump, white(bump.shape))[0]
    assert added[80, 80] < 1e-6
    assert added[80, 128] > 0.02
    assert added[80, 128] > added[80, 144] > added[80, 158] > 0


def test_a_hemispherical_cavity_is_an_integrating_sphere():
    """Inside a sphere of radius R every form factor is 1 / (4 pi R^2), so a cap of depth d sends d / 2 R to each of its points."""
    R, depth = 400.0, 160.0
    y, x = np.mgrid[0:704, 0:704]
    square = (x - 351.5) ** 2 + (y - 351.5) ** 2
    cap = np.maximum(np.sqrt(np.maximum(R**2 - square, 0)) - (R - depth), 0).astype(np.float32)
    added = bounced(cap, white(cap.shape))[0][square < 240**2] / 0.5
    np.testing.assert_allclose(added, depth / (2 * R), rtol=0.04)


@pytest.mark.parametrize("turned", [False, True])
def test_a_groove_shines_into_itself_by_crossed_strings(turned):
    """A strip at x from the edge sees the other wall, b wide at angle phi, with (1 - (x - b cos phi) / s) / 2, s^2 = x^2 + b^2 -
    2 x b cos phi."""
    slope, width, length = 0.6, 100, 1600
    groove = (slope * (width - np.abs(np.arange(2 * width) - (width - 0.5)))).astype(np.float32)
    surface = np.tile(groove, (length, 1))
    added = bounced(np.ascontiguousarray(surface.T) if turned else surface, white(surface.T.shape if turned else surface.shape))[
        0
    ]
    middle = (added.T if turned else added)[length // 2] / 0.5
    away = np.abs(np.arange(2 * width) - (width - 0.5)) * np.hypot(1, slope)
    b, cos = width * np.hypot(1, slope), np.cos(np.pi - 2 * np.arctan(slope))
    wanted = (1 - (away - b * cos) / np.sqrt(away**2 + b**2 - 2 * away * b * cos)) / 2
    inside = (away > 20) & (away < 0.95 * b)
    np.testing.assert_allclose(middle[inside], wanted[inside], rtol=0.06)


def test_form_factors_are_reciprocal():
    """Equal areas that see each other exchange equal shares."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:96, 0:96]
    surface = 12 * np.sin(x / 9.0) * np.cos(y / 11.0) + rng.normal(0, 0.05, x.shape)
    places, areas, _ = (a.reshape(-1, 3) for a in twin.patches(surface, white(surface.shape), 16))
    size = np.linalg.norm(areas, axis=1, keepdims=True)
    factors = twin.form_factors(places, areas / size, places, areas)
    assert factors.max() > 0.01
    np.testing.assert_allclose(size * factors, (size * factors).T, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("steepness", [0.5, 2.0, 8.0])
def test_no_more_light_returns_than_was_sent(steepness):
    y, x = np.mgrid[0:160, 0:192]
    surface = (steepness * 20 * np.sin(x / 20.0) * np.sin(y / 20.0)).astype(np.float32)
    light = np.random.default_rng(1).uniform(0, 1, (3, *surface.shape)).astype(np.float32)
    added = bounced(surface, light, albedo=0.5)
    assert added.max() > 1e-3
    assert added.min() > -1e-7
    assert added.max() <= 0.5 * light.max()
    assert (added.sum((1, 2)) <= 0.5 * light.sum((1, 2))).all()


def test_the_bounce_is_linear_in_the_light_and_in_the_albedo():
    surface = hertz_px((96, 96), 30.0, 15.0, (40, 50))
    light = np.random.default_rng(2).uniform(0, 1, (3, 96, 96)).astype(np.float32)
    once = bounced(surface, light, 0.3)
    np.testing.assert_allclose(bounced(surface, 2 * light, 0.3), 2 * once, atol=1e-6)
    np.testing.assert_allclose(bounced(surface, light, 0.6), 2 * once, atol=1e-6)
    assert not bounced(surface, light, 0.0).any()


def test_a_turned_gel_has_a_turned_bounce():
    surface = hertz_px((128, 96), 30.0, 15.0, (40, 50))
    light = np.random.default_rng(3).uniform(0, 1, (3, 128, 96)).astype(np.float32)
    turned = bounced(np.rot90(surface), np.ascontiguousarray(np.rot90(light, axes=(1, 2))))
    np.testing.assert_allclose(turned, np.rot90(bounced(surface, light), axes=(1, 2)), atol=1e-6)


@pytest.mark.parametrize("name", SENSORS)
def test_the_resting_gel_bounces_the_same_every_time(name):
    spec = SENSORS[name]
    planes = Planes(*spec.image_shape)
    field = light_field(spec, planes)
    response, bounce = Response(field, planes), Bounce(planes)

    def light(surface):
        plane = planes.padded(surface)
        planes.extend_linearly(plane)
        out = response.light(plane, np.ones_like(field.strength))
        bounce.add(plane, out)
        return planes.inner(out).copy()

    rest = planes.inner(field.rest_px[0])
    first = light(rest)
    pressed = light(rest + press_m(spec) / np.float32(spec.camera.pixel_pitch_m))
    assert np.array_equal(first, light(rest))
    assert not np.array_equal(first, pressed)


def test_an_impossible_albedo_is_refused():
    with pytest.raises(ArgumentError, match="albedo"):
        Bounce(Planes(64, 64), albedo=1.2)
