"""LeRobot 3.0: what its loader asks for, one by one, and the way back."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.export import export_lerobot
from simtouch.stream.interchange import open_lerobot
from tests.stream.small_clips import Recording, SmallClip

DEFAULTS = {"timestamp": "float", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64"}
STATS = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
INFO = {
    "codebase_version",
    "robot_type",
    "total_episodes",
    "total_frames",
    "total_tasks",
    "chunks_size",
    "data_files_size_in_mb",
    "video_files_size_in_mb",
    "fps",
    "splits",
    "data_path",
    "video_path",
    "features",
}


def three_clips():
    return [SmallClip(0), SmallClip(1, indenter="cube", count=9), SmallClip(2)]


def check(folder, images):
    """All that LeRobot's loader reads of a data set: version 3.0 of `dataset_metadata`, `dataset_reader` and `io_utils`."""
    info = json.loads((folder / "meta/info.json").read_text())
    assert info.keys() == INFO
    assert info["codebase_version"] == "v3.0"
    assert isinstance(info["fps"], int)
    assert not any("/" in name for name in info["features"])
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [e["episode_index"] for e in episodes] == list(range(info["total_episodes"]))
    data = pq.read_table(folder / "data/chunk-000/file-000.parquet")
    assert data.num_rows == info["total_frames"] == sum(e["length"] for e in episodes)
    assert data["index"].to_pylist() == list(range(data.num_rows))
    tasks = pq.read_table(folder / "meta/tasks.parquet").to_pylist()
    assert len(tasks) == info["total_tasks"]
    names = {row["task_index"]: row["task"] for row in tasks}
    for name, kind in DEFAULTS.items():
        assert str(data.schema.field(name).type) == kind
    for e in episodes:
        assert set(DEFAULTS) <= info["features"].keys()
        rows = data.slice(e["dataset_from_index"], e["dataset_to_index"] - e["dataset_from_index"]).to_pydict()
        assert set(rows["episode_index"]) == {e["episode_index"]}
        assert rows["frame_index"] == list(range(e["length"]))
        np.testing.assert_allclose(rows["timestamp"], np.arange(e["length"]) / info["fps"], atol=1e-6)
        assert {names[i] for i in rows["task_index"]} == set(e["tasks"])
        check_files(folder, info, e, images)
    check_features(info, data, images)
    stats = json.loads((folder / "meta/stats.json").read_text())
    wanted = {name for name, feature in info["features"].items() if feature["dtype"] != "string"}
    assert stats.keys() == wanted
    assert all(of.keys() == STATS and of["count"] == [info["total_frames"]] for of in stats.values())
    assert {name.split("/")[1] for name in episodes[0] if name.startswith("stats/")} == wanted
    return info, stats


def check_files(folder, info, e, images):
    place = {"chunk_index": e["data/chunk_index"], "file_index": e["data/file_index"]}
    assert (folder / info["data_path"].format(**place)).is_file()
    assert {"meta/episodes/chunk_index", "meta/episodes/file_index"} <= e.keys()
    for name, feature in info["features"].items():
        if feature["dtype"] == "video":
            place = {part: e[f"videos/{name}/{part}"] for part in ("chunk_index", "file_index")}
            assert (folder / info["video_path"].format(video_key=name, **place)).is_file()
            span = e[f"videos/{name}/to_timestamp"] - e[f"videos/{name}/from_timestamp"]
            assert span == pytest.approx(e["length"] / info["fps"])
    assert (info["video_path"] is None) == (images != "video")


def check_features(info, data, images):
    """`get_hf_features_from_features`: one number is a value, n numbers a list of fixed length, video no column at all."""
    for name, feature in info["features"].items():
        if feature["dtype"] == "video":
            assert name not in data.column_names
        elif feature["dtype"] == "image":
            assert [f.name for f in data.schema.field(name).type] == ["bytes", "path"]
        elif feature["shape"] == [1]:
            assert str(data.schema.field(name).type) == {"float32": "float"}.get(feature["dtype"], feature["dtype"])
        else:
            assert data.schema.field(name).type.list_size == feature["shape"][0] == len(feature["names"])
    assert set(data.column_names) == {n for n, f in info["features"].items() if f["dtype"] != "video"}


@pytest.mark.parametrize("images", ["stored", "jpeg95", "video"])
def test_an_export_has_all_that_the_loader_reads(tmp_path, images):
    if images == "video":
        pytest.importorskip("av")
    out = export_lerobot(three_clips(), tmp_path / "set", images=images)
    info, stats = check(out, images)
    assert (info["fps"], info["total_frames"], info["total_tasks"]) == (60, 33, 2)
    pixels = np.concatenate([clip.images for clip in three_clips()]) / 255
    image = stats["observation.images.touch"]
    np.testing.assert_allclose(np.ravel(image["mean"]), pixels.mean((0, 1, 2)))
    np.testing.assert_allclose(np.ravel(image["std"]), pixels.std((0, 1, 2)))
    np.testing.assert_allclose(np.ravel(image["min"]), pixels.min((0, 1, 2)))
    np.testing.assert_allclose(np.ravel(image["q90"]), np.quantile(pixels, 0.9, axis=(0, 1, 2)), atol=1 / 255)
    assert np.shape(image["mean"]) == (3, 1, 1)
    force = np.concatenate([clip.values("force_n") for clip in three_clips()])
    np.testing.assert_allclose(np.array(stats["observation.state"]["max"])[:3], force.max(0), rtol=1e-6)


def test_hf_datasets_shows_the_images(tmp_path):
    datasets = pytest.importorskip("datasets")
    out = export_lerobot(three_clips(), tmp_path / "set")
    files = [str(p) for p in out.glob("data/*/*.parquet")]
    data = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert (np.asarray(data[13]["observation.images.touch"]) == three_clips()[1].image(1)).all()


def test_pandas_finds_a_task_by_its_name(tmp_path):
    pandas = pytest.importorskip("pandas")
    out = export_lerobot(three_clips(), tmp_path / "set")
    tasks = pandas.read_parquet(out / "meta/tasks.parquet")
    assert tasks.index.name == "task"
    assert tasks.loc["drag cube"].task_index == 1


@pytest.mark.parametrize("images", ["stored", "video"])
def test_an_export_comes_back_as_the_same_clips(tmp_path, images):
    if images == "video":
        pytest.importorskip("av")
    clips = [clip.with_labels(grade=np.full(len(clip), 1.5), kind=np.full(len(clip), "a")) for clip in three_clips()]
    found = open_lerobot(export_lerobot(clips, tmp_path / "set", images=images))
    assert len(found) == 3
    for clip, back in zip(clips, found, strict=True):
        error = np.abs(clip.images.astype(int) - back.images)
        assert error.max() == 0 if images == "stored" else error.mean() < 4
        assert (clip.background == back.background).all()
        assert (back.source, back.clip_id, back.sensor_id) == (clip.source, clip.clip_id, clip.sensor_id)
        assert (back.indenter, back.sensor_type, back.synthetic) == (clip.indenter, "digit", True)
        for name in ("force_n", "torque_nm", "slip_ratio", "gel_T_indenter", "friction"):
            np.testing.assert_allclose(back.values(name), clip.values(name), atol=1e-6)
        assert back.values("slip_state").tolist() == clip.values("slip_state").tolist()
        np.testing.assert_allclose(back.time_s, clip.time_s, atol=1e-6)
        assert back.values("grade").tolist() == [1.5] * len(clip)
        assert back.values("kind").tolist() == ["a"] * len(clip)
        assert back.window(8, n=2, stride=5).shape == (2, 64, 48, 3)
    if images == "stored":
        assert found[1].encoded_image(2) == clips[1].encoded_image(2)


def test_two_sensors_of_a_scene_are_two_cameras_of_an_episode(tmp_path):
    clips = [SmallClip(k, sensor_id=f"digit-{side}") for k in range(2) for side in ("left", "right")]
    out = export_lerobot(clips, tmp_path / "set")
    info, _ = check(out, "stored")
    assert info["total_episodes"] == 2
    assert {"observation.images.left", "observation.images.right", "left.slip_state"} <= info["features"].keys()
    assert "right.force_n.z" in info["features"]["observation.state"]["names"]
    found = open_lerobot(out)
    assert [(c.clip_id, c.sensor_id) for c in found] == [(k, f"digit-{s}") for k in range(2) for s in ("left", "right")]
    np.testing.assert_allclose(found[3].values("force_n"), clips[3].values("force_n"), atol=1e-6)
    assert found[3].labels.keys() == {"observation.state", "slip_state", "task"}
    assert not found[3].has("left")
    again = open_lerobot(export_lerobot(found, tmp_path / "again"))
    np.testing.assert_allclose(again[2].values("gel_T_indenter"), clips[2].values("gel_T_indenter"), atol=1e-6)
    assert len(open_lerobot(out, cameras=("observation.images.right",))) == 2


def test_labels_of_a_mixture_have_one_type(tmp_path):
    """A label that a clip does not have is NaN or empty, whatever the first clip has."""
    clips = [
        SmallClip(0).with_labels(grade=np.full(12, None, object), kind=np.full(12, None, object)),
        SmallClip(1).with_labels(grade=np.arange(12), kind=np.full(12, "rib"), late=np.ones(12, bool)),
    ]
    out = export_lerobot(clips, tmp_path / "set")
    info, _ = check(out, "stored")
    kinds = {name: info["features"][f"label.{name}"]["dtype"] for name in ("grade", "kind", "late")}
    assert kinds == {"grade": "float32", "kind": "string", "late": "float32"}
    first, second = open_lerobot(out)
    assert np.isnan(first.values("grade")).all()
    assert second.values("grade").tolist() == list(range(12))
    assert first.values("kind").tolist() == [""] * 12


def test_recordings_without_forces_are_written_with_what_they_have(tmp_path):
    out = export_lerobot([Recording(0).without_background()], tmp_path / "set", fps=60)
    info, _ = check(out, "stored")
    assert "observation.state" not in info["features"]
    back = open_lerobot(out)[0]
    assert not back.synthetic
    assert back.background is None
    assert not back.has("force_n")


def test_many_episodes_are_spread_over_files(tmp_path, monkeypatch):
    pytest.importorskip("av")
    from simtouch.stream.export import lerobot_files

    monkeypatch.setattr(lerobot_files, "DATA_MB", 1e-5)
    monkeypatch.setattr(lerobot_files, "VIDEO_MB", 1e-5)
    monkeypatch.setattr(lerobot_files, "CHUNKS_SIZE", 2)
    out = export_lerobot(three_clips(), tmp_path / "set", images="video")
    names = sorted(p.relative_to(out).as_posix() for p in [*out.glob("data/**/*.parquet"), *out.glob("videos/**/*.mp4")])
    places = ["chunk-000/file-000", "chunk-000/file-001", "chunk-001/file-000"]
    wanted = [f"data/{p}.parquet" for p in places] + [f"videos/observation.images.touch/{p}.mp4" for p in places]
    assert names == wanted
    found = open_lerobot(out)
    assert [len(clip) for clip in found] == [12, 9, 12]
    np.testing.assert_allclose(found[2].values("force_n"), three_clips()[2].values("force_n"), atol=1e-6)


def test_equal_clips_give_equal_bytes(tmp_path):
    pytest.importorskip("av")
    for images in ("stored", "video"):
        files = []
        for name in ("a", "b"):
            out = export_lerobot(three_clips(), tmp_path / images / name, images=images)
            files.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
        assert files[0] == files[1]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (SmallClip(0, sensor_id="digit-right", count=8), "different lengths"),
        (SmallClip(1, sensor_id="b"), None),
    ],
)
def test_sensors_of_one_scene_have_one_length(tmp_path, second, said):
    clips = [SmallClip(0, sensor_id="digit-left"), second]
    if said is None:
        assert len(open_lerobot(export_lerobot(clips, tmp_path / "set"))) == 2
    else:
        with pytest.raises(SimtouchError, match=said):
            export_lerobot(clips, tmp_path / "set")
        assert list(tmp_path.iterdir()) == []


class Slower(SmallClip):
    @property
    def time_s(self):
        return super().time_s * 2


def test_clips_of_another_rate_are_refused(tmp_path):
    with pytest.raises(
        SimtouchError, match=r"one rate for all frames, here 60/s; frame 11 of clip 1 of `small` is 11 frames off"
    ):
        export_lerobot([SmallClip(0), Slower(1)], tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_clips_of_another_size_are_refused(tmp_path):
    other = SmallClip(1)
    other.encoded_image = lambda t: SmallClip.encoded_image(other, t)
    other.image = lambda t: np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(SimtouchError, match=r"`observation\.images\.touch` of episode 1 differs"):
        export_lerobot([SmallClip(0), other], tmp_path / "set")
