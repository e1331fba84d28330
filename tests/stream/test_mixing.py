"""Mixtures: shares of sources, and what cannot be mixed."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simtouch._checks import SimtouchError
from simtouch.stream.mixture import Mixture
from simtouch.stream.windows import WindowSpec
from tests.stream.mixing_clips import MemoryClip, clips

MADE, RECORDED = clips(9, source="made"), clips(5, length=30, source="recorded", synthetic=False)
MORE = clips(4, length=11, source="more")


def drawn(mixture, count, epoch=0):
    return [mixture.sample(k, epoch) for k in range(count)]


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1), prefix=st.integers(1, 500))
def test_synthetic_share_holds_in_every_prefix(share, prefix):
    mixture = Mixture([RECORDED, MADE, MORE], synthetic_share=share)
    synthetic = sum(mixture.synthetic[s.source] for s in drawn(mixture, prefix))
    assert abs(synthetic - share * prefix) <= 4


def test_an_exact_share_is_exact_over_whole_rounds():
    mixture = Mixture([RECORDED, MADE], synthetic_share=0.25, clips_in_flight=48)
    synthetic = [mixture.synthetic[s.source] for s in drawn(mixture, 4800)]
    assert sum(synthetic) == 1200


def test_weights_divide_each_kind():
    mixture = Mixture([RECORDED, MADE, MORE], weights=(5, 3, 1), synthetic_share=0.8)
    assert mixture.shares == pytest.approx([0.2, 0.6, 0.2])
    counts = np.bincount([s.source for s in drawn(mixture, 1000)], minlength=3)
    assert np.abs(counts - [200, 600, 200]).max() <= 4


def test_without_weights_every_window_of_every_source_comes_once():
    mixture = Mixture([RECORDED, MADE, MORE])
    seen = [(s.source, s.clip, s.window) for s in drawn(mixture, len(mixture))]
    assert len(seen) == len(set(seen)) == sum(len(c) - 5 for c in [*RECORDED, *MADE, *MORE])


def test_a_weight_of_0_leaves_a_source_out():
    mixture = Mixture([RECORDED, MADE], weights=(1, 0))
    assert {s.source for s in drawn(mixture, 200)} == {0}


def test_long_clips_are_visited_in_chunks():
    mixture = Mixture([[MemoryClip(0, 505)]], chunk_windows=50, clips_in_flight=2)
    runs = {s.run for s in drawn(mixture, len(mixture))}
    assert max(count for _, _, count in runs) <= 50
    assert sum(count for _, _, count in runs) == 500


def test_samples_do_not_depend_on_the_asker():
    mixture = Mixture([RECORDED, MADE], synthetic_share=0.5, seed=3)
    again = pickle.loads(pickle.dumps(mixture))
    assert again.fingerprint == mixture.fingerprint
    assert drawn(again, 100, epoch=2) == drawn(mixture, 100, epoch=2)
    assert Mixture([RECORDED, MADE], synthetic_share=0.5, seed=4).fingerprint != mixture.fingerprint


def test_a_folder_is_opened(finished):
    mixture = Mixture([finished], window=WindowSpec(stride=2, image_shape=(64, 48)))
    assert len(mixture) == 7 * 4
    assert mixture.source_names == ["stream"]


BAD = [
    ({"weights": (0, 0)}, "must not sum to 0"),
    ({"weights": (1, -1)}, "`weights` must be a finite number >= 0"),
    ({"weights": (1,)}, "one number for each of the 2 sources"),
    ({"weights": (1, float("nan"))}, "`weights`"),
    ({"synthetic_share": 1.5}, "`synthetic_share`"),
    ({"split": "dev"}, "not a known split"),
    ({"shuffle": "all"}, "not a known shuffle"),
    ({"clips_in_flight": 0}, "`clips_in_flight`"),
    ({"epoch_windows": 0}, "`epoch_windows`"),
]


@pytest.mark.parametrize(("wrong", "said"), BAD)
def test_a_wrong_argument_is_one_sentence(wrong, said):
    with pytest.raises(SimtouchError, match=said):
        Mixture([MADE, RECORDED], **wrong)


def test_a_share_needs_sources_of_its_kind():
    with pytest.raises(SimtouchError, match=r"`synthetic_share` is 0\.5, but there is no real source"):
        Mixture([MADE, MORE], synthetic_share=0.5)
    with pytest.raises(SimtouchError, match="no synthetic source"):
        Mixture([RECORDED], synthetic_share=0.1)
    with pytest.raises(SimtouchError, match="no synthetic source with a weight"):
        Mixture([RECORDED, MADE], weights=(1, 0), synthetic_share=0.5)
    assert sum(Mixture([MADE, MORE], synthetic_share=1).shares) == pytest.approx(1)


@pytest.mark.parametrize("sources", [[], [[]], "runs/digit"])
def test_nothing_to_mix_is_one_sentence(sources):
    with pytest.raises(SimtouchError, match="source"):
        Mixture(sources)


def test_clips_that_are_too_short_are_one_sentence():
    with pytest.raises(SimtouchError, match="the source `brief` has no window"):
        Mixture([clips(3, length=2, source="brief")])


def test_different_sensors_do_not_mix_unless_told():
    other = clips(3, source="mini", sensor_type="gelsight_mini")
    with pytest.raises(SimtouchError, match="`made` digit, `mini` gelsight_mini"):
        Mixture([MADE, other])
    assert Mixture([MADE, other], allow_sensor_mix=True).windows
    assert Mixture([MADE, clips(3, sensor_type="")]).windows  # a recording of an unknown sensor


def test_a_source_without_a_background_is_told_at_once():
    bare = clips(3, source="bare", background=None)
    with pytest.raises(SimtouchError, match="of `bare` has no background image"):
        Mixture([MADE, bare])
    assert Mixture([MADE, bare], window=WindowSpec(background="none")).windows
    assert Mixture([MADE, bare], window=WindowSpec(background="optional")).windows


def test_synthetic_and_real_clips_are_two_sources():
    with pytest.raises(SimtouchError, match="give them as two sources"):
        Mixture([[*MADE, *RECORDED]])
