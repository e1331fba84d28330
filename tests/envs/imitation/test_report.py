"""Reports say of every policy how it did, seed by seed, and against what."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("torch")

from simtouch_envs.imitation.report import gains, means, plot, table

BEST = {"cnn": 10.0, "random": 15.0}


def row(arm, seed, number=0):
    rng = np.random.default_rng([seed, number])
    far = BEST[arm] * rng.uniform(0.5, 1.0, 6)
    told = {"arm": arm, "algorithm": "dagger", "family": "snake", "demos": 50, "round": number, "labels": 100 * (1 + number)}
    told |= {"seed": seed, "distance_cm": far.tolist(), "completion": (far / 20).tolist(), "position_error_mm": [2.0, 4.0]}
    return told | {"success": [0.0] * 6, "peak_force_n": [1.0] * 6}


ROWS = [row(arm, seed, number) for arm in BEST for seed in (1, 0) for number in (0, 1)]


def test_means_are_of_all_seeds_and_every_seed_is_told():
    found = means(ROWS)
    assert len(found) == 4
    first = next(m for m in found if m["arm"] == "cnn" and m["round"] == 0)
    of_seeds = [np.mean(row("cnn", seed)["distance_cm"]) for seed in (0, 1)]
    assert first["seeds"] == [0, 1]
    assert first["distance_cm"]["of_seeds"] == pytest.approx(of_seeds)
    assert first["distance_cm"]["mean"] == pytest.approx(np.mean(of_seeds))
    assert first["distance_cm"]["low"] < first["distance_cm"]["mean"] < first["distance_cm"]["high"]
    assert first["position_error_mm"]["mean"] == 3.0


def test_gains_compare_equal_seeds_and_rounds():
    found = gains(ROWS, "cnn")
    assert [(gain["arm"], gain["round"]) for gain in found] == [("random", 0), ("random", 1)]
    assert all(gain["distance_ratio"]["mean"] == pytest.approx(1.5) for gain in found)
    assert gains([row("cnn", 0), row("random", 1)], "cnn") == []


def test_table_and_picture_show_every_policy(tmp_path):
    found = means(ROWS)
    page = table(found, gains(ROWS, "cnn"))
    assert page.count("| dagger | snake |") == 4
    assert page.count("1.50 [1.50, 1.50]") == 2
    plot(found, tmp_path / "plot.png", whole_cm=20.0)
    assert (tmp_path / "plot.png").stat().st_size > 5000
