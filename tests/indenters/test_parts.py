"""Machined parts, letters and textures: which way round they are, and what they measure."""

import numpy as np
import pytest

from simtouch import indenters
from simtouch.geometry import pose as p
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.raster import closed_outwards

GRID = Grid(121, 161, 0.1e-3)  # 12 x 16 mm, a cell at the origin
CLOSED = ("box_face", "box_edge", "box_corner", "pyramid", "wedge", "hex_nut", "gear", "screw_thread")


def face(body, rotation=None, grid=GRID):
    """How high the body stands above its lowest point over each cell [m]."""
    z = body.underside_m(p.pose((0, 0, 0), rotation), grid)
    return z - z.min()


@pytest.mark.parametrize("name", CLOSED)
def test_machined_parts_are_closed_solids(name):
    for body in (indenters.INDENTERS[name](), indenters.random_indenter(name, np.random.default_rng(0))):
        (shell,) = body.parts
        assert shell.mesh.closed == closed_outwards(shell.mesh.vertices_m, shell.mesh.faces)
        assert shell.mesh.closed


def test_letter_f_is_not_mirrored():
    """Row 0 on top, column 0 left: stem at the left, bars at the top."""
    raised = face(indenters.text("F")) < 0.1e-3
    rows, cols = np.nonzero(raised)
    box = raised[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    height, width = box.shape
    assert box[:, : width // 5].mean() > 0.9  # stem
    assert box[: height // 8].mean() > 0.9  # upper bar
    assert not box[-height // 4 :, width // 2 :].any()  # nothing at the lower right


def test_letters_stand_in_reading_order():
    raised = (face(indenters.text("IL", letter_height_m=5e-3)) < 0.1e-3).any(0)
    start, end = np.nonzero(np.diff(raised.astype(int)))[0].reshape(2, 2).T
    narrow, wide = end - start
    assert wide > 2 * narrow > 0  # L has a foot, I has none


def crest_rows(left_handed):
    """Row of one and the same crest in columns to the left of the middle, at it and to its right; row 0 is on top."""
    body = indenters.screw_thread(radius_m=3e-3, pitch_m=1.5e-3, left_handed=left_handed)
    z = body.underside_m(np.eye(4), Grid(121, 201, 0.01e-3))  # 1.2 mm along the thread: less than a pitch
    return [np.nonzero(z[:, j] < z[:, j].min() + 5e-6)[0].mean() for j in (10, 100, 190)]


def test_right_handed_thread_rises_from_lower_left_to_upper_right():
    left, middle, right = crest_rows(left_handed=False)
    assert left > middle + 3
    assert middle > right + 3
    left, middle, right = crest_rows(left_handed=True)
    assert left < middle - 3
    assert middle < right - 3


@pytest.mark.parametrize(("left_handed", "sense"), [(False, 1), (True, -1)])
def test_thread_is_carried_into_itself_by_its_own_screw_motion(left_handed, sense):
    """Turned about +y by the right hand, a right-handed thread must advance along +y."""
    body, grid = indenters.screw_thread(radius_m=3e-3, pitch_m=1e-3, left_handed=left_handed), Grid(80, 50, 0.05e-3)
    still = body.underside_m(np.eye(4), grid)
    turn = 2.0
    with_motion = p.pose((0, sense * turn / (2 * np.pi) * 1e-3, 0), p.rotation_y(turn))
    assert np.abs(body.underside_m(with_motion, grid) - still).max() < 25e-6
    against = p.pose((0, -sense * turn / (2 * np.pi) * 1e-3, 0), p.rotation_y(turn))
    assert np.abs(body.underside_m(against, grid) - still).max() > 100e-6


def test_box_presents_what_it_is_told():
    size = (6e-3, 4e-3, 5e-3)
    flat = face(indenters.box(size))
    assert (flat < 1e-9).sum() == pytest.approx((6e-3 - 0.3e-3) * (4e-3 - 0.3e-3) / 1e-8, rel=0.05)
    edge = face(indenters.box(size, presentation="edge"))
    assert edge[60].min() == pytest.approx(0, abs=2e-6)
    assert edge[60, 70] == pytest.approx(edge[60, 90], abs=2e-3)
    rows, cols = np.nonzero(edge < 20e-6)
    assert np.ptp(rows) > 30
    assert np.ptp(cols) < 6
    rows, cols = np.nonzero(face(indenters.box(size, presentation="corner")) < 20e-6)
    assert np.ptp(rows) < 6
    assert np.ptp(cols) < 6


def test_tilted_box_face_is_a_tilted_plane():
    tilt = p.rotation_y(0.1)
    z = indenters.box((6e-3, 6e-3, 4e-3)).underside_m(p.pose((0, 0, 0), tilt), GRID)[60, 60:101]
    np.testing.assert_allclose(np.diff(z), -np.tan(0.1) * 0.1e-3, atol=2e-9)


def test_box_and_bounds_measure_what_was_asked():
    low, high = indenters.box((6e-3, 4e-3, 5e-3)).bounds_m
    np.testing.assert_allclose(high - low, (6e-3, 4e-3, 5e-3), atol=1e-8)
    low, high = indenters.hex_nut(width_m=8e-3, thickness_m=4e-3).bounds_m
    np.testing.assert_allclose(high - low, (8e-3, 8e-3 / np.cos(np.pi / 6), 4e-3), atol=1e-7)
    low, high = indenters.gear(module_m=1e-3, teeth=12, width_m=3e-3).bounds_m
    np.testing.assert_allclose(high - low, (14e-3, 14e-3, 3e-3), atol=1e-7)


def test_nut_looks_the_same_after_a_sixth_of_a_turn():
    body, inner = indenters.hex_nut(), np.hypot(GRID.x_m, GRID.y_m[:, None]) < 3.8e-3
    a, b = face(body), face(body, p.rotation_z(np.pi / 3))
    off = np.isfinite(a) != np.isfinite(b)
    assert off[inner].mean() < 0.01
    both = np.isfinite(a) & np.isfinite(b) & inner
    assert np.abs(a[both] - b[both]).max() < 5e-6


def test_gear_shows_its_teeth():
    z = face(indenters.gear(module_m=0.8e-3, teeth=12), grid=Grid(201, 201, 0.06e-3))
    angle = np.linspace(0, 2 * np.pi, 3600, endpoint=False)
    at = np.round(100 + 4.8e-3 / 0.06e-3 * np.stack([np.sin(angle), np.cos(angle)])).astype(int)
    solid = np.isfinite(z[at[0], at[1]])
    assert (solid & ~np.roll(solid, 1)).sum() == 12
    assert 0.4 < solid.mean() < 0.6  # teeth and gaps are alike on the pitch circle


def test_braille_g_has_dots_1_2_4_5():
    raised = face(indenters.braille("g"), grid=Grid(120, 120, 0.1e-3)) < 0.1e-3
    quarters = [raised[r, c].any() for r in (slice(0, 45), slice(45, 75), slice(75, 120)) for c in (slice(0, 60), slice(60, 120))]
    assert quarters == [True, True, True, True, False, False]


def test_wave_has_its_wavelength_and_depth():
    z = face(indenters.wave(wavelength_m=2e-3, depth_m=0.4e-3))[60, 30:131]
    assert np.ptp(z) == pytest.approx(0.4e-3, rel=0.02)
    np.testing.assert_allclose(z[:-20], z[20:], atol=5e-6)


@pytest.mark.parametrize("carrier", ["flat", "cylinder", "sphere"])
def test_reliefs_stand_on_their_carrier(carrier):
    body = indenters.wave(wavelength_m=50.0e-3, depth_m=1e-9, carrier=carrier, carrier_radius_m=10e-3)
    z = face(body, grid=Grid(101, 101, 0.1e-3)).astype(np.float64)
    x, y = np.meshgrid(*[(np.arange(101) - 50) * 0.1e-3] * 2)
    away2 = {"flat": 0 * x, "cylinder": x**2, "sphere": x**2 + y**2}[carrier]
    np.testing.assert_allclose(z, 10e-3 - np.sqrt(1e-4 - away2), atol=2e-7)


@pytest.mark.parametrize("name", ["leather", "sandpaper", "rough", "fingerprint"])
def test_seeds_make_the_texture(name):
    make = indenters.INDENTERS[name]
    first, again, other = (face(make(seed=s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
