"""A mixture of streams and recordings: sources and shares in, which window of which clip is sample k out.

Nothing is decoded here and nothing needs PyTorch; `simtouch.stream.mixing.loader` makes batches of it.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError, as_number, pick
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.reader import open_stream
from simtouch.stream.sample_order import SampleOrder, Shuffle
from simtouch.stream.splits import GroupKey, check_split, group_key, split_of
from simtouch.stream.windows import WindowSpec, count_windows

_SHUFFLES = ("clips", "windows", "none")


class Sample(NamedTuple):
    """Which window a sample is."""

    source: int
    """Index of the source."""
    clip: int
    """Index of the clip in it."""
    window: int
    """Number of the window in the clip, see `simtouch.stream.windows.window_frames`."""
    lane: tuple[int, int]
    """(lane, pool): a lane shows one run of windows of each pool at a time."""
    run: tuple[int, int, int]
    """(lap, first, count): which run, and its windows of the clip."""


@dataclass(frozen=True)
class _Pool:
    """Chunks that are drawn from by one weight: of chunk i the windows first[i] .. first[i] + count[i] - 1 of a clip."""

    weight: Fraction
    source: np.ndarray
    clip: np.ndarray
    first: np.ndarray
    count: np.ndarray


class Mixture:
    """Windows of several sources in chosen shares, in an order that only the seed decides. Picklable as its sources are.

    Args:
        sources: Folders, or sequences of `AnyClip` as `simtouch.open_stream` gives them.
        weights: Share of each source, any scale; 0 leaves it out. By default every window counts the same.
        synthetic_share: Part of the samples that is synthetic, in [0, 1]; weights then divide the synthetic part among the
            synthetic sources and the rest among the real ones.
        window: What a window is.
        split: `train`, `val` or `test`; `all` for everything.
        fractions, group_by, split_seed: See `simtouch.stream.splits`.
        seed: Of the order.
        epoch_windows: Samples of an epoch; by default as many as there are windows.
        clips_in_flight: Clips that samples come from at a time, see `simtouch.stream.sample_order`. A multiple of the number
            of ranks keeps a clip on one rank.
        chunk_windows: Most windows of one visit to a clip.
        shuffle: `clips`, `windows` (no locality at all, up to n times the decoding) or `none`.
        allow_sensor_mix: Take sources of different types of sensors.

    Raises:
        SimtouchError: What is wrong with a source or a share, in one sentence.
    """

    def __init__(
        self,
        sources: Sequence[str | Path | Sequence[AnyClip]],
        *,
        weights: Sequence[float] | None = None,
        synthetic_share: float | None = None,
        window: WindowSpec = WindowSpec(),
        split: str = "all",
        fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
        group_by: str | GroupKey = "clip",
        split_seed: int = 0,
        seed: int = 0,
        epoch_windows: int | None = None,
        clips_in_flight: int = 48,
        chunk_windows: int = 64,
        shuffle: Shuffle = "clips",
        allow_sensor_mix: bool = False,
    ):
        check_split(split, fractions)
        pick("shuffle", shuffle, dict.fromkeys(_SHUFFLES))
        for name, value in (("clips_in_flight", clips_in_flight), ("chunk_windows", chunk_windows)):
            if type(value) is not int or not 1 <= value <= 65536:
                raise ArgumentError(f"`{name}` must be a whole number, 1 to 65536; got {value!r}.")
        if not sources or isinstance(sources, str | Path):
            raise ArgumentError(f"`sources` must be a list of at least one stream or folder; got {sources!r}.")
        self.sources: list[Sequence[AnyClip]] = [open_stream(s) if isinstance(s, str | Path) else s for s in sources]
        self.window = window
        wanted = _wanted_split(split, fractions, group_key(group_by), split_seed)
        told = [_look_through(i, source, window, wanted, chunk_windows) for i, source in enumerate(self.sources)]
        self.source_names = [t.name for t in told]
        """Name of each source."""
        self.synthetic = [t.synthetic for t in told]
        """Whether each source was simulated."""
        shares = _shares(told, weights, synthetic_share)
        if not allow_sensor_mix:
            _check_sensors([t for t, share in zip(told, shares, strict=True) if share > 0])
        self._pools = _pools(told, shares, split)
        self.shares = [float(share) for share in shares]
        """Part of the samples that each source gets."""
        weights_of_pools = [pool.weight for pool in self._pools]
        counts = [pool.count for pool in self._pools]
        self.order = SampleOrder(counts, weights_of_pools, lanes=clips_in_flight, seed=seed, shuffle=shuffle)
        self.windows = int(sum(int(c.sum()) for c in counts))
        """Windows that the split has, each counted once."""
        self.epoch_windows = _epoch(epoch_windows, self.windows)
        own = [str(window), split, fractions, split_seed, seed, clips_in_flight, chunk_windows, shuffle, self.epoch_windows]
        self.fingerprint = _digest(own, self._pools)
        """Tells whether a state of a loader belongs to this mixture."""

    def __len__(self) -> int:
        return self.epoch_windows

    def __repr__(self) -> str:
        shares = ", ".join(f"{n} {s:.3g}" for n, s in zip(self.source_names, self.shares, strict=True))
        return f"Mixture({self.windows} windows; shares: {shares})"

    def sample(self, k: int, epoch: int = 0) -> Sample:
        """Sample k of an epoch, a pure function of (seed, epoch, k)."""
        draw = self.order.draw(epoch, k)
        pool = self._pools[draw.pool]
        source, clip, first = (int(column[draw.chunk]) for column in (pool.source, pool.clip, pool.first))
        run = (draw.lap, first + draw.piece[0], draw.piece[1])
        return Sample(source, clip, first + draw.offset, (draw.lane, draw.pool), run)


@dataclass
class _Told:
    """What was found in one source."""

    name: str
    synthetic: bool
    sensors: list[str]
    clip: np.ndarray
    first: np.ndarray
    count: np.ndarray

    @property
    def windows(self) -> int:
        return int(self.count.sum())


def _wanted_split(split, fractions, key: GroupKey, seed: int) -> Callable[[AnyClip], bool]:
    if split == "all":
        return lambda clip: True
    return lambda clip: split_of(key(clip), fractions=fractions, seed=seed) == split


def _look_through(index: int, source: Sequence[AnyClip], window: WindowSpec, wanted, chunk_windows: int) -> _Told:
    """Count the windows of every clip of a source."""
    if len(source) == 0:
        raise ArgumentError(f"source {index} of `sources` has no clips: {source!r}.")
    sensors, synthetic, rows = set(), set(), []
    name = source[0].source
    for i in range(len(source)):
        clip = source[i]
        synthetic.add(clip.synthetic)
        if not wanted(clip):
            continue
        sensors.add(clip.sensor_type)
        if (count := count_windows(window, clip)) > 0:
            if not rows and window.background == "subtract" and clip.background is None:
                raise SimtouchError(missing_background(clip))
            pieces = -(-count // chunk_windows)
            edges = [count * j // pieces for j in range(pieces + 1)]
            rows += [(i, a, b - a) for a, b in itertools.pairwise(edges)]
    if len(synthetic) > 1:
        raise SimtouchError(f"the source `{name}` holds synthetic and real clips; give them as two sources.")
    table = np.array(rows, np.int64).reshape(-1, 3)
    return _Told(name, synthetic.pop(), sorted(sensors - {""}), table[:, 0], table[:, 1], table[:, 2])


def missing_background(clip: AnyClip) -> str:
    """What to say of a clip that has no background to subtract."""
    return (
        f"clip {clip.clip_id} of `{clip.source}` has no background image to subtract; "
        'take `WindowSpec(background="first")` to subtract its first frame, "optional" to subtract where there is one, or "none".'
    )


def _shares(told: list[_Told], weights: Sequence[float] | None, synthetic_share: float | None) -> list[Fraction]:
    """The share of each source, sum 1 exactly."""
    if weights is not None and len(weights) != len(told):
        raise ArgumentError(f"`weights` must be one number for each of the {len(told)} sources; got {len(weights)}.")
    given = [t.windows for t in told] if weights is None else [as_number("weights", w, at_least=0) for w in weights]
    if sum(given) == 0:
        if weights is None:
            return [Fraction(1, len(told))] * len(told)  # no windows at all: told by `_pools`
        raise ArgumentError(f"`weights` must not sum to 0; got {tuple(weights)}.")
    exact = [Fraction(w) for w in given]
    if synthetic_share is None:
        return [w / sum(exact) for w in exact]
    share = Fraction(str(as_number("synthetic_share", synthetic_share, at_least=0, at_most=1)))
    shares = [Fraction(0)] * len(told)
    for synthetic, part in ((True, share), (False, 1 - share)):
        mine = [i for i, t in enumerate(told) if t.synthetic == synthetic]
        total = sum((exact[i] for i in mine), Fraction(0))
        if part > 0 and total == 0:
            kind = "synthetic" if synthetic else "real"
            reason = f"no {kind} source" if not mine else f"no {kind} source with a weight or a window"
            raise ArgumentError(f"`synthetic_share` is {float(share):g}, but there is {reason} among {[t.name for t in told]}.")
        for i in mine:
            shares[i] = part * exact[i] / total if part > 0 else Fraction(0)
    return shares


def _check_sensors(told: list[_Told]) -> None:
    first = next((t for t in told if t.sensors), None)
    for t in told:
        if first is not None and (other := [s for s in t.sensors if s != first.sensors[0]]):
            raise ArgumentError(
                f"the sources hold different sensors: `{first.name}` {first.sensors[0]}, `{t.name}` {other[0]}; "
                "say allow_sensor_mix=True if that is meant."
            )


def _pools(told: list[_Told], shares: list[Fraction], split: str) -> list[_Pool]:
    """One pool a source, synthetic first; sources whose shares follow their sizes are one pool, which no sample leaves twice."""
    if empty := [t.name for t, share in zip(told, shares, strict=True) if share > 0 and t.windows == 0]:
        where = (
            ""
            if split == "all"
            else f" in the split `{split}`; clips fall into splits by their hash, see `fractions`, `split_seed`"
        )
        raise ArgumentError(f"the source `{empty[0]}` has no window{where}: its clips must be longer than a window.")
    used = sorted((i for i, share in enumerate(shares) if share > 0), key=lambda i: not told[i].synthetic)
    groups: dict[Fraction, list[int]] = {}
    for i in used:
        groups.setdefault(shares[i] / told[i].windows, []).append(i)
    pools = []
    for mine in groups.values():
        source = np.concatenate([np.full(len(told[i].clip), i) for i in mine])
        columns = (np.concatenate([getattr(told[i], name) for i in mine]) for name in ("clip", "first", "count"))
        pools.append(_Pool(sum((shares[i] for i in mine), Fraction(0)), source, *columns))
    return pools


def _epoch(epoch_windows: int | None, windows: int) -> int:
    if epoch_windows is None:
        return windows
    if type(epoch_windows) is not int or epoch_windows < 1:
        raise ArgumentError(f"`epoch_windows` must be a whole number >= 1; got {epoch_windows!r}.")
    return epoch_windows


def _digest(own: list, pools: list[_Pool]) -> str:
    digest = hashlib.blake2b(json.dumps(own).encode(), digest_size=16)
    for pool in pools:
        digest.update(str(pool.weight).encode())
        for column in (pool.source, pool.clip, pool.first, pool.count):
            digest.update(np.ascontiguousarray(column, "<i8").tobytes())
    return digest.hexdigest()
