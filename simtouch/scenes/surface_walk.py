"""A place on a body that wanders over its surface: a body, a pad's grid and steps in, poses gel_T_body that hold the place on the pad out.

Nothing but the body's underside is asked for, so a walk goes over primitives, meshes and whatever else can press. Where the pad
looks, the surface near the next place is a plane through its heights, weighted by a Gaussian as wide as a contact; it gives

    n = (s_x, s_y, -1) / |.|,    gel_T_body' = T(c) R(n -> m) T(-p) gel_T_body              (1)

with s the plane's slopes, p the next place, c where on the pad it is to be, and m the direction the outer normal is to have there:
against the resting gel's own normal, give or take a tilt. Past an edge of a closed body the heights fall by no more than twice the
Gaussian's width, so a walk turns over an edge instead of jumping.
"""

import numpy as np

from simtouch.geometry.gap_map import Grid, Indenter
from simtouch.geometry.pose import from_quaternion, from_rotvec, pose
from simtouch.sensors.spec import GelPad

_WIDTH_M = 1.2e-3  # standard deviation of the weight
_LOOK_CELLS = 48  # rows and columns of the look at the whole body
_ASTRAY_M = 0.5e-3  # what lies lower by more than this would touch long before the place does
_TRIES = 16
_FASTEST_TURN_RAD_S = 5.0  # of the hand; a walk round a tight bend slows down
_CONE_RAD = 0.6  # how far from its presented side a body is landed on that is not walked on all over
_PAD_EDGE = 0.5  # share of the weight that must lie on the body for it not to end there


class SurfaceWalk:
    """Where on the body the pad is."""

    def __init__(self, indenter: Indenter, grid: Grid, gel: GelPad, rng: np.random.Generator, *, whole: bool):
        """Stand over nothing; `land` first.

        Args:
            indenter: The body.
            grid: Cells of the pad.
            gel: The pad.
            rng: Source of every choice.
            whole: Walk on all sides; else on the presented one, and turn back where the body ends.
        """
        self._indenter, self._grid, self._rng, self._whole = indenter, grid, rng, whole
        self._x, self._y = np.meshgrid(grid.x_m, grid.y_m)
        self._dome_radius_m = np.array(gel.dome_radius_m)
        self.contact_m, self.tilt_rad = np.zeros(2), np.zeros(2)
        self._heading = 0.0
        self.gel_T_body = np.eye(4)
        self.underside_m = np.full(grid.shape, np.inf, np.float32)
        """Of the body at `gel_T_body`, (h, w)."""

    @property
    def astray(self) -> bool:
        """Whether another part of the body would touch first, or none is there."""
        return self._overhang_m() > _ASTRAY_M

    def land(self, contact_m: np.ndarray) -> None:
        """Take a new place on the body, held over `contact_m` (x, y) on the pad, and a new heading; a last resort may be `astray`."""
        self.contact_m, self._heading = np.asarray(contact_m, float), self._rng.uniform(-np.pi, np.pi)
        best, least = None, np.inf
        for _ in range(_TRIES):
            self._look(self._first_pose())
            for _ in range(3):
                if np.isfinite(self.underside_m).any():
                    self._look(self._held_at(self.contact_m)[0])
            overhang = self._overhang_m()
            if overhang < least:
                best, least = self.gel_T_body, overhang
            if not self.astray:
                return
        self._look(np.eye(4) if best is None else best)

    def advance(self, distance_m: float, wander_rad: float, dt_s: float, tilt_rad: np.ndarray) -> None:
        """Step along the heading, which then turns by `wander_rad`; `tilt_rad` about x and y is kept to the local normal."""
        self.tilt_rad = np.asarray(tilt_rad, float)
        most = _FASTEST_TURN_RAD_S * dt_s
        for _ in range(3):
            heading = np.array([np.cos(self._heading), np.sin(self._heading)])
            following, turn = self._held_at(self.contact_m + distance_m * heading)
            if turn <= most:
                break
            distance_m *= max(0.8 * most / turn, 0.2)
        self._look(following)
        self._heading += wander_rad
        if not self._whole:
            self._turn_back()

    def _look(self, gel_T_body: np.ndarray) -> None:
        self.gel_T_body = gel_T_body
        self.underside_m = self._indenter.underside_m(gel_T_body, self._grid)

    def _overhang_m(self) -> float:
        """By how much another part of the body lies deeper in the resting gel than what is around `contact_m` [m]."""
        over = self._rest_m() - self.underside_m
        around = over[self._near(self.contact_m)]
        return float(over.max() - around.max()) if np.isfinite(around).any() else np.inf

    def _rest_m(self) -> np.ndarray:
        return -(self._x**2 / self._dome_radius_m[0] + self._y**2 / self._dome_radius_m[1]) / 2

    def _held_at(self, place_m: np.ndarray) -> tuple[np.ndarray, float]:
        """Equation (1) for the surface over `place_m`, and the angle that the body is turned by."""
        height, slopes = self._plane(place_m)
        normal = _unit(np.array([*slopes, -1.0]))
        wanted = from_rotvec((*self.tilt_rad, 0)) @ _unit(np.array([*(-self.contact_m / self._dome_radius_m), -1.0]))
        axis = np.cross(normal, wanted)
        sine = float(np.sqrt(axis @ axis))
        turn = float(np.arctan2(sine, normal @ wanted))
        rotation = from_rotvec(axis * (turn / sine)) if sine > 1e-12 else np.eye(3)
        here, there = np.array([*place_m, height]), np.array([*self.contact_m, 0.0])
        return pose(there - rotation @ here, rotation) @ self.gel_T_body, turn

    def _plane(self, place_m: np.ndarray) -> tuple[float, np.ndarray]:
        """Height at `place_m` and slopes along x and y of the plane through the surface around it."""
        near = self._near(place_m)
        x, y = self._x[near] - place_m[0], self._y[near] - place_m[1]
        z, weight = self.underside_m[near].astype(float), np.exp(-(x**2 + y**2) / (2 * _WIDTH_M**2))
        there = np.isfinite(z)
        low = z[there].min() if there.any() else 0.0
        z = np.minimum(np.where(there, z, np.inf), low + 2 * _WIDTH_M)
        if not self._whole and there.sum() > 3:
            weight = weight * there  # a sheet ends, and has no other side to turn to
        columns = np.stack([np.ones_like(x), x, y], -1).reshape(-1, 3)
        weighted = columns * weight.reshape(-1, 1)
        height, *slopes = np.linalg.solve(weighted.T @ columns + 1e-12 * np.eye(3), weighted.T @ z.reshape(-1))
        return float(height), np.array(slopes)

    def _near(self, place_m: np.ndarray) -> tuple[slice, slice]:
        """Cells around a place, rows and columns."""
        return slice(*self._span(place_m[1], self._grid.rows)), slice(*self._span(place_m[0], self._grid.cols))

    def _span(self, middle_m: float, cells: int) -> tuple[int, int]:
        """First and last cell within three widths of a coordinate, never fewer than six."""
        middle = middle_m / self._grid.spacing_m + (cells - 1) / 2
        reach = max(3 * _WIDTH_M / self._grid.spacing_m, 3)
        first = int(np.clip(np.floor(middle - reach), 0, cells - 6))
        return first, int(np.clip(np.ceil(middle + reach) + 1, first + 6, cells))

    def _first_pose(self) -> np.ndarray:
        """The body turned at random, one of the points that then look at the pad in its middle."""
        if self._whole:
            rotation = from_quaternion(self._rng.normal(size=4))
        else:
            lean, around = self._rng.uniform(0, _CONE_RAD), self._rng.uniform(-np.pi, np.pi)
            tip = from_rotvec((lean * np.cos(around), lean * np.sin(around), 0))
            rotation = tip @ from_rotvec((0, 0, self._rng.uniform(-np.pi, np.pi)))
        half = _half_extent_m(self._indenter)
        look = Grid(_LOOK_CELLS, _LOOK_CELLS, 2 * half / (_LOOK_CELLS - 1))
        seen = self._indenter.underside_m(pose((0, 0, 0), rotation), look)
        rows, cols = np.nonzero(np.isfinite(seen))
        if not rows.size:
            return pose((0, 0, 0), rotation)
        pick = int(self._rng.integers(rows.size))
        point = np.array([look.x_m[cols[pick]], look.y_m[rows[pick]], seen[rows[pick], cols[pick]]])
        return pose(np.array([*self.contact_m, 0.0]) - point, rotation)

    def _turn_back(self) -> None:
        """Head for the middle of what is seen if the body ends within two widths ahead."""
        heading = np.array([np.cos(self._heading), np.sin(self._heading)])
        ahead = self.contact_m + 2 * _WIDTH_M * heading
        weight = np.exp(-((self._x - ahead[0]) ** 2 + (self._y - ahead[1]) ** 2) / (2 * _WIDTH_M**2))
        there = np.isfinite(self.underside_m)
        if there.any() and (weight * there).sum() < _PAD_EDGE * weight.sum():
            middle = np.array([self._x[there].mean(), self._y[there].mean()]) - self.contact_m
            self._heading = float(np.arctan2(middle[1], middle[0])) + self._rng.uniform(-0.5, 0.5)


def _half_extent_m(indenter: Indenter) -> float:
    """Half the width of a square over the body's origin that holds all of it, however it is turned; a guess for unknown bodies."""
    bounds = getattr(indenter, "bounds_m", None)
    return 20e-3 if bounds is None else float(np.sqrt(np.sum(np.maximum(*np.abs(bounds)) ** 2)))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt(vector @ vector)
