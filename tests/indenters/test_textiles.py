import pickle

import numpy as np
import pytest

from simtouch import indenters
from simtouch._checks import ArgumentError, UnknownNameError
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.pose import from_rotvec, pose
from simtouch.geometry.raster import rasterise_onto
from simtouch.indenters import knits, weaves
from simtouch.indenters.surfaces import sheet
from simtouch.indenters.textile_catalogue import textile_swatch

NAMES = tuple(indenters.TEXTILES)
GRID = Grid(120, 160, 0.06e-3)


def features(swatch):
    """What a patch of cloth looks like whatever its place: heights, and how they agree with themselves at a distance."""
    length = 8e-3
    u = np.arange(0, length, 0.05e-3)
    rows, cols = swatch.height_m.shape
    i = np.floor(u / swatch.pixel_m[1]).astype(int) % rows
    j = np.floor(u / swatch.pixel_m[0]).astype(int) % cols
    patch = swatch.height_m[np.ix_(i, j)].astype(float)
    patch = (patch - patch.mean()) / patch.std()
    power = np.abs(np.fft.fft2(patch)) ** 2
    agreement = np.fft.fftshift(np.fft.ifft2(power).real) / patch.size
    middle = len(u) // 2
    near = agreement[middle - 30 : middle + 31 : 3, middle - 30 : middle + 31 : 3]
    return np.concatenate([near.ravel(), np.quantile(patch, np.linspace(0.02, 0.98, 12)) * 4])


def test_there_are_twenty_kinds():
    assert len(NAMES) == 20


def test_kinds_are_told_apart_by_their_structure():
    known = {name: [features(textile_swatch(name, seed)) for seed in range(5)] for name in NAMES}
    right = 0
    for name in NAMES:
        seen = features(textile_swatch(name, 100))
        nearest = min(NAMES, key=lambda other: min(np.linalg.norm(seen - f) for f in known[other]))
        right += nearest == name
    assert right >= 14  # of 20; chance gives 1


@pytest.mark.parametrize("name", NAMES)
def test_a_repeat_joins_the_next_without_a_seam(name):
    heights = textile_swatch(name, 1).height_m.astype(float)
    assert heights.min() >= 0
    for axis in (0, 1):
        inside = np.abs(np.diff(heights, axis=axis))
        seam = np.abs(np.take(heights, 0, axis) - np.take(heights, -1, axis))
        assert seam.mean() <= 2.5 * np.quantile(inside.mean(1 - axis), 0.98) + 1e-9


@pytest.mark.parametrize("name", ["twill", "jersey", "cable"])
def test_a_cloth_is_seen_as_the_mesh_of_its_heights(name):
    body = indenters.random_textile(name, np.random.default_rng(0), backing_radius_m=30e-3)
    (cloth,) = body.parts
    step = min(cloth.swatch.pixel_m) / 2
    u, v = np.meshgrid(np.arange(-6e-3, 6e-3, step), np.arange(-5e-3, 5e-3, step))
    z = (u**2 + v**2) / 60e-3 - cloth.height_m(u, v)
    gel_T_body = pose((0.3e-3, -0.2e-3, 2e-3), from_rotvec((0.05, -0.03, 0)) @ from_rotvec((0, 0, 0.7)))
    meshed = np.full(GRID.rows * GRID.cols, np.inf, np.float32)
    rasterise_onto(sheet(np.stack([u, v, z], -1)), gel_T_body, GRID, meshed)
    seen = body.underside_m(gel_T_body, GRID)
    inside = np.s_[40:80, 50:110]
    error = np.abs(seen - meshed.reshape(GRID.shape))[inside]
    assert np.median(error) < 2e-6
    assert np.quantile(error, 0.9) < 25e-6  # walls of threads, which a mesh leans and a picture of heights does not


def test_cloth_ends_where_it_ends_and_shows_its_face_only():
    body = indenters.random_textile("plain", np.random.default_rng(0))
    assert np.isinf(body.underside_m(pose((40e-3, 0, 0)), GRID)).all()
    half = body.underside_m(pose((22e-3, 0, 0)), GRID)
    assert np.isinf(half[:, :79]).all()
    assert np.isfinite(half[:, 81:]).all()
    with pytest.raises(ArgumentError, match="away from the gel"):
        body.underside_m(pose((0, 0, 0), from_rotvec((np.pi, 0, 0))), GRID)


def test_pieces_differ_by_seed_and_travel_small():
    body = indenters.random_textile("velvet", np.random.default_rng(3))
    again = pickle.loads(pickle.dumps(body))
    assert len(pickle.dumps(body)) < 2000
    np.testing.assert_array_equal(body.underside_m(np.eye(4), GRID), again.underside_m(np.eye(4), GRID))
    other = indenters.random_textile("velvet", np.random.default_rng(4))
    assert (other.underside_m(np.eye(4), GRID) != body.underside_m(np.eye(4), GRID)).any()
    with pytest.raises(UnknownNameError, match="Known: basket"):
        indenters.random_textile("tweed", np.random.default_rng(0))


def test_the_reach_is_where_the_cloth_is_lowest():
    body = indenters.random_textile("basket", np.random.default_rng(1), backing_radius_m=15e-3)
    lowest = float(body.underside_m(np.eye(4), GRID).min())
    assert -lowest <= body.reach_m() <= -lowest + 0.15e-3


def test_drafts_interlace_as_their_rules_say():
    for draft in (weaves.plain(), weaves.basket(2), weaves.twill(2, 2), weaves.herringbone(2, 2, 6)):
        assert draft.mean() == 0.5  # as much warp as weft on top
    assert (weaves.twill(3, 1).mean(0) == 0.75).all()
    satin = weaves.satin(5, 2)
    assert (satin.sum(0) == 4).all()
    assert (satin.sum(1) == 4).all()
    crossings = np.argwhere(np.tile(satin, (2, 2)) == 0)
    apart = np.abs(crossings[:, None] - crossings[None]).sum(-1)
    assert apart[apart > 0].min() == 3  # no two stitches touch


def test_twill_lines_rise_to_the_right_and_herringbone_turns():
    up = weaves.twill(3, 1)
    np.testing.assert_array_equal(up, np.roll(np.roll(up, -1, 0), 1, 1))  # one row up the image, one column to the right
    assert (up != np.roll(np.roll(up, 1, 0), 1, 1)).any()
    bone = weaves.herringbone(2, 2, 6)
    for half, way in ((bone[:, :6], -1), (bone[:, 6:], 1)):
        np.testing.assert_array_equal(half[:, 1:], np.roll(half, way, 0)[:, :-1])


def steps_of_a_ridge(heights):
    """How the highest line of the right half moves from row to row, down the image."""
    return np.diff(np.argmax(heights[:, heights.shape[1] // 2 :], axis=1))


def test_stitches_of_the_face_open_up_the_image_and_those_of_the_back_are_arcs():
    face, back = (knits.jersey(1e-3, 0.155, side).height_m.astype(float) for side in (1, -1))
    np.testing.assert_allclose(face, np.roll(face[:, ::-1], 1, 1), atol=2e-5)  # a V is its own mirror image
    steps = steps_of_a_ridge(face)
    assert (steps < 0).sum() >= 5  # its right leg comes from the right
    assert (steps > 0).sum() <= 1  # where the next stitch's leg begins
    assert (steps_of_a_ridge(face[::-1]) > 0).sum() >= 5
    # The back's crowns run along the course: its highest row is level, which no row of the face is.
    assert np.ptp(back[np.argmax(back.mean(1))]) < np.ptp(face[np.argmax(face.mean(1))])
