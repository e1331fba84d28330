"""Gel surface under a pressed ball: contact circle in, height, slope and contact mask of every pixel out.

Inside the circle, of radius a, the gel has the shape of the ball; outside it is the free surface of the elastic layer (`gel/compliance.py`)
under the axisymmetric pressure that gives it that shape and vanishes at the rim. With lengths in units of a and u the way down,

    p(r) = sum_j c_j (1 - r^2)^(j + 1/2),   p_hat_j(k) = 2^(j + 1/2) Gamma(j + 3/2) J_{j + 3/2}(k) / k^(j + 3/2)          (1)
    u_j(r) = int_0^inf c_zz(k) p_hat_j(k) J_0(k r) k dk                                                     (2)
    sum_j c_j u_j(r) = d - (R - sqrt(R^2 - r^2))   for r <= 1,   h = -u                                       (3)

c_j and the depth d solve (3) by least squares. (1) is Sonine's integral. The share of a half-space in (2), c_zz ~ 1 / k, has a closed form,

    int p_hat_j J_0(k r) dk = B(j + 3/2, 1/2) / pi  int_0^T (1 - r^2 sin^2 t)^(j + 1) dt,   T = arcsin(min(1, 1 / r))        (4)

and the rest falls as exp(-2 k t / a), t the thickness. Ref: Johnson, "Contact Mechanics", 1985, chapter 3 and section 5.8.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import beta, gamma, j0, j1, spherical_jn

from simtouch._checks import ArgumentError, as_array, as_number
from simtouch.gel.compliance import layer_compliance

_TERMS = 6  # of (1): the shape inside is met within 1e-4 a up to a = 0.93 R
_DECAY = 18.0  # k t / a beyond which the layer is a half-space: exp(-2 * 18) < 1e-15


@dataclass(frozen=True, eq=False)
class PressField:
    """The gel of one press, seen by each pixel."""

    height_px: np.ndarray
    """Surface [px], float32, (H, W): 0 at rest, negative where pressed in."""
    slope: np.ndarray
    """(dh/dx, dh/dy), float32, (H, W, 2)."""
    touched: np.ndarray
    """Inside the contact circle, bool, (H, W)."""


def press_field(
    circle_px, shape: tuple[int, int], *, ball_radius_px: float, thickness_px: float, poisson_ratio: float = 0.48
) -> PressField:
    """Return the surface of one press.

    Args:
        circle_px: Contact circle (column, row, radius) [px]; the radius below the ball's.
        shape: Of the image, (H, W).
        ball_radius_px: R [px].
        thickness_px: Effective thickness t of the gel [px].
        poisson_ratio: Of the gel, below 0.5.
    """
    x_0, y_0, a = as_array("circle_px", circle_px, "3", np.float64)
    ball = as_number("ball_radius_px", ball_radius_px, above=0)
    thickness = as_number("thickness_px", thickness_px, above=0)
    nu = as_number("poisson_ratio", poisson_ratio, above=0, below=0.5)
    if not 0 < a < ball:
        raise ArgumentError(f"`circle_px` must have a radius between 0 and the ball's, {ball:.1f} px; got {a:g}.")
    dx, dy = np.arange(shape[1])[None] - x_0, np.arange(shape[0])[:, None] - y_0
    r = np.hypot(dx, dy)
    depth, radii, sink, fall = _profile(a / thickness, ball / a, nu, float(np.ceil(r.max() / a)))
    touched = r < a
    below = np.sqrt(np.maximum(ball**2 - r**2, ball**2 - a**2))  # the centre of the ball is this far above its surface
    height = np.where(touched, ball - below - a * depth, -a * np.interp(r / a, radii, sink))
    # dh/dr over r, so that the slope at the very centre needs no direction.
    steep = np.where(touched, 1 / below, -np.interp(r / a, radii, fall) / np.maximum(r, 1e-9))
    slope = np.stack([steep * dx, steep * dy], axis=-1)
    return PressField(height.astype(np.float32), slope.astype(np.float32), touched)


@lru_cache(maxsize=256)
def _profile(a_over_t: float, ball: float, nu: float, reach: float) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Depth d, and radii from 1 to `reach` with u and du/dr there; lengths in units of a."""
    inside = np.sin(np.linspace(0, np.pi / 2, 41))  # dense where the pressure falls to zero
    cap = ball - np.sqrt(ball**2 - inside**2)
    u, _ = _sinks(inside, a_over_t, nu)
    *c, depth = np.linalg.lstsq(np.column_stack([u, -np.ones_like(inside)]), -cap, rcond=None)[0]
    radii = 1 + np.expm1(np.linspace(0, np.log1p(8 * max(reach - 1, 0.1)), 300)) / 8  # dense at the rim, where u falls fastest
    u, fall = _sinks(radii, a_over_t, nu)
    return float(depth), radii, u @ c, fall @ c


def _sinks(r: np.ndarray, a_over_t: float, nu: float) -> tuple[np.ndarray, np.ndarray]:
    """u_j of (2) and its derivative by r, for (1 - nu) / G = 1, shape (len(r), _TERMS)."""
    u, fall = _half_space(r)
    last = _DECAY * a_over_t
    node, weight = np.polynomial.legendre.leggauss(int(64 + last * r.max() / 2))  # several nodes a wave of J_0(k r)
    k, weight = (node + 1) * last / 2, weight * last / 2
    j = np.arange(_TERMS)[:, None]
    p_hat = gamma(j + 1.5) * 2 ** (j + 0.5) * np.sqrt(2 / np.pi) * spherical_jn(j + 1, k) / k ** (j + 1)
    c_zz = layer_compliance(k, 1 / a_over_t, 2 * (1 + nu), nu)[0] / (1 - nu)
    part = (weight * (c_zz * k - 1) * p_hat).T
    return u + j0(np.outer(r, k)) @ part, fall - j1(np.outer(r, k)) @ (k[:, None] * part)


def _half_space(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(4) and its derivative by r."""
    node, weight = np.polynomial.legendre.leggauss(32)
    top = np.arcsin(1 / np.maximum(r, 1))[:, None]
    sine, weight = np.sin(top * (node + 1) / 2), top * weight / 2
    q = np.maximum(1 - (r[:, None] * sine) ** 2, 0)
    j = np.arange(_TERMS)
    front = beta(j + 1.5, 0.5) / np.pi
    u = [(weight * q ** (m + 1)).sum(1) for m in j]
    fall = [-2 * (m + 1) * (weight * q**m * r[:, None] * sine**2).sum(1) for m in j]
    return np.stack(u, 1) * front, np.stack(fall, 1) * front
