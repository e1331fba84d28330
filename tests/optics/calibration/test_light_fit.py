"""Lamps are known here: presses are drawn by our own renderer, and the fitted lamps must draw them again."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics.calibration import light_model
from simtouch.optics.calibration.light_fit import fit_lights
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.importers.data_pack import read_data_pack
from simtouch.optics.lights import light_field, vignetting
from simtouch.optics.planes import Planes
from simtouch.optics.renderer import OpticsConfig, Renderer
from simtouch.optics.response import Response
from tests.optics.hand_set import hand_set
from tests.real import taxim_file

GELSIGHT_2017, GELSIGHT_MINI = hand_set("gelsight_2017"), hand_set("gelsight_mini")

PITCH = 0.12e-3
BALL = 3e-3
FLAT = (np.inf, np.inf)


def small(dome=FLAT):
    """A GelSight Mini of 120 x 160 pixels with three of its lamps."""
    camera = replace(GELSIGHT_MINI.camera, image_shape=(120, 160), pixel_pitch_m=PITCH, blur_px=0.5)
    coating = replace(GELSIGHT_MINI.coating, unevenness=0.0)
    gel = replace(GELSIGHT_MINI.gel, dome_radius_m=dome, grid_shape=(30, 40))
    return replace(GELSIGHT_MINI, camera=camera, coating=coating, gel=gel, lights=GELSIGHT_MINI.lights[:3])


def circles(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(30, 130, count), rng.uniform(30, 90, count), 12 + 3 * (np.arange(count) % 3)])


def drawn(spec, at, *, rest=None) -> PressSet:
    """Presses of a ball at these circles, drawn with `spec`."""
    renderer = Renderer(spec, OpticsConfig(noise=False))
    blank = np.zeros((len(at), *spec.image_shape, 3), np.uint8)
    presses = PressSet(images=blank, rest=renderer.background, ball_radius_m=BALL, pixel_pitch_m=PITCH, circles_px=at)
    flat = np.zeros(spec.image_shape)
    heights = light_model.press_surfaces(presses, spec, flat)
    images = np.stack([renderer.render_clean(height * np.float32(PITCH)) for height in heights])
    return replace(presses, images=images)


def errors(spec, presses: PressSet) -> tuple[float, float]:
    """Mean error of the difference images in the contacts and in the whole pictures [grey levels]."""
    ours = drawn(spec, presses.circles_px)
    off = np.abs((ours.images.astype(int) - ours.rest) - (presses.images.astype(int) - presses.rest))
    y, x = np.mgrid[0 : presses.image_shape[0], 0 : presses.image_shape[1]]
    touched = [np.hypot(x - cx, y - cy) < r for cx, cy, r in presses.circles_px]
    return float(np.mean([o[t].mean() for o, t in zip(off, touched, strict=True)])), float(off.mean())


@pytest.mark.parametrize("dome", [FLAT, (60e-3, 40e-3)])
def test_the_model_is_the_light_of_the_renderer(dome):
    spec = small(dome)
    planes, at = Planes(*spec.image_shape), light_model.view(spec)
    field, gain = light_field(spec, planes), 255 * vignetting(spec.image_shape, spec.camera.vignetting)
    response, everywhere = Response(field, planes), np.ones_like(field.strength)
    surface = at.rest_px + light_model.press_surfaces(drawn(spec, circles(1)), spec, np.zeros(spec.image_shape))[0]
    seen = []
    for each in (surface, at.rest_px):
        plane = planes.padded(each)
        planes.extend_linearly(plane)
        seen.append(planes.inner(response.light(plane, everywhere)).astype(float) * gain)
    pixel = np.random.default_rng(0).integers(1, 119, (2, 2000))
    s = light_model.samples_at(at, 0, pixel, surface, np.zeros((2000, 3)))
    shared = np.array([spec.coating.specular, np.log(spec.coating.shininess), np.log(spec.coating.softness)])
    ours = np.zeros((2, 2000, 3)) + s.gain[:, None] * np.array(spec.coating.ambient)
    for light in spec.lights:
        numbers = light_model.lamp_numbers(light, spec, at.half_px)
        ours += light_model.light_of(numbers, shared, s)[..., None] * np.array(light.color)
        again = light_model.lamp_of(numbers, np.array(light.color), spec, at.half_px)
        np.testing.assert_allclose(again.position_m, light.position_m, atol=1e-9)
    for image, known in zip(ours, seen, strict=True):
        np.testing.assert_allclose(image, known[:, pixel[0], pixel[1]].T, atol=0.02)


@pytest.fixture(scope="module")
def fitted():
    true = small()
    others = tuple(replace(light, position_m=(p[1], p[0], -8e-3)) for light in true.lights for p in [light.position_m])
    start = replace(
        true, lights=others, coating=replace(true.coating, specular=0.2, softness=0.3, shadow_depth=0.0, ambient=(0, 0, 0))
    )
    return true, start, fit_lights(drawn(true, circles(9)), start, starts=2, pixels=200)


def test_fitted_lamps_draw_presses_they_never_saw(fitted):
    true, start, spec = fitted
    unseen = drawn(true, circles(3, seed=9))
    contact, whole = errors(spec, unseen)
    before, _ = errors(start, unseen)
    assert before > 10
    assert contact < 1.5
    assert whole < 0.7


def test_fitted_lamps_light_the_resting_gel(fitted):
    true, _, spec = fitted
    ours, wanted = (Renderer(s).background.astype(int) for s in (spec, true))
    assert np.abs(ours - wanted).mean() < 2.0


def test_fitted_numbers_are_physical_and_say_where_they_come_from(fitted):
    _, start, spec = fitted
    assert all(min(light.color) >= 0 and light.position_m[2] < 0 for light in spec.lights)
    assert min(spec.coating.ambient) >= 0
    assert spec.gel == start.gel
    assert spec.camera == start.camera
    assert "9 ball presses" in spec.sources["lights"]


def test_a_fit_repeats():
    presses = drawn(small(), circles(3))
    first, second = (fit_lights(presses, small(), lamps=2, starts=1, pixels=60) for _ in range(2))
    assert first == second
    assert len(first.lights) <= 2


def test_presses_of_another_sensor_are_refused():
    presses = drawn(small(), circles(2))
    with pytest.raises(ArgumentError, match="circles"):
        fit_lights(replace(presses, circles_px=None), small())
    with pytest.raises(ArgumentError, match="pixel pitch"):
        fit_lights(replace(presses, pixel_pitch_m=0.9 * PITCH), small())
    with pytest.raises(ArgumentError, match="image shape"):
        fit_lights(presses, GELSIGHT_MINI)
    with pytest.raises(ArgumentError, match="lamps"):
        fit_lights(presses, small(), lamps=0)


@pytest.mark.slow
def test_real_presses_are_explained_better_than_by_hand_set_lamps_or_by_nothing():
    """GelSight of the `taxim` wheel: fitted on every third training press, shown on the test presses."""
    presses = read_data_pack(taxim_file("gelsight/dataPack.npz"), ball_radius_m=2e-3, pixel_pitch_m=0.0295e-3)
    train, test = presses.split()
    gel = replace(GELSIGHT_2017.gel, dome_radius_m=FLAT)
    by_hand = replace(GELSIGHT_2017, gel=gel, markers=None)
    fitted = fit_lights(train.pick(range(0, len(train), 3)), by_hand, lamps=3, starts=2, pixels=300)
    off = []
    for spec in (by_hand, fitted, None):
        heights = light_model.press_surfaces(test, by_hand, np.zeros(by_hand.image_shape))
        renderer = Renderer(spec, OpticsConfig(noise=False)) if spec else None
        off.append([])
        for k, (x, y, r) in enumerate(test.circles_px):
            away = np.hypot(np.arange(640)[None] - x, np.arange(480)[:, None] - y)
            seen = test.images[k].astype(float) - test.rest
            seen -= np.median(seen[away > 3 * r], axis=0)
            drawn = renderer.render_clean(heights[k] * np.float32(0.0295e-3)).astype(float) - renderer.background if spec else 0.0
            off[-1].append(np.abs(seen - drawn)[away < r].mean())
    hand, ours, nothing = (np.mean(o) for o in off)
    assert ours < 10 < nothing
    assert ours < hand / 2
