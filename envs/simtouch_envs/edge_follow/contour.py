"""A smooth closed curve: points around it in, and out of it places, tangents, bends, and how far from it a point lies.

Tabulated by arc length s, counter-clockwise from x to y, so that the inside lies to the left of the tangent, along n = (-t_y, t_x). Near
the curve it is its own circle: with k the bend at the nearest entry and (u, v) a point along t and n from there, the point lies

    d = (2 v - k (u^2 + v^2)) / (1 + sqrt((1 - k v)^2 + (k u)^2))                                                   (1)

inside, exactly so on a circle and on a line (k = 0), and elsewhere to the third order of u, which is at most half an entry.
"""

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from simtouch._checks import ArgumentError, as_array

ENTRIES = 1600
_FINER = 4  # spline samples a table entry
_NEAR = 100  # table entries searched to either side


class Contour:
    """A closed curve by arc length; all in metres, axes of the plate."""

    def __init__(self, around_m: np.ndarray):
        """Take points around it, shape (K, 2), K >= 8, counter-clockwise, the last not the first again."""
        around = as_array("around_m", around_m, "K 2", np.float64)
        if len(around) < 8:
            raise ArgumentError(f"`around_m` must hold at least 8 points; got {len(around)}.")
        if _area(around) <= 0:
            raise ArgumentError("`around_m` must run counter-clockwise, from x to y.")
        turn = np.linspace(0, 1, len(around) + 1)
        fine = CubicSpline(turn, np.concatenate([around, around[:1]]), bc_type="periodic")
        at = np.linspace(0, 1, _FINER * ENTRIES + 1)
        x, y = np.diff(fine(at), axis=0).T
        s = np.concatenate([[0.0], np.cumsum(np.sqrt(x * x + y * y))])
        self.length_m = float(s[-1])
        self.spacing_m = self.length_m / ENTRIES
        at = np.interp(np.arange(ENTRIES) * self.spacing_m, s, at)
        self.points_m = fine(at)
        """Places of the table, (1600, 2)."""
        first, second = fine(at, 1), fine(at, 2)
        speed = np.linalg.norm(first, axis=1, keepdims=True)
        self.tangents = first / speed
        """Unit tangents of the table, (1600, 2)."""
        self.bends_1_m = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / speed[:, 0] ** 3
        """Signed bend of the table [1/m], (1600,); > 0 where the inside is convex."""

    @property
    def normals(self) -> np.ndarray:
        """Unit normals of the table into the inside, (1600, 2)."""
        return np.stack([-self.tangents[:, 1], self.tangents[:, 0]], axis=1)

    @property
    def least_bend_radius_m(self) -> float:
        """Of bends to either side."""
        return 1 / float(np.abs(self.bends_1_m).max())

    def at(self, s_m: float) -> np.ndarray:
        """The place at arc length s, any number of turns, (2,)."""
        i, along = self._entry(s_m)
        return self.points_m[i] + along * self.tangents[i] + 0.5 * along**2 * self.bends_1_m[i] * self.normals[i]

    def heading_rad(self, s_m: float) -> float:
        """Direction of the tangent at arc length s, from x to y."""
        i, along = self._entry(s_m)
        return float(np.arctan2(self.tangents[i, 1], self.tangents[i, 0]) + along * self.bends_1_m[i])

    def project(self, point_m: np.ndarray, near_m: float) -> tuple[float, float]:
        """(arc length of the place nearest to a point, how far inside it lies), searched near `near_m`, whose turns are kept."""
        window = round(near_m / self.spacing_m) + np.arange(-_NEAR, _NEAR + 1)
        away = np.square(self.points_m[window % ENTRIES] - point_m).sum(1)
        k = int(window[np.argmin(away)])
        u, v = self._local(np.asarray(point_m, float), k % ENTRIES)
        bend = self.bends_1_m[k % ENTRIES]
        along = float(np.clip(u / max(1 - bend * v, 0.1), -self.spacing_m, self.spacing_m))
        return k * self.spacing_m + along, float(_inside(u, v, bend))

    def inside_m(self, points_m: np.ndarray) -> np.ndarray:
        """How far inside points lie [m], negative outside, by (1); shape (N, 2) in, (N,) out."""
        _, k = cKDTree(self.points_m).query(points_m)
        return _inside(*self._local(points_m, k), self.bends_1_m[k])

    def _entry(self, s_m: float) -> tuple[int, float]:
        k = round(s_m / self.spacing_m)
        return k % ENTRIES, s_m - k * self.spacing_m

    def _local(self, point_m: np.ndarray, k) -> tuple:
        """Along tangent and normal from an entry."""
        apart = point_m - self.points_m[k]
        t = self.tangents[k]
        return (apart * t).sum(-1), apart[..., 1] * t[..., 0] - apart[..., 0] * t[..., 1]


def _inside(u, v, bend):
    """Equation (1)."""
    return (2 * v - bend * (u * u + v * v)) / (1 + np.hypot(1 - bend * v, bend * u))


def _area(around: np.ndarray) -> float:
    """Signed area of a polygon, > 0 counter-clockwise."""
    x, y = around.T
    return 0.5 * float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
