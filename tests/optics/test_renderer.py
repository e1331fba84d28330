import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics import OpticsConfig, Renderer
from simtouch.optics.blemishes import surface_gain
from simtouch.sensors import SENSORS, Light
from simtouch.sensors.blemishes import Blemishes
from simtouch.sensors.numbers import Numbers
from tests.optics.hand_set import hand_set
from tests.optics.presses import press_m
from tests.optics.tables import by_lamps, calibrated, picture_background, plain_table

CLEAN = OpticsConfig(noise=False)
HASH = """
import hashlib, sys
from simtouch.optics import Renderer
from simtouch.sensors import SENSORS
from tests.optics.presses import press_m
from tests.optics.tables import by_lamps, calibrated
for name, kind in (("digit", by_lamps), ("gelsight_mini_markers", by_lamps), ("digit", calibrated), ("gelsight_mini_markers", calibrated)):
    spec = kind(SENSORS[name])
    print(hashlib.sha256(Renderer(spec).render(press_m(spec), seed=3, frame_index=4).tobytes()).hexdigest())
"""


def small(spec):
    """The same sensor with a quarter of the pixels."""
    H, W = spec.image_shape
    camera = replace(spec.camera, image_shape=(H // 4, W // 4), pixel_pitch_m=4 * spec.camera.pixel_pitch_m)
    return replace(spec, camera=camera, gel=replace(spec.gel, grid_shape=(H // 16, W // 16)))


@pytest.fixture(scope="module", params=SENSORS)
def renderer(request):
    return Renderer(by_lamps(SENSORS[request.param]))


def test_the_resting_gel_shows_the_background(renderer):
    shape = renderer.spec.image_shape
    for shear in (None, np.zeros((*renderer.spec.gel.grid_shape, 2))):
        assert np.array_equal(renderer.render_clean(np.zeros(shape), shear), renderer.background)
    assert renderer.background.shape == (*shape, 3)
    assert renderer.background.dtype == np.uint8


def test_a_gel_that_is_flat_to_the_eye_shows_the_background(renderer):
    """The bound (2) holds: just above it nothing is skipped, and the light is still the same to a fiftieth of a level."""
    rng, shape = np.random.default_rng(0), renderer.spec.image_shape
    height = renderer._lamps.unseen_m * rng.uniform(-1, 1, shape).astype(np.float32)
    assert np.array_equal(renderer.render_clean(height), renderer.background)
    changed = renderer._lamps.light(height * np.float32(1.05)) - renderer._rest_light
    assert 0 < 255 * np.abs(renderer._planes.inner(changed)).max() < 0.022


def test_a_press_changes_the_picture_and_leaves_no_trace(renderer):
    pressed = renderer.render_clean(press_m(renderer.spec))
    assert np.abs(pressed.astype(int) - renderer.background).max() > 30
    assert np.array_equal(renderer.render_clean(np.zeros(renderer.spec.image_shape)), renderer.background)


def test_a_background_has_light_and_shade_but_does_not_clip(renderer):
    # The darkest tenth of a dotted gel are dots.
    assert 50 < renderer.background.mean() < 180
    assert (renderer.background == 255).mean() < 0.05


def test_equal_keys_give_equal_bytes_and_others_differ(renderer):
    height = press_m(renderer.spec)
    first = renderer.render(height, seed=1, frame_index=2)
    assert np.array_equal(first, renderer.render(height, seed=1, frame_index=2))
    assert np.array_equal(first, Renderer(renderer.spec).render(height, seed=1, frame_index=2))
    for key in ({"seed": 2, "frame_index": 2}, {"seed": 1, "frame_index": 3}):
        assert not np.array_equal(first, renderer.render(height, **key))


def test_bad_input_is_refused(renderer):
    H, W = renderer.spec.image_shape
    with pytest.raises(ShapeError, match="height_m"):
        renderer.render(np.zeros((W + 1, H)))
    with pytest.raises(ShapeError, match="shear_m"):
        renderer.render(np.zeros((H, W)), np.zeros((H, W, 2)))
    with pytest.raises(ArgumentError, match="finite"):
        renderer.render(np.full((H, W), np.nan))
    with pytest.raises(ArgumentError, match="`response` is table, but the sensor"):
        Renderer(renderer.spec, OpticsConfig(response="table"))
    with pytest.raises(ArgumentError, match="auto, table or lights"):
        Renderer(renderer.spec, OpticsConfig(response="network"))
    with pytest.raises(ShapeError, match="touched"):
        Renderer(calibrated(renderer.spec)).render(np.zeros((H, W)), touched=np.zeros((H, W + 1), bool))


@pytest.mark.parametrize("background", ["cosines", "picture", "none"])
@pytest.mark.parametrize("more", [{}, {"shadows": True}, {"response": "lights"}], ids=["table", "shadows", "lights"])
@pytest.mark.parametrize("name", SENSORS)
def test_a_calibrated_sensor_shows_its_background_at_rest(name, more, background):
    spec = calibrated(SENSORS[name], background=background)
    renderer = Renderer(spec, replace(CLEAN, **more))
    still = np.zeros(spec.image_shape, np.float32)
    for shear in (None, np.zeros((*spec.gel.grid_shape, 3))):
        for touched in (None, still > 1):
            assert np.array_equal(renderer.render(still, shear, touched=touched), renderer.background)
    if spec.background is not None and spec.markers is None and spec.blemishes is None:
        given = np.floor(spec.background.levels(spec.image_shape) + 0.5)
        apart = np.abs(renderer.background - given.astype(int))
        assert apart.max() <= (background == "cosines" and "response" in more)  # a sum in float32, rounded at a half
        assert (apart > 0).mean() < 1e-3
    assert np.abs(renderer.render(press_m(spec)).astype(int) - renderer.background).max() > 30


def test_dots_are_printed_on_a_given_picture():
    spec = calibrated(SENSORS["gelsight_mini_markers"], background="picture")
    with_dots, without = Renderer(spec, CLEAN).background, Renderer(replace(spec, markers=None), CLEAN).background
    share = with_dots.astype(float) / without
    assert share.min() == pytest.approx(min(spec.markers.ink), abs=0.03)
    assert (with_dots == without).mean() > 0.5
    shear = np.zeros((*spec.gel.grid_shape, 2), np.float32)
    shear[..., 0] = 8 * spec.camera.pixel_pitch_m
    moved = Renderer(spec, CLEAN).render(np.zeros(spec.image_shape), shear) / without
    np.testing.assert_allclose(moved[20:-20, 30:-20], share[20:-20, 22:-28], atol=0.02)


def test_auto_takes_the_table_and_lights_does_not():
    spec = calibrated(SENSORS["digit"], table=plain_table(*[lambda x, y: 80 * x] * 3))
    height = press_m(spec, centre_m=(0, 0))
    auto, lights = (Renderer(spec, replace(CLEAN, response=r)).render(height) for r in ("auto", "lights"))
    assert np.array_equal(auto, Renderer(spec, replace(CLEAN, response="table")).render(height))
    change = auto - np.floor(spec.background.levels(spec.image_shape) + 0.5)
    assert np.abs(np.ptp(change, axis=2)).max() <= 1  # grey
    assert change[160, 140].mean() > 15
    assert change[160, 100].mean() < -15
    assert np.ptp(lights.astype(float) - Renderer(spec, CLEAN).background, axis=2).max() > 30


def test_lamps_change_a_given_background_by_what_they_change_their_own():
    spec = by_lamps(small(SENSORS["digit"]))
    level = np.full((*spec.image_shape, 3), 100.0)
    given = replace(spec, background=replace(picture_background(spec.image_shape), picture=Numbers(level)))
    height = press_m(spec)
    own, other = Renderer(spec, CLEAN), Renderer(given, CLEAN)
    change = own.render(height).astype(int) - own.background
    seen = (own.background > 0) & (own.render(height) > 0) & (own.render(height) < 255) & (np.abs(change) < 95)
    assert seen.mean() > 0.5
    assert np.abs(change - (other.render(height).astype(int) - 100))[seen].max() <= 1


def test_shadows_only_darken_the_table_and_only_where_they_fall():
    spec = calibrated(hand_set("digit"), table=plain_table(*[lambda x, y: 0 * x] * 3))
    height = press_m(spec)
    rest, seen = (
        Renderer(spec, CLEAN).background.astype(int),
        Renderer(spec, replace(CLEAN, shadows=True)).render(height).astype(int),
    )
    assert (seen <= rest).all()
    assert (rest - seen).max() > 10
    assert (seen == rest).mean() > 0.2
    lamps = Renderer(by_lamps(spec), CLEAN)
    free = Renderer(by_lamps(spec), replace(CLEAN, shadows=False)).render(height).astype(int)
    shadowed = free - lamps.render(height) > 4
    assert shadowed.sum() > 60
    assert ((rest - seen)[shadowed] >= 2).mean() > 0.9


def test_marks_and_drift_scale_the_light():
    spec = calibrated(SENSORS["gelsight_mini"])
    marked = replace(spec, blemishes=Blemishes(dust=12, dust_radius_m=0.2e-3, dust_loss=0.6))
    for pair in ((spec, marked), (by_lamps(spec), by_lamps(marked))):
        clean, dusty = (Renderer(one, CLEAN).background.astype(float) for one in pair)
        gain = surface_gain(marked)
        assert gain.min() < 0.8
        bright = clean > 40
        tolerance = 0.02 if pair[0].response else 0.1  # before the lens there, behind it here
        assert np.abs(dusty / clean - gain[..., None])[bright].max() < tolerance
    drifting = replace(spec, camera=replace(spec.camera, exposure_drift=0.1, noise_std=(0.0, 0.0, 0.0)))
    for one in (drifting, by_lamps(drifting)):
        renderer, still = Renderer(one), np.zeros(one.image_shape)
        mean = renderer.background.mean()
        factors = np.array([renderer.render(still, seed=1, frame_index=k).mean() / mean for k in range(60)])
        assert factors.std() == pytest.approx(0.1, rel=0.35)
        assert factors.mean() == pytest.approx(1, abs=0.05)
        assert np.array_equal(renderer.render_clean(still), renderer.background)
        assert np.array_equal(renderer.render(still, seed=1, frame_index=3), Renderer(one).render(still, seed=1, frame_index=3))


position = st.tuples(st.floats(-30e-3, 30e-3), st.floats(-30e-3, 30e-3), st.floats(-20e-3, -1e-3))
color = st.tuples(*[st.floats(0, 2)] * 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.builds(Light, position_m=position, color=color, falloff=st.floats(0, 2)), min_size=3, max_size=4))
def test_any_lamps_give_the_background_at_rest(lights):
    spec = replace(small(by_lamps(SENSORS["digit"])), lights=tuple(lights))
    renderer = Renderer(spec, CLEAN)
    assert np.array_equal(renderer.render(np.zeros(spec.image_shape)), renderer.background)
    assert renderer.render(press_m(spec)).shape == (*spec.image_shape, 3)


def test_a_mirrored_press_under_mirrored_lamps_is_the_mirrored_picture():
    spec = by_lamps(SENSORS["digit"])
    spec = replace(spec, coating=replace(spec.coating, unevenness=0.0))
    lamps = tuple(
        replace(lamp, position_m=(-lamp.position_m[0], *lamp.position_m[1:]), aim_m=(-lamp.aim_m[0], lamp.aim_m[1]))
        for lamp in spec.lights
    )
    height = press_m(spec, centre_m=(1.5e-3, 2e-3))
    ours = Renderer(spec, CLEAN).render(height)
    mirrored = Renderer(replace(spec, lights=lamps), CLEAN).render(height[:, ::-1])
    apart = np.abs(ours.astype(int) - mirrored[:, ::-1])
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01


def test_switches_switch():
    spec = by_lamps(SENSORS["digit"])
    height = press_m(spec)
    full = Renderer(spec, CLEAN).render(height)
    for off in ("shadows", "blur"):
        assert not np.array_equal(full, Renderer(spec, replace(CLEAN, **{off: False})).render(height))


def test_a_press_on_a_digit_is_red_on_its_right_and_green_on_its_left():
    spec = by_lamps(SENSORS["digit"])
    change = Renderer(spec, CLEAN).render(press_m(spec, centre_m=(0, 0))).astype(int) - Renderer(spec).background
    flank = round(1.2e-3 / spec.camera.pixel_pitch_m)
    right, left, below = change[160, 120 + flank], change[160, 120 - flank], change[160 + flank, 120]
    assert right.argmax() == 0
    assert left.argmax() == 1
    assert below.argmax() == 2
    above = change[160 - 3 * flank, 120]
    assert above.argmin() == 2  # the shadow of the blue lamp, yellow


def test_one_and_two_threads_give_the_same_bytes(repository):
    def digest(threads: str) -> str:
        env = os.environ | {"SIMTOUCH_TI_THREADS": threads, "PYTHONPATH": str(repository)}
        done = subprocess.run([sys.executable, "-c", HASH], env=env, cwd=repository, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-4:]

    assert digest("1") == digest("2")
