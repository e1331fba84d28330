"""Splits of a data set: what a clip is of in, train, val or test out, whatever the order and number of the clips.

    u = first 8 bytes of BLAKE2b(seed / key), as a share of 2^64                       (1)

and u picks the split by the cumulative fractions. The key is the clip's number (`clip`: both sensors of a scene fall into the
same split, and so do equal scenes of two streams), what touched (`indenter`: no object is in two splits, nor real in one and
synthetic in another), the two together (`indenter_and_motion`), or anything a function makes of a clip.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import accumulate

from simtouch._checks import ArgumentError, pick
from simtouch.stream.any_clip import AnyClip

GroupKey = Callable[[AnyClip], object]
SPLITS = ("train", "val", "test")
GROUP_KEYS: dict[str, GroupKey] = {
    "clip": lambda clip: clip.clip_id,
    "indenter": lambda clip: clip.indenter,
    "indenter_and_motion": lambda clip: (clip.indenter, clip.motion),
}


def split_of(key: object, *, fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0) -> str:
    """The split of all clips with the group key `key`, a string, a number or a tuple of them."""
    digest = hashlib.blake2b(f"{seed}/{key!r}".encode(), digest_size=8).digest()
    u = int.from_bytes(digest, "big") / 2**64
    return next((name for name, upto in zip(SPLITS, accumulate(fractions), strict=True) if u < upto), _last(fractions))


def check_split(split: str, fractions: Sequence[float]) -> None:
    """Raise unless `split` is known and the three `fractions` are shares that sum to 1."""
    pick("split", split, dict.fromkeys((*SPLITS, "all")))
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ArgumentError(f"`fractions` must be three shares (train, val, test) that sum to 1; got {tuple(fractions)}.")


def group_key(group_by: "str | GroupKey") -> GroupKey:
    """The function that `group_by` names, or is."""
    return group_by if callable(group_by) else pick("group_by", group_by, GROUP_KEYS)


def _last(fractions: Sequence[float]) -> str:
    """Where rounding leaves a sliver below 1 it belongs to the last split that has a share."""
    return [name for name, share in zip(SPLITS, fractions, strict=True) if share > 0][-1]
