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
from simtouch.sensors import SENSORS, Light
from tests.optics.presses import press_m

CLEAN = OpticsConfig(noise=False)
HASH = """
import hashlib, sys
from simtouch.optics import Renderer
from simtouch.sensors import SENSORS
from tests.optics.presses import press_m
for name in ("digit", "gelsight_mini_markers"):
    spec = SENSORS[name]
    print(hashlib.sha256(Renderer(spec).render(press_m(spec), seed=3, frame_index=4).tobytes()).hexdigest())
"""


def small(spec):
    """The same sensor with a quarter of the pixels."""
    H, W = spec.image_shape
    camera = replace(spec.camera, image_shape=(H // 4, W // 4), pixel_pitch_m=4 * spec.camera.pixel_pitch_m)
    return replace(spec, camera=camera, gel=replace(spec.gel, grid_shape=(H // 16, W // 16)))


@pytest.fixture(scope="module", params=SENSORS)
def renderer(request):
    return Renderer(SENSORS[request.param])


def test_the_resting_gel_shows_the_background(renderer):
    shape = renderer.spec.image_shape
    for shear in (None, np.zeros((*renderer.spec.gel.grid_shape, 2))):
        assert np.array_equal(renderer.render_clean(np.zeros(shape), shear), renderer.background)
    assert renderer.background.shape == (*shape, 3)
    assert renderer.background.dtype == np.uint8


def test_a_gel_that_is_flat_to_the_eye_shows_the_background(renderer):
    """The bound (2) holds: just above it nothing is skipped, and the light is still the same to a fiftieth of a level."""
    rng, shape = np.random.default_rng(0), renderer.spec.image_shape
    height = renderer._unseen_m * rng.uniform(-1, 1, shape).astype(np.float32)
    assert np.array_equal(renderer.render_clean(height), renderer.background)
    changed = renderer._light(height * np.float32(1.05), None) - renderer._rest_light
    assert 0 < 255 * np.abs(renderer._planes.inner(changed)).max() < 0.022


def test_a_press_changes_the_picture_and_leaves_no_trace(renderer):
    pressed = renderer.render_clean(press_m(renderer.spec))
    assert np.abs(pressed.astype(int) - renderer.background).max() > 40
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


position = st.tuples(st.floats(-30e-3, 30e-3), st.floats(-30e-3, 30e-3), st.floats(-20e-3, -1e-3))
color = st.tuples(*[st.floats(0, 2)] * 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.builds(Light, position_m=position, color=color, falloff=st.floats(0, 2)), min_size=3, max_size=4))
def test_any_lamps_give_the_background_at_rest(lights):
    spec = replace(small(SENSORS["digit"]), lights=tuple(lights))
    renderer = Renderer(spec, CLEAN)
    assert np.array_equal(renderer.render(np.zeros(spec.image_shape)), renderer.background)
    assert renderer.render(press_m(spec)).shape == (*spec.image_shape, 3)


def test_a_mirrored_press_under_mirrored_lamps_is_the_mirrored_picture():
    spec = SENSORS["digit"]
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
    spec = SENSORS["digit"]
    height = press_m(spec)
    full = Renderer(spec, CLEAN).render(height)
    for off in ("shadows", "blur"):
        assert not np.array_equal(full, Renderer(spec, replace(CLEAN, **{off: False})).render(height))


def test_a_press_on_a_digit_is_red_on_its_right_and_green_on_its_left():
    spec = SENSORS["digit"]
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
        return done.stdout.splitlines()[-2:]

    assert digest("1") == digest("2")
