import numpy as np
import pytest

from simtouch.tacbench.measures import gains, octopi_measures, plot, rows_of, simulated_measures, table
from simtouch.tacbench.octopi import read_clips
from simtouch.tacbench.simulated import SimulatedWindows, predict, predict_constant
from tests.tacbench.octopi_folder import write_tables

torch = pytest.importorskip("torch")


@pytest.fixture
def clips(tmp_path):
    return read_clips(write_tables(tmp_path))


def truths(clips, repeats: int) -> dict[str, np.ndarray]:
    y = np.unique([clip.object for clip in clips], return_inverse=True)[1]
    named = {n: [clip.properties[n] for clip in clips if clip.properties] for n in ("hardness", "roughness", "bumpiness")}
    identity = {"id_1": y, "id_all": y, "top5_all": np.ones(len(y), bool), "frames_all": np.ones(len(y))}
    return identity | {n: np.tile(labels, (repeats, 1)) for n, labels in named.items()}


def test_who_is_always_right_has_full_marks_everywhere(clips):
    kinds = octopi_measures(clips, budgets=(1, None), repeats=2, unseen_fold=0)
    rows = rows_of("oracle", 0, truths(clips, 2), kinds)
    assert [row["measure"] for row in rows] == [kind.name for kind in kinds]
    assert all(row["value"] == row["low"] == row["high"] == 1 for row in rows)
    assert all(row["groups"] in (10, 12) for row in rows)


def test_the_unseen_measure_looks_at_its_fold_alone(clips):
    wrong = truths(clips, 1)
    wrong["id_all"] = np.where([clip.fold == 0 for clip in clips], wrong["id_all"], -1)
    rows = {
        r["measure"]: r["value"]
        for r in rows_of("a", 0, wrong, octopi_measures(clips, budgets=(None,), repeats=1, unseen_fold=0))
    }
    assert rows["id unseen"] == 1
    assert rows["id all"] == pytest.approx(np.mean([clip.fold == 0 for clip in clips]))


def test_every_seed_keeps_its_row_and_pairs_are_compared(clips, tmp_path):
    kinds, rng = octopi_measures(clips, budgets=(1, None), repeats=2, unseen_fold=0), np.random.default_rng(0)
    good = truths(clips, 2)
    found = {("ours", s): good for s in range(3)}
    found |= {("theirs", s): {k: np.where(rng.random(v.shape) < 0.5, v, 0) for k, v in good.items()} for s in range(3)}
    rows = [row for (arm, seed), arrays in found.items() for row in rows_of(arm, seed, arrays, kinds)]
    gained = gains(found, "ours", "theirs", range(3), kinds)
    assert all(row["gain"] > 0 and row["low"] <= row["gain"] <= row["high"] for row in gained)
    page = table(rows, gained, kinds).splitlines()
    assert sum(line.startswith("| ours | ") for line in page) == 5  # three seeds, their mean, a gain
    assert any(line.startswith("| theirs | mean | ") for line in page)
    plot(rows, {"object": ["id 1", "id all"], "properties": ["hardness"]}, ["ours", "theirs", "absent"], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def simulated(seed: int = 0, count: int = 240) -> tuple[SimulatedWindows, np.ndarray]:
    """Windows whose labels are linear in known features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6))
    force = x[:, :3] * [0.1, 0.1, 0.5]
    truth = {"force": force, "shear": 1 + x[:, 3], "slip": (x[:, 4] > 0.5).astype(int)}
    clip = np.arange(count) // 6
    images = torch.zeros(count, 6, 32, 32, dtype=torch.uint8)
    return SimulatedWindows(images=images, truth=truth, clip=clip, held_out=clip >= 28), x


def test_probes_read_what_features_hold_and_a_constant_does_not():
    windows, x = simulated()
    kinds = simulated_measures(windows)
    probed = {r["measure"]: r["value"] for r in rows_of("x", 0, predict(windows, x), kinds)}
    constant = {r["measure"]: r["value"] for r in rows_of("constant", 0, predict_constant(windows), kinds)}
    assert probed["force"] < 0.05 * constant["force"]
    assert probed["shear"] < 0.05 * constant["shear"]
    assert probed["slip"] > 0.9
    share = windows.truth["slip"][windows.held_out].mean()
    assert constant["slip"] == pytest.approx(2 * share / (1 + share))


def test_a_lower_error_is_a_gain():
    windows, x = simulated()
    found = {("ours", 0): predict(windows, x), ("theirs", 0): predict_constant(windows)}
    gained = {row["measure"]: row for row in gains(found, "ours", "theirs", (0,), simulated_measures(windows))}
    assert all(row["gain"] > 0 and row["low"] > 0 for row in gained.values())


def test_probes_never_see_the_clips_that_are_tested():
    windows, x = simulated()
    changed = {k: np.where(windows.held_out.reshape(-1, *[1] * (v.ndim - 1)), 0, v) for k, v in windows.truth.items()}
    other = SimulatedWindows(images=windows.images, truth=changed, clip=windows.clip, held_out=windows.held_out)
    a, b = predict(windows, x), predict(other, x)
    assert all(np.array_equal(a[k], b[k]) for k in a)
