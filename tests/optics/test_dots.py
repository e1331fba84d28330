from dataclasses import replace

import numpy as np
import pytest

from simtouch.gel.markers import marker_flow
from simtouch.optics import OpticsConfig, Renderer
from simtouch.optics.dots import Dots
from simtouch.optics.planes import Planes
from simtouch.sensors import SENSORS
from tests.optics.presses import press_m
from tests.reference.dots import covered_share, material_point, material_point_between_nodes

MARKED = replace(
    SENSORS["gelsight_mini_markers"],
    markers=replace(SENSORS["gelsight_mini_markers"].markers, rotation_rad=0.07, offset_m=(0.3e-3, -0.2e-3), ink=(0.2, 0.3, 0.4)),
)
PLANES = Planes(*MARKED.image_shape)
PITCH_M = MARKED.camera.pixel_pitch_m


def drawn(spec, displacement_m) -> np.ndarray:
    """How much ink is seen where, in [0, 1], shape (H, W)."""
    planes = Planes(*spec.image_shape)
    light = planes.padded(np.ones((3, *spec.image_shape)))
    Dots(spec, planes).print_on(light, displacement_m)
    return (1 - planes.inner(light)[0]) / (1 - spec.markers.ink[0])


def places_px(spec) -> np.ndarray:
    H, W = spec.image_shape
    return spec.markers.rest_m / spec.camera.pixel_pitch_m + [(W - 1) / 2, (H - 1) / 2]


def printed(spec, shear_px=None) -> np.ndarray:
    light = PLANES.padded(np.ones((3, *spec.image_shape)))
    shear = None if shear_px is None else (on_gel(shear_px) * PITCH_M).astype(np.float32)
    Dots(spec, PLANES).print_on(light, shear)
    return PLANES.inner(light)


def on_gel(shear_px) -> np.ndarray:
    """A shear of the pixels at the cells: means over each cell's four middle pixels."""
    return (shear_px[1::4, 1::4] + shear_px[1::4, 2::4] + shear_px[2::4, 1::4] + shear_px[2::4, 2::4]) / 4


def wavy_shear(scale: float) -> np.ndarray:
    """Of the pixels, shape (H, W, 2)."""
    y, x = np.mgrid[0:240, 0:320]
    return scale * np.stack([np.sin(x / 40) + y / 100, np.cos(y / 50) - x / 200], axis=-1)


def cover_px(x, y) -> np.ndarray:
    dots = MARKED.markers.rest_m / PITCH_M + (np.array([PLANES.cols, PLANES.rows]) - 1) / 2
    return covered_share(x, y, dots, MARKED.markers.diameter_m / PITCH_M / 2)


@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0, 20.0])
def test_dots_are_their_numpy_twin(scale):
    shear = wavy_shear(scale)
    cover = cover_px(*material_point_between_nodes(on_gel(shear), 4))
    wanted = 1 - cover * (1 - np.array(MARKED.markers.ink)[:, None, None])
    np.testing.assert_allclose(printed(MARKED, shear), wanted, atol=3e-3)


def test_straight_lines_between_cells_move_a_dot_by_less_than_a_fiftieth_of_a_pixel():
    shear = wavy_shear(1.0)
    fine, coarse = material_point(shear), material_point_between_nodes(on_gel(shear), 4)
    assert np.hypot(fine[0] - coarse[0], fine[1] - coarse[1]).max() < 0.02
    seen = (1 - printed(MARKED, shear)[0]) / (1 - MARKED.markers.ink[0])
    assert np.abs(seen - cover_px(*fine)).max() < 0.02


@pytest.mark.parametrize("name", ["gelsight_mini_markers", "gelsight_2017"])
def test_tiles_that_are_passed_over_have_no_dot(name):
    spec = SENSORS[name]
    planes, (h, w) = Planes(*spec.image_shape), spec.gel.grid_shape
    ratio, pitch = planes.rows // h, spec.camera.pixel_pitch_m
    y, x = np.mgrid[0:h, 0:w]
    bump = np.exp(-((x - 0.4 * w) ** 2 + (y - 0.5 * h) ** 2) / 60)[..., None]
    shear = 15 * bump * [0.8, -0.6]
    light = planes.padded(np.ones((3, *spec.image_shape)))
    Dots(spec, planes).print_on(light, (shear * pitch).astype(np.float32))
    dots = spec.markers.rest_m / pitch + (np.array([planes.cols, planes.rows]) - 1) / 2
    cover = covered_share(*material_point_between_nodes(shear, ratio), dots, spec.markers.diameter_m / pitch / 2)
    np.testing.assert_allclose(planes.inner(light)[0], 1 - cover * (1 - spec.markers.ink[0]), atol=5e-3)


@pytest.mark.parametrize("shift", [(3, 0), (0, -4), (7, 5)])
def test_a_uniform_shear_moves_the_dots_by_exactly_that(shift):
    rest, moved = printed(MARKED), printed(MARKED, np.broadcast_to(np.array(shift, float), (240, 320, 2)))
    inner = (slice(None), slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(moved[inner], np.roll(rest, shift[::-1], axis=(1, 2))[inner], atol=1e-4)


def test_a_dot_is_found_where_the_displacement_took_it():
    shear = wavy_shear(4.0)
    dark = 1 - printed(MARKED, shear)[0].astype(float)
    rest = MARKED.markers.rest_m[31] / PITCH_M + [159.5, 119.5]
    j, i = np.round(rest).astype(int)
    there = rest + shear[i, j]
    y, x = np.mgrid[0:240, 0:320]
    weight = dark * (np.hypot(x - there[0], y - there[1]) < 13)
    found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    np.testing.assert_allclose(found, there, atol=0.2)


def test_dots_cover_their_area():
    marks = MARKED.markers
    area = (1 - printed(MARKED)[0]).sum() / (1 - marks.ink[0]) * PITCH_M**2
    assert area == pytest.approx(marks.rows * marks.cols * np.pi * marks.diameter_m**2 / 4, rel=0.01)


UNEVEN = replace(MARKED, markers=replace(MARKED.markers, jitter_m=0.2e-3, size_jitter=0.2, dropout=0.1, jitter_seed=7))


@pytest.mark.parametrize("scale", [0.0, 5.0])
def test_uneven_dots_are_their_numpy_twin(scale):
    """Every dot has its own place and size, and some are missing."""
    marks, shear = UNEVEN.markers, wavy_shear(scale)
    assert 0 < (~marks.present).sum() < 15
    there, radii = marks.present, marks.diameters_m / PITCH_M / 2
    x, y = material_point_between_nodes(on_gel(shear), 4)
    wanted = covered_share(x, y, places_px(UNEVEN)[there], radii[there])
    np.testing.assert_allclose(drawn(UNEVEN, (on_gel(shear) * PITCH_M).astype(np.float32)), wanted, atol=4e-3)


def test_jitter_leaves_a_dot_within_its_bounds():
    even, uneven = MARKED.markers, UNEVEN.markers
    off = uneven.lattice_m - even.lattice_m
    assert 0.15e-3 < np.abs(off).max() <= 0.2e-3
    assert np.abs(uneven.diameters_m / even.diameter_m - 1).max() <= 0.2
    assert len(np.unique(off)) == off.size
    assert not np.array_equal(off, replace(uneven, jitter_seed=8).lattice_m - even.lattice_m)


@pytest.mark.parametrize("name", ["gelsight_mini_markers", "gelsight_2017"])
def test_a_gel_pushed_towards_the_camera_shows_its_dots_farther_out_and_larger(name):
    """A flat gel, sunk by 1.2 mm as a whole: closed form, places and areas."""
    spec, sunk = SENSORS[name], 1.2e-3
    spec = replace(spec, gel=replace(spec.gel, dome_radius_m=(np.inf, np.inf)))
    H, W = spec.image_shape
    displacement = np.zeros((*spec.gel.grid_shape, 3), np.float32)
    displacement[..., 2] = -sunk
    distance = spec.camera.distance_m - spec.markers.depth_m
    grows = distance / (distance - sunk)
    centre = np.array([(W - 1) / 2, (H - 1) / 2])
    there = centre + (places_px(spec) - centre) * grows
    radius = grows * spec.markers.diameter_m / spec.camera.pixel_pitch_m / 2
    ink, (rows, cols) = drawn(spec, displacement), np.mgrid[:H, :W]
    for x, y in there[(there > radius + 2).all(1) & (there < [W - radius - 2, H - radius - 2]).all(1)]:
        near = ink * (np.hypot(cols - x, rows - y) < radius + 2)
        assert near.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
        np.testing.assert_allclose([(near * cols).sum() / near.sum(), (near * rows).sum() / near.sum()], (x, y), atol=0.02)


def test_dots_under_a_press_are_drawn_where_the_labels_say():
    """With motion in the plane, in depth and uneven dots; the label of a missing dot is where it would be."""
    h, w = UNEVEN.gel.grid_shape
    y, x = np.mgrid[:h, :w]
    bump = np.exp(-((x - 0.6 * w) ** 2 + (y - 0.4 * h) ** 2) / 500)[..., None]
    displacement = (bump * [0.2e-3, -0.1e-3, -0.7e-3]).astype(np.float32)
    position, flow = marker_flow(UNEVEN, displacement)
    assert np.hypot(*flow.T).max() > 3
    ink, (rows, cols) = drawn(UNEVEN, displacement), np.mgrid[:240, :320]
    inside = (position > 14).all(1) & (position < [306, 226]).all(1)
    assert ink[tuple(np.round(position[inside & ~UNEVEN.markers.present]).astype(int).T[::-1])].max() == 0
    for px, py in position[inside & UNEVEN.markers.present]:
        near = ink * (np.hypot(cols - px, rows - py) < 12)
        assert np.hypot((near * cols).sum() / near.sum() - px, (near * rows).sum() / near.sum() - py) < 0.1


def test_dots_lie_before_the_coating_its_shadows_and_highlights():
    """In the middle of a dot only its share of what is behind it is left, be that in the shadow or in the highlight."""
    spec = replace(SENSORS["gelsight_mini_markers"], response=None, background=None)
    spec = replace(spec, coating=replace(spec.coating, specular=0.6, shadow_depth=0.9))
    config = OpticsConfig(noise=False, blur=False)
    behind = Renderer(replace(spec, markers=None), config)
    height = press_m(spec)
    plain, dotted = behind.render(height).astype(float), Renderer(spec, config).render(height).astype(float)
    hidden = drawn(spec, None) == 1
    assert hidden.sum() > 5000
    change = np.abs(plain - behind.background)[hidden]
    assert change.max() > 40  # there is light and shade behind dots
    np.testing.assert_allclose(dotted[hidden], plain[hidden] * spec.markers.ink, atol=1)
