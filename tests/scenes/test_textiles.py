import numpy as np

from simtouch import indenters
from simtouch.scenes.textiles import CLASS_OF, TEXTILE_SLIDES
from tests.scenes.stages import stage


def test_twenty_clips_have_the_twenty_textiles():
    drawn = [stage(turn=turn).in_turn(tuple(indenters.TEXTILES)) for turn in range(20)]
    assert sorted(drawn) == sorted(indenters.TEXTILES)
    assert sorted(CLASS_OF.values()) == list(range(20))


def test_a_clip_is_labelled_with_what_it_shows():
    for turn in range(2):
        (touch,) = TEXTILE_SLIDES.play(stage("gelsight_mini", frames=16, turn=turn))
        assert touch.labels["textile"] == touch.indenter
        assert touch.labels["class"] == CLASS_OF[touch.indenter]


def test_the_force_follows_its_target_over_threads():
    errors = []
    for turn in range(4):
        (touch,) = TEXTILE_SLIDES.play(stage("digit", frames=20, turn=turn))
        target = np.array(touch.labels["target_force_n"])[4:]
        errors.append(np.abs(np.array([frame.normal_force_n for frame in touch.frames])[4:] / target - 1))
    errors = np.concatenate(errors)
    assert np.median(errors) < 0.03
    assert np.quantile(errors, 0.9) < 0.12


def test_one_kind_of_cloth_never_comes_twice_alike():
    stages = [stage("digit", frames=16, seed=seed, turn=0) for seed in (1, 2)]
    first, other = (TEXTILE_SLIDES.play(s)[0] for s in stages)
    assert first.indenter == other.indenter
    assert any((a.image != b.image).any() for a, b in zip(first.frames, other.frames, strict=True))
