"""Gradients of the torch layer against central differences, in float64, where no cell changes sides; `-s` prints every error."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from simtouch.gel.compliance import Compliance, layer_compliance  # noqa: E402
from simtouch.gel.torch_compliance import TorchCompliance  # noqa: E402
from simtouch.gel.torch_layer import TorchLayer, TorchState, TorchSurface  # noqa: E402
from simtouch.gel.torch_normal import Press  # noqa: E402
from simtouch.sensors.gelsight_mini import GELSIGHT_MINI  # noqa: E402

F64 = torch.float64
WINDOW = replace(
    GELSIGHT_MINI,
    gel=replace(
        GELSIGHT_MINI.gel,
        youngs_modulus_pa=0.2e6,
        poisson_ratio=0.48,
        thickness_m=3e-3,
        friction=0.5,
        dome_radius_m=(float("inf"), float("inf")),
    ),
    camera=replace(GELSIGHT_MINI.camera, pixel_pitch_m=0.0625e-3),
)
"""20 x 15 mm of a layer of 3 mm: 60 x 80 cells of 0.25 mm."""
PATCH = replace(WINDOW, gel=replace(WINDOW.gel, grid_shape=(24, 32)), camera=replace(WINDOW.camera, image_shape=(96, 128)))
"""8 x 6 mm of it, for speed: 24 x 32 of the same cells."""
EXACT = {"tolerance": 1e-11, "friction_tolerance": 1e-11, "max_iterations": 20000, "dtype": F64}
R, DEPTH = 4e-3, 0.5e-3


@pytest.fixture(scope="module")
def layer():
    return TorchLayer(PATCH, **EXACT)


def paraboloid(depth, x_0=0.0, spec=PATCH):
    """Overlap of a ball, (B, h, w); a depth or a place may have shape (B,)."""
    depth, x_0 = (torch.as_tensor(v, dtype=F64).reshape(-1, 1, 1) for v in (depth, x_0))
    x, y = torch.as_tensor(spec.gel_grid.x_m[None, :]) - x_0, torch.as_tensor(spec.gel_grid.y_m[:, None])
    return depth - (x**2 + y**2) / (2 * R)


def weights(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def check(loss, within=1e-3, **parameters):
    """Compare the gradient of `loss` by each parameter with a central difference; return it, one number a parameter.

    Args:
        loss: Takes parameters (B,), returns (B,).
        within: Largest relative error.
        parameters: (value, step) of each.
    """
    at, steps = torch.tensor(list(parameters.values()), dtype=F64).T
    theta = at[None].clone().requires_grad_()
    (slopes,) = torch.autograd.grad(loss(*theta.T).sum(), theta)
    with torch.no_grad():
        low, high = loss(*torch.cat([at - steps.diag(), at + steps.diag()]).T).reshape(2, -1)
    differences = (high - low) / (2 * steps)
    errors = (slopes[0] / differences - 1).abs()
    for name, slope, error in zip(parameters, slopes[0], errors, strict=True):
        print(f"by {name}: {float(slope):.8g}, relative error {float(error):.1e}")
    assert errors.max() < within
    return slopes[0].tolist()


def rub(layer, depth=DEPTH, along=60e-6, **constants) -> tuple[TorchSurface, TorchState]:
    """A press that slides along x at once, and a little along y: partial slip."""
    over = paraboloid(depth)
    along = torch.as_tensor(along, dtype=F64).reshape(-1, 1, 1)
    shape = (max(len(over), len(along), *(len(v) for v in constants.values()), 1), *PATCH.gel.grid_shape)
    motion = torch.stack([along.expand(shape), (along / 3).expand(shape)], -1)
    return layer.step(over.expand(shape), motion, **constants)


def test_a_press_has_its_stiffness():
    wide = TorchLayer(WINDOW, **EXACT)

    def force(depth):
        return -wide.step(paraboloid(depth, spec=WINDOW), friction=0.0)[0].force_n[:, 2]

    (slope,) = check(force, depth=(DEPTH, 1e-10))
    assert slope * 1e-3 == pytest.approx(1.85546, rel=1e-5)


def test_the_adjoint_gives_the_known_stiffness_of_a_periodic_layer():
    """1.85939 N/mm: another program's number for this press, on a periodic box of 1.2 windows, which adds 0.2 % of force."""
    shape, spacing = (60, 80), 0.25
    size = [int(1.2 * n) for n in shape]
    k = np.hypot(2 * np.pi * np.fft.fftfreq(size[0], spacing)[:, None], 2 * np.pi * np.fft.rfftfreq(size[1], spacing))
    table = np.fft.irfft2(layer_compliance(k, 3.0, 0.2, 0.48)[0], size)
    offsets = (np.fft.fftfreq(2 * n, 1 / (2 * n)).astype(int) % m for n, m in zip(shape, size, strict=True))
    tables = np.zeros((6, 120, 160))
    tables[0] = table[np.ix_(*offsets)]
    periodic = TorchCompliance(Compliance(shape, tables), dtype=F64)
    d = (paraboloid(DEPTH, spec=WINDOW) * 1e3).requires_grad_()
    p = Press.apply(d, torch.zeros_like(d), periodic, 1e-10, 400)
    (slope,) = torch.autograd.grad(p.sum() * spacing**2, d)
    print(f"dF_n/d depth in a periodic box: {float(slope.sum()):.6f} N/mm")
    assert float(slope.sum()) == pytest.approx(1.85939, abs=1e-5)


def test_a_press_can_be_moved_and_weighed(layer):
    of_p = weights(*PATCH.gel.grid_shape, seed=1)

    def weighed(depth, x_0):
        return (of_p * layer.step(paraboloid(depth, x_0))[0].normal_traction_pa).sum((1, 2))

    check(weighed, depth=(DEPTH, 1e-10), x=(0.04e-3, 1e-10))


def test_force_goes_with_youngs_modulus(layer):
    def force(modulus):
        return rub(layer, youngs_modulus_pa=modulus)[0].force_n[:, [0, 2]].sum(1)

    (slope,) = check(force, modulus=(0.2e6, 10.0))
    assert slope * 0.2e6 == pytest.approx(float(force(torch.tensor([0.2e6]))), rel=1e-9)


PARTIAL = {"depth": (DEPTH, 1e-10), "motion": (60e-6, 1e-11), "mu": (0.5, 1e-7)}


def test_partial_slip_has_gradients(layer):
    surface, _ = rub(layer)
    share = float(surface.slides.sum() / surface.contact_mask.sum())
    print(f"sliding share {share:.2f}")
    assert 0.1 < share < 0.9
    of_u = weights(*PATCH.gel.grid_shape, 3, seed=2)
    print("shear force:")
    check(lambda depth, along, mu: rub(layer, depth, along, friction=mu)[0].force_n[:, 0], **PARTIAL)
    print("weighted displacement:")
    check(lambda depth, along, mu: (of_u * rub(layer, depth, along, friction=mu)[0].displacement_m).sum((1, 2, 3)), **PARTIAL)


def test_full_slip_and_full_stick_have_gradients(layer):
    surface, _ = rub(layer, along=1e-3)
    assert torch.equal(surface.slides, surface.contact_mask)
    check(lambda mu: rub(layer, along=1e-3, friction=mu)[0].force_n[:, 0], mu=(0.5, 1e-7))
    high = torch.tensor([100.0], dtype=F64)
    assert not rub(layer, friction=high)[0].slides.any()
    check(lambda along: rub(layer, along=along, friction=high.expand(len(along)))[0].force_n[:, 0], motion=(60e-6, 1e-11))


def rollout(layer, depth, along, **constants):
    """Press, rub, then rub back while lifting: three steps, the memory of friction included. A weighted sum of what came out."""
    depth, along = torch.as_tensor(depth, dtype=F64).reshape(-1), torch.as_tensor(along, dtype=F64).reshape(-1, 1, 1)
    of_u, of_p = weights(*PATCH.gel.grid_shape, 3, seed=3), weights(*PATCH.gel.grid_shape, seed=4)
    shape = (max(len(depth), len(along), *(len(v) for v in constants.values()), 1), *PATCH.gel.grid_shape)
    state, total = None, 0.0
    for share, sign_x, sign_y in ((0.8, 0.2, 0.0), (1.0, 1.0, 0.3), (0.9, -0.6, 0.5)):
        motion = torch.stack([(sign * along).expand(shape) for sign in (sign_x, sign_y)], -1)
        surface, state = layer.step(paraboloid(share * depth).expand(shape), motion, state, **constants)
        total = total + surface.force_n[:, 0] + (of_u * surface.displacement_m).sum((1, 2, 3)) * 1e2
        total = total + 1e-6 * (of_p * surface.normal_traction_pa).sum((1, 2))
    return total


def test_a_rollout_is_differentiable(layer):
    def end(depth, along, mu, modulus):
        return rollout(layer, depth, along, friction=mu, youngs_modulus_pa=modulus)

    check(end, **PARTIAL, modulus=(0.2e6, 10.0))


def test_a_detached_state_cuts_the_history(layer):
    along = torch.tensor([60e-6], dtype=F64, requires_grad=True)
    _, state = rub(layer, along=along)
    assert state.target.requires_grad
    surface, _ = layer.step(paraboloid(DEPTH), None, state.detach())
    assert not surface.force_n.requires_grad


def test_what_does_not_touch_has_no_gradient(layer):
    overlap = paraboloid([DEPTH, -1e-4]).requires_grad_()
    motion = torch.full((2, *PATCH.gel.grid_shape, 2), 60e-6, dtype=F64, requires_grad=True)
    surface, _ = layer.step(overlap, motion)
    (surface.force_n.sum() + surface.displacement_m.sum()).backward()
    assert overlap.grad[0].any()
    assert not overlap.grad[1].any()
    assert not overlap.grad[0][~surface.contact_mask[0]].any()
    assert torch.isfinite(motion.grad).all()


@pytest.mark.parametrize(("dtype", "within"), [(F64, 1e-2), (torch.float32, 1e-2)])
def test_default_tolerances_are_good_to_a_percent(layer, dtype, within):
    def slopes(gel):
        mu, along = (torch.tensor([v], dtype=F64, requires_grad=True) for v in (0.5, 60e-6))
        depth = torch.tensor([DEPTH], dtype=F64, requires_grad=True)
        force = rub(gel, depth, along, friction=mu)[0].force_n
        of_n = torch.autograd.grad(-force[0, 2], depth, retain_graph=True)
        return torch.cat([*of_n, *torch.autograd.grad(force[0, 0], (mu, along))])

    errors = slopes(TorchLayer(PATCH, dtype=dtype)) / slopes(layer) - 1
    print(f"{dtype}: dF_n/d depth, dF_x/d mu, dF_x/d motion off by {[f'{float(e):.1e}' for e in errors]}")
    assert errors.abs().max() < within
