"""The order of samples: shares in every prefix, each window once, the same for ever."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simtouch.stream.sample_order import SampleOrder, hashed, scattered, shuffled


def order(sizes, weights=None, *, lanes=8, seed=0, shuffle="clips"):
    weights = [1] * len(sizes) if weights is None else weights
    exact = [Fraction(w) / sum(map(Fraction, weights)) for w in weights]
    return SampleOrder([np.array(s) for s in sizes], exact, lanes=lanes, seed=seed, shuffle=shuffle)


def windows(made, epoch, count):
    return [(d.pool, d.chunk, d.offset) for d in (made.draw(epoch, k) for k in range(count))]


@settings(max_examples=25, deadline=None)
@given(
    weights=st.lists(st.integers(1, 100), min_size=1, max_size=6),
    lanes=st.sampled_from([1, 2, 7, 16, 48]),
    prefix=st.integers(1, 600),
)
def test_every_prefix_holds_the_shares(weights, lanes, prefix):
    made = order([[30, 20]] * len(weights), weights, lanes=lanes)
    drawn = np.bincount([made.draw(0, k).pool for k in range(prefix)], minlength=len(weights))
    assert np.abs(drawn - prefix * np.array(weights) / sum(weights)).max() <= 5


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    lanes=st.sampled_from([1, 3, 8, 48]),
    shuffle=st.sampled_from(["clips", "windows", "none"]),
    epoch=st.integers(0, 5),
)
def test_one_pool_gives_each_window_once_an_epoch(sizes, lanes, shuffle, epoch):
    made = order([sizes], lanes=lanes, shuffle=shuffle)
    drawn = windows(made, epoch, sum(sizes))
    assert sorted(drawn) == [(0, chunk, i) for chunk, n in enumerate(sizes) for i in range(n)]


def test_a_lane_stays_with_a_run_until_all_of_it_is_shown():
    made = order([[20] * 30], lanes=6)
    for lane in range(6):
        runs = [(d.lap, d.chunk, d.piece) for d in (made.draw(0, k) for k in range(lane, 600, 6))]
        visits = [runs[0]] + [b for a, b in itertools.pairwise(runs) if a != b]
        assert len(visits) == len(set(visits))
        assert sum(piece[1] for _, _, piece in visits) == len(runs)


def test_a_small_pool_goes_round_again_in_another_order():
    made = order([[10, 10], [500]], [1, 1], lanes=4)
    draws = [d for d in (made.draw(0, k) for k in range(160)) if d.pool == 0]
    laps = [[(d.chunk, d.offset) for d in draws if d.lap == lap] for lap in range(4)]
    assert all(sorted(lap) == [(c, i) for c in range(2) for i in range(10)] for lap in laps)
    assert len({tuple(lap) for lap in laps}) == 4


def test_seed_and_epoch_change_the_order_and_nothing_else_does():
    one = windows(order([[20] * 5], seed=1), 0, 100)
    assert one == windows(order([[20] * 5], seed=1), 0, 100)
    assert one != windows(order([[20] * 5], seed=2), 0, 100)
    assert one != windows(order([[20] * 5], seed=1), 1, 100)
    backwards = order([[20] * 5], seed=1)
    assert one == [(d.pool, d.chunk, d.offset) for d in (backwards.draw(0, k) for k in reversed(range(100)))][::-1]


def test_without_shuffle_and_with_one_lane_windows_come_in_their_order():
    drawn = windows(order([[3, 2]], lanes=1, shuffle="none"), 0, 5)
    assert drawn == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 0), (0, 1, 1)]


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1000])
def test_both_shuffles_are_permutations(n):
    assert sorted(shuffled(n, 5).tolist()) == list(range(n))
    assert sorted(scattered(x, n, 5) for x in range(n)) == list(range(n))


def test_the_hash_is_the_same_on_every_machine():
    assert hashed(1, 2, 3) == HASH_OF_1_2_3
    assert shuffled(8, 1).tolist() == SHUFFLED_8


def test_a_chunk_meets_others_in_a_batch():
    """48 in flight: a batch of 64 shows about as many chunks."""
    made = order([[59] * 400], lanes=48)
    assert len({made.draw(0, k).chunk for k in range(5000, 5064)}) >= 45


HASH_OF_1_2_3 = 7934959330630343949
SHUFFLED_8 = [4, 3, 7, 0, 1, 5, 6, 2]
