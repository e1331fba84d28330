import numpy as np
import pytest

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.tacbench import octopi
from tests.real import real_folder, real_videos
from tests.tacbench.octopi_folder import write_tables


@pytest.fixture
def clips(tmp_path):
    return octopi.read_clips(write_tables(tmp_path))


def test_every_clip_is_tested_once_and_never_trained_on_in_its_fold(clips):
    tested = []
    for fold in range(octopi.IDENTITY_FOLDS):
        train, test = octopi.identity_split(clips, fold)
        assert set(train) | set(test) == set(range(len(clips)))
        assert not set(train) & set(test)
        assert {clips[i].object for i in test} <= {clips[i].object for i in train}
        tested += test.tolist()
    assert sorted(tested) == list(range(len(clips)))


def test_no_object_is_in_training_and_test_of_a_property(clips):
    labelled = [i for i, clip in enumerate(clips) if clip.properties is not None]
    for name in octopi.PROPERTIES:
        for repeat in range(3):
            tested = []
            for fold in range(octopi.PROPERTY_FOLDS):
                train, test = octopi.property_split(clips, name, repeat, fold)
                assert not {clips[i].object for i in train} & {clips[i].object for i in test}
                tested += test.tolist()
            assert sorted(tested) == labelled


def test_repeats_of_the_property_folds_differ(clips):
    first, second = (octopi.property_split(clips, "hardness", repeat, 0)[1].tolist() for repeat in (0, 1))
    assert first != second


def test_a_larger_budget_holds_the_smaller_ones(clips):
    for seed in range(3):
        train, _ = octopi.identity_split(clips, 1)
        one, two, many = (octopi.few_clips(clips, train, b, seed=seed, fold=1).tolist() for b in (1, 2, None))
        assert one == two[: len(one)]
        assert two == many[: len(two)]
        assert sorted(many) == sorted(train.tolist())
        assert sorted(clips[i].object for i in one) == sorted({clip.object for clip in clips})


def test_the_seed_draws_the_clips_of_a_budget(clips):
    train, _ = octopi.identity_split(clips, 0)
    drawn = {tuple(octopi.few_clips(clips, train, 1, seed=seed, fold=0)) for seed in range(4)}
    assert len(drawn) > 1
    again = [tuple(octopi.few_clips(clips, train, 1, seed=0, fold=0)) for _ in range(2)]
    assert again[0] == again[1]


def test_an_object_with_fewer_clips_gives_all_it_has(clips):
    train, _ = octopi.identity_split(clips, 0)
    counts = np.bincount([int(clips[i].object[-2:]) for i in octopi.few_clips(clips, train, 4, seed=0, fold=0)])
    assert counts.tolist() == np.bincount([int(clips[i].object[-2:]) for i in train]).tolist()
    with pytest.raises(ArgumentError, match="at least 1"):
        octopi.few_clips(clips, train, 0, seed=0, fold=0)


def test_a_clip_without_an_early_frame_is_named(tmp_path):
    table = write_tables(tmp_path) / "labels.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if "thing_03_1_2.jpg" not in line))
    with pytest.raises(SimtouchError, match=r"thing_03_1\.mov has no early frame"):
        octopi.read_clips(tmp_path)


def test_missing_tables_and_columns_are_named(tmp_path):
    with pytest.raises(SimtouchError, match=r"clips\.csv"):
        octopi.read_clips(tmp_path)
    table = write_tables(tmp_path) / "labels.csv"
    table.write_text(table.read_text().replace("frame_index", "number"))
    with pytest.raises(SimtouchError, match="lacks frame_index"):
        octopi.read_clips(tmp_path)


def frames(level: int) -> octopi.ClipFrames:
    early = np.full((24, 32, 3), 100, np.uint8)
    later = np.full((2, 24, 32, 3), 100 + level, np.uint8)
    return octopi.ClipFrames(
        early=early, back={n: np.clip(later.astype(int) - n, 0, 255).astype(np.uint8) for n in (0, 2, 4, 5, 6)}
    )


def test_windows_are_differences_to_the_early_frame_newest_first():
    pair = octopi.contact_windows(frames(10), (32, 24))
    assert pair.shape == (2, 6, 32, 24)
    assert (pair[:, :3] == 137).all()
    assert (pair[:, 3:] == 132).all()
    video = octopi.contact_windows(frames(10), (32, 24), "video")
    assert video.shape == (2, 3, 4, 32, 24)
    assert [int(video[0, 0, t, 0, 0]) for t in range(4)] == [137, 135, 133, 131]


def test_the_control_sees_the_early_frame_and_nothing_of_contact():
    a, b = (octopi.early_window(frames(level), (32, 24)) for level in (10, 90))
    assert a.shape == (1, 6, 32, 24)
    assert (a == 100).all()
    assert np.array_equal(a, b)


def test_the_real_set_is_the_one_that_the_protocol_is_for():
    clips = octopi.read_clips(real_folder("octopi_gsmini"))
    assert len(clips) == 303
    assert len({clip.object for clip in clips}) == 67
    assert len({clip.object for clip in clips if clip.properties}) == 60
    assert sum(len(clip.contact) for clip in clips) == 1207
    sessions = [{clip.object for clip in clips if clip.session == session} for session in "AB"]
    assert [len(objects) for objects in sessions] == [12, 55]
    assert not sessions[0] & sessions[1]


def test_a_real_clip_decodes_at_the_frames_of_the_tables():
    clip = octopi.read_clips(real_videos("octopi_gsmini"))[0]
    found = octopi.read_frames(clip)
    assert found.early.shape == (240, 320, 3)
    assert found.contact.shape == (len(clip.contact), 240, 320, 3)
    moved = np.abs(found.contact.astype(int) - found.early).mean()
    before = np.abs(found.back[5].astype(int) - found.contact).mean()
    assert moved > before
