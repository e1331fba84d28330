"""Finding the depth for a force, on a gel whose force is known: F = k depth."""

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.contact import Approach
from simtouch.force_control import LastPress, lowering_for_force

STIFFNESS_N_M, THICKNESS_M = 1000.0, 4e-3


class Springs:
    """F = k depth^power / depth_1^(power - 1). Remembers how deep and how often it was asked to go."""

    def __init__(self, power=1.0):
        self.power, self.deepest_m, self.looks = power, 0.0, 0

    def normal_force_n(self, overlap_m, dt_s):
        depth = overlap_m.max((1, 2))
        self.deepest_m, self.looks = max(self.deepest_m, float(depth.max())), self.looks + 1
        return STIFFNESS_N_M * 1e-3 * (np.maximum(depth.astype(float), 0) / 1e-3) ** self.power

    def lowering_m(self, overlap_m, normal_force_n, dt_s):
        return np.full(len(overlap_m), np.nan)


def approaches(*above_m):
    return [Approach(np.eye(4), np.full((8, 8), -above, np.float32), 4) for above in above_m]


def lowering(gel, *forces_n, last=None):
    return lowering_for_force(gel, approaches(*[1e-3] * len(forces_n)), np.array(forces_n), THICKNESS_M, 0.1, last)


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


@pytest.mark.parametrize("power", [0.8, 1.0, 1.5, 2.5])
def test_a_press_begins_where_the_last_one_ended(power):
    gel, last = Springs(power), LastPress.none(1)
    lowering(gel, 1.0, last=last)
    first, gel.looks = gel.looks, 0
    for force in (1.01, 0.99, 1.05, 1.3, 0.6):
        depth = lowering(gel, force, last=last)[0] - 1e-3
        assert STIFFNESS_N_M * 1e-3 * (depth / 1e-3) ** power == pytest.approx(force, rel=1.5e-4)
    assert gel.looks <= 3 * 5 < 5 * first


def test_what_a_batch_remembers_is_each_contacts_own():
    both, alone = LastPress.none(2), LastPress.none(1)
    for one, other in ((0.5, 2.0), (0.6, 0.0), (0.5, 0.1), (3.0, 2.0)):
        assert lowering(Springs(1.5), one, other, last=both)[0] == lowering(Springs(1.5), one, last=alone)[0]


def test_a_body_that_changed_since_the_last_press_is_found_all_the_same():
    last = LastPress.none(1)
    lowering(Springs(3.0), 2.0, last=last)
    assert lowering(Springs(0.8), 0.05, last=last)[0] - 1e-3 == pytest.approx(1e-3 * 0.05**1.25, rel=2e-4)
    with pytest.raises(ArgumentError, match="more depth than the gel has"):
        lowering(Springs(), 4.0, last=last)
