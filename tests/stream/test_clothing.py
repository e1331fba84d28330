"""The converter of Clothing: raw clips in, the textile layout out."""

import csv
import pickle

import numpy as np
import pytest

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.stream.real import open_recordings
from simtouch.stream.recordings import convert_clothing
from tests.stream import official_layouts as official


def raw_clips(root, classes=("lace", "denim"), clips: int = 5):
    """RAW/CLASS/CLIP/*.jpg, in numbers that sort badly as text."""
    for name in classes:
        for k in range(clips):
            folder = root / name / f"clip {k}"
            folder.mkdir(parents=True)
            for t in (8, 9, 10):
                (folder / f"frame{t}.jpg").write_bytes(official.encoded(official.frame(t + k)))
    return root


def splits(out) -> dict[str, tuple[str, str]]:
    with (out / "split.csv").open() as file:
        return {row["clip"]: (row["class_name"], row["split"]) for row in csv.DictReader(file)}


def test_pictures_are_kept_to_the_byte_and_classes_are_numbered(tmp_path):
    out = convert_clothing(raw_clips(tmp_path / "raw"), tmp_path / "out", seed=3)
    table = splits(out)
    assert len(table) == 10
    clips = open_recordings(out)
    assert clips.layout == "textile"
    assert len(clips) == 10
    for name, number in (("denim", 0), ("lace", 1)):
        mine = [c for c in clips if c.values("textile")[0] == name]
        assert [sum(c.split == s for c in mine) for s in ("train", "test")] == [4, 1]
        assert all(np.all(c.values("textile_class") == number) for c in mine)
    text = next((out / "train" / "denim").rglob("metadata.txt")).read_text()
    assert text == "label: 0\nclass_name: denim\n"
    stored = sorted(pickle.loads(path.read_bytes()) for path in out.rglob("dataset_gelsight.pkl"))
    clips_in = [tmp_path / "raw" / name for name in table]
    assert stored == sorted([(clip / f"frame{t}.jpg").read_bytes() for t in (8, 9, 10)] for clip in clips_in)


def test_equal_seeds_give_equal_bytes(tmp_path):
    raw = raw_clips(tmp_path / "raw")
    first, second, other = (convert_clothing(raw, tmp_path / f"out{k}", seed=s) for k, s in enumerate((1, 1, 2)))

    def contents(folder):
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert contents(first) == contents(second)
    assert splits(first) != splits(other)


def test_a_table_gives_class_and_split(tmp_path):
    raw = raw_clips(tmp_path / "raw", classes=("day1",), clips=3)
    table = tmp_path / "labels.csv"
    table.write_text("clip,class_name,split\nday1/clip 0,wool,test\nday1/clip 1,wool,train\nday1/clip 2,silk,train\n")
    out = convert_clothing(raw, tmp_path / "out", labels=table)
    assert splits(out) == {"day1/clip 0": ("wool", "test"), "day1/clip 1": ("wool", "train"), "day1/clip 2": ("silk", "train")}


def test_videos_are_clips_too(tmp_path):
    av = pytest.importorskip("av")
    folder = tmp_path / "raw" / "felt"
    folder.mkdir(parents=True)
    with av.open(str(folder / "a.mp4"), "w") as video:
        stream = video.add_stream("mpeg4", rate=18)
        stream.width, stream.height, stream.pix_fmt = 48, 64, "yuv420p"
        for t in range(4):
            picture = np.kron(official.frame(t), np.ones((2, 2, 1), np.uint8))
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        video.mux(stream.encode())
    clip = open_recordings(convert_clothing(tmp_path / "raw", tmp_path / "out"))[0]
    assert clip.images.shape == (4, 64, 48, 3)
    assert np.abs(clip.image(1)[::2, ::2].astype(int) - official.frame(1)).mean() < 6
    assert clip.encoded_image(0).startswith(b"\xff\xd8")


def test_clips_without_a_class_are_refused_and_nothing_is_written(tmp_path):
    folder = tmp_path / "raw" / "clip"
    folder.mkdir(parents=True)
    (folder / "0.png").write_bytes(official.encoded(official.frame(0), ".png"))
    with pytest.raises(SimtouchError, match=r"clip` has no class \(1 clips in all\)"):
        convert_clothing(tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "columns `clip` and `class_name`"), ("clip,class_name,split\nlace/clip 0,x,dev\n", "train or test")],
)
def test_a_wrong_table_is_one_sentence(text, message, tmp_path):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ArgumentError, match=message):
        convert_clothing(
            raw_clips(tmp_path / "raw", classes=("lace",), clips=1), tmp_path / "out", labels=tmp_path / "labels.csv"
        )


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(SimtouchError, match="holds no clip"):
        convert_clothing(tmp_path, tmp_path / "out")
