"""The layer as a gel: streams of presses and slides with memory."""

from dataclasses import replace

import numpy as np
import pytest

from simtouch.gel import LayerConfig, LayerGel, wrench
from simtouch.sensors import SENSORS

FRICTION, RADIUS, DEPTH = 0.6, 4e-3, 0.5e-3
DT = 1 / 60
TIGHT = {"tolerance": 1e-5, "friction_tolerance": 3e-6}
UNCOUPLED = LayerConfig(coupling_sweeps=0)


def gel_spec(cells=(60, 80), spacing_m=0.25e-3, poisson=0.48, friction=FRICTION, **material):
    """A flat gel, E 0.2 MPa, 3 mm thick."""
    base = SENSORS["gelsight_mini"]
    gel = replace(
        base.gel,
        grid_shape=cells,
        youngs_modulus_pa=0.2e6,
        thickness_m=3e-3,
        poisson_ratio=poisson,
        friction=friction,
        dome_radius_m=(np.inf, np.inf),
        **material,
    )
    camera = replace(base.camera, image_shape=(cells[0] * 4, cells[1] * 4), pixel_pitch_m=spacing_m / 4)
    return replace(base, gel=gel, camera=camera)


class Stream:
    """A paraboloid that is pressed, slid and turned on a gel."""

    def __init__(self, spec, config=UNCOUPLED):
        self.grid, self.gel, self.friction = spec.gel_grid, LayerGel(spec, config), spec.gel.friction
        self.x, self.y = np.meshgrid(self.grid.x_m, self.grid.y_m)
        self.shift = self.turn = 0.0

    def frame(self, depth_m, shift_m=0.0, turn_rad=0.0, dt_s=DT):
        motion = np.zeros((*self.grid.shape, 2))
        motion[..., 0] = shift_m - self.shift
        d = turn_rad - self.turn
        motion += np.stack(
            [self.x - (np.cos(d) * self.x + np.sin(d) * self.y), self.y - (np.cos(d) * self.y - np.sin(d) * self.x)], -1
        )
        self.shift, self.turn = shift_m, turn_rad
        overlap = depth_m - ((self.x - shift_m) ** 2 + self.y**2) / (2 * RADIUS)
        self.surface = self.gel.step(overlap[None], motion[None], dt_s).at(0)
        return self.surface

    def press(self, steps=10, depth_m=DEPTH, dt_s=DT):
        for k in range(steps):
            self.frame(depth_m * (k + 1) / steps, dt_s=dt_s)
        return self

    @property
    def normal_force_n(self):
        return -wrench(self.surface, self.grid, 0)[0][2]

    @property
    def pull(self):
        """Shear force over the most it could be."""
        force, _ = wrench(self.surface, self.grid, 0)
        return force[0] / (self.friction * -force[2])


def test_resting_gel_does_not_move():
    gel = LayerGel(gel_spec())
    surface = gel.step(np.full((1, 60, 80), -1e-3), np.zeros((1, 60, 80, 2)), DT)
    assert not surface.displacement_m.any()
    assert not surface.normal_traction_pa.any()


@pytest.mark.parametrize("steps", [1, 3, 15])
def test_a_steady_pull_reaches_the_same_state_in_any_number_of_steps(steps):
    stream = Stream(gel_spec()).press()
    for k in range(steps):
        stream.frame(DEPTH, 0.12e-3 * (k + 1) / steps)
    assert stream.pull == pytest.approx(0.3048, abs=5e-4)


# The numbers here and below are those of the same stream on 160 x 120 cells.
def test_shear_grows_until_gross_slip():
    stream = Stream(gel_spec()).press()
    pulls, sticking = {}, {}
    for k in range(1, 41):
        surface = stream.frame(DEPTH, 0.02e-3 * k)
        pulls[k], sticking[k] = stream.pull, 1 - surface.slides.sum() / surface.contact_mask.sum()
    assert [pulls[k] for k in (6, 11, 21)] == pytest.approx([0.3048, 0.524, 0.8566], abs=0.001)
    assert [sticking[k] for k in (6, 11, 21)] == pytest.approx([0.773, 0.618, 0.279], abs=0.04)
    assert pulls[40] == pytest.approx(1, abs=1e-3)
    assert sticking[40] == 0


def test_reversal_gives_a_loop():
    stream = Stream(gel_spec()).press()
    path = np.concatenate([np.linspace(0, 0.5, 26)[1:], np.linspace(0.5, -0.5, 51)[1:], np.linspace(-0.5, 0.5, 51)[1:]]) * 1e-3
    pulls = []
    for shift in path:
        stream.frame(DEPTH, shift)
        pulls.append(stream.pull)
    assert [pulls[k] for k in (24, 49, 74, -1)] == pytest.approx([0.944, -0.2455, -0.966, 0.9633], abs=0.001)


def test_torsion_stays_below_its_limit():
    stream = Stream(gel_spec()).press()
    torques = []
    for k in range(1, 41):
        surface = stream.frame(DEPTH, 0.0, 0.01 * k)
        torques.append(wrench(surface, stream.grid, 0)[1][2])
    arm = np.hypot(stream.x, stream.y)
    limit = FRICTION * (surface.normal_traction_pa * arm).sum() * stream.grid.spacing_m**2
    assert limit == pytest.approx(0.2925e-3, rel=0.02)
    assert torques[0] == pytest.approx(0.018e-3, rel=0.05)
    assert 0.85 * limit < torques[-1] < limit


# Motion of the free surface under a paraboloid R 4 mm pressed 0.5 mm, by an independent axisymmetric FEM: r, u_r, u_z [mm].
FEM = {
    0.48: [
        (0.469, 0.00779, -0.47251),
        (0.969, 0.01559, -0.38266),
        (1.969, 0.03196, -0.06997),
        (2.969, 0.04080, 0.00758),
        (3.969, 0.03828, 0.01785),
        (5.969, 0.02300, 0.00940),
    ],
    0.3: [
        (0.469, -0.02735, -0.47251),
        (0.969, -0.05159, -0.38266),
        (1.969, -0.04063, -0.09169),
        (2.969, -0.01081, -0.01841),
        (3.969, 0.00056, -0.00104),
        (5.969, 0.00396, 0.00177),
    ],
}


@pytest.mark.parametrize("poisson", [0.48, 0.3])
def test_pressing_moves_the_surface_sideways_as_finite_elements_say(poisson):
    spec = gel_spec((120, 160), 0.125e-3, poisson, friction=0.0)
    stream = Stream(spec, replace(UNCOUPLED, double_precision=True, tolerance=1e-5))
    u = stream.frame(DEPTH).displacement_m * 1e3
    radius = np.hypot(stream.x, stream.y) * 1e3
    outward = (u[..., 0] * stream.x + u[..., 1] * stream.y) * 1e3 / radius
    table = np.array(FEM[poisson])
    ours = np.stack([_on_circles(radius, field, table[:, 0]) for field in (outward, u[..., 2])], -1)
    error = np.abs(ours - table[:, 1:]).max(0) / np.abs(table[:, 1:]).max(0)
    print(f"nu {poisson}: sideways motion off by {100 * error[0]:.2f} %, height by {100 * error[1]:.2f} % of their largest")
    assert (error < 0.01).all()


def _on_circles(radius, field, at):
    """Mean of a smooth field on circles, by a local quadratic fit in the radius."""
    values = []
    for r in at:
        near = np.abs(radius - r) < 0.3
        values.append(np.polyfit(radius[near] - r, field[near], 4)[-1])
    return np.array(values)


def test_coupling_makes_a_press_resist_its_own_spread():
    free = Stream(gel_spec(friction=0.0), LayerConfig()).press().surface
    held = Stream(gel_spec(), LayerConfig()).press().surface
    inside = held.contact_mask
    assert np.abs(held.displacement_m[inside][:, :2]).max() < 0.8 * np.abs(free.displacement_m[inside][:, :2]).max()
    assert np.abs(held.shear_traction_pa).max() > 0


def test_one_coupling_sweep_is_nearly_as_good_as_four():
    pulls = []
    for sweeps in (1, 4):
        stream = Stream(gel_spec(), LayerConfig(coupling_sweeps=sweeps)).press()
        for k in range(11):
            stream.frame(DEPTH, 0.02e-3 * (k + 1))
        pulls.append(stream.pull)
    assert pulls[0] == pytest.approx(pulls[1], rel=2e-3)


@pytest.mark.parametrize("back_end", ["auto", "dense", "fft"])
def test_where_it_is_solved_changes_nothing(back_end):
    """Between the touched cells, on a window around them, or on the whole grid."""
    whole = Stream(gel_spec(), LayerConfig(margin_m=1.0, back_end="fft", **TIGHT))
    part = Stream(gel_spec(), LayerConfig(back_end=back_end, **TIGHT))
    for stream in (whole, part):
        stream.press()
        stream.frame(DEPTH, 0.1e-3)
    for name in ("normal_traction_pa", "shear_traction_pa", "displacement_m"):
        a, b = getattr(part.surface, name), getattr(whole.surface, name)
        np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(b).max())


def test_a_gel_that_bulges_into_the_indenter_is_found_out():
    """A cup: the rim presses, the gel rises inside and meets a roof that no overlap told of."""
    stream = Stream(gel_spec())
    r = np.hypot(stream.x, stream.y)
    overlap = np.where((r > 2.2e-3) & (r < 3.5e-3), 0.5e-3, np.where(r <= 2.2e-3, -30e-6, -1.0))
    surface = stream.gel.step(overlap[None], np.zeros((1, 60, 80, 2)), DT).at(0)
    roof = r < 1.5e-3
    assert surface.contact_mask[roof].any()
    assert (surface.displacement_m[..., 2] <= -overlap + 2e-6).all()


def test_lifting_off_forgets_the_shear():
    stream = Stream(gel_spec(), LayerConfig()).press()
    stream.frame(DEPTH, 0.2e-3)
    stream.frame(-0.1e-3, 0.2e-3)
    surface = stream.frame(DEPTH, 0.2e-3)
    force, _ = wrench(surface, stream.grid, 0)
    assert abs(force[0]) < 1e-3 * -force[2]
