"""Kinds of scene and their mixtures."""

from collections import Counter
from dataclasses import replace

import pytest

from simtouch._checks import ArgumentError, MissingExtraError, UnknownNameError
from simtouch.scenes import recipes
from simtouch.scenes.recipes import RECIPES, SCENES, Recipe, recipe
from simtouch.scenes.stage import SceneKind


@pytest.mark.parametrize("name", RECIPES)
def test_every_block_has_the_exact_mixture(name):
    mixture = RECIPES[name]
    size = sum(mixture.shares.values())
    for block in range(3):
        drawn = Counter(mixture.kind_of(7, block * size + i)[0] for i in range(size))
        assert drawn == {kind: share for kind, share in mixture.shares.items() if share}


def test_turns_count_the_clips_of_a_kind():
    mixture = RECIPES["sparsh-pretrain"]
    turns: dict[str, list[int]] = {}
    for clip in range(60):
        kind, turn = mixture.kind_of(3, clip)
        turns.setdefault(kind, []).append(turn)
    assert all(found == list(range(len(found))) for found in turns.values())


def test_the_kind_of_a_clip_hangs_on_seed_and_number_alone():
    mixture = RECIPES["sparsh-pretrain"]
    forwards = [mixture.kind_of(0, clip) for clip in range(40)]
    assert [mixture.kind_of(0, clip) for clip in reversed(range(40))] == forwards[::-1]
    assert [mixture.kind_of(1, clip) for clip in range(40)] != forwards


def test_pretraining_needs_no_extra():
    assert {SCENES[kind].needs for kind in RECIPES["sparsh-pretrain"].kinds} == {""}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_stores_sensors_that_its_scenes_have(name):
    assert all(len(SCENES[kind].sides) >= RECIPES[name].sensors for kind in RECIPES[name].kinds)
    assert RECIPES[name].about


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"motion": 0}, "must sum to 1..1000; these sum to 0"),
        ({}, "these sum to 0"),
        ({"motion": 2, "textiles": -1}, "share of `textiles` must be a whole number >= 0; got -1"),
        ({"motion": 0.5}, "whole number"),
        ({"motion": 10**6}, "sum to 1000000"),
        ({"motoin": 1}, "Did you mean `motion`"),
    ],
)
def test_shares_that_are_none_are_refused(shares, said):
    with pytest.raises((ArgumentError, UnknownNameError), match=said):
        Recipe(name="own", shares=shares)


def test_more_sensors_than_a_scene_has_are_refused():
    with pytest.raises(ArgumentError, match=r"`sensors` must be 1\.\.1, as many as `motion` has; got 2"):
        Recipe(name="own", shares={"motion": 1}, sensors=2)


def test_labels_of_one_name_must_be_of_one_type(monkeypatch):
    monkeypatch.setitem(SCENES, "other", replace(SCENES["textiles"], labels={"phase": int}))
    with pytest.raises(ArgumentError, match="label `phase` of `other` is int, of another kind str"):
        Recipe(name="own", shares={"force_protocol": 1, "other": 1})


def test_a_missing_extra_is_named_only_by_recipes_that_need_it(monkeypatch):
    monkeypatch.setattr(recipes, "find_spec", lambda name: None)
    RECIPES["sparsh-pretrain"].check_installed()
    with pytest.raises(MissingExtraError, match=r"`grasp_outcome`, which need `pip install 'simtouch\[envs\]'`"):
        RECIPES["grasp"].check_installed()


def test_shares_can_be_given_on_the_spot():
    assert recipe("motion=3, textiles=1").shares == {"motion": 3, "textiles": 1}
    for text in ("motion=", "motion=1.5", "motion=1,textiles", "=x"):
        with pytest.raises(ArgumentError, match="must be a name, or whole shares"):
            recipe(text)


def test_labels_are_plain_types():
    assert all(kind in (bool, int, float, str) for scene in SCENES.values() for kind in scene.labels.values())
    assert all(isinstance(scene, SceneKind) for scene in SCENES.values())
