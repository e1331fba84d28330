import numpy as np
import pytest

from simtouch.optics.planes import Planes
from simtouch.optics.shadow import WIDE_PX, Shadows
from tests.optics.presses import hertz_px
from tests.reference import shadow as twin
from tests.reference.shadow import lit_share, occlusion_by_march, occlusion_by_sweep

SHAPE = (120, 160)
LAMPS = {
    "left": (-60.0, 60.0, -30.0),
    "right": (230.0, 40.0, -35.0),
    "above": (70.0, -80.0, -30.0),
    "below": (90.0, 190.0, -30.0),
    "corner": (-50.0, -45.0, -28.0),
    "opposite corner": (220.3, 170.7, -40.0),
    "over the image": (40.2, 30.7, -45.0),
    "over a pixel": (40.0, 30.0, -45.0),
}


def bumps(seed: int, scale: int = 1) -> np.ndarray:
    """Three smooth bumps towards the camera on an image of `scale` times SHAPE."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : SHAPE[0] * scale, 0 : SHAPE[1] * scale] / scale
    surface = np.zeros(y.shape)
    for _ in range(3):
        cx, cy, r = rng.uniform(30, 130), rng.uniform(25, 95), rng.uniform(8, 20)
        surface -= scale * rng.uniform(8, 16) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r**2)
    return surface.astype(np.float32)


def lit(surface, lamps, depth=1.0, penumbra_px=1e-3) -> np.ndarray:
    planes = Planes(*surface.shape)
    shadows = Shadows(np.array(lamps, np.float32), planes, depth=depth, penumbra_px=penumbra_px)
    return planes.inner(shadows.lit(planes.padded(surface))).copy()


@pytest.mark.parametrize("name", LAMPS)
def test_shadows_agree_with_an_exact_ray_march(name):
    x, y, z = LAMPS[name]
    surface, lamp = bumps(0, scale=2), (2 * x, 2 * y, 2 * z)
    ours, exact = lit(surface, [lamp])[0] < 0.5, occlusion_by_march(surface, lamp) > 0
    assert exact.sum() > 4000
    assert (ours & exact).sum() / (ours | exact).sum() >= 0.99
    assert (ours == exact).mean() >= 0.999


@pytest.mark.parametrize("name", LAMPS)
def test_the_sweep_is_its_numpy_twin(name):
    surface = bumps(7)
    wanted = lit_share(occlusion_by_sweep(surface, LAMPS[name]), 0.8, 2.0)
    np.testing.assert_allclose(lit(surface, [LAMPS[name]], 0.8, 2.0)[0], wanted, atol=2e-4)


@pytest.mark.parametrize("turns", range(4))
def test_a_step_casts_a_shadow_as_long_as_the_lamp_is_low(turns):
    surface = np.zeros((200, 200), np.float32)
    surface[:, 60:64] = -10.0
    far, height = 2000.0, -400.0
    lamp = np.array([-far, 99.5, height])
    for _ in range(turns):  # a quarter turn takes (x, y) to (y, W - 1 - x)
        surface, lamp = np.rot90(surface), np.array([lamp[1], 199 - lamp[0], lamp[2]])
    dark = np.rot90(lit(np.ascontiguousarray(surface), [lamp])[0] < 0.5, -turns)
    length = dark[100, 64:].sum()
    assert length == pytest.approx(10.0 * (far + 64) / (-height - 10), abs=1.01)
    assert not dark[:, :60].any()


def test_a_flat_gel_and_a_bowl_have_no_shadow():
    y, x = np.mgrid[0:120, 0:160]
    bowl = (-((x - 80) ** 2 + (y - 60) ** 2) / 4000).astype(np.float32)
    for surface in (np.zeros(SHAPE, np.float32), bowl):
        assert (lit(surface, [LAMPS["left"], LAMPS["corner"], LAMPS["over the image"]]) == 1).all()


def test_a_mirrored_gel_has_mirrored_shadows():
    surface, (x, y, z) = bumps(3), LAMPS["corner"]
    ours, mirrored = lit(surface, [(x, y, z)], 0.8, 2.0), lit(surface[:, ::-1], [(159 - x, y, z)], 0.8, 2.0)
    np.testing.assert_allclose(ours, mirrored[..., ::-1], atol=1e-3)


def test_a_frame_does_not_depend_on_the_one_before():
    planes = Planes(*SHAPE)
    shadows = Shadows(np.array([LAMPS["left"], LAMPS["over the image"]], np.float32), planes, depth=1.0, penumbra_px=1.0)
    first = shadows.lit(planes.padded(bumps(0))).copy()
    shadows.lit(planes.padded(bumps(1)))
    assert np.array_equal(first, shadows.lit(planes.padded(bumps(0))))


def test_the_penumbra_is_a_smooth_ramp_to_the_full_shadow():
    assert twin.lit_share(np.array([-1.0, 0.0, 1.0, 2.0, 9.0]), 0.8, 2.0).tolist() == pytest.approx([1, 1, 0.6, 0.2, 0.2])


def test_a_sphere_throws_its_shadow_away_from_the_lamp():
    surface = hertz_px(SHAPE, 60.0, 15.0, (80, 60))
    dark = lit(surface, [(80.0, 300.0, -60.0)])[0] < 0.5
    assert dark[:50, 70:90].any()
    assert not dark[70:].any()


@pytest.mark.parametrize("name", LAMPS)
def test_a_wide_penumbra_is_swept_at_half_the_resolution(name):
    x, y, z = LAMPS[name]
    surface, lamp, wide = bumps(0, scale=4), (4 * x, 4 * y, 4 * z), WIDE_PX
    planes = Planes(*surface.shape)
    assert Shadows(np.array([lamp], np.float32), planes, depth=0.8, penumbra_px=wide).halved
    ours = lit(surface, [lamp], 0.8, wide)[0]
    half = surface.reshape(240, 2, 320, 2).mean((1, 3)) / 2
    at = (lamp[0] - 0.5) / 2, (lamp[1] - 0.5) / 2, lamp[2] / 2
    swept = lit_share(occlusion_by_sweep(half, at), 0.8, wide / 2)
    np.testing.assert_allclose(ours, twin.enlarged(swept), atol=2e-4)
    dark, exact = swept < 1, occlusion_by_march(half, at) > 0
    assert (dark & exact).sum() / (dark | exact).sum() >= 0.99
    fine = lit_share(occlusion_by_sweep(surface, lamp), 0.8, wide)
    assert np.abs(ours - fine).mean() < 2e-3


def test_a_frame_at_half_resolution_does_not_depend_on_the_one_before():
    planes = Planes(240, 320)
    lamps = np.array([LAMPS["left"], LAMPS["over the image"], LAMPS["below"]], np.float32) * 2
    shadows = Shadows(lamps, planes, depth=1.0, penumbra_px=WIDE_PX)
    first = shadows.lit(planes.padded(bumps(0, scale=2))).copy()
    shadows.lit(planes.padded(bumps(1, scale=2)))
    assert np.array_equal(first, shadows.lit(planes.padded(bumps(0, scale=2))))
    assert (planes.inner(shadows.lit(planes.new(1))) == 1).all()
