"""The order of samples: (epoch, k) in, which window is sample k out. A pure function of the seed: nothing is drawn in turn.

Sample k belongs to lane k mod L. Each lane holds one chunk of one clip at a time, a run of windows whose frames need decoding only
once, so L is the number of clips in flight: windows of a batch come from up to L clips, and a window meets the other windows of
its chunk within about L x (windows of a chunk) samples. With L a multiple of the ranks, a lane belongs to one rank, and its frames are
decoded there alone.

Shares. Lane number c covers a cell of length 1/L of [0, 1), cells being handed to c = 0, 1, ... by the golden ratio, and the
weights cut [0, 1) into one interval a pool. A cell inside an interval draws from that pool only; in a cell that is cut, step i
goes to the first pool where floor((i + 1) q + 1/2) exceeds floor(i q + 1/2), q being that pool's part of the cell. So any first K
samples hold each pool's share of K to a few samples, for ever.

Without replacement. A pool is a tape of its windows, shuffled by chunk and inside each chunk; its lanes own equal pieces of the
tape, and a new lap shuffles it anew. One pool alone gives each window once an epoch.
"""

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

Shuffle = Literal["clips", "windows", "none"]
_GOLDEN = 0x9E3779B97F4A7C15
_M1, _M2, _MASK = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 2**64 - 1


class Draw(NamedTuple):
    """Which window a sample is."""

    lane: int
    pool: int
    lap: int
    chunk: int
    """Index in the pool's table of chunks."""
    piece: tuple[int, int]
    """(first, count): the windows of the chunk that the lane has."""
    offset: int
    """Window of that chunk."""


@dataclass(frozen=True)
class _Part:
    """What one lane has of one pool: `share` of the draws that the parts before it leave, `size` windows of the tape from `start`."""

    pool: int
    share: Fraction
    start: int
    size: int

    def before(self, m: int) -> int:
        """How many of the first m draws are its own."""
        q = self.share
        return (2 * m * q.numerator + q.denominator) // (2 * q.denominator)


class SampleOrder:
    """Which window is sample k of an epoch.

    Args:
        chunks: For each pool the number of windows of each of its chunks.
        weights: Share of each pool, > 0, sum 1.
        lanes: Chunks in flight.
        seed: Of every shuffle.
        shuffle: `clips` as above; `windows` shuffles single windows (each decodes all its frames); `none` keeps their order.
    """

    def __init__(
        self, chunks: Sequence[np.ndarray], weights: Sequence[Fraction], *, lanes: int, seed: int, shuffle: Shuffle = "clips"
    ):
        self._chunks = [np.asarray(c, np.int64) for c in chunks]
        self._edges = [np.concatenate([[0], np.cumsum(c)]) for c in self._chunks]
        self.lanes, self.seed, self.shuffle = lanes, seed, shuffle
        self._parts = _share_lanes([int(e[-1]) for e in self._edges], weights, lanes)
        self._tapes = _Recent(4 * len(chunks) + 4)
        self._inner = _Recent(2 * lanes + 8)

    def draw(self, epoch: int, k: int) -> Draw:
        """Sample k >= 0 of an epoch."""
        step, lane = divmod(k, self.lanes)
        for part in self._parts[lane]:
            own = part.before(step)
            if part.before(step + 1) > own:
                break
            step -= own
        lap, position = divmod(own, part.size)
        return Draw(lane, part.pool, lap, *self._at(epoch, part, lap, part.start + position))

    def _at(self, epoch: int, part: _Part, lap: int, position: int) -> tuple[int, tuple[int, int], int]:
        """(chunk, the lane's piece of it, window in it) at a position of a pool's tape."""
        pool = part.pool
        if self.shuffle == "windows":
            position = scattered(position, int(self._edges[pool][-1]), hashed(self.seed, epoch, pool, lap))
            at = int(np.searchsorted(self._edges[pool], position, "right")) - 1
            offset = position - int(self._edges[pool][at])
            return at, (offset, 1), offset
        order, edges = self._tapes.get((epoch, pool, lap), self._tape)
        at = int(np.searchsorted(edges, position, "right")) - 1
        begin, end = int(edges[at]), int(edges[at + 1])
        first, last = max(begin, part.start), min(end, part.start + part.size)
        offset = position - first
        if self.shuffle == "clips":
            # Shuffled inside the lane's piece, so that lanes that share a chunk decode different frames.
            offset = int(self._inner.get((epoch, pool, lap, int(order[at]), last - first), self._shuffled)[offset])
        return int(order[at]), (first - begin, last - first), first - begin + offset

    def _tape(self, key: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Chunks in the order of a lap, and where each begins on the tape."""
        sizes = self._chunks[key[1]]
        if self.shuffle == "none":
            return np.arange(len(sizes)), self._edges[key[1]]
        order = shuffled(len(sizes), hashed(self.seed, *key))
        return order, np.concatenate([[0], np.cumsum(sizes[order])])

    def _shuffled(self, key: tuple[int, ...]) -> np.ndarray:
        return shuffled(key[-1], hashed(self.seed, *key))

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_tapes": _Recent(self._tapes.most), "_inner": _Recent(self._inner.most)}


class _Recent:
    """The last few values of a pure function."""

    def __init__(self, most: int):
        self.most, self._kept = most, OrderedDict()

    def get(self, key, make):
        if key not in self._kept:
            self._kept[key] = make(key)
            if len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _share_lanes(totals: list[int], weights: Sequence[Fraction], lanes: int) -> list[list[_Part]]:
    """What each lane has of each pool."""
    cells = [0] * lanes
    for cell, lane in enumerate(sorted(range(lanes), key=lambda c: c * _GOLDEN & _MASK)):
        cells[lane] = cell
    edges = [Fraction(0)]
    for weight in weights:
        edges.append(edges[-1] + weight)
    overlap = [[max(Fraction(0), min(b * lanes, c + 1) - max(a * lanes, c)) for a, b in itertools.pairwise(edges)] for c in cells]
    parts: list[list[_Part]] = [[] for _ in range(lanes)]
    left = [Fraction(1)] * lanes
    for pool, total in enumerate(totals):
        sizes = _pieces(total, [row[pool] for row in overlap])
        start = 0
        for lane, size in enumerate(sizes):
            if (share := overlap[lane][pool]) > 0:
                # More lanes than windows: those without one of their own show another's.
                parts[lane].append(_Part(pool, share / left[lane], start if size else lane % total, max(1, size)))
                left[lane] -= share
            start += size
    return parts


def _pieces(total: int, shares: list[Fraction]) -> list[int]:
    """`total` cut in proportion to `shares`; what rounding leaves goes to the first ones, which are drawn from first."""
    whole = sum(shares)
    sizes = [int(total * share / whole) for share in shares]
    for lane in [i for i, share in enumerate(shares) if share > 0][: total - sum(sizes)]:
        sizes[lane] += 1
    return sizes


def hashed(*words: int) -> int:
    """64 well-mixed bits of a few whole numbers (SplitMix64's finaliser, Steele et al. 2014), the same on every machine."""
    state = 0
    for word in words:
        state = (state ^ (word & _MASK)) * _M1 & _MASK
        state = (state + _GOLDEN) & _MASK
        state = (state ^ state >> 30) * _M1 & _MASK
        state = (state ^ state >> 27) * _M2 & _MASK
        state ^= state >> 31
    return state


def shuffled(n: int, key: int) -> np.ndarray:
    """A permutation of 0..n-1: the order of n hashed numbers, the same with every version of NumPy."""
    x = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(key)
    x = (x ^ x >> np.uint64(30)) * np.uint64(_M1)
    x = (x ^ x >> np.uint64(27)) * np.uint64(_M2)
    return np.argsort(x ^ x >> np.uint64(31), kind="stable")


def scattered(x: int, n: int, key: int) -> int:
    """Where a permutation of 0..n-1 sends x, with nothing stored: a Feistel network on the bits of n, walked until it is below n."""
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = x >> half, x & mask
        for round_ in range(4):
            left, right = right, left ^ (hashed(key, round_, right) & mask)
        x = left << half | right
        if x < n:
            return x
