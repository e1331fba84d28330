"""The data card: what is counted, how it adds up, what it says."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.sensors import DIGIT
from simtouch.sensors.sensor_file import sensor_to_dict
from simtouch.stream import Stream, StreamWriter, encode_clip, open_stream
from simtouch.stream.data_card import make_data_card
from simtouch.stream.images import decode_image
from simtouch.stream.statistics import Statistics, statistics_of
from tests.stream.conftest import FRAMES, fill, make_writer
from tests.stream.synthetic import background, make_frames


def equal(a: Statistics, b: Statistics) -> bool:
    def same(x, y):
        if isinstance(x, dict) and not isinstance(x, Counter):
            return x.keys() == y.keys() and all(same(x[k], y[k]) for k in x)
        return np.array_equal(x, y)

    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


def test_every_frame_is_counted(finished):
    found, clips = statistics_of(Stream(finished)), list(open_stream(finished))
    assert (found.frames, found.clips) == (7 * FRAMES, 7)
    states = Counter(state for clip in clips for state in clip.slip_state.tolist())
    assert found.classes["slip_state"] == states
    assert found.classes["indenter"] == {"sphere": 7 * FRAMES}
    touched = sum(int((clip.contact_area_m2 > 0).sum()) for clip in clips)
    assert found.touched == touched == found.pad.sum() == found.plane.sum()
    assert all(histogram.sum() == touched for histogram in found.histograms.values())


def test_quantiles_are_those_of_the_frames(finished):
    found, clips = statistics_of(Stream(finished)), list(open_stream(finished))
    normal = np.concatenate([-clip.force_n[clip.contact_area_m2 > 0, 2] for clip in clips])
    for share in (0.05, 0.5, 0.95):
        expected = np.quantile(normal, share, method="inverted_cdf")
        assert found.quantile("normal_force_n", share) == pytest.approx(expected, abs=0.0101)


def test_statistics_of_parts_add_up_to_those_of_the_whole(finished, tmp_path):
    parts = []
    for shards in ([0], [2, 1]):
        folder = tmp_path / str(shards[0])
        fill(make_writer(folder), shards)
        parts.append(statistics_of(Stream(folder)))
    whole = statistics_of(Stream(finished))
    assert equal(parts[0] + parts[1], whole)
    assert equal(parts[1] + parts[0], whole)
    with pytest.raises(ArgumentError, match="cannot be added"):
        _ = whole + Statistics((1.0, 1.0))


def test_nothing_touched_is_told(tmp_path):
    frames = make_frames(2)[:1]
    table = encode_clip(frames, clip_id=0, indenter="a|b", motion="m", sensor_id="s")
    StreamWriter(tmp_path, {"sensor": sensor_to_dict(DIGIT)}, background(), clips=1, clips_per_shard=1).write_shard(0, [table])
    card = make_data_card(Stream(tmp_path))
    text = card["README.md"].decode()
    assert "No frame touches anything." in text
    assert "| objects | a\\|b 1 |" in text
    assert "nan" not in text.lower()


def test_the_card_has_the_same_bytes_twice_and_its_pictures_open(finished):
    card = make_data_card(Stream(finished))
    assert card == make_data_card(Stream(finished))
    assert set(card) == {"README.md", "card-forces.png", "card-pad.png", "card-content.png"}
    text = card["README.md"].decode()
    for name in set(card) - {"README.md"}:
        assert f"]({name})" in text
        assert decode_image(card[name]).shape[1] == 1000
    assert str(finished) not in text


def test_the_head_of_the_card_is_yaml_that_names_the_shards(finished):
    yaml = pytest.importorskip("yaml")
    text = make_data_card(Stream(finished))["README.md"].decode()
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["configs"] == [{"config_name": "default", "data_files": "clips-*.parquet"}]
    assert head["size_categories"] == ["n<1K"]
    assert head["license"] == "other"


def test_labels_are_counted_where_they_are_known(tmp_path):
    types = {"grasped": bool, "mass_kg": float}
    tables = [
        encode_clip(make_frames(3), clip_id=c, indenter="a", motion="m", sensor_id="s", labels=labels, label_types=types)
        for c, labels in enumerate(({"grasped": [True, False, None]}, {"mass_kg": 1}))
    ]
    StreamWriter(tmp_path, {}, background(), clips=2, clips_per_shard=2).write_shard(0, tables)
    found = statistics_of(Stream(tmp_path))
    assert found.labels == {"grasped": {"known": 2, "= True": 1, "= False": 1}, "mass_kg": {"known": 3}}
    first, second = open_stream(tmp_path)
    assert first.values("grasped").tolist() == [True, False, None]
    assert np.isnan(first.values("mass_kg")).all()
    assert second.values("mass_kg").tolist() == [1.0] * 3
