"""Press with a wanted force without a search: a pose and a force in, a frame out; the last frame's error corrects the next.

The force of a press by d is foretold from how the body overlaps the resting gel, cell by cell. With A the area of the overlap,
W its volume, E* = E / (1 - nu^2) and t the gel's thickness,

    F(d) = c E* W (1.1 / sqrt(A) + (0.4 + 0.85 a / t) / t),    a = sqrt(A / pi)           (1)

The first term is a half-space (1.06 for a ball by Hertz, 1.13 for a flat punch), the second what the bond to the window adds:
with c = 1 the elastic layer's answer to balls and punches of 1 to 10 mm within 20 %. c starts there and follows what the gel
answered, so only the change of shape from one frame to the next has to be foretold: one look at the body on the coarse gel
grid, where a search costs the gel's answer several times.
"""

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.frame import TactileFrame
from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Indenter
from simtouch.simulator import TactileSimulator

_HALF_SPACE, _BOND, _WIDE_BOND = 1.1, 0.4, 0.85  # of (1)
_CLEARANCE_M = 0.05e-3  # where a body that is not pressed waits
_CELL_SHARE = 0.95  # a point between the cells reaches deeper than they tell
_FOLLOW = 0.85  # share of the foretelling's error that the next frame takes up
_EXACT = 0.01  # share by which the foretold force may miss the wanted one
_STRAY = (0.1, 10.0)  # c stays between


class ForceFollower:
    """One sensor that is pressed by force; resets the simulator."""

    def __init__(self, sim: TactileSimulator, indenter: Indenter, *, seed: int):
        """Take the sensor and what presses on it; `seed` is that of the camera's noise."""
        self.sim, self.indenter = sim, indenter
        self.grid, gel = sim.spec.gel_grid, sim.spec.gel
        self._rest_m = dome_height_m(self.grid, gel.dome_radius_m)
        self._modulus_pa, self._thickness_m = gel.youngs_modulus_pa / (1 - gel.poisson_ratio**2), gel.thickness_m
        self._deepest_m = _CELL_SHARE * sim.spec.working_range.indent_depth_m[1]
        self._answer = 1.0  # c of (1)
        self.asked_n = 0.0
        """Force that the last frame was to press with [N]: what `step` was given, less what the working depth does not allow."""
        sim.reset(indenter, seed=seed)

    def step(self, pose: np.ndarray, force_n: float, underside_m: np.ndarray | None = None) -> TactileFrame:
        """Move the body to `pose`, (4, 4), with z such that it presses with about `force_n` [N], 0 for just off the gel.

        The depth stays in the sensor's working range, so a point presses less than it is asked to. The `underside_m` of this
        very pose on the gel's grid, (h, w), may be handed over where it is known.
        """
        top, near = self._overlap(pose, underside_m)
        depth, foretold = self._depth(near, force_n) if force_n > 0 else (-_CLEARANCE_M, 0.0)
        self.asked_n = foretold
        lowered = np.array(pose, np.float64)
        lowered[2, 3] += top - depth
        frame = self.sim.step(lowered)
        if foretold > 0 and frame.normal_force_n > 0:
            answer = frame.normal_force_n / (foretold / self._answer)
            self._answer = float(np.clip(self._answer * (answer / self._answer) ** _FOLLOW, *_STRAY))
        return frame

    def most_n(self, pose: np.ndarray) -> float:
        """Force foretold for the largest working depth [N]."""
        return self._force(self._overlap(pose, None)[1], self._deepest_m)

    def _overlap(self, pose: np.ndarray, underside_m: np.ndarray | None) -> tuple[float, np.ndarray]:
        """Largest overlap with the resting gel as the pose stands, and that of each cell within reach less the largest, (N,)."""
        over = self._rest_m - (self.indenter.underside_m(pose, self.grid) if underside_m is None else underside_m)
        top = float(over.max())
        if not np.isfinite(top):
            raise ArgumentError("`pose` holds the body beside the sensor: no part of it lies over the gel.")
        return top, over[over > top - self._deepest_m] - top

    def _depth(self, near_m: np.ndarray, force_n: float) -> tuple[float, float]:
        """Depth [m] at which (1) gives this force [N], and the force there; `near_m` is the overlap less its largest, (N,)."""
        (low, least), (high, most) = (0.0, 0.0), (self._deepest_m, self._force(near_m, self._deepest_m))
        depth, force = high, most
        for attempt in range(24):
            if force <= force_n * (1 + _EXACT) and (depth == self._deepest_m or force >= force_n * (1 - _EXACT)):
                break
            if attempt % 3 < 2 and least > 0:  # straight in the logarithms, as powers of the depth are
                depth = low * (high / low) ** (np.log(force_n / least) / np.log(most / least))
            else:
                depth = (low + high) / 2
            force = self._force(near_m, depth)
            (low, least), (high, most) = ((depth, force), (high, most)) if force < force_n else ((low, least), (depth, force))
        return depth, force

    def _force(self, near_m: np.ndarray, depth_m: float) -> float:
        """Equation (1)."""
        overlap = near_m + depth_m
        overlap = overlap[overlap > 0]
        if not overlap.size:
            return 0.0
        cell, t = self.grid.spacing_m**2, self._thickness_m
        root = float(np.sqrt(overlap.size * cell))
        stiffness = _HALF_SPACE / root + (_BOND + _WIDE_BOND * root / (np.sqrt(np.pi) * t)) / t
        return self._answer * self._modulus_pa * float(overlap.sum()) * cell * stiffness
