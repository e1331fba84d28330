"""The gel as springs: a sensor, what touches it and how hard in, the stiffness of a bushing for rigid-body physics out.

The pad of a physics engine sits on springs that *are* the gel. The layer answers a contact of normal force N, friction mu and pressure
p by a concave curve (stick, partial slip, slip), so a straight spring can be right at one load only: the slope at the origin, or

    F / s where F is a share of the limit mu N, or of the torsional limit mu int p r dA                      (1)

with r from the centre of pressure. The torsional limit is also the friction length of a point contact, mu int p r dA / N.
"""

from dataclasses import dataclass

import numpy as np

from simtouch.frame import TactileFrame
from simtouch.geometry.gap_map import Grid, Indenter
from simtouch.geometry.pose import from_rotvec, pose
from simtouch.simulator import TactileSimulator

LOAD = 0.7
"""Share of the limit at which a spring by (1) is within 15 % of a ball's curve from 0 to 90 % of it."""
_TILT = 0.1  # of the depth, at the contact's mean radius: a small tilt
_SMALL = 0.02  # share of the limit that counts as a small shift
_SOFTEST = 0.2  # share of the slope at the origin: a sliding pad without springs would be thrown about
_STILL = 1e-3  # of the answer; a smaller growth tells no slope


@dataclass(frozen=True, kw_only=True)
class Bushing:
    """Springs of one gel pad under one contact, in the gel frame."""

    normal_n_m: float
    """Force over depth."""
    shear_n_m: tuple[float, float]
    """Along x and y."""
    torsion_nm: float
    """About z through the centre of pressure [N m / rad]."""
    rocking_nm: tuple[float, float]
    """Torque about x and y by a small tilt about x and y through the deepest point [N m / rad]."""
    friction: float
    friction_length_m: float
    """Torsional limit over normal force."""
    centre_m: tuple[float, float]
    """Centre of pressure: where the springs are anchored."""

    @property
    def stiffness(self) -> tuple[float, ...]:
        """Along x, y, z and about x, y, z."""
        return (*self.shear_n_m, self.normal_n_m, *self.rocking_nm, self.torsion_nm)


def bushing_of(
    sim: TactileSimulator, indenter: Indenter, gel_T_indenter: np.ndarray, normal_force_n: float, *, share: float = 0.0
) -> Bushing:
    """Press, shift, turn and tilt the indenter on the sensor's own gel, and read its springs; the sensor is to be reset afterwards.

    Args:
        sim: The sensor, without a batch.
        indenter: What touches.
        gel_T_indenter: How it is held over the gel, (4, 4); z is not read.
        normal_force_n: Working force [N].
        share: Of the limit, in (1); 0 takes the slopes at the origin.
    """
    spec, mu = sim.spec, sim.spec.gel.friction
    sim.reset(indenter, seed=0)
    pressed = sim.step_force(gel_T_indenter, normal_force_n, look=False)
    centre, held, limit = pressed.centre_of_pressure_m, pressed.gel_T_indenter, mu * pressed.normal_force_n
    radius = max(mean_radius_m(pressed, spec.gel_grid), 0.5 * spec.gel_grid.spacing_m)
    foot = np.array([*centre, -pressed.indent_depth_m])

    def turned(rotvec: np.ndarray) -> TactileFrame:
        return sim.step(pose(foot) @ pose((0, 0, 0), from_rotvec(rotvec)) @ pose(-foot) @ held, look=False)

    def shear_at(shift_m: float) -> np.ndarray:
        return sim.step(pose((shift_m, shift_m, 0)) @ held, look=False).shear_force_n - pressed.shear_force_n

    def torsion_at(angle_rad: float) -> np.ndarray:
        return np.array([turned(np.array([0, 0, angle_rad])).torsion_nm - pressed.torsion_nm])

    def rocking(axis: int) -> float:
        tilt = _TILT * pressed.indent_depth_m / radius
        return float(abs(turned(np.eye(3)[axis] * tilt).torque_nm - pressed.torque_nm)[axis] / tilt)

    shear_modulus = spec.gel.youngs_modulus_pa / (2 * (1 + spec.gel.poisson_ratio))
    small = _SMALL * limit / (8 * shear_modulus * radius)  # a disc on a half-space gives way by more, on a layer by less
    tilts = rocking(0), rocking(1)
    sim.reset(indenter, seed=0)
    sim.step(held, look=False)
    shear = _slope(shear_at, small, share * limit)
    sim.reset(indenter, seed=0)
    sim.step(held, look=False)
    torsion = _slope(torsion_at, small / radius, share * limit * radius)
    return Bushing(
        normal_n_m=float(normal_force_n / max(pressed.indent_depth_m, 1e-6)),
        shear_n_m=(float(shear[0]), float(shear[1])),
        torsion_nm=float(torsion[0]),
        rocking_nm=tilts,
        friction=mu,
        friction_length_m=float(mu * radius),
        centre_m=(float(centre[0]), float(centre[1])),
    )


def softening(growth: np.ndarray, stuck: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Share of the stiffness (6,) that the layer's answer has shown of late, 0.2 to 1; 1 where it stood still, and along z.

    Args:
        growth: Of the answer since then [N, N m], (6,).
        stuck: What it would have grown by in stick: stiffness times motion, (6,).
        answer: The layer's answer now, (6,).
    """
    moves = np.abs(stuck) > _STILL * np.abs(answer)
    share = np.where(moves, np.clip(growth / np.where(moves, stuck, 1), _SOFTEST, 1.0), 1.0)
    share[2] = 1.0  # the depth answers for the normal force
    return share


def mean_radius_m(frame: TactileFrame, grid: Grid) -> float:
    """Mean distance of the pressure from its centre [m]: the arm of friction that turns."""
    p = frame.normal_traction_pa.astype(np.float64)
    x, y = np.meshgrid(grid.x_m, grid.y_m)
    total = p.sum()
    return (
        float((p * np.hypot(x - frame.centre_of_pressure_m[0], y - frame.centre_of_pressure_m[1])).sum() / total)
        if total
        else 0.0
    )


def _slope(load_at, first: float, wanted: float) -> np.ndarray:
    """Load over motion, of a small motion `first`, or where the load's size is `wanted`; motions grow, as friction remembers."""
    moved, load = first, load_at(first)
    while (size := float(np.linalg.norm(load))) < wanted and moved < 200 * first:
        # By the secant, held back: past the limit the curve is flat and says nothing.
        moved *= float(np.clip(wanted / max(size, 1e-12), 1.1, 6.0))
        load = load_at(moved)
    return load / moved
