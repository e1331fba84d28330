"""Finding the depth for a force, on a gel whose force is known: F = k depth."""

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.contact import Approach
from simtouch.force_control import lowering_for_force

STIFFNESS_N_M, THICKNESS_M = 1000.0, 4e-3


class Springs:
    """Remembers how deep it was asked to go."""

    def __init__(self):
        self.deepest_m = 0.0

    def normal_force_n(self, overlap_m, dt_s):
        depth = overlap_m.max((1, 2))
        self.deepest_m = max(self.deepest_m, float(depth.max()))
        return STIFFNESS_N_M * np.maximum(depth.astype(float), 0)


def approaches(*above_m):
    return [Approach(np.eye(4), np.full((8, 8), -above, np.float32), 4) for above in above_m]


def lowering(gel, *forces_n):
    return lowering_for_force(gel, approaches(*[1e-3] * len(forces_n)), np.array(forces_n), THICKNESS_M, 0.1)


def test_each_force_is_found():
    depth = lowering(Springs(), 0.05, 0.0, 3.0) - 1e-3
    assert depth[[0, 2]] == pytest.approx([0.05e-3, 3e-3], rel=1e-3)
    assert -2e-6 < depth[1] < 0  # no force: just off the gel


def test_the_search_never_presses_much_deeper_than_the_answer():
    gel = Springs()
    lowering(gel, 0.5)
    assert gel.deepest_m < 2.1 * 0.5e-3


def test_a_force_beyond_the_gel_is_refused():
    with pytest.raises(ArgumentError, match="`normal_force_n` 4 N needs more depth than the gel has"):
        lowering(Springs(), 0.5, 4.0)
