"""The mesh z-buffer against its twin, and against laws that hold without it."""

import itertools

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from simtouch._checks import ArgumentError
from simtouch.geometry import pose as p
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.raster import TriangleMesh, closed_outwards, rasterise
from tests.reference.raster import raster

GRID = Grid(48, 64, 0.3e-3)
seeds = st.integers(0, 2**32 - 1)


def ball(subdivisions, radius_m=5e-3):
    shape = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius_m)
    return TriangleMesh(shape.vertices, shape.faces, closed=True)


def any_pose(rng):
    return p.pose(rng.uniform(-3e-3, 3e-3, 3), p.from_rotvec(rng.normal(size=3)))


def differing_cells(got, wanted, atol):
    """Share of cells that differ; cells on a silhouette may fall to either side."""
    both = np.isfinite(got) & np.isfinite(wanted)
    return (np.mean(np.isfinite(got) != np.isfinite(wanted)), np.abs(got[both] - wanted[both]).max(initial=0.0) <= atol)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_triangle_soup_equals_its_twin(seed):
    rng = np.random.default_rng(seed)
    vertices, faces = rng.normal(scale=5e-3, size=(30, 3)), rng.integers(0, 30, (25, 3))
    gel_T_mesh = any_pose(rng)
    soup = TriangleMesh(vertices, faces, closed=False)
    got, wanted = rasterise(soup, gel_T_mesh, GRID), raster(soup.vertices_m, soup.faces, gel_T_mesh, GRID)
    off = np.isfinite(got) != np.isfinite(wanted)
    with np.errstate(invalid="ignore"):
        off |= np.abs(got - wanted) > 2e-7
    assert off.mean() < 2e-3


def test_closed_mesh_equals_its_twin():
    rng = np.random.default_rng(1)
    mesh = ball(2)
    for _ in range(5):
        gel_T_mesh = any_pose(rng)
        outline, close = differing_cells(
            rasterise(mesh, gel_T_mesh, GRID), raster(mesh.vertices_m, mesh.faces, gel_T_mesh, GRID), 1e-7
        )
        assert outline < 2e-3
        assert close


def test_skipping_hidden_faces_changes_nothing():
    rng = np.random.default_rng(2)
    closed = ball(3)
    both_sides = TriangleMesh(closed.vertices_m, closed.faces, closed=False)
    inside = np.hypot(GRID.x_m, GRID.y_m[:, None]) < 4.9e-3
    for _ in range(5):
        gel_T_mesh = p.pose((0, 0, 1e-3), p.from_rotvec(rng.normal(size=3)))
        a, b = rasterise(closed, gel_T_mesh, GRID), rasterise(both_sides, gel_T_mesh, GRID)
        np.testing.assert_array_equal(a[inside], b[inside])


def test_mesh_ball_converges_to_the_ball():
    x, y = np.meshgrid(GRID.x_m, GRID.y_m)
    inside = np.hypot(x, y) < 4e-3
    exact = -np.sqrt(25e-6 - x[inside] ** 2 - y[inside] ** 2)
    errors = [np.abs(rasterise(ball(n), np.eye(4), GRID)[inside] - exact).max() for n in (2, 3, 4, 5)]
    assert errors[-1] < 5e-6
    assert all(fine < coarse / 2.5 for coarse, fine in itertools.pairwise(errors))


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([1e-3, 0.1, 3.0]))
def test_shared_edges_leave_no_holes(seed, stretch):
    """A plate cut at random, into slivers too, covers every cell inside it."""
    rng = np.random.default_rng(seed)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 20e-3
    inner = rng.uniform(-18e-3, 18e-3, (60, 2)) * (1, min(stretch, 1))
    points = np.vstack([corners, inner, np.round(inner[:20] / GRID.spacing_m) * GRID.spacing_m])
    faces = Delaunay(points).simplices
    used = np.column_stack([points, np.zeros(len(points))])
    z = rasterise(TriangleMesh(used, faces, closed=False), p.pose((0, 0, 1e-3), p.rotation_z(rng.uniform(0, 6))), GRID)
    np.testing.assert_allclose(z, 1e-3, atol=1e-9)


def test_huge_triangles_are_exact_planes():
    tilt = p.rotation_x(0.3) @ p.rotation_y(-0.2)
    plate = TriangleMesh([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]], closed=False)
    z = rasterise(plate, p.pose((0, 0, 2e-3), tilt), GRID)
    normal = tilt[:, 2]
    plane = 2e-3 - (normal[0] * GRID.x_m + normal[1] * GRID.y_m[:, None]) / normal[2]
    np.testing.assert_allclose(z, plane, atol=1e-6)


def test_edge_on_and_degenerate_triangles_draw_nothing():
    vertices = [[0, 0, 0], [1e-2, 0, 0], [1e-2, 0, 1e-2], [1e-3, 1e-3, 0]]
    mesh = TriangleMesh(vertices, [[0, 1, 2], [3, 3, 0], [3, 3, 3]], closed=False)
    assert np.isinf(rasterise(mesh, np.eye(4), GRID)).all()


def test_cells_lie_where_the_grid_says():
    grid = Grid(5, 7, 1e-3)
    for i in range(5):
        for j in range(7):
            x, y, r = grid.x_m[j], grid.y_m[i], 0.2e-3
            dot = TriangleMesh([[x - r, y - r, 0], [x + r, y - r, 0], [x, y + r, 0]], [[0, 1, 2]], closed=False)
            hit = np.isfinite(rasterise(dot, np.eye(4), grid))
            assert hit.sum() == 1
            assert hit[i, j]


def test_meshes_outside_the_view_draw_nothing():
    assert np.isinf(rasterise(ball(2), p.pose((1, 0, 0)), GRID)).all()
    assert np.isinf(rasterise(ball(2), p.pose((0, -0.5, 0)), GRID)).all()


def test_closed_meshes_are_told_from_open_inverted_and_torn_ones():
    shape = trimesh.creation.icosphere(subdivisions=1)
    assert closed_outwards(shape.vertices, shape.faces)
    assert not closed_outwards(shape.vertices, shape.faces[:, ::-1])
    assert not closed_outwards(shape.vertices, shape.faces[1:])
    mixed = shape.faces.copy()
    mixed[0] = mixed[0, ::-1]
    assert not closed_outwards(shape.vertices, mixed)
    inner = np.vstack([shape.faces, shape.faces[:, ::-1] + len(shape.vertices)])
    assert not closed_outwards(np.vstack([shape.vertices, shape.vertices + 5]), inner)


def test_bad_faces_are_refused():
    with pytest.raises(ArgumentError, match="index 3 vertices"):
        TriangleMesh(np.zeros((3, 3)), [[0, 1, 3]], closed=False)
    with pytest.raises(ArgumentError, match="at least one triangle"):
        TriangleMesh(np.zeros((3, 3)), np.zeros((0, 3)), closed=False)
