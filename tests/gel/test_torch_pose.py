"""From a pose to overlap, force and height map in torch: values against the NumPy path, gradients against central differences."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from simtouch._checks import ShapeError  # noqa: E402
from simtouch.gel.lift import Lift  # noqa: E402
from simtouch.gel.torch_layer import TorchLayer  # noqa: E402
from simtouch.gel.torch_lift import TorchLift  # noqa: E402
from simtouch.gel.torch_pose import motion_between, moved, overlap_at  # noqa: E402
from simtouch.geometry.dome import dome_height_m  # noqa: E402
from simtouch.geometry.pose import from_rotvec, pose  # noqa: E402
from simtouch.geometry.surface_motion import surface_motion  # noqa: E402
from simtouch.indenters.primitives import cylinder, sphere  # noqa: E402
from simtouch.sensors.digit import DIGIT  # noqa: E402
from simtouch.sensors.gelsight_mini import GELSIGHT_MINI  # noqa: E402
from tests.gel.test_torch_gradients import EXACT, F64, PATCH, WINDOW, check, weights  # noqa: E402

SHIFTS, TURNS = ("x", "y", "z"), ("turn_x", "turn_y", "turn_z")
TWIST = dict.fromkeys(SHIFTS, (0.0, 1e-10)) | dict.fromkeys(TURNS, (0.0, 1e-8))


class Egg:
    """An ellipsoid, exact in float64: finite differences of a float32 map would show its rounding."""

    name = "egg"

    def __init__(self, semi_axes_m=(5e-3, 3e-3, 4e-3)):
        self._form = np.diag(1 / np.square(semi_axes_m))

    def underside_m(self, gel_T_indenter, grid):
        """Lower root in z of (r - c)' A (r - c) = 1."""
        rotation, (c_x, c_y, c_z) = gel_T_indenter[:3, :3], gel_T_indenter[:3, 3]
        A = rotation @ self._form @ rotation.T
        x, y = np.broadcast_arrays(grid.x_m[None, :] - c_x, grid.y_m[:, None] - c_y)
        b = A[2, 0] * x + A[2, 1] * y
        c = A[0, 0] * x**2 + 2 * A[0, 1] * x * y + A[1, 1] * y**2 - 1
        root = b**2 - A[2, 2] * c
        return np.where(root > 0, c_z - (b + np.sqrt(np.maximum(root, 0))) / A[2, 2], np.inf)


def leaning(deepest_m=0.5e-3, spec=PATCH) -> torch.Tensor:
    """A pose of the egg beside the middle, leaning and turned, (1, 4, 4)."""
    place = pose((0.6e-3, -0.4e-3, 0.0), from_rotvec((0.25, -0.15, 0.5)))
    place[2, 3] = -deepest_m - Egg().underside_m(place, spec.image_grid).min()
    return torch.as_tensor(place)[None]


def test_the_overlap_is_that_of_the_indenter():
    for spec, body in ((DIGIT, sphere(radius_m=3e-3)), (GELSIGHT_MINI, cylinder(axis="end"))):
        place = pose((1e-3, 0, 0), from_rotvec((0.1, 0.05, 0)))
        place[2, 3] = -body.underside_m(place, spec.image_grid).min() - 0.4e-3
        over = overlap_at(spec, body, torch.as_tensor(place)[None])
        direct = dome_height_m(spec.image_grid, spec.gel.dome_radius_m) - body.underside_m(place, spec.image_grid)
        np.testing.assert_allclose(over.pixels_m[0], direct, atol=1e-9)
        ratio = spec.image_grid.rows // spec.gel_grid.rows
        four = direct.reshape(spec.gel_grid.rows, ratio, spec.gel_grid.cols, ratio)[:, ratio // 2 - 1 : ratio // 2 + 1, :]
        four = four[..., ratio // 2 - 1 : ratio // 2 + 1]
        whole = np.isfinite(four).all((1, 3))
        np.testing.assert_allclose(over.cells_m[0][whole], four.mean((1, 3))[whole], atol=1e-9)
        assert (over.cells_m[0][~np.isfinite(four).any((1, 3))] == -1).all()


def test_motion_between_poses_is_that_of_the_simulator():
    before, now = leaning()[0].numpy(), moved(leaning(), 0.01 * weights(1, 6, seed=5))
    over = overlap_at(PATCH, Egg(), now).cells_m
    underside = np.where(over[0] > -1, -over[0], np.inf)
    direct = surface_motion(before, now[0].numpy(), underside, PATCH.gel_grid)
    np.testing.assert_allclose(motion_between(PATCH, leaning(), now, over)[0], direct, atol=1e-8)


@pytest.mark.parametrize("spec", [DIGIT, GELSIGHT_MINI])
def test_lifting_is_that_of_the_simulator(spec):
    rng = np.random.default_rng(0)
    field = 1e-3 * rng.normal(size=spec.gel.grid_shape)
    over = 1e-3 * rng.normal(size=spec.image_shape)
    ratio = spec.image_grid.rows // spec.gel_grid.rows
    known = Lift(spec.gel.grid_shape, ratio).lift_height(field, over.astype(np.float32))
    u = torch.zeros(1, *spec.gel.grid_shape, 3, dtype=F64)
    u[0, ..., 2] = torch.as_tensor(field)
    for dtype in (F64, torch.float32):
        got = TorchLift(spec, dtype=dtype).height_m(u, torch.as_tensor(over)[None])
        assert got.dtype == dtype
        assert np.abs(got[0].numpy() - known).max() < 1e-5 * np.abs(known).max()


@pytest.mark.parametrize("turned", [False, True])
def test_the_overlap_has_gradients_by_the_pose(turned):
    """Turned far, the gradient by a rotation vector is not that of small turns added up."""
    of_d = weights(*PATCH.gel.grid_shape, seed=6)
    base = turned * torch.tensor([0.2e-3, 0.1e-3, 0.0, 0.3, -0.2, 0.4], dtype=F64)

    def weighed(*twist):
        over = overlap_at(PATCH, Egg(), moved(leaning(), base + torch.stack(twist, -1))).cells_m
        return (torch.where(over > -0.5e-3, of_d * over, 0)).sum((1, 2))

    check(weighed, **TWIST)


@pytest.fixture(scope="module")
def layer():
    return TorchLayer(PATCH, **EXACT)


def test_normal_force_has_gradients_by_the_pose(layer):
    def force(*twist):
        over = overlap_at(PATCH, Egg(), moved(leaning(), torch.stack(twist, -1))).cells_m
        return layer.step(over, friction=0.0)[0].force_n[:, 2]

    check(force, **TWIST)


def test_shear_force_has_gradients_by_the_pose(layer):
    """Pressed, then shifted, turned and pressed deeper: the motion of the surface has gradients too."""
    shift = torch.tensor([30e-6, 10e-6, -50e-6, 0.0, 0.0, 0.01], dtype=F64)

    def force(*twist):
        before = leaning(0.45e-3).expand(len(twist[0]), 4, 4)
        now = moved(before, shift + torch.stack(twist, -1))
        _, state = layer.step(overlap_at(PATCH, Egg(), before).cells_m)
        over = overlap_at(PATCH, Egg(), now).cells_m
        surface, _ = layer.step(over, motion_between(PATCH, before, now, over), state)
        assert 0 < surface.slides.sum() < surface.contact_mask.sum()
        return surface.force_n[:, 0]

    check(force, **TWIST)


def test_the_height_map_has_gradients(layer):
    lift, of_height = TorchLift(PATCH, dtype=F64), weights(*PATCH.image_shape, seed=8)

    def weighed(*twist):
        over = overlap_at(PATCH, Egg(), moved(leaning(), torch.stack(twist, -1)))
        surface, _ = layer.step(over.cells_m, friction=0.0)
        return (of_height * lift.height_m(surface.displacement_m, over.pixels_m)).sum((1, 2))

    check(weighed, **TWIST)


def test_a_given_place_gives_one_shape_for_every_modulus(layer):
    over = overlap_at(PATCH, Egg(), leaning())
    modulus = torch.tensor([0.2e6], dtype=F64, requires_grad=True)
    surface, _ = layer.step(over.cells_m, youngs_modulus_pa=modulus)
    assert surface.force_n.requires_grad
    assert not TorchLift(PATCH, dtype=F64).height_m(surface.displacement_m, over.pixels_m).requires_grad


def test_float32_indenters_have_gradients_too():
    """The catalogue's maps are float32: a longer step, and the force of a ball, which a smooth sum makes of many cells."""
    gel = TorchLayer(WINDOW, tolerance=1e-10, dtype=F64)
    ball = sphere(radius_m=4e-3)
    place = torch.as_tensor(pose((0.1e-3, 0.0, 4e-3 - 0.5e-3)))[None]

    def force(z):
        poses = moved(place.expand(len(z), 4, 4), torch.nn.functional.pad(z[:, None], (2, 3)))
        return gel.step(overlap_at(WINDOW, ball, poses).cells_m)[0].force_n[:, 2]

    check(force, within=5e-3, z=(0.0, 2e-6))


def test_wrong_poses_are_named():
    with pytest.raises(ShapeError, match="gel_T_indenter"):
        overlap_at(PATCH, Egg(), torch.eye(4))
    with pytest.raises(ShapeError, match="indenter"):
        overlap_at(PATCH, [Egg(), Egg()], leaning())
