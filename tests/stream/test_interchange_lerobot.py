"""LeRobot data sets of strangers: other writers' habits are read, what does not fit is refused by name."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simtouch._checks import SimtouchError
from simtouch.stream.export import export_lerobot
from simtouch.stream.images import encode_image
from simtouch.stream.interchange import lerobot_folder, open_lerobot
from tests.stream.small_clips import SmallClip


def picture(t):
    return np.full((8, 10, 3), (t, 2 * t, 3 * t), np.uint8)


@pytest.fixture
def foreign(tmp_path):
    """A data set as another writer makes it: one row group over two episodes, nested names, an action, no folder of ours."""
    root = tmp_path / "set"
    for folder in ("data/chunk-000", "meta/episodes/chunk-000"):
        (root / folder).mkdir(parents=True)
    rows, lengths = 11, (4, 7)
    images = [{"bytes": encode_image(picture(t), "png"), "path": f"frame-{t}.png"} for t in range(rows)]
    data = {
        "observation.images.tactile": images,
        "observation.state": [[t, -t] for t in range(rows)],
        "action": [[float(t)] * 3 for t in range(rows)],
        "next.reward": [float(t) for t in range(rows)],
        "timestamp": pa.array([t / 10 for n in lengths for t in range(n)], pa.float32()),
        "episode_index": [k for k, n in enumerate(lengths) for _ in range(n)],
    }
    pq.write_table(pa.table(data), root / "data/chunk-000/file-000.parquet")
    episodes = {
        "episode_index": [0, 1],
        "tasks": [["press"], ["slide the cup", "lift"]],
        "length": list(lengths),
        "data/chunk_index": [0, 0],
        "data/file_index": [0, 0],
        "dataset_from_index": [100, 104],
        "stats/action/min": [[0.0], [1.0]],
    }
    pq.write_table(pa.table(episodes), root / "meta/episodes/chunk-000/file-000.parquet")
    features = {
        "observation.images.tactile": {"dtype": "image", "shape": [3, 8, 10], "names": ["c", "h", "w"]},
        "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["x", "y"]}},
        "action": {"dtype": "float32", "shape": [3], "names": None},
        "next.reward": {"dtype": "float32", "shape": [1], "names": None},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    change_info(root, codebase_version="v3.0", fps=10, features=features)
    return root


def change_info(root, **changes):
    path = root / "meta/info.json"
    info = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(info | changes))


def change_episodes(root, **changes):
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    columns = pq.read_table(path).to_pydict() | changes
    pq.write_table(pa.table({name: values for name, values in columns.items() if values is not None}), path)


def test_a_data_set_of_another_writer_opens(foreign):
    clips = open_lerobot(foreign, sensor_type="digit")
    assert [(len(c), c.clip_id, c.sensor_id, c.sensor_type) for c in clips] == [
        (4, 0, "tactile", "digit"),
        (7, 1, "tactile", "digit"),
    ]
    clip = clips[1]
    assert (clip.images == np.stack([picture(t) for t in range(4, 11)])).all()
    assert clip.values("observation.state").tolist() == [[t, -t] for t in range(4, 11)]
    assert clip.values("action").shape == (7, 3)
    assert clip.values("next.reward").tolist() == list(range(4, 11))
    assert set(clip.values("task")) == {"slide the cup; lift"}
    np.testing.assert_allclose(clip.time_s, np.arange(7) / 10, atol=1e-6)
    assert (clip.source, clip.synthetic, clip.background) == ("set", False, None)
    with pytest.raises(SimtouchError, match=r"has no `force_n`; it has observation\.state, action"):
        clip.values("force_n")
    assert (pickle.loads(pickle.dumps(clips))[1].image(2) == picture(6)).all()


def test_an_opened_data_set_can_be_exported_again(foreign, tmp_path):
    again = open_lerobot(export_lerobot(open_lerobot(foreign), tmp_path / "again"))
    assert [len(clip) for clip in again] == [4, 7]
    assert (again[1].image(3) == picture(7)).all()
    assert again[1].values("action").tolist() == [[t] * 3 for t in range(4, 11)]
    assert again[1].values("observation.state").tolist() == [[t, -t] for t in range(4, 11)]
    assert set(again[0].values("task")) == {"press"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"codebase_version": "v2.1"}, r"is of the version 'v2.1'; LeRobot 3.0 is read"),
        ({"codebase_version": None}, "is of the version None"),
        ({"fps": 0}, "must give `fps` as a number > 0"),
        ({"fps": "ten"}, "must give `fps`"),
        ({"features": ["image"]}, "must describe `features`"),
        ({"features": {"../../etc": {"dtype": "video"}}}, "names a feature '../../etc'"),
        ({"features": {"a..b": {"dtype": "video"}}}, "names a feature"),
        ({"features": {"action": {"dtype": "float32"}}}, "has no images and no videos"),
        ({"features": {"cam": {"dtype": "video"}}}, "has no column `videos/cam/chunk_index`"),
    ],
)
def test_what_the_description_lacks_is_said(foreign, changes, said):
    change_info(foreign, **changes)
    with pytest.raises(SimtouchError, match=said):
        open_lerobot(foreign)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"length": [4, -7]}, "impossible episode"),
        ({"length": [4, 10**12]}, "impossible episode"),
        ({"length": [4.0, 7.0]}, "impossible episode"),
        ({"data/file_index": [0, None]}, "impossible episode"),
        ({"dataset_from_index": None}, "has no column `dataset_from_index`"),
        ({"data/chunk_index": [7, 7]}, r"chunk-007.file-000\.parquet` is missing"),
        ({"length": [4, 8]}, r"has 11 rows; episode 1 needs more"),
    ],
)
def test_episodes_that_do_not_fit_are_refused(foreign, changes, said):
    change_episodes(foreign, **changes)
    with pytest.raises(SimtouchError, match=said):
        _ = open_lerobot(foreign)[1].images


def test_columns_of_another_kind_are_refused(foreign):
    features = json.loads((foreign / "meta/info.json").read_text())["features"]
    change_info(foreign, features=features | {"action": {"dtype": "image"}, "gone": {"dtype": "float32"}})
    with pytest.raises(SimtouchError, match="`action` must be a column of encoded images"):
        open_lerobot(foreign, cameras=("action",))[0].image(0)
    with pytest.raises(SimtouchError, match="has no column `gone`"):
        _ = open_lerobot(foreign)[0].labels
    with pytest.raises(SimtouchError, match=r"`left` is not a known camera of this data set\..*observation.images.tactile"):
        open_lerobot(foreign, cameras=("left",))


def test_rows_of_different_lengths_are_refused(foreign):
    path = foreign / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    ragged = pa.array([[1.0]] * 10 + [[1.0, 2.0]])
    pq.write_table(table.set_column(table.column_names.index("action"), "action", ragged), path)
    with pytest.raises(SimtouchError, match="`action` of episode 1 has rows of different lengths"):
        open_lerobot(foreign)[1].values("action")


def test_sizes_are_checked_before_anything_is_read(foreign, monkeypatch):
    monkeypatch.setattr(lerobot_folder, "_MOST_BYTES", 100)
    with pytest.raises(SimtouchError, match="MB to be read at once"):
        _ = open_lerobot(foreign)[0].images
    monkeypatch.setattr(lerobot_folder, "_MOST_JSON_BYTES", 100)
    with pytest.raises(SimtouchError, match="is larger than"):
        open_lerobot(foreign)


@pytest.mark.parametrize(
    "name", ["meta/info.json", "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"]
)
def test_files_that_are_cut_or_missing_are_named(foreign, name):
    data = (foreign / name).read_bytes()
    (foreign / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(SimtouchError, match=name):
        open_lerobot(foreign)[0].image(0)
    (foreign / name).unlink()
    with pytest.raises(SimtouchError, match=r"missing|no episodes"):
        open_lerobot(foreign)[0].image(0)


def test_damaged_pages_are_an_error_with_the_files_name(foreign):
    path = foreign / "data/chunk-000/file-000.parquet"
    data = bytearray(path.read_bytes())
    data[4:2000] = bytes(1996)
    path.write_bytes(data)
    with pytest.raises(SimtouchError, match=r"file-000\.parquet"):
        _ = open_lerobot(foreign)[0].images


def test_a_video_that_is_too_short_is_refused(tmp_path):
    pytest.importorskip("av")
    out = export_lerobot([SmallClip(0), SmallClip(1)], tmp_path / "set", images="video")
    change_episodes(out, **{"videos/observation.images.touch/from_timestamp": [0.0, 5.0]})
    with pytest.raises(SimtouchError, match=r"file-000\.mp4` has no frame at 5\.\d+ s, which episode 1 needs"):
        open_lerobot(out)[1].image(0)
