"""The batched torch back end against the NumPy solvers and the NumPy layer; mm and MPa, then SI."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from simtouch._checks import ArgumentError, ShapeError  # noqa: E402
from simtouch.gel.compliance import layer_on_grid  # noqa: E402
from simtouch.gel.friction import solve_friction  # noqa: E402
from simtouch.gel.layer import LayerConfig, LayerGel  # noqa: E402
from simtouch.gel.normal import solve_normal  # noqa: E402
from simtouch.gel.torch_compliance import TorchCompliance  # noqa: E402
from simtouch.gel.torch_friction import slide, slide_adjoint  # noqa: E402
from simtouch.gel.torch_layer import TorchLayer, TorchSolver  # noqa: E402
from simtouch.gel.torch_normal import press, press_adjoint  # noqa: E402
from simtouch.sensors.digit import DIGIT  # noqa: E402
from tests.gel.test_normal import NU, E  # noqa: E402

SHAPE, SPACING = (48, 64), 0.25
MU = 0.5


def layer(dtype=np.float64):
    return layer_on_grid(SHAPE, SPACING, 3.0, E, NU, dtype=dtype)


def overlaps():
    """A ball, a rough ball, a flat punch, two blobs, and nothing: (5, h, w) [mm]."""
    y, x = (((np.arange(n) - (n - 1) / 2) * SPACING) for n in SHAPE)
    x, y = x[None, :], y[:, None]
    r = np.hypot(x, y)
    blobs = np.maximum(0.4 - ((x - 4) ** 2 + y**2) / 4, 0.3 - ((x + 4) ** 2 + y**2) / 6)
    rough = 0.5 - r**2 / 8 + 0.05 * np.sin(3 * x) * np.sin(3 * y)
    return np.stack([0.5 - r**2 / 8, rough, np.where(r < 3, 0.4, -1.0), blobs, -0.1 - r])


def rubs(count, size=0.1):
    """In-plane displacement that differs from cell to cell and from contact to contact, (count, 2, h, w) [mm]."""
    bend = np.cos(np.arange(SHAPE[1]) / 16)[None, :] * np.ones(SHAPE)
    one = np.stack([np.ones(SHAPE), 0.3 * bend])
    return size * np.linspace(0.8, 2.0, count)[:, None, None, None] * one


def test_pressure_is_that_of_the_numpy_solver():
    C, d = layer(), overlaps()
    p = TorchSolver(C, tolerance=1e-8, dtype=torch.float64).press(d, np.zeros_like(d))
    for over, pressure in zip(d, p, strict=True):
        alone = solve_normal(C, over, tolerance=1e-8)
        np.testing.assert_allclose(pressure, alone.pressure, atol=1e-6 * max(alone.pressure.max(), 1e-9))
    assert not p[-1].any()


def test_shear_is_that_of_the_numpy_solver():
    C, d = layer(), overlaps()
    accurate = TorchSolver(C, tolerance=1e-8, friction_tolerance=1e-8, max_iterations=5000, dtype=torch.float64)
    limit, w = MU * accurate.press(d, np.zeros_like(d)), rubs(len(d))
    tau, slides = accurate.slide(w, np.zeros_like(limit), limit, np.zeros_like(w))
    for target, most, shear, sliding in zip(w, limit, tau, slides, strict=True):
        alone = solve_friction(C, target, most, tolerance=1e-8, max_iterations=5000)
        np.testing.assert_allclose(shear, alone.shear, atol=1e-5 * max(most.max(), 1e-9))
        assert (np.hypot(*shear) <= most).all()
        assert (sliding == alone.slides).mean() > 0.999
    assert 0.1 < slides[0].sum() / (limit[0] > 0).sum() < 0.9


def test_default_accuracy_is_that_of_the_numpy_solver():
    C, d = layer(np.float32), overlaps().astype(np.float32)
    solver = TorchSolver(C)
    p = solver.press(d, np.zeros_like(d))
    w = rubs(len(d)).astype(np.float32)
    tau, _ = solver.slide(w, np.zeros_like(p), MU * p, np.zeros_like(w))
    assert p.dtype == tau.dtype == np.float32
    for over, pressure, target, shear in zip(d[:-1], p, w, tau, strict=False):
        exact = solve_normal(layer(), over, tolerance=1e-8).pressure
        held = solve_friction(layer(), target, MU * pressure, tolerance=1e-8, max_iterations=5000).shear
        of_p = abs(pressure.sum() / exact.sum() - 1)
        of_tau = abs(shear[0].sum() / held[0].sum() - 1)
        print(f"float32, default tolerances: normal force off by {of_p:.1e}, shear force by {of_tau:.1e}")
        assert of_p < 2e-3
        assert of_tau < 5e-3


def test_the_other_maps_are_those_of_the_compliance():
    C, rng = layer(), np.random.default_rng(0)
    p, tau = rng.random((3, *SHAPE)), rng.normal(size=(3, 2, *SHAPE))
    solver = TorchSolver(C, dtype=torch.float64)
    fields = np.stack([C.fields(*both) for both in zip(p, tau, strict=True)])
    np.testing.assert_allclose(solver.fields(p, tau), fields, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_contact_does_not_see_its_batch(dtype):
    """Not to the last bit: alone, in pairs, in sevens, all at once; the contacts differ in how long they iterate."""
    numpy_dtype = {torch.float32: np.float32, torch.float64: np.float64}[dtype]
    solver = TorchSolver(layer(numpy_dtype), dtype=dtype)
    d = np.concatenate([overlaps() * size for size in (1.0, 0.8, 0.6)]).astype(numpy_dtype)
    w = rubs(len(d)).astype(numpy_dtype)

    def solve(count):
        out = []
        for part in np.split(np.arange(len(d)), np.arange(count, len(d), count)):
            p = solver.press(d[part], np.zeros_like(d[part]))
            tau, slides = solver.slide(w[part], p, MU * p, np.zeros_like(w[part]))
            fields = solver.fields(p, tau)
            p = solver.press(d[part] - fields[:, 3], p)
            out.append((p, fields, tau, slides))
        return [np.concatenate(field).tobytes() for field in zip(*out, strict=True)]

    together = solve(len(d))
    for count in (1, 2, 7):
        assert solve(count) == together


def test_looking_less_often_for_convergence_changes_nothing():
    """What has converged is frozen until somebody looks, as on an accelerator."""
    d, w = torch.as_tensor(overlaps()), torch.as_tensor(rubs(5))
    found = []
    for every in (1, 4):
        C = TorchCompliance(layer(), dtype=torch.float64)
        C.check_every = every
        p, pressing = press(C, d, torch.zeros_like(d))
        tau, _, sliding = slide(C, w, MU * p, torch.zeros_like(w))
        by_overlap, _ = press_adjoint(C, p > 0, torch.ones_like(p), 1e-3, 100)
        by_target, by_limit, _ = slide_adjoint(C, w, MU * p, tau, torch.ones_like(w), 1e-3, 100)
        found.append((p, pressing, tau, sliding, by_overlap, by_target, by_limit))
    assert len(set(found[0][3].tolist())) > 2
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_the_step_bound_holds():
    """It lies above the largest eigenvalue, and not far."""
    C = TorchCompliance(layer(), dtype=torch.float64)
    touched = torch.as_tensor(overlaps()[:4] > 0)
    bound = C.largest_drag(touched)
    v = torch.randn(4, 2, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(200):
        image = torch.where(touched[:, None], C.drag(v), 0)
        size = image.flatten(1).norm(dim=1)
        v = image / size[:, None, None, None]
    print(f"bound over largest eigenvalue: {[f'{float(b):.3f}' for b in bound / size]}")
    assert (bound >= size).all()
    assert (bound < 1.6 * size).all()


def moving(steps=3):
    """Overlap [m] and motion [m] of a ball that presses, rubs and comes back, float64."""
    grid = DIGIT.gel_grid
    x, y = grid.x_m[None, :], grid.y_m[:, None]
    for depth, motion in zip((0.3e-3, 0.5e-3, 0.4e-3)[:steps], (20e-6, 80e-6, -60e-6), strict=False):
        yield depth - (x**2 + y**2) / 8e-3, np.broadcast_to((motion, motion / 2), (*grid.shape, 2))


def test_steps_are_those_of_the_numpy_layer():
    numpy_gel = LayerGel(DIGIT, LayerConfig(tolerance=1e-7, friction_tolerance=1e-7, double_precision=True))
    torch_gel = TorchLayer(DIGIT, tolerance=1e-7, friction_tolerance=1e-7, max_iterations=5000, dtype=torch.float64)
    state = None
    for over, motion in moving():
        one = numpy_gel.step(over[None], motion[None], 0.02)
        surface, state = torch_gel.step(torch.as_tensor(over)[None], torch.as_tensor(motion.copy())[None], state)
        for name in ("normal_traction_pa", "shear_traction_pa", "displacement_m", "slip_m"):
            known, got = getattr(one, name), getattr(surface, name).numpy()
            error = np.abs(got - known).max() / np.abs(known).max()
            print(f"{name} off by {error:.1e}")
            assert error < 1e-3
        assert (surface.slides.numpy() == one.slides).mean() > 0.995
        area = DIGIT.gel_grid.spacing_m**2
        np.testing.assert_allclose(surface.force_n[0, 2], -one.normal_traction_pa.sum(dtype=float) * area, rtol=1e-5)


def test_the_numpy_layer_can_use_the_solver():
    auto, batched = LayerGel(DIGIT), LayerGel(DIGIT, LayerConfig(back_end="torch"))
    for over, motion in moving():
        known, got = (gel.step(over[None], motion[None], 0.02) for gel in (auto, batched))
        assert got.normal_traction_pa.sum() == pytest.approx(known.normal_traction_pa.sum(), rel=2e-3)
        assert got.shear_traction_pa.sum((0, 1, 2)) == pytest.approx(known.shear_traction_pa.sum((0, 1, 2)), rel=1e-2)


def test_without_friction_all_that_touches_slides():
    (over, motion), *_ = moving(1)
    surface, _ = TorchLayer(DIGIT).step(torch.as_tensor(over)[None], torch.as_tensor(motion.copy())[None], friction=0.0)
    assert not surface.shear_traction_pa.any()
    assert torch.equal(surface.slides, surface.contact_mask)
    assert surface.contact_mask.any()


def test_constants_may_differ_from_contact_to_contact():
    (over, motion), *_ = moving(1)
    gel, over, motion = TorchLayer(DIGIT), torch.as_tensor(over)[None], torch.as_tensor(motion.copy())[None]
    both, _ = gel.step(
        over.expand(2, -1, -1),
        motion.expand(2, -1, -1, -1),
        youngs_modulus_pa=torch.tensor([1e5, 2e5]),
        friction=torch.tensor([0.3, 0.6]),
    )
    alone, _ = gel.step(over, motion, youngs_modulus_pa=2e5, friction=0.6)
    assert torch.equal(both.shear_traction_pa[1], alone.shear_traction_pa[0])
    torch.testing.assert_close(both.force_n[1, 2], 2 * both.force_n[0, 2])


def test_wrong_arguments_are_named():
    gel = TorchLayer(DIGIT)
    with pytest.raises(ShapeError, match="overlap_m"):
        gel.step(torch.zeros(3, 4, 5))
    with pytest.raises(ShapeError, match="motion_m"):
        gel.step(torch.zeros(1, *DIGIT.gel.grid_shape), torch.zeros(1, 2, 2, 2))
    with pytest.raises(ShapeError, match="friction"):
        gel.step(torch.zeros(1, *DIGIT.gel.grid_shape), friction=torch.ones(3))
    with pytest.raises(ArgumentError, match="dtype"):
        TorchLayer(DIGIT, dtype=torch.float16)


@pytest.mark.gpu
def test_an_accelerator_agrees_with_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA here")
    gels = {
        name: TorchLayer(DIGIT, device=name, dtype=torch.float64, tolerance=1e-8, friction_tolerance=1e-8)
        for name in ("cpu", "cuda")
    }
    forces = {}
    for name, gel in gels.items():
        state, slopes = None, []
        for over, motion in moving():
            overlap = torch.as_tensor(over, device=name).expand(4, -1, -1).clone().requires_grad_()
            pushed = torch.as_tensor(motion.copy(), device=name).expand(4, -1, -1, -1)
            surface, state = gel.step(overlap, pushed, state)
            (slope,) = torch.autograd.grad(surface.force_n.sum(), overlap, retain_graph=True)
            slopes.append(torch.cat([surface.force_n.detach().flatten(), slope.sum((1, 2)) * 1e-3]).cpu())
        forces[name] = torch.stack(slopes)
    torch.testing.assert_close(forces["cuda"], forces["cpu"], rtol=1e-4, atol=1e-7)
