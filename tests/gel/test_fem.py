"""Finite elements of the pad: the kernels against their energy, the gel against an axisymmetric solution and the linear layer."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch.gel.compliance import layer_on_grid
from simtouch.gel.fem import FemConfig, FemGel
from simtouch.gel.fem_flat import box_stiffness, surface_compliance
from simtouch.gel.fem_kernels import Solid
from simtouch.gel.fem_mesh import pad_mesh
from simtouch.gel.fem_newton import dot
from simtouch.gel.fem_preconditioner import FlatInverse
from simtouch.gel.layer import LayerGel
from simtouch.geometry.dome import dome_height_m
from simtouch.sensors import SENSORS
from tests.reference import hexahedron
from tests.reference.axisymmetric import RoundPad

E, NU, RADIUS = 0.45, 0.48, 4e-3
MU, LAME = E / 2 / (1 + NU), E * NU / (1 + NU) / (1 - 2 * NU)


def pad_spec(cells=(20, 20), view_m=12e-3, size_m=16e-3, friction=0.0, dome_m=np.inf, poisson=NU, thickness_m=4e-3):
    base = SENSORS["digit"]
    gel = replace(
        base.gel,
        size_m=(size_m, size_m),
        grid_shape=cells,
        friction=friction,
        poisson_ratio=poisson,
        thickness_m=thickness_m,
        dome_radius_m=(dome_m, dome_m),
    )
    camera = replace(base.camera, image_shape=(cells[0] * 4, cells[1] * 4), pixel_pitch_m=view_m / cells[1] / 4)
    return replace(base, gel=gel, camera=camera)


def ball_overlap(spec, depth_m, x_m=0.0):
    x, y = np.meshgrid(spec.gel_grid.x_m - x_m, spec.gel_grid.y_m)
    room = RADIUS**2 - x**2 - y**2
    below = dome_height_m(spec.gel_grid, spec.gel.dome_radius_m) - (RADIUS - depth_m - np.sqrt(np.maximum(room, 0)))
    return np.where(room > 0, below, -1.0)[None]


def press(gel, spec, depth_m, x_m=0.0, motion_m=0.0):
    motion = np.zeros((1, *spec.gel_grid.shape, 2))
    motion[..., 0] = motion_m
    return gel.step(ball_overlap(spec, depth_m, x_m), motion, 0.1).at(0)


def force_n(surface, spec):
    area = spec.gel_grid.spacing_m**2
    return np.array([*surface.shear_traction_pa.sum((0, 1)), surface.normal_traction_pa.sum()]) * area


@pytest.fixture(scope="module")
def small():
    """A coarse domed mesh, its solid, and smooth displacements on it."""
    mesh = pad_mesh(pad_spec((8, 6), 4.5e-3, 7e-3, dome_m=9e-3), 3, 2.0)
    rng = np.random.default_rng(0)

    def field(scale):
        u = np.zeros((3, *mesh.padded), np.float32)
        u[:, 1:-1, 1:-1, 1:-1] = rng.normal(size=(3, *mesh.counts)) * scale
        return u

    return mesh, Solid(mesh, LAME, MU), field


def test_forces_are_the_slopes_of_the_energy(small):
    mesh, solid, field = small
    u = field(0.03)
    inner = u[:, :-1, 1:-1, 1:-1].astype(float)
    nodes = [(0, 3, 0, 0), (1, 1, 4, 3), (2, 3, 5, 4), (2, 2, 0, 3), (0, 2, 6, 2)]
    ours = solid.forces(u)[0][:, :-1, 1:-1, 1:-1]
    expected = hexahedron.forces(mesh, inner, LAME, MU, nodes)
    np.testing.assert_allclose([ours[n] for n in nodes], expected, atol=2e-5 * np.abs(ours).max())


def test_tangent_is_the_slope_of_the_forces_and_symmetric(small):
    _, solid, field = small
    u, d, other = field(0.02), field(1.0), field(1.0)
    step = np.float32(1e-3)
    slope = (solid.forces(u + step * d)[0].astype(float) - solid.forces(u - step * d)[0]) / (2e-3)
    solid.forces(u)
    image = solid.tangent(d)
    np.testing.assert_allclose(image, slope, atol=2e-3 * np.abs(slope).max())
    assert dot(solid.tangent(other), d) == pytest.approx(dot(image, other), rel=1e-3)


def test_resting_pad_has_no_forces_and_a_free_one_may_move(small):
    mesh, solid, _ = small
    u = np.zeros((3, *mesh.padded), np.float32)
    assert not solid.forces(u)[0].any()
    u[2, :, 1:-1, 1:-1] = 0.3  # the whole pad, base included
    assert np.abs(solid.forces(u)[0]).max() < 1e-6


@pytest.mark.parametrize("dome_m", [np.inf, 9e-3])
def test_even_squeeze_has_the_closed_form(dome_m):
    """Patch test: F = diag(a, b, c) everywhere; inner nodes are in balance, the side of a flat pad carries the stress."""
    mesh = pad_mesh(pad_spec((8, 6), 4.5e-3, 7e-3, dome_m=dome_m), 3, 2.0)
    stretch = np.array([1.05, 0.97, 0.9])
    z = mesh.share[:, None, None] * mesh.depth
    y, x = np.meshgrid(mesh.y, mesh.x, indexing="ij")
    places = np.stack([np.broadcast_to(x, z.shape), np.broadcast_to(y, z.shape), z])
    u = np.zeros((3, *mesh.padded), np.float32)
    u[:, :-1, 1:-1, 1:-1] = (stretch - 1)[:, None, None, None] * places
    forces = Solid(mesh, LAME, MU).forces(u)[0][:, 1:-1, 1:-1, 1:-1]
    assert np.abs(forces[:, :-1, 1:-1, 1:-1]).max() < 1e-5 * np.abs(forces).max()
    if np.isinf(dome_m):
        stress = MU * (stretch[0] - 1 / stretch[0]) + LAME * np.log(stretch.prod()) / stretch[0]
        above_base = 4.0 * (1 - mesh.share[1] / 2)  # the nodes of the base carry half of the lowest layer
        assert forces[0, :, :, -1].sum() == pytest.approx(stress * above_base * np.ptp(mesh.y), rel=1e-4)


def test_box_matrix_is_the_kernel_at_rest():
    spec = pad_spec((4, 4), 2e-3, 2.5e-3)
    mesh = pad_mesh(spec, 1, 1.0)
    size = (mesh.x[1] - mesh.x[0], mesh.y[1] - mesh.y[0], 4.0)
    solid, u = Solid(mesh, LAME, MU), np.zeros((3, *mesh.padded), np.float32)
    solid.forces(u.copy())
    u[:, 1, 1, 1] = 0.3, -0.2, 0.1  # the corner node of one element only
    image = solid.tangent(u)[:, 1, 1:3, 1:3].reshape(3, 4).T
    expected = np.einsum("aij,j->ai", box_stiffness(size, LAME, MU)[4:, :, 4], [0.3, -0.2, 0.1])
    np.testing.assert_allclose(image, expected, atol=1e-5 * np.abs(expected).max())


def test_flat_inverse_inverts_the_inside_of_a_flat_pad():
    mesh = pad_mesh(pad_spec((20, 20), 10e-3, 14.5e-3), 6, 2.0)
    solid, inverse = Solid(mesh, LAME, MU), FlatInverse(mesh, LAME, MU)
    force = np.zeros((3, *mesh.padded), np.float32)
    force[:, -2, 13:17, 14:17] = np.array([0.2, 0.1, -1.0])[:, None, None]
    solid.forces(np.zeros_like(force))
    image = solid.tangent(inverse(force))
    error = np.abs(image - force)[:, :, 2:-2, 2:-2].max()  # all but the outermost nodes
    assert error < 1e-3


def test_surface_of_the_elements_has_the_compliance_of_the_layer():
    heights = np.full(16, 4 / 16)
    ours = surface_compliance((24, 24), tuple(heights), 0.25, LAME, MU)
    layer = layer_on_grid((24, 24), 0.25, 4.0, E, NU, dtype=np.float32)
    y, x = np.mgrid[-11.5:12, -11.5:12] * 0.25
    p = np.maximum(0, 1 - (x**2 + y**2) / 4).astype(np.float32)
    shear = np.stack([p, 0 * p])
    ours, expected = ours.fields(p, shear), layer.fields(p, shear)
    assert np.abs(ours - expected).max() < 0.02 * np.abs(expected).max()


@pytest.fixture(scope="module")
def pressed():
    """A ball 0.4 mm into a coarse dome, without friction."""
    spec = pad_spec((32, 32), dome_m=30e-3)
    gel = FemGel(spec, FemConfig(layers=6))
    return spec, gel, press(gel, spec, 0.4e-3)


def test_resting_gel_does_not_move():
    spec = pad_spec((8, 8))
    gel = FemGel(spec, FemConfig(layers=3))
    surface = press(gel, spec, -1e-3)
    assert not surface.displacement_m.any()
    assert not surface.normal_traction_pa.any()


def test_a_centred_press_is_symmetric(pressed):
    _, _, surface = pressed
    p = surface.normal_traction_pa
    for mirrored in (p[::-1], p[:, ::-1], p.T):
        np.testing.assert_allclose(mirrored, p, atol=0.02 * p.max())
    assert np.abs(surface.shear_traction_pa.sum((0, 1))).max() < 1e-3 * p.sum()


def test_the_touched_surface_lies_on_the_ball(pressed):
    spec, _, surface = pressed
    x, y = np.meshgrid(spec.gel_grid.x_m, spec.gel_grid.y_m)
    u = surface.displacement_m
    z = dome_height_m(spec.gel_grid, spec.gel.dome_radius_m) + u[..., 2]
    away = np.sqrt((x + u[..., 0]) ** 2 + (y + u[..., 1]) ** 2 + (z + 0.4e-3 - RADIUS) ** 2) - RADIUS
    assert np.abs(away[surface.contact_mask]).max() < 4e-6
    assert away.min() > -4e-6


def test_pressure_acts_along_the_normal_of_the_ball(pressed):
    spec, _, surface = pressed
    touched = surface.contact_mask
    x, y = (v[touched] for v in np.meshgrid(spec.gel_grid.x_m, spec.gel_grid.y_m))
    x, y = x + surface.displacement_m[touched, 0], y + surface.displacement_m[touched, 1]
    slope = x / np.sqrt(RADIUS**2 - x**2 - y**2)
    ratio = surface.shear_traction_pa[touched, 0] / surface.normal_traction_pa[touched]
    np.testing.assert_allclose(ratio, slope, atol=0.01)


def test_force_is_that_of_the_axisymmetric_solution(pressed):
    """On a coarse grid, three cells a contact radius; the slow test is the fine one."""
    spec, _, surface = pressed
    pad = RoundPad(4.0, E, NU, radius=9.03, dome_radius=30.0, columns=(14, 8), rows=6)
    expected = pad.press(4.0, [0.4])[0].force
    print(f"force {force_n(surface, spec)[2]:.5f} N, axisymmetric {expected:.5f} N")
    assert force_n(surface, spec)[2] == pytest.approx(expected, rel=0.03)


def test_a_nearly_incompressible_gel_does_not_lock():
    spec = pad_spec((32, 32), dome_m=30e-3, poisson=0.495)
    force = force_n(press(FemGel(spec, FemConfig(layers=6)), spec, 0.3e-3), spec)[2]
    expected = RoundPad(4.0, E, 0.495, radius=9.03, dome_radius=30.0, columns=(14, 8), rows=6).press(4.0, [0.3])[0].force
    assert force == pytest.approx(expected, rel=0.04)


def test_force_questions_change_nothing_and_agree_with_a_step(pressed):
    spec, gel, surface = pressed
    overlap = ball_overlap(spec, 0.4e-3)
    asked = gel.normal_force_n(overlap, 0.1)
    fresh = gel.fresh_force_n(overlap[0])
    again = press(gel, spec, 0.4e-3)
    for value in (asked[0], fresh, force_n(again, spec)[2]):
        assert value == pytest.approx(force_n(surface, spec)[2], rel=3e-3)
    gel.reset()
    assert np.array_equal(press(gel, spec, 0.4e-3).normal_traction_pa, surface.normal_traction_pa)


def test_small_pull_has_the_stiffness_of_the_layer_and_gross_slip_the_friction():
    spec = pad_spec((24, 24), friction=0.4)
    gel = FemGel(spec, FemConfig(layers=6))
    first = press(gel, spec, 0.2e-3)
    assert np.abs(force_n(first, spec)[:2]).max() < 1e-3 * force_n(first, spec)[2]
    pulled = force_n(press(gel, spec, 0.2e-3, 5e-6, 5e-6), spec)[0]
    layer = layer_on_grid((24, 24), 0.5, 4.0, E, NU, dtype=np.float64)
    touched = first.contact_mask
    from_each = np.stack(
        [layer.drag(np.stack([one, 0 * one]))[0][touched] for one in np.eye(576).reshape(-1, 24, 24)[touched.ravel()]]
    )
    stiffness = np.linalg.solve(from_each, np.ones(touched.sum())).sum() * 0.25
    assert pulled == pytest.approx(stiffness * 5e-3, rel=0.1)
    for k in range(2, 6):
        surface = press(gel, spec, 0.2e-3, 0.1e-3 * k, 0.1e-3)
    fx, _, fz = force_n(surface, spec)
    assert surface.slides[surface.contact_mask].all()
    assert fx == pytest.approx(0.4 * fz, rel=0.03)
    assert (surface.slip_m[surface.slides, 0] > 0).all()
    assert not press(gel, spec, -0.1e-3).displacement_m.any()


@pytest.mark.slow
def test_fine_press_is_within_a_percent_of_the_axisymmetric_solution():
    """DIGIT's thickness and spacing; its crown made round. The round pad has the area of the square one."""
    spec = SENSORS["digit"]
    spec = replace(spec, gel=replace(spec.gel, friction=0.0, dome_radius_m=(30e-3, 30e-3), size_m=(21.27e-3, 21.27e-3)))
    gel = FemGel(spec)
    expected = RoundPad(4.07, E, NU, dome_radius=30.0, columns=(25, 20), rows=10).press(4.0, [0.3, 0.6])
    layer = LayerGel(spec)
    for depth, reference in zip((0.3e-3, 0.6e-3), expected, strict=True):
        forces, areas = [], []
        for model in (gel, layer):
            surface = press(model, spec, depth)
            forces.append(force_n(surface, spec)[2])
            areas.append(1e6 * surface.contact_mask.sum() * spec.gel_grid.spacing_m**2)
        area = np.pi * reference.contact_radius**2
        print(
            f"depth {depth * 1e3} mm: axisymmetric force {reference.force:.5f} N, area {area:.2f} mm2; "
            f"FEM {100 * (forces[0] / reference.force - 1):+.2f} %, {100 * (areas[0] / area - 1):+.1f} %; "
            f"layer {100 * (forces[1] / reference.force - 1):+.2f} %, {100 * (areas[1] / area - 1):+.1f} %"
        )
        assert forces[0] == pytest.approx(reference.force, rel=0.01)
        assert forces[1] == pytest.approx(reference.force, rel=0.03)
