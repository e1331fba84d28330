"""Triangles of a body are the body: seen from the gel they lie where its closed forms lie."""

import numpy as np
import pytest

from simtouch import indenters
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.pose import from_rotvec
from simtouch.geometry.raster import rasterise_onto
from simtouch.indenters.triangles import surface_mesh

GRID = Grid(rows=60, cols=60, spacing_m=0.25e-3)


@pytest.mark.parametrize("name", indenters.INDENTERS)
def test_the_mesh_has_the_underside_of_the_body(name):
    body = indenters.random_indenter(name, np.random.default_rng(1))
    pose = np.eye(4)
    pose[:3, :3] = from_rotvec((0.3, -0.2, 0.5))
    exact = body.underside_m(pose, GRID)
    seen = np.full(GRID.rows * GRID.cols, np.inf, np.float32)
    rasterise_onto(surface_mesh(body, segments=128), pose, GRID, seen)
    seen = seen.reshape(exact.shape)
    both = np.isfinite(exact) & np.isfinite(seen)
    assert both.sum() > 0.97 * np.isfinite(exact).sum()
    off = np.abs(exact[both] - seen[both])
    assert np.percentile(off, 95) < 20e-6  # chords of 128 segments; more only where a wall is seen edge-on


def test_an_ellipsoid_looks_outwards():
    mesh = surface_mesh(indenters.ellipsoid())
    a, b, c = (mesh.vertices_m[mesh.faces[:, k]].astype(float) for k in range(3))
    volume = np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6
    np.testing.assert_allclose(volume, 4 / 3 * np.pi * 5e-3 * 3e-3 * 4e-3, rtol=5e-3)
