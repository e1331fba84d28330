"""Other people's readers: HuggingFace `datasets` and PyTorch's DataLoader."""

import numpy as np
import pytest

from simtouch.stream import open_stream
from simtouch.stream.maps import MAPS
from tests.stream.conftest import FRAMES
from tests.stream.synthetic import make_frames


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_datasets_opens_a_stream_and_decodes_its_images(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    datasets = pytest.importorskip("datasets")
    files = sorted(map(str, finished.glob("*.parquet")))
    data = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert isinstance(data.features["image"], datasets.Image)
    assert len(data) == 7 * FRAMES
    row, frame = data[4 * FRAMES + 2], make_frames(FRAMES, markers=4, seed=4)[2]
    assert (row["clip_id"], row["frame_index"], row["slip_state"]) == (4, 2, frame.slip_state)
    assert np.array_equal(np.asarray(row["image"]), frame.image)
    assert np.allclose(row["force_n"], frame.force_n)
    assert np.allclose(np.reshape(row["gel_T_indenter"], (4, 4)), frame.gel_T_indenter)
    assert np.allclose(row["markers_px"], frame.markers_px)
    assert row["world_T_gel"] is None
    assert row["background"] is None
    normal = MAPS["normal_traction_pa"].decode(row["normal_traction_kpa"], (16, 12))
    assert np.allclose(normal, frame.normal_traction_pa, rtol=1e-3)


class Windows:
    """A torch data set over a stream, as a user would write it."""

    def __init__(self, path):
        self.stream = open_stream(path)

    def __len__(self):
        return len(self.stream)

    def __getitem__(self, i):
        clip = self.stream[i]
        return clip.window(FRAMES - 1, n=2, stride=2), clip.force_n[-1], clip.map("height_m", FRAMES - 1)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_data_loader_reads_a_stream_with_two_workers(finished, method):
    torch_data = pytest.importorskip("torch.utils.data")
    data = Windows(finished)
    here = [data[i] for i in range(len(data))]
    loader = torch_data.DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context=method)
    batches = list(loader)
    assert len(batches) == 4
    for k, (windows, force_n, height_m) in enumerate(batches):
        for j in range(len(windows)):
            window, force, height = here[2 * k + j]
            assert np.array_equal(windows[j].numpy(), window)
            assert np.array_equal(force_n[j].numpy(), force)
            assert np.array_equal(height_m[j].numpy(), height)
