"""Batches: the same sequence of windows whatever the workers, ranks and interruptions."""

import cv2
import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.images import difference_image
from simtouch.stream.windows import window_frames
from tests.stream.mixing_clips import SHAPE, clips

torch = pytest.importorskip("torch")

from simtouch.stream.mixing import Mixture, WindowSpec, loader, unit_floats  # noqa: E402

SPEC = WindowSpec(image_shape=SHAPE)
MADE, RECORDED = clips(9, source="made"), clips(5, length=30, source="recorded", synthetic=False, labels={})
BATCH = 8


def mixture(**changes):
    return Mixture([RECORDED, MADE], **{"window": SPEC, "synthetic_share": 0.5, "seed": 1, "clips_in_flight": 12} | changes)


def told(batch):
    """(source, clip, newest frame) of every window, and its first pixels' sum, so that images belong to what is said of them."""
    sums = batch.images.flatten(1).sum(1, dtype=torch.int64)
    return list(zip(batch.source.tolist(), batch.clip.tolist(), batch.frame_index[:, 0].tolist(), sums.tolist(), strict=True))


def sequence(made, *, ranks=1, **options):
    """What all ranks see in one epoch, put together in the order of the samples."""
    seen = [
        [w for batch in loader(made, batch_size=BATCH, rank=r, world_size=ranks, **options) for w in told(batch)]
        for r in range(ranks)
    ]
    count = sum(map(len, seen))
    return [seen[k % ranks][k // ranks] for k in range(count)]


@pytest.fixture(scope="module")
def expected():
    return sequence(mixture())


def test_samples_are_those_of_the_mixture(expected):
    made = mixture()
    frames = [window_frames(SPEC, made.sources[s.source][s.clip])[s.window][0] for s in map(made.sample, range(len(expected)))]
    assert [(s.source, s.clip) for s in map(made.sample, range(len(expected)))] == [e[:2] for e in expected]
    assert frames == [e[2] for e in expected]
    assert len(expected) == len(made) // BATCH * BATCH


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_and_ranks_see_the_same_sequence(expected, workers, ranks):
    seen = sequence(mixture(), ranks=ranks, workers=workers)
    assert seen == expected[: len(seen)]
    assert len(seen) == len(mixture()) // (BATCH * ranks) * BATCH * ranks


@pytest.mark.parametrize("shuffle", ["clips", "windows", "none"])
def test_every_shuffle_is_the_same_for_workers(shuffle):
    made = mixture(shuffle=shuffle)
    assert sequence(made, workers=2) == sequence(made)


@pytest.mark.parametrize(("workers", "ranks"), [(0, 1), (2, 1), (1, 2), (0, 3)])
@pytest.mark.parametrize("batches", [1, 4])
def test_a_resumed_epoch_goes_on_with_the_same_sequence(expected, workers, ranks, batches):
    """Stopped after some batches, with workers already ahead; the state goes to a new loader."""
    seen = [[] for _ in range(ranks)]
    for rank in range(ranks):
        first = loader(mixture(), batch_size=BATCH, workers=workers, rank=rank, world_size=ranks)
        for i, batch in enumerate(first, 1):
            seen[rank] += told(batch)
            if i == batches:
                break
        second = loader(mixture(), batch_size=BATCH, workers=workers, rank=rank, world_size=ranks)
        second.load_state_dict(first.state_dict())
        seen[rank] += [w for batch in second for w in told(batch)]
        assert (second.epoch, first.epoch) == (1, 0)
    count = sum(map(len, seen))
    assert [seen[k % ranks][k // ranks] for k in range(count)] == expected[:count]
    assert count == len(mixture()) // (BATCH * ranks) * BATCH * ranks


def test_a_state_may_be_resumed_with_other_workers_ranks_and_batch_size(expected):
    first = loader(mixture(), batch_size=BATCH)
    batches = iter(first)
    seen = [w for _ in range(5) for w in told(next(batches))]
    assert seen == expected[:40]
    parts = []
    for rank in range(2):
        second = loader(mixture(), batch_size=5, workers=1, rank=rank, world_size=2)
        second.load_state_dict(first.state_dict())
        parts.append([w for batch in second for w in told(batch)])
    count = sum(map(len, parts))
    assert count == (len(mixture()) - 40) // 10 * 10
    resumed = [parts[k % 2][k // 2] for k in range(count)]
    assert resumed == expected[40 : 40 + count][: len(resumed)]


def test_a_loop_that_is_left_goes_on_where_it_stopped(expected):
    one = loader(mixture(), batch_size=BATCH, workers=2)
    seen = []
    for _ in range(3):
        for i, batch in enumerate(one):
            seen += told(batch)
            if i == 3:
                break
    assert seen == expected[: len(seen)]
    assert len(seen) == 12 * BATCH


def test_epochs_differ_and_come_again():
    one = loader(mixture(), batch_size=BATCH, workers=1)
    epochs = [[w for batch in one for w in told(batch)] for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert one.epoch == 2
    one.set_epoch(1)
    assert [w for batch in one for w in told(batch)] == epochs[1]


def test_a_state_at_the_end_of_an_epoch_begins_the_next():
    one = loader(mixture(), batch_size=BATCH)
    for batch in one:
        state = one.state_dict()
    assert (state["epoch"], state["position"]) == (1, 0)


def test_the_last_batch_may_be_kept():
    made = mixture()
    sizes = [len(b) for b in loader(made, batch_size=BATCH, drop_last=False)]
    assert sum(sizes) == len(made)
    assert len(loader(made, batch_size=BATCH, drop_last=False)) == len(sizes)


def test_images_are_difference_images_newest_first():
    made = mixture()
    batch = next(iter(loader(made, batch_size=16)))
    assert batch.images.shape == (16, 6, *SHAPE)
    for row, (s, c) in enumerate(zip(batch.source.tolist(), batch.clip.tolist(), strict=True)):
        clip = made.sources[s][c]
        images = [difference_image(clip.image(t), clip.background) for t in batch.frame_index[row].tolist()]
        np.testing.assert_array_equal(batch.images[row].numpy(), np.concatenate(images, axis=2).transpose(2, 0, 1))
        assert bool(batch.synthetic[row]) == clip.synthetic


def test_a_video_has_time_as_its_own_axis():
    made = Mixture([MADE], window=WindowSpec(frames=4, stride=2, image_shape=SHAPE, background="none"))
    batch = next(iter(loader(made, batch_size=4, workers=1)))
    assert batch.images.shape == (4, 3, 4, *SHAPE)
    clip = MADE[int(batch.clip[1])]
    for i, t in enumerate(batch.frame_index[1].tolist()):
        np.testing.assert_array_equal(batch.images[1, :, i].numpy(), clip.image(t).transpose(2, 0, 1))


def test_floats_are_uint8_over_255():
    made = mixture(window=WindowSpec(image_shape=SHAPE, dtype="float32"))
    floats, whole = (next(iter(loader(m, batch_size=4, workers=w))) for m, w in ((made, 2), (mixture(), 0)))
    assert torch.equal(floats.images, whole.images.float() / 255)
    assert torch.equal(whole.to("cpu").images, unit_floats(whole.images))
    assert whole.to("cpu", floats=False).images.dtype == torch.uint8


def test_labels_are_of_the_newest_frame_and_nan_where_unknown():
    batch = next(iter(loader(mixture(), batch_size=32, workers=2, labels=("force_n",))))
    force_n = batch.labels["force_n"]
    assert force_n.shape == (32, 3)
    assert torch.equal(torch.isnan(force_n).all(1), ~batch.synthetic)
    for row in torch.nonzero(batch.synthetic).ravel().tolist():
        known = MADE[int(batch.clip[row])].labels["force_n"][int(batch.frame_index[row, 0])]
        np.testing.assert_allclose(force_n[row].numpy(), known)


def test_words_are_labels_too(finished):
    made = Mixture([finished], window=WindowSpec(stride=2, image_shape=(64, 48)))
    batch = next(iter(loader(made, batch_size=20, labels=("slip_state", "slip_ratio"))))
    for clip, frames, word in zip(batch.clip.tolist(), batch.frame_index.tolist(), batch.labels["slip_state"], strict=True):
        assert word == made.sources[0][clip].slip_state[frames[0]]
    assert batch.labels["slip_ratio"].shape == (20,)


@pytest.mark.parametrize("start_method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_read_parquet_after_fork_and_spawn(finished, start_method):
    made = Mixture([finished], window=WindowSpec(stride=2, image_shape=(64, 48)), clips_in_flight=4)
    here = sequence(made)
    assert sequence(made, workers=2, start_method=start_method) == here


def test_a_fork_of_a_process_whose_opencv_has_threads_does_not_hang():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((1000, 1000, 3), np.uint8), (0, 0), 3)
    try:
        assert len(next(iter(loader(mixture(), batch_size=BATCH, workers=1, start_method="fork")))) == BATCH
    finally:
        cv2.setNumThreads(before)


def test_a_clip_is_decoded_once_for_all_its_windows():
    made = Mixture([MADE], window=SPEC, clips_in_flight=3)
    one = loader(made, batch_size=BATCH, drop_last=False)
    for _ in one:
        pass
    frames = sum(len(clip) for clip in MADE)
    assert len(made) < frames <= one.decoded <= frames + 3 * 2 * SPEC.frames * 5


def test_an_error_in_a_worker_is_one_sentence():
    bare = clips(3, source="bare")
    bare[2]._background = None
    for workers in (0, 2):
        with pytest.raises(SimtouchError, match=r"^clip 2 of `bare` has no background") as caught:
            for _ in loader(Mixture([bare], window=SPEC), batch_size=4, workers=workers):
                pass
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch_size": 0}, "`batch_size`"),
        ({"batch_size": 8, "workers": -1}, "`workers`"),
        ({"batch_size": 8, "rank": 2, "world_size": 2}, "`rank` must be in 0..1"),
        ({"batch_size": 10**6}, "no full batch"),
        ({"batch_size": 8, "labels": ("weight",)}, "no source of"),
    ],
)
def test_a_wrong_argument_is_one_sentence(wrong, said):
    with pytest.raises(SimtouchError, match=said):
        loader(mixture(), **wrong)


def test_a_state_of_another_mixture_is_refused():
    one = loader(mixture(), batch_size=BATCH)
    with pytest.raises(SimtouchError, match="another mixture"):
        one.load_state_dict(loader(mixture(seed=2), batch_size=BATCH).state_dict())
