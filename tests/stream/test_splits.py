"""Splits: by key, stable, and both sides of a scene together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simtouch._checks import SimtouchError
from simtouch.stream.mixture import Mixture
from simtouch.stream.splits import SPLITS, check_split, group_key, split_of
from tests.stream.mixing_clips import MemoryClip, clips

WORDS = st.text("aZ é_/0", max_size=6)
KEYS = st.one_of(st.integers(), WORDS, st.tuples(WORDS, st.integers()))


@settings(max_examples=60, deadline=None)
@given(key=KEYS, seed=st.integers(0, 10), cut=st.floats(0, 1))
def test_a_key_has_one_split_and_moves_only_when_the_cut_passes_it(key, seed, cut):
    assert split_of(key, seed=seed) == split_of(key, seed=seed)
    smaller, larger = (split_of(key, fractions=(c, 1 - c, 0), seed=seed) for c in (cut / 2, cut))
    assert (smaller, larger) in {("train", "train"), ("val", "train"), ("val", "val")}


def test_fractions_hold():
    found = [split_of(key, fractions=(0.7, 0.2, 0.1)) for key in range(5000)]
    assert [found.count(name) / 5000 for name in SPLITS] == pytest.approx([0.7, 0.2, 0.1], abs=0.02)


def test_a_split_never_changes():
    """Published: a model's test set must stay its test set."""
    assert [split_of(i) for i in range(12)] == KNOWN


def test_splits_are_disjoint_and_cover_everything():
    source = clips(60)
    found = [{m.sample(k).clip for k in range(len(m))} for m in (Mixture([source], split=name) for name in SPLITS)]
    assert sorted(i for part in found for i in part) == list(range(60))


def test_both_sides_of_a_scene_are_in_the_same_split():
    source = [MemoryClip(i // 2, 12, sensor_id="left" if i % 2 == 0 else "right") for i in range(80)]
    for name in SPLITS:
        mixture = Mixture([source], split=name)
        seen = {mixture.sample(k).clip for k in range(len(mixture))}
        assert all(i ^ 1 in seen for i in seen)


def test_by_indenter_no_object_is_in_two_splits_nor_in_two_sources():
    sources = [clips(40, source="made"), clips(40, source="recorded", synthetic=False)]
    fractions = (0.5, 0.25, 0.25)
    objects = []
    for name in ("train", "val", "test"):
        try:
            mixture = Mixture(sources, split=name, group_by="indenter", fractions=fractions)
        except SimtouchError:
            continue  # five objects need not fall into all three
        drawn = [mixture.sample(k) for k in range(len(mixture))]
        objects.append({sources[d.source][d.clip].indenter for d in drawn})
    assert len(objects) >= 2
    assert sum(map(len, objects)) == len(set().union(*objects)) == 5


def test_a_function_may_group():
    key = group_key(lambda clip: clip.clip_id // 10)
    assert key(MemoryClip(25, 3)) == 2
    assert group_key("indenter_and_motion")(MemoryClip(1, 3)) == ("thing 1", "press")


@pytest.mark.parametrize(
    ("split", "fractions", "said"),
    [
        ("training", (0.8, 0.1, 0.1), "Did you mean `train`"),
        ("train", (0.8, 0.1), "sum to 1"),
        ("train", (1.2, -0.1, -0.1), "shares"),
    ],
)
def test_a_wrong_split_is_one_sentence(split, fractions, said):
    with pytest.raises(SimtouchError, match=said):
        check_split(split, fractions)


def test_an_empty_split_is_one_sentence():
    with pytest.raises(SimtouchError, match="has no window in the split `val`"):
        Mixture([clips(3)], split="val", fractions=(1.0, 0.0, 0.0))


KNOWN = ["train", "test", "train", "val", "train", "train", "train", "test", "train", "train", "train", "train"]
